//! `listen`: messages of a room, for people and for programs.

use cafewire_core::{ErrorCode, MessagePayload};
use serde_json::{Value, json};

use crate::support::scripted::ScriptedServer;
use crate::support::{Running, Server, Signal, cafewire, command, run};

fn said(server: &Server, user: &str, text: &str) {
    run(&["send", &server.address, "--user", user, "--room", "lobby", text], "").assert_done();
}

#[test]
fn messages_alone_are_printed_and_counted() {
    let server = Server::start();
    let mut listen =
        cafewire(&["listen", &server.address, "--user", "ear", "--room", "lobby", "-n", "2"]);
    assert_eq!(listen.remark_with("listening"), "listening to [lobby] as <ear>");
    said(&server, "ada", "one");
    // A line is printed at once, not only when a buffer is full.
    assert!(listen.next_line().ends_with(" <ada> one"));
    said(&server, "bob", "two");
    let ended = listen.end_by_itself();
    ended.assert_done();
    assert_eq!(ended.stdout.len(), 1);
    assert!(ended.stdout[0].ends_with(" <bob> two"));
}

/// With a Disconnect: the name is free when the command has ended.
#[test]
fn a_signal_ends_it_and_its_name_is_free() {
    let server = Server::start();
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut listen = cafewire(&["listen", &server.address, "--user", "ear", "--room", "lobby"]);
        listen.remark_with("listening");
        said(&server, "ada", "one");
        listen.line_with("one");
        listen.signal(signal);
        let ended = listen.end_by_itself();
        assert_eq!((ended.code, ended.stdout.len()), (Some(status), 0), "{ended:?}");
    }
}

#[test]
fn as_json_every_kind_has_its_fields() {
    let server = Server::start();
    let mut listen =
        cafewire(&["listen", &server.address, "--user", "ear", "--room", "lobby", "--json"]);
    let mut next = || serde_json::from_str::<Value>(&listen.next_line()).unwrap();
    let own = next();
    let id = |event: &Value| event["user_id"].as_u64().unwrap();
    assert_eq!(
        own,
        json!({"kind": "joined", "user_id": id(&own), "username": "ear", "room": "lobby"})
    );
    said(&server, "ada", "\u{1b}\"\u{9b}");
    let joined = next();
    let ada = id(&joined);
    assert_ne!(ada, id(&own));
    assert_eq!(
        joined,
        json!({"kind": "joined", "user_id": ada, "username": "ada", "room": "lobby"})
    );
    let message = next();
    let timestamp_ms = message["timestamp_ms"].as_u64().unwrap();
    assert!(timestamp_ms > 1_700_000_000_000, "{message}");
    assert_eq!(
        message,
        json!({"kind": "message", "user_id": ada, "timestamp_ms": timestamp_ms,
               "username": "ada", "room": "lobby",
               "content": "\u{1b}\"\u{9b}"})
    );
    assert_eq!(next(), json!({"kind": "left", "user_id": ada, "username": "ada", "room": "lobby"}));
}

#[test]
fn the_time_is_over_with_27() {
    let server = Server::start();
    let args = ["listen", &server.address, "--user", "ear", "--room", "lobby", "-t", "0.2"];
    let ended = run(&args, "");
    assert_eq!((ended.code, ended.stdout), (Some(27), vec![]));
    // The time is a total: a room that never falls silent does not extend it.
    let mut flood = cafewire(&["chat", &server.address, "--user", "flood", "--room", "lobby"]);
    flood.line_with("joined");
    let listen =
        cafewire(&["listen", &server.address, "--user", "ear", "--room", "lobby", "-t", "0.5"]);
    let ended = std::thread::scope(|scope| {
        let ending = scope.spawn(|| listen.end_by_itself());
        while !ending.is_finished() {
            flood.write("again\n");
            // Limits the flood; nothing waits for it.
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        ending.join().unwrap()
    });
    assert_eq!(ended.code, Some(27), "{ended:?}");
    // A server that never answers does not extend it either.
    let mute = ScriptedServer::start(|mut peer| peer.until_it_leaves());
    let ended =
        run(&["listen", &mute.address, "--user", "ear", "--room", "lobby", "-t", "0.2"], "");
    mute.finish();
    assert_eq!(ended.code, Some(27), "{ended:?}");
    let no_room = ScriptedServer::start(|mut peer| {
        peer.sign_in("ear");
        peer.until_it_leaves();
    });
    let ended =
        run(&["listen", &no_room.address, "--user", "ear", "--room", "lobby", "-t", "0.2"], "");
    no_room.finish();
    assert_eq!(ended.code, Some(27), "{ended:?}");
}

#[test]
fn hostile_text_is_shown_escaped_even_with_a_time_that_no_calendar_has() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("ear", "lobby");
        peer.send(&MessagePayload::MessageBroadcast {
            user_id: 8,
            timestamp: u64::MAX,
            username: "e>ve\u{200b}",
            room: "lobby",
            content: "\u{1b}[31m\r\nroot# \u{2067}",
        });
        peer.until_goodbye();
    });
    let ended =
        run(&["listen", &server.address, "--user", "ear", "--room", "lobby", "-n", "1"], "");
    server.finish();
    ended.assert_done();
    assert_eq!(ended.stdout, ["--:--:-- <e\\u{3e}ve\\u{200b}> \\u{1b}[31m\\r\\nroot# \\u{2067}"]);
}

