"""Captures for .ci/wireshark, made without a network, and a client that speaks to a real server in awkward pieces.

    wireshark_captures.py vectors OUT.pcap      every vector in a connection of its own, bad ones too
    wireshark_captures.py ends OUT.pcap         connections that end in mid-frame, in every way that one can
    wireshark_captures.py cuts OUT.pcap SEED [PORT]   connections whose frames are cut into segments anywhere, headers above all
    wireshark_captures.py begun OUT.pcap SEED [PORT]  connections whose starts were not captured: frames cut in front
    wireshark_captures.py proxies OUT.pcap      connections with what a proxy puts in front, cut into segments anywhere
    wireshark_captures.py damaged OUT.pcap SEED     connections of small segments with good frames between damaged ones
    wireshark_captures.py false OUT.pcap SIZE [SEGMENT]     so many bytes in which every fourth looks like the header of a long
                                                frame, in segments of this size
    wireshark_captures.py reorder IN.pcap OUT.pcap SEED    the packets that carry data in another order, some twice
    wireshark_captures.py tls-talk HOST PORT KEYS OUT.pcap     the same inside TLS, with the log of its keys, and what was said
                                                without TLS; then connections that end in mid-frame
    wireshark_captures.py talk HOST PORT        what `cafewire`'s own commands never do: errors, cut frames, many in one piece

Those that make frames print how many of them are good.
"""

import ipaddress
import json
import pathlib
import random
import socket
import ssl
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "core" / "vectors"))
import wire  # noqa: E402  (the generator's frames, which share no code with the program)

RAW_IP = 101
SERVER_PORT = 8080
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MAX_SEGMENT = 1400
# Where a frame of 3005 bytes is cut, and where it ends too early.
CUTS_AT = ([3], [1000], [1000, 2000], [2, 3, 1000], [3, 4], [1000, 3004])
# The client and the server.
HOSTS = (b"\x0a\0\0\x01", b"\x0a\0\0\x02")


def unfold(text):
    groups = (group.partition("*") for group in text.split())
    return b"".join(bytes.fromhex(digits) * int(times or 1) for digits, _, times in groups)


# ---- pcap ------------------------------------------------------------------------------------------------------------


