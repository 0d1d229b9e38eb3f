//! `bench`: exact numbers against the real server, and scripted servers that misbehave, each with
//! the right exit status.

use std::time::Instant;

use cafewire_core::{Frame, Message, MessagePayload};
use cafewire_net::Limits;
use serde_json::Value;

use crate::support::scripted::{Peer, ScriptedServer};
use crate::support::{ClosedPort, Ended, Folder, PATIENCE, Server, Signal, cafewire, run};

fn bench(address: &str, args: &[&str]) -> Ended {
    run(&[&["bench", args[0], address], &args[1..]].concat(), "")
}

fn report(ended: &Ended) -> Value {
    assert_eq!(ended.stdout.len(), 1, "{ended:?}");
    serde_json::from_str(&ended.stdout[0]).expect("a JSON object")
}

#[test]
fn echo_for_people() {
    let server = Server::start();
    let ended = bench(&server.address, &["echo", "-c", "3", "-i", "4", "-n", "999"]);
    ended.assert_done();
    assert_eq!(
        ended.stdout[0],
        format!("echo: 3 connections, 4 in flight on each, 64 bytes each, on {}", server.address)
    );
    let row = |name: &str| {
        ended.stdout.iter().find(|line| line.trim_start().starts_with(name)).unwrap().clone()
    };
    assert!(row("connections").contains(" 3 ") && row("sent").contains(" 999 "), "{ended:?}");
    assert!(row("delivered").contains(" 999 ") && row("expected").ends_with(" 999"), "{ended:?}");
    assert_eq!(row("good"), "  good: every message came, once and in order");
    assert!(
        ["lost", "duplicated", "reordered"].iter().all(|name| row(name).ends_with(" 0")),
        "{ended:?}"
    );
    assert!(row("latency").contains("µs") || row("latency").contains("ms"), "{ended:?}");
}

#[test]
fn chat_for_programs_has_every_documented_field() {
    let server = Server::start();
    let args = [
        "chat", "--rooms", "2", "-m", "5", "-p", "2", "-w", "3", "-s", "100", "-n", "60", "--json",
    ];
    let ended = bench(&server.address, &args);
    ended.assert_done();
    let report = report(&ended);
    assert_eq!(fields(&report, ""), DOCUMENTED);
    assert_eq!(
        (&report["kind"], &report["schema"], &report["test"]),
        (&"bench".into(), &1.into(), &"chat".into())
    );
    assert_eq!((&report["clean"], &report["interrupted"]), (&true.into(), &false.into()));
    assert_eq!(report["address"], server.address.as_str());
    let number = |path: &str| {
        report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path}"))
    };
    assert_eq!(
        [number("/connections/ready"), number("/settings/connections"), number("/sent")],
        [10, 10, 60]
    );
    let deliveries = ["expected", "received", "lost", "duplicated", "reordered", "unexpected"];
    let deliveries = deliveries.map(|name| number(&format!("/deliveries/{name}")));
    assert_eq!(deliveries, [300, 300, 0, 0, 0, 0]);
    assert_eq!([number("/latency_ns/count"), number("/measured/received")], [300, 300]);
    assert_eq!(report["send_lag_ns"], Value::Null);
}

#[test]
fn members_of_several_rooms_are_as_many_connections_as_in_one() {
    let server = Server::start();
    for (rooms, all_rooms, connections) in [(&[][..], 3, 4), (&["--rooms", "6"][..], 6, 8)] {
        let args = [
            &["chat", "--rooms-each", "3", "-m", "4", "-p", "2", "-w", "5", "-n", "90", "--json"],
            rooms,
        ]
        .concat();
        let ended = bench(&server.address, &args);
        ended.assert_done();
        let report = report(&ended);
        let number = |path: &str| report.pointer(path).and_then(Value::as_u64).expect(path);
        assert_eq!(
            [number("/settings/rooms"), number("/settings/rooms_each")],
            [all_rooms, 3],
            "{report}"
        );
        assert_eq!(
            [number("/settings/connections"), number("/connections/ready")],
            [connections; 2],
            "{report}"
        );
        assert_eq!(counts(&report), [360, 0, 0, 0, 0]);
    }
}

