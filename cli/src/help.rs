//! Texts below the options of `--help`, one per command. Paragraphs are one line each, so that they
//! are wrapped to the terminal; tables and examples stay within 80 columns.

pub(crate) const GENERAL: &str = "\
Examples:
  cafewire serve                                    a server on tcp://127.0.0.1:8080
  cafewire ping -c 3                                is it there, and how fast?
  cafewire chat --user ada --room lobby             talk
  uptime | cafewire send --user bot --room lobby    speak from a script
  cafewire listen --user log --room lobby --json    listen from a script
  cafewire decode capture.pcap                      which frames were sent?
  cafewire bench echo -d 5s                         how much does it take?

Exit status:
  0   done
  1   it went wrong, and a sentence on standard error says how; `ping`, `bench`:
      something was lost; the reader of standard output has closed it
  2   wrong arguments
  27  `listen -t` ran out of time
  130, 143  SIGINT or SIGTERM ended `listen`, after it took leave";

pub(crate) const SERVE: &str = "\
Once connections are accepted, a line per listener, `listening on tcp://HOST:PORT` with the real \
port, is printed, and `listening on http://HOST:PORT` for --http. SIGINT, SIGTERM or SIGQUIT \
announces the end to every connection, sends what is queued and ends with status 0; a second one \
ends it at once. SIGUSR1 and SIGUSR2 change nothing. SIGHUP reads the config file and the \
certificates again: all of it is checked before any of it takes effect; addresses, print_data \
and log_format stay until a restart. Sockets of a service manager (systemd's LISTEN_FDS) are \
served in place of --listen; the one named tls is served with TLS. With --print-data up to \
16,384 lines or 16MiB wait for the reader of the output; lines beyond that are dropped, and the \
log says so. When the reader is gone, the server ends.