#[test]
fn refusals_and_losses_are_reported() {
    let refused = ScriptedServer::start(|mut peer| {
        peer.sign_in("ear");
        peer.send(&MessagePayload::Error { code: ErrorCode::LimitReached, message: "full\u{7}" });
        peer.until_it_leaves();
    });
    let args = ["listen", &refused.address, "--user", "ear", "--room", "lobby"];
    run(&args, "").assert_failed(1, "LimitReached (13): full\\u{7}");
    refused.finish();
    let closing = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("ear", "lobby");
        peer.send(&MessagePayload::Error { code: ErrorCode::SlowConsumer, message: "too slow" });
    });
    let args = ["listen", &closing.address, "--user", "ear", "--room", "lobby"];
    run(&args, "")
        .assert_failed(1, "the server ended the connection: too slow [SlowConsumer (16)]");
    closing.finish();
    let lost = ScriptedServer::start(|mut peer| peer.sign_in_and_let_in("ear", "lobby"));
    let args = ["listen", &lost.address, "--user", "ear", "--room", "lobby"];
    run(&args, "").assert_failed(1, "the server closed the connection");
    lost.finish();
}

#[test]
fn a_reader_that_is_gone_ends_it_with_the_next_line() {
    let server = Server::start();
    let mut child =
        command(&["listen", &server.address, "--user", "ear", "--room", "lobby"]).spawn().unwrap();
    drop(child.stdout.take());
    let mut listen = Running::adopt(child);
    listen.remark_with("listening");
    said(&server, "ada", "anybody there?");
    let ended = listen.end_by_itself();
    ended.assert_failed(1, "the reader of standard output has closed it");
}

/// As on a slow link: what a busy room brings stands before the answers of the others.
#[test]
fn a_busy_room_does_not_keep_it_from_joining_the_next() {
    const MESSAGES: usize = 5000;
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("ear", "busy");
        for number in 0..MESSAGES {
            peer.broadcast(8, "ada", "busy", &number.to_string());
        }
        for room in ["den", "tea"] {
            peer.expect(&MessagePayload::JoinRoom { room });
        }
        for room in ["den", "tea"] {
            peer.send(&MessagePayload::UserJoined { user_id: 7, username: "ear", room });
        }
        peer.broadcast(8, "ada", "tea", "last");
        peer.until_goodbye();
    });
    let count = (MESSAGES + 1).to_string();
    let rooms = ["--room", "busy", "--room", "den", "--room", "tea"];
    let args = ["listen", &server.address, "--user", "ear", "-n", &count];
    let ended = run(&[&args[..], &rooms].concat(), "");
    server.finish();
    ended.assert_done();
    assert_eq!(ended.stderr, "listening to [busy], [den], [tea] as <ear>");
    assert_eq!(ended.stdout.len(), MESSAGES + 1);
    assert!(ended.stdout.last().is_some_and(|line| line.ends_with(" [tea] <ada> last")));
}

#[test]
fn a_join_that_comes_too_fast_is_asked_for_again() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("ear", "lobby");
        for room in ["den", "tea"] {
            peer.expect(&MessagePayload::JoinRoom { room });
            peer.send(&MessagePayload::Error { code: ErrorCode::RateLimited, message: "slow" });
        }
        for room in ["den", "tea"] {
            peer.expect(&MessagePayload::JoinRoom { room });
            peer.send(&MessagePayload::UserJoined { user_id: 7, username: "ear", room });
        }
        peer.broadcast(8, "ada", "tea", "hi");
        peer.until_goodbye();
    });
    let rooms = ["--room", "lobby", "--room", "den", "--room", "tea"];
    let args = ["listen", &server.address, "--user", "ear", "-n", "1"];
    run(&[&args[..], &rooms].concat(), "").assert_done();
    server.finish();
}