/// A bound that the server has is reported in the server's words; that of the help is the default.
#[test]
fn a_bound_on_rooms_is_told() {
    let server = Server::start_with(&["--rooms-per-connection", "2"]);
    let args = |rooms_each| {
        ["chat", "--rooms-each", rooms_each, "-m", "2", "-n", "10", "--connect-retries", "0"]
    };
    bench(&server.address, &args("2")).assert_done();
    bench(&server.address, &args("3")).assert_failed(1, "as many rooms as one connection may be");

    let server = Server::start_with(&["--rooms-per-address", "3"]);
    let ended = bench(&server.address, &[&args("2")[..], &["--rooms", "4"]].concat());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("your address has made as many rooms as it may"), "{ended:?}");

    let help = run(&["bench", "chat", "--help"], "").stdout.join(" ");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Limits { rooms_per_connection, rooms_per_address, rooms, .. } = Limits::default();
    let thousands = |count: usize| format!("{},{:03}", count / 1000, count % 1000);
    for told in [
        format!("rooms_per_connection rooms ({rooms_per_connection} unless"),
        format!("rooms_per_address ({})", thousands(rooms_per_address)),
        format!("rooms ({})", thousands(rooms)),
    ] {
        assert!(words(&help).contains(&told), "{told}: {help}");
    }
}

/// `SCHEMAS.md` documents each of them.
const DOCUMENTED: &str = "address clean connect_time_ns connections.ended_early connections.failed \
connections.ready connections.reasons connections.retried connections.wanted \
deliveries.duplicated deliveries.expected deliveries.lost deliveries.received \
deliveries.reordered deliveries.unexpected drain_time_ns due interrupted kind latency_ns.count \
latency_ns.max latency_ns.mean latency_ns.min latency_ns.p50 latency_ns.p90 latency_ns.p99 \
latency_ns.p99_9 measured.bytes_per_second measured.bytes_received measured.due \
measured.duration_ns measured.generator_cpu measured.payload_bytes_per_second \
measured.payload_bytes_received measured.received measured.received_per_second measured.sent \
measured.sent_per_second schema send_lag_ns sent server_errors settings.connections \
settings.duration_ns settings.members settings.messages settings.publishers \
settings.rate_per_second settings.rooms settings.rooms_each settings.size_bytes \
settings.warm_up_ns settings.window test";

/// The paths of all fields, sorted.
fn fields(value: &Value, path: &str) -> String {
    let Value::Object(object) = value else { return path.to_owned() };
    let mut paths: Vec<String> = object
        .iter()
        .map(|(name, value)| {
            fields(value, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") })
        })
        .collect();
    paths.sort();
    paths.join(" ")
}

#[test]
fn every_documented_field_stands_in_the_document() {
    let document = include_str!("../../SCHEMAS.md");
    for name in DOCUMENTED.split([' ', '.']) {
        assert!(document.contains(&format!("`{name}`")), "SCHEMAS.md does not have {name}");
    }
}

#[test]
fn csv_has_a_value_for_each_name() {
    let server = Server::start();
    for rate in [None, Some(["--rate", "1000"])] {
        let args = [
            &["echo", "-c", "2", "-n", "10", "--csv"][..],
            rate.as_ref().map_or(&[], |rate| &rate[..]),
        ]
        .concat();
        let ended = bench(&server.address, &args);
        ended.assert_done();
        let [names, values] = &ended.stdout[..] else { panic!("{ended:?}") };
        let names: Vec<&str> = names.split(',').collect();
        let values: Vec<&str> = values.split(',').collect();
        assert_eq!(names.len(), values.len());
        let value = |name| {
            values
                [names.iter().position(|&other| other == name).unwrap_or_else(|| panic!("{name}"))]
        };
        assert_eq!(
            [value("deliveries_received"), value("test"), value("clean")],
            ["10", "echo", "true"]
        );
        assert_eq!(value("send_lag_ns_count"), if rate.is_some() { "10" } else { "" });
    }
}

/// What was due and never sent is told, not only what was sent and lost.
#[test]
fn a_server_that_ends_in_mid_run_ends_with_1() {
    let server = ScriptedServer::start(|mut peer| {
        for _ in 0..4 {
            let payload = peer.receive(|frame| match frame {
                Frame::Echo(view) => view.payload.to_vec(),
                Frame::Chat(view) => panic!("{view:?}"),
            });
            match payload.as_deref() {
                Some([]) => peer.send_echo(&Message::Pong(&[])),
                Some(payload) => peer.send_echo(&Message::Echo(payload)),
                None => return,
            }
        }
    });
    let args = ["echo", "-c", "1", "--rate", "1000", "-n", "500", "--drain-timeout", "300ms"];
    let ended = bench(&server.address, &args);
    server.finish();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let row = |name: &str| {
        let found = ended.stdout.iter().find(|line| line.trim_start().starts_with(name));
        found.unwrap_or_else(|| panic!("{name}: {ended:?}")).clone()
    };
    assert!(row("due").contains(" 500 "), "{ended:?}");
    assert!(row("delivered").contains(" 3 "), "{ended:?}");
    let verdict = row("bad");
    assert!(verdict.contains("1 connections ended early, "), "{ended:?}");
    assert!(verdict.contains(" due messages were never sent"), "{ended:?}");
    assert!(ended.stderr.contains("the rate was not kept"), "{ended:?}");
}

#[test]
fn series_and_histogram_hold_every_delivery() {
    let server = Server::start();
    let folder = Folder::new("bench-files");
    let [series, histogram] = ["series.csv", "histogram.csv"].map(|name| folder.write(name, ""));
    let mut args = vec!["echo", "-c", "2", "-n", "400", "--rate", "1000", "--json"];
    args.extend(["--series", &series, "--series-interval", "100ms", "--histogram", &histogram]);
    let ended = bench(&server.address, &args);
    ended.assert_done();
    let lines = |path: &str| -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(path).expect("the file was written");
        assert!(text.ends_with("\r\n"), "{text:?}");
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    let sum = |lines: &[Vec<String>], name: &str| -> u64 {
        let column = lines[0].iter().position(|other| other == name).expect(name);
        lines[1..].iter().map(|line| line[column].parse::<u64>().expect("a count")).sum()
    };
    let (series, histogram) = (lines(&series), lines(&histogram));
    for name in ["sent", "received", "latency_count"] {
        assert_eq!(sum(&series, name), 400, "{name}: {series:?}");
    }
    assert_eq!(sum(&histogram, "count"), 400);
    assert_eq!(histogram.last().expect("a line")[2], "1.000000000");

    // A file that cannot be written costs no run.
    let args = ["echo", "-n", "1", "--series", "/nonexistent/series.csv"];
    bench(&server.address, &args).assert_failed(1, "cannot write /nonexistent/series.csv: ");
    let args = ["echo", "-n", "1", "--series", "-", "--series-interval", "99ms"];
    let ended = bench(&server.address, &args);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("an interval has 0.1 s or more"), "{ended:?}");
}