SIZE is 64KiB, 1MiB or plain bytes, TIME is 300ms, 10s or plain seconds; 0 is no bound. Every \
setting can also be an environment variable (CAFEWIRE_IDLE_TIMEOUT) or a key of the config file \
(idle_timeout = \"5m\"): an option wins over a variable, and that over the file; a variable that \
is empty is none.

Examples:
  cafewire serve
  cafewire serve --config /etc/cafewire.toml --check-config
  cafewire serve --idle-timeout 1m --print-config
  cafewire serve --listen 0.0.0.0:8080 --listen '[::1]:8080'
  cafewire serve --listen tcp://127.0.0.1:0    a free port
  cafewire serve --listen unix:///run/user/1000/cafewire.sock
  cafewire serve --listen tls://0.0.0.0:8443 --tls-certificate a.pem --tls-key a.key
  RUST_LOG=debug cafewire serve --log-format json
  cafewire serve --print-data
  cafewire serve --http 9090    metrics and a status page on http://127.0.0.1:9090";

pub(crate) const PING: &str = "\
Ends with a summary: sent, received, lost, and the round trip's minimum, average, maximum and 99th \
percentile. A ping is lost when no reply comes within 5 seconds or the connection breaks; the next \
one connects again. Exit status: 0 if every ping was answered, 1 if any was lost or the connection \
was refused.

With --json each line is an object, told apart by `kind`; times are whole nanoseconds, and null if \
nothing came back:
  reply    address, seq, time_ns
  lost     address, seq, reason
  summary  address, sent, received, lost, min_ns, avg_ns, max_ns, p99_ns

Examples:
  cafewire ping
  cafewire ping tcp://192.0.2.7:8080 -c 5 -i 0.2
  cafewire ping -c 1000 -i 0 --json | tail -1";

pub(crate) const ECHO: &str = "\
A line is sent and what comes back is shown as `Server: …`, with control characters escaped. The \
line `ping` sends a Ping and shows `Pong!`; the line `quit` ends, and so does the end of the \
input. A line may have up to 65535 bytes.

Examples:
  cafewire echo
  cafewire echo 192.0.2.7:8080
  printf 'hello\\nping\\nquit\\n' | cafewire echo";

pub(crate) const CHAT: &str = "\
On a terminal this is a full screen: your rooms with their unread counts, the messages, the names \
seen, a line with the state of the connection, and a line to type in. /help there lists all keys \
and commands. When the server goes away it connects again by itself, after a delay that grows to \
half a minute, joins its rooms again, and notes what may have been missed. With --plain, or when \
input or output is no terminal or a dumb one, it goes line by line, and ends with 1 when the \
server goes away.

Text goes to the current room, at most 512 bytes at a time. Lines that begin with / are commands:
  /join ROOM     join a room and make it the current one
  /leave [ROOM]  leave a room, without a name the current one
  /room ROOM     make another joined room the current one
  /quit          leave; line by line: when all was delivered, as at the end of input
  /help          this list, and on the full screen all the others
A line that begins with // sends a text that begins with /. Empty lines are ignored. Ctrl-C \
leaves; on the full screen it empties the line, and leaves when pressed twice. Control characters, \
invisible ones and those that reorder text are shown escaped, as in \\u{1b}.

Line by line, the messages of the rooms go to standard output: `12:34:56 [room] <name> text`, \
joins and leaves with a * before the name, in local time. Your own messages appear when the server \
has passed them on. Complaints go to standard error.

Profiles are tables of cafewire/config.toml in $XDG_CONFIG_HOME (~/.config); [profile.default] \
counts without --profile:
  [profile.work]
  address = \"tls://chat.example:8443\"
  user = \"ada\"
  rooms = [\"lobby\", \"builds\"]
  theme = \"light\"
  ca = \"work-ca.pem\"
ca, cert and key are what the options of these names are; a relative path starts at the config \
file's folder. An option wins over a variable, and that over the profile.

Lines typed on the full screen are kept in cafewire/chat_history in $XDG_STATE_HOME \
(~/.local/state), at most 2000. NO_COLOR turns colours off.

Exit status: 0 after /quit; 128 and the number of the signal when a signal ends the full screen.

Examples:
  cafewire chat --user ada --room lobby
  cafewire chat 192.0.2.7:8080 --user ada --room lobby --room tea
  cafewire chat --profile work
  printf 'hello\\n/join tea\\nhello, tea\\n' | cafewire chat --user ada --room lobby";

pub(crate) const SEND: &str = "\
With TEXT one message is sent; without, each line of standard input (empty lines are ignored). A \
lone argument that parses as HOST:PORT is the address: give both to send such a text.

Exit status: 0 once every message has come back from the room, as it was and in order. 1, with a \
sentence, if one was refused, or none came back for 10 seconds, or a line is longer than 512 bytes \
or not UTF-8: the sentence names that line, and those before it were sent. If the connection ends \
early, it says how many lines were said, which perhaps, and how many were not.

For a job's output, `make 2>&1 | cafewire send --split …`: without --split or --skip a line that \
cannot be said ends the command, and the job with it, which writes into a closed pipe. A server \
may bound messages per second (frames_per_second): what it refuses as too fast is said again after \
a pause, from then on one message at a time, and given up after a minute without success, or the \
time of --retry. Up to 32 messages are under way at first: a later one can come before the first \
that is refused, and a sentence says so.

With --retry messages without a receipt are sent again on the next connection, in order, before \
the others; a sentence on standard error names the lines that may have been said twice. A name \
that the lost connection still holds is waited for. A line is read only when it can be sent.

Examples:
  cafewire send --user bot --room lobby 'build 42 is green'
  cafewire send 192.0.2.7:8080 --user bot --room lobby 'hello'
  make 2>&1 | cafewire send --user bot --room builds";

pub(crate) const LISTEN: &str = "\
Each message is a line, `12:34:56 <name> text`, in local time, with control characters escaped; \
the first one of a day has its date in front, `2026-05-01 00:00:03 <name> text`; \
with more than one room, `12:34:56 [room] <name> text`. \
Once the rooms are joined, a line on standard error says so. Joins and leaves are shown only by \
--json; only messages count for -n. Exit status: 0 after COUNT messages, 27 when the time is over \
first.

With --json each line is an object, told apart by `kind`; timestamp_ms counts from 1970-01-01 UTC:
  message       user_id, timestamp_ms, username, room, content
  joined, left  user_id, username, room (the first one is the listener itself)
  gap           room, from_ms, until_ms: events between these times may be missing

With --retry a sentence on standard error says when the connection was lost and, when it stands \
again, from when to when something may be missing: since the last sign of the server. A name that \
the lost connection still holds is waited for; one that another user has from the start is not. A \
room beyond as many as the server lets one connection into is refused for good.

Examples:
  cafewire listen --user log --room lobby
  cafewire listen --user log --room lobby --room tea --retry=1day
  cafewire listen --user log --room lobby -n 1 -t 30
  cafewire listen --user log --room lobby --json | jq -r 'select(.kind == \"message\").content'";

pub(crate) const DECODE: &str = "\
Each frame is shown with its offset in the stream, its fields with their bytes and values, and the \
checksum beside what it should have been. Errors are marked in the bytes; then the search goes on \
one byte after the bad frame's start, but never inside a good frame.

Digits may be plain, with or without spaces and 0x, or come from xxd or hexdump -C; text after ; \
or # is a comment.

Captures are pcap or pcapng: TCP over IPv4 or IPv6 on Ethernet, VLAN, MPLS, PPP, PPPoE, Linux \
cooked, loopback, raw IP, NFLOG or PKTAP, also in tunnels: IP in IP, GRE, ERSPAN, VXLAN, \
VXLAN-GPE, Geneve, NSH, MPLS in IP or UDP, EtherIP, MACsec that is not encrypted; others are \
named. Segments and fragments are put together. Bytes that the capture lacks (a packet lost or \
cut, as by `tcpdump -s`) are a gap, and what a gap or the capture's start or end leaves of a \
frame is a part; neither is counted as the sender's error. A gap is told once something proves \
it; in a capture of one direction, where no acknowledgement can, after 5 s of its clock, 1 MiB or \
1,024 segments. A connection is shown if a good frame is found in it, or if --port asks for it; \
with the first one its server's port is known, and connections to that are shown good or bad, \
later ones and those before, whose first 8 KiB are held for that. HTTP, TLS and others are named \
on standard error and left out, like everything else that is not read. Of a live capture, tcpdump \
passes on packets at once with --immediate-mode; with -U alone, half a second late.

With --json each line is an object, told apart by `kind` (frame, bad; in captures gap, part, \
proxy and a summary at the end); cli/SCHEMAS.md documents the members. `cafewire encode json` \
turns it back into the same bytes, but for chat version 2, which is only read.

Exit status: 0 if all that was read is good, 1 if anything of it is bad or missing, or if nothing \
could be read (a link type, a tunnel, cut packets), 2 for wrong arguments. What is passed over \
beside something that is read, and connections that are not ours, are named and change nothing.

Examples:
  echo 'CAFE 01 0000' | cafewire decode
  cafewire decode capture.pcapng
  cafewire decode --brief --room lobby capture.pcapng
  sudo tcpdump -i lo --immediate-mode -U -w - 'tcp port 8080' | cafewire decode
  cafewire decode --from client --json frames.bin | jq -r .message.type";

pub(crate) const ENCODE: &str = "\
Prints digits, a frame per line, on a terminal, and bytes into a file or a pipe; --hex and --raw \
choose. From JSON, one object per line, only `family` and `message` are read. A line that is no \
message ends it: the sentence names the line, and those before it were printed.

Exit status: 0 if all was encoded, 1 if a line was not, 2 for wrong arguments.

Examples:
  cafewire encode echo ping
  cafewire encode chat send-message --room lobby --content hi
  cafewire encode echo echo --payload hello | nc -q 1 127.0.0.1 8080 | cafewire decode
  cafewire decode --json capture.pcap | cafewire encode json --hex";

pub(crate) const ENCODE_ECHO: &str = "\
Examples:
  cafewire encode echo ping | nc -q 1 127.0.0.1 8080 | cafewire decode
  cafewire encode echo data --payload-hex 00ff --hex";

pub(crate) const ENCODE_CHAT: &str = "\
Examples:
  cafewire encode chat connect --username ada --hex
  cafewire encode chat send-message --room lobby --content hi | cafewire decode";

pub(crate) const ENCODE_BROADCAST: &str = "\
Examples:
  cafewire encode chat message-broadcast --user-id 7 --timestamp 1700000000000 \\
      --username ada --room lobby --content hi --hex";

pub(crate) const ENCODE_JSON: &str = "\
cli/SCHEMAS.md documents the members. Of those only `family` and `message` are read.

Examples:
  cafewire decode --json capture.pcap | cafewire encode json --hex
  echo '{\"family\":\"echo\",\"message\":{\"type\":\"Ping\"}}' | cafewire encode json --hex";

pub(crate) const BENCH: &str = "\
One thread holds all connections. Every message holds its sender, its number and the time when it \
was due, and every receiver knows what it should get: lost, duplicated, reordered and foreign \
messages are counted exactly, for each delivery. A message is reordered if it comes after a later \
one of its sender, or, with several publishers, in another order than that in which the messages \
first came to any member: where members disagree, the first one is held to be right. That goes for \
all rooms of a member together, not only for each by itself. Throughput is taken between the \
warm-up and the end; latency is that of the messages after the warm-up. Without --rate each sender \
sends when one of its messages has come back; with --rate messages are sent when they are due, and \
latency counts from then, so that a server that stalls shows it.

From a loopback address connections beyond 1,000 come from others of 127.0.0.0/8, so that neither \
ports nor a bound per address run out. Ctrl-C ends the test early, with a report; a second one \
does not wait for what is under way.

The table has what was counted in all, what of it was measured, and the rate of that; the last \
line is the verdict.

Exit status: 0 if every connection was made and kept, every message that was due was sent, and \
each was delivered, once and in order; 1 if not, or if no connection could be made; 2 for wrong \
arguments. --json and --csv are documented in cli/SCHEMAS.md.

Examples:
  cafewire bench echo
  cafewire bench chat --members 1000 --window 64
  cafewire bench idle -c 10000 -d 1m
  cafewire bench echo --rate 10000 --series series.csv --histogram latencies.csv";

pub(crate) const BENCH_ECHO: &str = "\
SIZE is 64, 1KiB or the like, TIME is 300ms, 10s or 5m. See `cafewire bench --help` for what is \
measured, and for the exit status.

Examples:
  cafewire bench echo -c 50 -i 64                  as much as it takes
  cafewire bench echo -c 50 --rate 100000 -d 1m    latency at a steady rate
  cafewire bench echo -c 1 -n 100000 --json | jq .latency_ns.p99";

pub(crate) const BENCH_CHAT: &str = "\
A delivery is one message to one member: a room of 1,000 gets 1,000 for each message, its sender's \
own included.

With --rooms-each N every member is in N rooms, with the same others in each, and the first \
message of a publisher goes to its first room, the next to the next, and so on, round and round. \
A server bounds that: a connection may be in rooms_per_connection rooms (64 unless it was told \
otherwise), one address may make rooms_per_address (8,192), and there are at most rooms (65,536). \
Past a bound the server refuses to let connections in, and its words are reported.

SIZE is 64, 512 or the like, TIME is 300ms, 10s or 5m. See `cafewire bench --help` \
for what is measured, and for the exit status.

Examples:
  cafewire bench chat --members 1000 --window 64
  cafewire bench chat --rooms 100 --members 10 --publishers 10 --rate 10000
  cafewire bench chat --rooms-each 2 --members 100 --window 64    two busy rooms
  cafewire bench chat --rooms 8 --rooms-each 2 --members 100      8 rooms, 400 connections
  cafewire bench chat -n 1000 --csv";

pub(crate) const BENCH_IDLE: &str = "\
When the time is over each connection joins a room of its own, and must get the answer to that. A \
server's idle time-out (`serve --idle-timeout`) ends connections that are held for longer, and \
that is reported. TIME is 300ms, 10s or 5m. See `cafewire bench --help` for the exit status.

Examples:
  cafewire bench idle -c 10000 -d 1m
  cafewire bench idle 192.0.2.7:8080 -c 500 --connect-rate 100";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  cafewire completions bash > ~/.local/share/bash-completion/completions/cafewire
  cafewire completions zsh > ~/.zfunc/_cafewire
  cafewire completions fish > ~/.config/fish/completions/cafewire.fish";

pub(crate) const MAN: &str = "\
The pages are cafewire(1), one of section 1 for each command, and cafewire.toml(5) on the config \
file.

Examples:
  cafewire man | man -l -
  cafewire man pages && man -l pages/cafewire.toml.5
  install -D -m 644 -t ~/.local/share/man/man1 pages/*.1
  install -D -m 644 -t ~/.local/share/man/man5 pages/*.5";

pub(crate) const TOP: &str = "\
Shows rates, connections, users, rooms, how long ticks of the server's loop and frames take, why \
connections ended and which limits were reached, as they change; the newest is at the right. The \
server must have been started with --http. When it does not answer, the screen says so, and it is \
asked again. Keys: q quits, Ctrl-L redraws, Ctrl-Z suspends. NO_COLOR turns colours off.

A tick is the work of the server's loop between two waits; a frame's time is from the start of its \
tick's reads until all output of that tick was written. Of each the 99th percentile is shown, as \
the bound of its bucket in the histogram. Room logs are what rooms hold of the buffers, also for \
members that are behind. Put off is how often a limit put work off to the next tick, or a full \
room was waited for; gathered are writes from more than one place at once; a slow grace is a \
connection that has more queued than is good and is given time to take it. Beside a figure stands \
its bound as it counts, from 60 columns on; the limits reached stand there from 80 on, and their \
bounds from 100 on.

--once and --json need no terminal. Both ask twice, an interval apart. Exit status 1 if the server \
does not answer. With --json it is one object; per_s is per second, _s seconds, null where nothing \
was measured or it took more than a second:
  url, version, start_time_unix_s, draining, interval_s
  connections, users, rooms, buffer_bytes, room_log_storage_bytes
  accepted_per_s, closed_per_s, messages_per_s, broadcasts_per_s, deliveries_per_s
  received_bytes_per_s, sent_bytes_per_s
  put_off_per_s, gathered_writes_per_s, slow_consumer_graces_per_s
  tick_p50_s, tick_p99_s, frame_p50_s, frame_p99_s
  closes: an object, the number of connections that ended by each reason
  limits_reached: an object, how often each limit refused work or put it off
  limits: an object, the limits as they count, without those that have no bound

Examples:
  cafewire top
  cafewire top http://192.0.2.7:9090 -i 5
  cafewire top 9090 --json | jq .messages_per_s";

pub(crate) const CONNECTIONS: &str = "\
Lists the connections of a server that was started with --http, which tells only this machine \
itself: run it where the server runs, in its container too. Each line has the connection's id as \
the log writes it, its address, its family, the bytes queued for it, its name, and its rooms, 8 of \
them by name; - where there is none. A connection that comes or goes meanwhile may be missing. \
Metrics and `top` have no names. Exit status 1 if the server does not answer, or not to this \
machine.

With --json each line is an object:
  id, address, family   as in the log: \"1v1\", \"192.0.2.7:4711\", \"chat-v1\"
  name                  null before sign-in
  rooms, rooms_total    8 names at the most; how many it is in
  queued_bytes, closing

Examples:
  cafewire connections
  cafewire connections 9090 --json | jq -s 'max_by(.queued_bytes)'
  docker exec cafewire /cafewire connections";