def write_pcap(path, packets, link_type=RAW_IP):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type))
        for index, packet in enumerate(packets):
            file.write(struct.pack("<IIII", 1_700_000_000 + index // 1000, index % 1000 * 1000, len(packet), len(packet)))
            file.write(packet)


def read_pcap(path):
    data = pathlib.Path(path).read_bytes()
    magic, *_, link_type = struct.unpack("<IHHiIII", data[:24])
    if magic not in (0xA1B2C3D4, 0xA1B23C4D):
        sys.exit(f"{path}: not a little-endian pcap file")
    packets, place = [], 24
    while place < len(data):
        size = struct.unpack("<I", data[place + 8 : place + 12])[0]
        packets.append(data[place + 16 : place + 16 + size])
        place += 16 + size
    return link_type, packets


def packet(client_port, from_client, sequence, acknowledged, flags, payload=b"", server_port=SERVER_PORT, hosts=HOSTS):
    ports = (client_port, server_port) if from_client else (server_port, client_port)
    tcp = struct.pack(">HHIIBBHHH", *ports, sequence, acknowledged, 5 << 4, flags, 65535, 0, 0) + payload
    ends = hosts if from_client else hosts[::-1]
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + ends[0] + ends[1] + tcp


def connection(client_port, to_server, to_client, *ends):
    """A whole TCP connection. Each side's last piece comes with its FIN, so that who reads it knows that it ends there."""
    yield packet(client_port, True, 99, 0, SYN, b"", *ends)
    yield packet(client_port, False, 199, 100, SYN | ACK, b"", *ends)
    for from_client, first, other, data in ((True, 100, 200, to_server), (False, 200, 100 + len(to_server), to_client)):
        pieces = [data[at : at + MAX_SEGMENT] for at in range(0, len(data), MAX_SEGMENT)] or [b""]
        for index, piece in enumerate(pieces):
            flags = PSH | ACK | (FIN if index == len(pieces) - 1 else 0)
            yield packet(client_port, from_client, first + index * MAX_SEGMENT, other, flags, piece, *ends)


# ---- The captures ----------------------------------------------------------------------------------------------------


BEFORE_GOOD_FRAMES = (
    *("a-second-frame-after-the-frame", "echo-a-second-frame-after-the-frame", "chat-v1-a-second-frame-after-the-frame"),
    "echo-magic-twice",
)


def vectors(out):
    packets, count = [], 0
    read = lambda name: json.loads((ROOT / "core" / "vectors" / name).read_text())
    # Of version 2 what is the same in any session: a dissector knows none.
    of_version_2 = [vector for vector in read("vectors-v2.json") if vector["terms"]["at"] == "unknown"]
    for index, vector in enumerate(read("vectors.json") + of_version_2):
        data = unfold(vector.get("before", "")) + unfold(vector["hex"])
        # A type that only servers send comes from one, unless it is to be refused for that.
        servers = vector.get("family") != "echo" and len(data) > 1 and data[0] in (1, 2) and data[1] >= 0x80
        if vector.get("direction", "either") != "either":
            servers = vector["direction"] == "to-client"
        packets += connection(10_000 + index, b"" if servers else data, data if servers else b"")
        # What stands before a vector, its own frame, also if all that is wrong is what follows, and a good one behind.
        is_whole = vector.get("message") or vector.get("stage") == "one-shot" and vector["error"]["kind"] == "TrailingBytes"
        count += bool(vector.get("before")) + bool(is_whole) + (vector["name"] in BEFORE_GOOD_FRAMES)
    write_pcap(out, packets)
    return count


def ends(out):
    """A good frame and a part of another, in one segment or several; then a FIN with the last of them or alone, or a RST."""
    good, cut = wire.echo("Ping", b"good"), wire.echo("Echo", b"x" * 3000)
    packets, count = [], 0
    for cut_at in CUTS_AT:
        pieces = [cut[start:end] for start, end in zip([0, *cut_at], cut_at)]
        pieces[0] = good + pieces[0]
        for last, after in ((FIN, None), (0, FIN), (0, RST)):
            client_port, sequence = 10_000 + len(packets), 100
            packets.append(packet(client_port, True, 99, 0, SYN))
            packets.append(packet(client_port, False, 199, 100, SYN | ACK))
            for index, piece in enumerate(pieces):
                flags = PSH | ACK | (last if index == len(pieces) - 1 else 0)
                packets.append(packet(client_port, True, sequence, 200, flags, piece))
                sequence += len(piece)
            if after:
                packets.append(packet(client_port, True, sequence, 200, ACK | after))
            count += 1
    write_pcap(out, packets)
    return count


def some_frames(chance, is_chat):
    frames = [
        chance.choice([
            wire.chat("SendMessage", wire.name(b"tea") + b"x" * chance.choice([1, 40, 500])),
            wire.chat("Connect", wire.name(b"ada")),
            wire.chat("Disconnect", b""),
        ])
        if is_chat
        else wire.echo("Echo", b"y" * chance.choice([0, 3, 300, 3000]))
        for _ in range(chance.randint(1, 6))
    ]
    places, start = set(), 0
    for frame in frames:
        if chance.random() < 0.7:
            places.add(start + chance.randint(1, 5))
        if chance.random() < 0.3:
            places.add(start + chance.randint(1, len(frame)))
        start += len(frame)
    return frames, places


def segments(client_port, from_client, data, places, port):
    """The data, cut at these places, the last of it with a FIN."""
    ends = sorted(place for place in places if 0 < place < len(data)) + [len(data)]
    sequence, other = (100, 200) if from_client else (200, 100)
    for first, end in zip([0, *ends], ends):
        flags = PSH | ACK | (FIN if end == len(data) else 0)
        yield packet(client_port, from_client, sequence + first, other, flags, data[first:end], port)


def opened(client_port, port):
    yield packet(client_port, True, 99, 0, SYN, b"", port)
    yield packet(client_port, False, 199, 100, SYN | ACK, b"", port)


def cuts(out, seed, port=SERVER_PORT):
    """Many connections, a few frames each. Cuts are anywhere, and more often than not in a header or right behind it."""
    chance = random.Random(int(seed))
    packets, count = [], 0
    for index in range(300):
        frames, places = some_frames(chance, index % 2)
        packets += opened(40_000 + index, int(port))
        packets += segments(40_000 + index, True, b"".join(frames), places, int(port))
        count += len(frames)
    write_pcap(out, packets)
    return count


def begun(out, seed, port=SERVER_PORT):
    """What a server says begins with the rest of a frame; on our port, what a client says too."""
    chance = random.Random(int(seed))
    packets, count = [], 0
    ack = wire.chat("ConnectAck", struct.pack(">I", 7) + b"w" * 300)
    for index in range(200):
        is_chat = index % 2
        frames, places = some_frames(chance, is_chat)
        lead = wire.echo("Data", b"z" * 300) if not is_chat else wire.chat("SendMessage", wire.name(b"tea") + b"z" * 300)
        cut_at = chance.randint(2, len(lead) - 1)
        is_cut = int(port) == SERVER_PORT and chance.random() < 0.7
        rest = lead[cut_at:] if is_cut else b""
        places = {len(rest) + place for place in places} | ({len(rest)} if chance.random() < 0.5 else set())
        packets += segments(40_000 + index, True, rest + b"".join(frames), places, int(port))
        answers = [ack if is_chat else wire.echo("Pong", b"w" * 300)] * 3
        cut_at = chance.randint(2, len(answers[0]) - 1)
        answers = b"".join(answers)[cut_at:]
        packets += segments(40_000 + index, False, answers, {chance.randint(1, len(answers)) for _ in range(3)}, int(port))
        count += len(frames) + 2
    write_pcap(out, packets)
    return count


def proxy_v2(command, family, *addresses, more=b""):
    body = b"".join(ipaddress.ip_address(address).packed for address in addresses) + struct.pack(">HH", 5555, 8080) + more
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", 0x20 | command, family, len(body)) + body


def proxies(out):
    lines = [
        b"PROXY TCP4 192.0.2.1 10.0.0.2 5555 8080\r\n",
        b"PROXY TCP6 2001:db8::1 fd00::2 5555 8080\r\n",
        b"PROXY UNKNOWN\r\n",
        proxy_v2(1, 0x11, "192.0.2.1", "10.0.0.2"),
        proxy_v2(1, 0x21, "2001:db8::1", "fd00::2"),
        # A value behind the addresses: PP2_TYPE_NOOP.
        proxy_v2(1, 0x11, "192.0.2.1", "10.0.0.2", more=b"\x04\0\x02xx"),
        proxy_v2(0, 0x00),
    ]
    packets, count = [], 0
    for line in lines:
        frames = [wire.chat("Connect", wire.name(b"ada")), wire.chat("Disconnect", b"")]
        data = line + b"".join(frames)
        for places in [{at} for at in range(len(line) + 6)] + [set(range(5)), {1, len(line)}, {len(line), len(line) + 2}]:
            client_port = 10_000 + len(packets)
            packets += opened(client_port, SERVER_PORT)
            packets += segments(client_port, True, data, places, SERVER_PORT)
            count += len(frames)
    write_pcap(out, packets)
    return count


def damaged(out, seed):
    """Chat frames with a bit of some turned over, lengths too, in small segments: a search finds those behind them."""
    chance = random.Random(int(seed))
    packets, count = [], 0
    for index in range(40):
        frames, _ = some_frames(chance, True)
        data = b""
        for frame in frames:
            is_damaged = chance.random() < 0.4
            if is_damaged:
                place = chance.choice([1, 2, 3, chance.randrange(len(frame))])
                frame = frame[:place] + bytes([frame[place] ^ 1 << chance.randrange(8)]) + frame[place + 1 :]
            count += not is_damaged
            data += frame
        # Whatever a damaged length claims is there before the end, at which Wireshark passes on nothing more.
        end = [wire.chat("SendMessage", wire.name(b"tea") + b"x" * 500)] * 2
        data, count = data + b"".join(end), count + len(end)
        size = chance.choice([3, 10, 30, 300])
        places = {place for start in range(0, len(data), size) for place in [start + chance.randint(0, size)]}
        packets += opened(10_000 + index, SERVER_PORT)
        packets += segments(10_000 + index, True, data, places, SERVER_PORT)
    write_pcap(out, packets)
    return count


def false(out, size, segment=MAX_SEGMENT):
    """Each of these headers claims 577 bytes, and no checksum is right."""
    data = (b"\xff" + b"\x01\x03\x02\x41" * (int(size) // 4))[: int(size)]
    packets = [*opened(10_000, SERVER_PORT)]
    packets += segments(10_000, True, data, range(0, len(data), int(segment)), SERVER_PORT)
    write_pcap(out, packets)


def reorder(source, out, seed):
    link_type, packets = read_pcap(source)
    chance = random.Random(int(seed))
    # Those that open connections stay where they are; the others move by up to four places.
    places = [(index + chance.uniform(0, 4) if is_movable(link_type, data) else index, data) for index, data in enumerate(packets)]
    places += [(place + chance.uniform(1, 5), data) for place, data in places if chance.random() < 0.1]
    write_pcap(out, [data for _, data in sorted(places, key=lambda entry: entry[0])], link_type)


def is_movable(link_type, data):
    ip = data[{1: 14, RAW_IP: 0, 113: 16}[link_type] :]
    if ip[0] >> 4 != 4 or ip[9] != 6:
        return False
    tcp = ip[(ip[0] & 15) * 4 :]
    return not tcp[13] & (SYN | FIN)


# ---- A client --------------------------------------------------------------------------------------------------------


class Tls:
    """A socket with TLS on it, one direction of which may be closed before the other."""

    def __init__(self, tcp, context):
        self.tcp, self.arrived, self.to_send = tcp, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.arrived, self.to_send, server_hostname="localhost")
        self.until_done(self.tls.do_handshake)

    def until_done(self, act, *args):
        while True:
            try:
                return act(*args)
            except ssl.SSLWantReadError:
                self.flush()
                data = self.tcp.recv(65536)
                self.arrived.write(data) if data else self.arrived.write_eof()
            finally:
                self.flush()

    def flush(self):
        if self.to_send.pending:
            self.tcp.sendall(self.to_send.read())

    def sendall(self, data):
        self.until_done(self.tls.write, data)

    def recv(self, count):
        try:
            return self.until_done(self.tls.read, count)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def shutdown(self, how):
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.flush()
        self.tcp.shutdown(how)

    def close(self):
        self.tcp.close()


class Client:
    # With it all connections are inside TLS.
    context = None
    # All of them, with what they sent and received.
    all = []

    def __init__(self, host, port):
        tcp = socket.create_connection((host, port), timeout=120)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port, self.sent, self.received = tcp.getsockname()[1], b"", b""
        self.socket = Tls(tcp, self.context) if self.context else tcp
        self.all.append(self)

    def send(self, *pieces):
        """Each piece by itself: a segment or record of its own, for nothing waits for more."""
        for piece in pieces:
            self.socket.sendall(piece)
            self.sent += piece
        return self

    def receive(self, count):
        data = self.socket.recv(count)
        self.received += data
        return data

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.receive(count - len(data))
            if not more:
                sys.exit(f"the server closed after {len(data)} of {count} bytes")
            data += more
        return data

    def read_chat(self, kind):
        """Past other frames."""
        while True:
            head = self.read(4)
            body = self.read(int.from_bytes(head[2:], "big") + 4)[:-4]
            if head[1] == wire.CHAT_TYPES[kind][0]:
                return body

    def read_to_the_end(self):
        while self.receive(65536):
            pass
        self.socket.close()

    def close(self):
        self.socket.shutdown(socket.SHUT_WR)
        self.read_to_the_end()


def message(kind, **fields):
    return wire.chat(kind, wire.body_of({"type": kind, **fields}))


def talk(host, port):
    port = int(port)
    # Two people in two rooms; one speaks in pieces, the other says much at once.
    ada, bob = Client(host, port), Client(host, port)
    hello = message("Connect", username="ada")
    ada.send(hello[:1], hello[1:5], hello[5:]).read_chat("ConnectAck")
    bob.send(message("Connect", username="bób") + message("JoinRoom", room="tea") + message("JoinRoom", room="Käse"))
    bob.read_chat("ConnectAck"), bob.read_chat("UserJoined"), bob.read_chat("UserJoined")
    ada.send(message("JoinRoom", room="tea")).read_chat("UserJoined")
    said = message("SendMessage", room="tea", content="hällo \N{TEACUP WITHOUT HANDLE}\n\x1b[2J")
    ada.send(*[said[at : at + 3] for at in range(0, len(said), 3)]).read_chat("MessageBroadcast")
    burst = [message("SendMessage", room="tea", content="x" * (1 + 13 * index % 512)) for index in range(200)]
    bob.send(b"".join(burst))
    for _ in burst:
        ada.read_chat("MessageBroadcast")
    # What is answered with an error and leaves the connection open.
    ada.send(message("JoinRoom", room="tea")).read_chat("Error")
    ada.send(message("SendMessage", room="elsewhere", content="?")).read_chat("Error")
    ada.send(wire.chat("JoinRoom", wire.name(b"a\xffb"))).read_chat("Error")
    ada.send(wire.chat("Connect", wire.name(b""))).read_chat("Error")
    taken = Client(host, port).send(message("Connect", username="ada"))
    taken.read_chat("Error")
    taken.send(message("Connect", username="zoe")).read_chat("ConnectAck")
    taken.close()
    bob.send(message("LeaveRoom", room="Käse")).read_chat("UserLeft")
    ada.send(message("Disconnect")).read_to_the_end()
    bob.close()
    # What ends it.
    damaged = bytearray(message("Connect", username="eve"))
    damaged[-1] ^= 1
    for bad in (bytes(damaged), message("ConnectAck", user_id=1, server_info=""), b"GET / HTTP/1.1\r\n\r\n", b"\x01\x01\xff\xff", b"\x01\x77"):
        Client(host, port).send(bad).read_to_the_end()
    # The echo family: many in one piece, one in many, the largest, and a bad one behind a good one.
    echo = Client(host, port)
    echo.send(b"".join(wire.echo("Ping", bytes([index])) for index in range(100))).read(100 * 6)
    frame = wire.echo("Echo", bytes(range(256)))
    echo.send(*[frame[at : at + 50] for at in range(0, len(frame), 50)]).read(len(frame))
    largest = wire.echo("Echo", b"L" * 65535)
    echo.send(largest).read(len(largest))
    echo.send(wire.echo("Data", b"17.5"), wire.echo("Error", b"\xff\xfe"))
    echo.send(wire.echo("Ping") + b"\xca\xfe\x09\x00\x00").read_to_the_end()


def tls_talk(host, port, keys, out):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode, context.keylog_filename = False, ssl.CERT_NONE, keys
    Client.context = context
    talk(host, port)
    good, cut = wire.echo("Ping", b"good"), wire.echo("Data", b"x" * 3000)
    # The last needs several records.
    long = wire.echo("Data", b"x" * 60_000)
    for whole, cut_at in [*((cut, at) for at in CUTS_AT), (long, [40_000]), (long, [3, 40_000])]:
        pieces = [whole[start:end] for start, end in zip([0, *cut_at], cut_at)]
        for first in ([good + pieces[0]], [good, pieces[0]]):
            ending = Client(host, int(port)).send(*first, *pieces[1:])
            ending.read(len(good))
            ending.close()
    packets = []
    for client in Client.all:
        hosts = (socket.inet_aton(host), socket.inet_aton(host))
        packets += connection(client.port, client.sent, client.received, int(port), hosts)
    write_pcap(out, packets)


if __name__ == "__main__":
    makers = {"vectors": vectors, "ends": ends, "cuts": cuts, "begun": begun, "proxies": proxies, "damaged": damaged, "false": false}
    commands = {**makers, "reorder": reorder, "talk": talk, "tls-talk": tls_talk}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    count = commands[sys.argv[1]](*sys.argv[2:])
    if count is not None:
        print(count)