#[test]
fn idle_connections_are_held() {
    let server = Server::start();
    let ended = bench(&server.address, &["idle", "-c", "20", "-d", "200ms", "--json"]);
    ended.assert_done();
    let report = report(&ended);
    assert_eq!((&report["test"], &report["deliveries"]["received"]), (&"idle".into(), &20.into()));
}

/// Answers the ping that opens a connection, then passes each echo to `answer`, which sends the
/// replies.
fn serve_echo(mut peer: Peer, mut answer: impl FnMut(&mut Peer, Vec<u8>)) {
    while let Some(message) = peer.receive(|frame| match frame {
        Frame::Echo(view) => view.payload.to_vec(),
        Frame::Chat(view) => panic!("{view:?}"),
    }) {
        if message.is_empty() {
            peer.send_echo(&Message::Pong(&[]));
        } else {
            answer(&mut peer, message);
        }
    }
}

/// A bench of ten messages on one connection to a server that answers so.
fn scripted(answer: impl FnMut(&mut Peer, Vec<u8>) + Send + 'static) -> (Ended, Value) {
    let server = ScriptedServer::start(|peer| serve_echo(peer, answer));
    let args = ["echo", "-c", "1", "-i", "10", "-n", "10", "--drain-timeout", "300ms", "--json"];
    let ended = bench(&server.address, &args);
    server.finish();
    let report = report(&ended);
    (ended, report)
}

fn counts(report: &Value) -> [u64; 5] {
    ["received", "lost", "duplicated", "reordered", "unexpected"]
        .map(|name| report["deliveries"][name].as_u64().expect("a count"))
}

#[test]
fn a_server_that_does_right_ends_with_0() {
    let (ended, report) = scripted(|peer, payload| peer.send_echo(&Message::Echo(&payload)));
    ended.assert_done();
    assert_eq!(counts(&report), [10, 0, 0, 0, 0]);
}

#[test]
fn what_is_lost_duplicated_or_reordered_ends_with_1() {
    let mut number = 0;
    let (ended, report) = scripted(move |peer, payload| {
        number += 1;
        if number != 4 {
            peer.send_echo(&Message::Echo(&payload));
        }
    });
    assert_eq!((ended.code, counts(&report)), (Some(1), [9, 1, 0, 0, 0]));

    let (ended, report) = scripted(|peer, payload| {
        peer.send_echo_times(&Message::Echo(&payload), 2);
    });
    assert_eq!((ended.code, counts(&report)), (Some(1), [10, 0, 10, 0, 0]));

    let mut held = None;
    let (ended, report) = scripted(move |peer, payload| match held.take() {
        None => held = Some(payload),
        Some(earlier) => {
            peer.send_echo(&Message::Echo(&payload));
            peer.send_echo(&Message::Echo(&earlier));
        }
    });
    assert_eq!((ended.code, counts(&report)), (Some(1), [10, 0, 0, 5, 0]));
}

#[test]
fn an_unexpected_message_ends_with_1() {
    let server = ScriptedServer::start(|mut peer| {
        let (username, room) = sign_in_any(&mut peer);
        peer.broadcast(7, &username, &room, "not sent by any generator");
        peer.until_it_leaves();
    });
    let args = ["chat", "-m", "1", "-n", "1", "--drain-timeout", "300ms", "--json"];
    let ended = bench(&server.address, &args);
    server.finish();
    assert_eq!((ended.code, counts(&report(&ended))), (Some(1), [0, 1, 0, 0, 1]));
}

/// Signs a client in as user 7 and lets it into its first room; returns its name and the room.
fn sign_in_any(peer: &mut Peer) -> (String, String) {
    let name = |frame: Frame<'_>| match frame {
        Frame::Chat(view) => match view.parse_payload().expect("a good frame") {
            MessagePayload::Connect { username } => username.to_owned(),
            MessagePayload::JoinRoom { room } => room.to_owned(),
            other => panic!("{other:?}"),
        },
        Frame::Echo(view) => panic!("{view:?}"),
    };
    let username = peer.receive(name).expect("a sign-in");
    peer.send(&MessagePayload::ConnectAck { user_id: 7, server_info: "scripted" });
    let room = peer.receive(name).expect("a join");
    peer.send(&MessagePayload::UserJoined { user_id: 7, username: &username, room: &room });
    (username, room)
}

/// The first message goes to the first room, the next to the next, round and round; and what comes
/// in the wrong order from one room to the other is reordered.
#[test]
fn rooms_are_spoken_in_by_turns_and_judged_together() {
    let server = ScriptedServer::start(|mut peer| {
        let (username, first) = sign_in_any(&mut peer);
        let name = |frame: Frame<'_>| match frame {
            Frame::Chat(view) => match view.parse_payload().expect("a good frame") {
                MessagePayload::JoinRoom { room } => (room.to_owned(), String::new()),
                MessagePayload::SendMessage { room, content } => {
                    (room.to_owned(), content.to_owned())
                }
                other => panic!("{other:?}"),
            },
            Frame::Echo(view) => panic!("{view:?}"),
        };
        let (second, _) = peer.receive(name).expect("a join");
        assert_ne!(first, second);
        let joined = MessagePayload::UserJoined { user_id: 7, username: &username, room: &second };
        peer.send(&joined);
        let said: Vec<_> = (0..4).map(|_| peer.receive(name).expect("a message")).collect();
        let rooms: Vec<&str> = said.iter().map(|(room, _)| room.as_str()).collect();
        assert_eq!(rooms, [&first, &second, &first, &second]);
        // In each room by itself in order.
        for at in [1, 0, 2, 3] {
            let (room, content) = &said[at];
            peer.broadcast(7, &username, room, content);
        }
        peer.until_it_leaves();
    });
    let args = [
        "chat",
        "--rooms-each",
        "2",
        "-m",
        "1",
        "-w",
        "4",
        "-n",
        "4",
        "--drain-timeout",
        "300ms",
        "--json",
    ];
    let ended = bench(&server.address, &args);
    server.finish();
    assert_eq!((ended.code, counts(&report(&ended))), (Some(1), [4, 0, 0, 1, 0]));
}

#[test]
fn connections_that_fail_end_with_1_and_are_told() {
    let server = Server::start_with(&["--connections", "2"]);
    let ended = bench(&server.address, &["echo", "-c", "3", "-n", "10", "--connect-retries", "0"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cafewire: connections, once: the server refused"), "{ended:?}");
    assert!(ended.stdout.iter().any(|line| line.contains("1 failed")), "{ended:?}");
    let quiet =
        bench(&server.address, &["echo", "-c", "3", "-n", "10", "--connect-retries", "0", "-q"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(1), ""), "{quiet:?}");
}

#[test]
fn a_test_says_what_it_does_if_asked() {
    let server = Server::start_with(&["--connections", "2"]);
    let ended = bench(
        &server.address,
        &["echo", "-c", "3", "-n", "10", "--connect-retries", "1", "--json", "-v"],
    );
    assert_eq!(report(&ended)["connections"]["failed"], 1, "{ended:?}");
    let at = server.address.trim_start_matches("tcp://");
    let sentences: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(sentences[0], format!("connecting to {}, at {at}", server.address));
    for attempt in [1, 2] {
        let refused = format!(", attempt {attempt}: the server refused");
        let is_told = |line: &&str| line.starts_with("connection ") && line.contains(&refused);
        assert_eq!(
            sentences.iter().filter(|line| is_told(line)).count(),
            1,
            "{attempt}: {ended:?}"
        );
    }
    for phase in [
        "measuring: 2 connections ready, 0 messages sent, 0 deliveries received",
        "done: 2 connections ready, 10 messages sent, 10 deliveries received",
    ] {
        assert!(sentences.contains(&phase), "{phase}: {ended:?}");
    }
    assert!(sentences.last().unwrap().starts_with("cafewire: connections, 2 times"), "{ended:?}");
}

#[test]
fn a_refused_connection_is_one_sentence_and_1() {
    let closed_port = ClosedPort::new();
    let ended = bench(&closed_port.address, &["chat", "--connect-retries", "0"]);
    ended.assert_failed(1, &format!("cannot connect to {}", closed_port.address));
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

#[test]
fn ctrl_c_ends_it_with_a_report() {
    let mut server = Server::start_with(&["--http", "0"]);
    let http =
        server.running.next_line().strip_prefix("listening on ").expect("an address").to_owned();
    let bench = cafewire(&["bench", "echo", &server.address, "-c", "2", "-d", "1h", "--json"]);
    // The moment of the interrupt does not matter as long as the bench is at work: the two pings at
    // its start are not enough.
    let messages_per_second = || {
        let sample = run(&["top", &http, "--json", "-i", "0.1"], "");
        let report: Value = serde_json::from_str(&sample.stdout.join("\n")).expect("a JSON object");
        report["messages_per_s"].as_f64()
    };
    let deadline = Instant::now() + PATIENCE;
    while messages_per_second().expect("a number") < 100.0 {
        assert!(Instant::now() < deadline, "it does nothing");
    }
    bench.signal(Signal::INT);
    let ended = bench.end_by_itself();
    let report = report(&ended);
    ended.assert_done();
    assert_eq!((&report["interrupted"], &report["deliveries"]["lost"]), (&true.into(), &0.into()));
}

#[test]
fn what_cannot_be_is_refused_with_2() {
    for (args, needle) in [
        (&["bench", "echo", "-s", "31"][..], "31 bytes"),
        (&["bench", "chat", "-s", "513"], "32 to 512"),
        (&["bench", "chat", "-m", "2", "-p", "3"], "3 of 2 members"),
        (&["bench", "chat", "--rooms", "4", "--rooms-each", "3"], "3 of 4 rooms each"),
        (&["bench", "chat", "--rooms-each", "0"], "1 or more"),
        (&["bench", "chat", "--rooms", "1", "--rooms-each", "2"], "a multiple"),
        (&["bench", "echo", "-n", "5", "-d", "5s"], "--duration"),
        (&["bench", "echo", "-i", "5", "--rate", "5"], "--rate"),
        (&["bench", "idle", "-c", "0"], "connections"),
        (&["bench", "echo", "--json", "--csv"], "--csv"),
        (&["bench", "dance"], "dance"),
        (&["bench", "echo", "-d", "0"], "in no time nothing would be sent"),
        (&["bench", "chat", "-d", "0s"], "in no time nothing would be sent"),
        (&["bench", "echo", "--series", "s", "--histogram", "s"], "cannot both write to s"),
        (&["bench", "echo", "--series", "./s", "--histogram", "s"], "cannot both write to ./s"),
    ] {
        let ended = run(args, "");
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(needle) && ended.stdout.is_empty(), "{args:?}: {ended:?}");
    }
}

#[test]
fn a_file_and_a_link_to_it_are_one() {
    let folder = Folder::new("one-file");
    let (file, link) = (folder.write("file.csv", "kept"), folder.path("link.csv"));
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    let ended = run(&["bench", "echo", "--series", &file, "--histogram", &link], "");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "kept");
}
