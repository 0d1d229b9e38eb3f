//! `send`: ends with 0 only when everything was delivered.

use std::sync::mpsc::channel;

use cafewire_core::{ErrorCode, MessagePayload};

use crate::support::scripted::{Peer, ScriptedServer};
use crate::support::{Ended, PATIENCE, Running, Server, Signal, cafewire, run};

fn listener(server: &Server, more_args: &[&str]) -> Running {
    let args =
        [&["listen", &server.address, "--user", "ear", "--room", "lobby"], more_args].concat();
    let mut listen = cafewire(&args);
    listen.remark_with("listening to [lobby]");
    listen
}

#[test]
fn a_signal_ends_it_and_its_name_is_free() {
    let server = Server::start();
    let mut listen = listener(&server, &[]);
    for signal in [Signal::INT, Signal::TERM] {
        let mut send = cafewire(&["send", &server.address, "--user", "bot", "--room", "lobby"]);
        send.write("one\n");
        listen.line_with("one");
        send.signal(signal);
        send.end_by_itself().assert_failed(1, "interrupted");
    }
}

/// `send` of "one" and "two" to a server that signs it in and then follows the script.
fn send_one_and_two(script: impl FnOnce(&mut Peer) + Send + 'static) -> Ended {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("bot", "lobby");
        script(&mut peer);
        peer.until_it_leaves();
    });
    let ended = run(&["send", &server.address, "--user", "bot", "--room", "lobby"], "one\ntwo\n");
    server.finish();
    ended
}

fn expect_said(peer: &mut Peer, content: &str) {
    peer.expect(&MessagePayload::SendMessage { room: "lobby", content });
}

#[test]
fn one_message() {
    let server = Server::start();
    let listen = listener(&server, &["-n", "1"]);
    let sent = run(
        &["send", &server.address, "--user", "bot", "--room", "lobby", "build 42 is green"],
        "",
    );
    sent.assert_done();
    assert_eq!((sent.stdout, sent.stderr.as_str()), (vec![], ""));
    let heard = listen.end_by_itself();
    heard.assert_done();
    assert!(heard.stdout[0].ends_with(" <bot> build 42 is green"), "{heard:?}");
}

#[test]
fn every_line_of_the_input_in_order() {
    let server = Server::start();
    // Many times the limit in flight, in messages of the largest size.
    let texts: Vec<String> = (0..2000).map(|number| format!("{number:0512}")).collect();
    let listen = listener(&server, &["-n", "2000", "--json"]);
    // Empty lines are ignored; a last line needs no line ending.
    let input = format!("\n{}\r\n\n{}", texts[0], texts[1..].join("\n"));
    run(&["send", &server.address, "--user", "bot", "--room", "lobby"], &input).assert_done();
    let heard = listen.end_by_itself();
    heard.assert_done();
    let contents: Vec<String> = heard
        .stdout
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|event| event["kind"] == "message")
        .map(|event| event["content"].as_str().unwrap().to_owned())
        .collect();
    assert!(contents == texts, "{} of {} came, or not in order", contents.len(), texts.len());
}

#[test]
fn a_line_goes_out_as_soon_as_it_is_there() {
    let server = Server::start();
    let mut listen = listener(&server, &[]);
    let mut send = cafewire(&["send", &server.address, "--user", "bot", "--room", "lobby"]);
    for text in ["first", "second"] {
        send.write(&format!("{text}\n"));
        assert!(listen.next_line().ends_with(text));
    }
    send.end().assert_done();
}

#[test]
fn two_senders_fill_one_room_without_blocking_each_other() {
    let server = Server::start();
    let listen = listener(&server, &["-n", "1000"]);
    let text = format!("{}\n", "x".repeat(512)).repeat(500);
    let mut senders = ["a", "b"]
        .map(|user| cafewire(&["send", &server.address, "--user", user, "--room", "lobby"]));
    for sender in &mut senders {
        sender.write(&text);
    }
    for sender in senders {
        sender.end().assert_done();
    }
    listen.end_by_itself().assert_done();
}

#[test]
fn a_line_that_cannot_be_said_is_named_and_those_before_it_are_delivered() {
    let server = Server::start();
    let mut listen = listener(&server, &[]);
    let input = format!("fine\n{}\nnot reached\n", "x".repeat(513));
    let ended = run(&["send", &server.address, "--user", "bot", "--room", "lobby"], &input);
    ended.assert_failed(1, "line 2 was not said: it is 513 bytes long, at most 512 are allowed");
    assert!(listen.next_line().ends_with(" fine"));
    run(&["send", &server.address, "--user", "bot", "--room", "lobby", "end"], "").assert_done();
    assert!(listen.next_line().ends_with(" end"));
}

#[test]
fn a_message_that_is_refused_is_named() {
    let ended = send_one_and_two(|peer| {
        expect_said(peer, "one");
        peer.broadcast(8, "another user", "lobby", "one");
        peer.broadcast(7, "bot", "lobby", "one");
        expect_said(peer, "two");
        peer.send(&MessagePayload::Error {
            code: ErrorCode::InvalidContent,
            message: "not\u{1b} this",
        });
    });
    ended.assert_failed(1, "line 2 was refused: not\\u{1b} this [InvalidContent (7)]");
    ended.assert_failed(1, " (lines said: 1; not said: 1, from line 2 on");
}

#[test]
fn another_order_or_another_text_is_not_delivery() {
    let swapped = send_one_and_two(|peer| {
        expect_said(peer, "one");
        expect_said(peer, "two");
        peer.broadcast(7, "bot", "lobby", "two");
        peer.broadcast(7, "bot", "lobby", "one");
    });
    swapped.assert_failed(1, "line 1 did not come back as it was sent");
    let changed = send_one_and_two(|peer| {
        expect_said(peer, "one");
        peer.broadcast(7, "bot", "lobby", "0ne");
    });
    changed.assert_failed(1, "line 1 did not come back as it was sent");
}

#[test]
fn a_broadcast_of_another_user_is_no_receipt() {
    let ended = send_one_and_two(|peer| {
        expect_said(peer, "one");
        expect_said(peer, "two");
        peer.broadcast(8, "bot", "lobby", "one");
        peer.broadcast(8, "bot", "lobby", "two");
        peer.send(&MessagePayload::Error { code: ErrorCode::ShuttingDown, message: "bye" });
    });
    ended.assert_failed(1, "the server ended the connection: bye [ShuttingDown (17)]");
}

#[test]
fn a_connection_lost_before_the_receipt_is_a_failure() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("bot", "lobby");
        expect_said(&mut peer, "hello");
    });
    let ended = run(&["send", &server.address, "--user", "bot", "--room", "lobby", "hello"], "");
    server.finish();
    ended.assert_failed(1, "the server closed the connection");
}

#[test]
fn a_refused_name_or_room_is_one_sentence() {
    let server = ScriptedServer::start(|mut peer| {
        peer.expect(&MessagePayload::Connect { username: "bot" });
        peer.send(&MessagePayload::Error { code: ErrorCode::UsernameTaken, message: "taken" });
        peer.until_it_leaves();
    });
    let ended = run(&["send", &server.address, "--user", "bot", "--room", "lobby", "hello"], "");
    server.finish();
    ended.assert_failed(1, "UsernameTaken (10): taken");
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in("bot");
        peer.expect(&MessagePayload::JoinRoom { room: "lobby" });
        peer.send(&MessagePayload::Error { code: ErrorCode::LimitReached, message: "full" });
        peer.until_it_leaves();
    });
    let ended = run(&["send", &server.address, "--user", "bot", "--room", "lobby", "hello"], "");
    server.finish();
    ended.assert_failed(1, "cannot talk in lobby: full [LimitReached (13)]");
}

#[test]
fn interrupted_with_messages_open_is_a_failure() {
    let (said, is_said) = channel();
    let server = ScriptedServer::start(move |mut peer| {
        peer.sign_in_and_let_in("bot", "lobby");
        expect_said(&mut peer, "hello");
        said.send(()).expect("the test waits for it");
        peer.until_it_leaves();
    });
    let send = cafewire(&["send", &server.address, "--user", "bot", "--room", "lobby", "hello"]);
    is_said.recv_timeout(PATIENCE).expect("it is said");
    send.signal(Signal::INT);
    let ended = send.end_by_itself();
    server.finish();
    ended.assert_failed(1, "interrupted (the message may have been said or not)");
}

/// Also where the rest of the input is read after other failures, for the sake of who writes it.
#[test]
fn a_signal_ends_it_whatever_is_done_with_the_input() {
    let server = Server::start();
    for option in ["--split", "--skip"] {
        let args = ["send", &server.address, "--user", "bot", "--room", "lobby", option];
        let mut listen = listener(&server, &[]);
        let mut send = cafewire(&args);
        send.write("one\n");
        listen.line_with("one");
        send.signal(Signal::INT);
        send.end_by_itself().assert_failed(1, "interrupted");
        listen.signal(Signal::INT);
        assert_eq!(listen.end_by_itself().code, Some(130));
    }
}

#[test]
fn when_all_is_delivered_it_says_goodbye() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("bot", "lobby");
        expect_said(&mut peer, "hello");
        peer.broadcast(7, "bot", "lobby", "hello");
        peer.until_goodbye();
    });
    run(&["send", &server.address, "--user", "bot", "--room", "lobby", "hello"], "").assert_done();
    server.finish();
}

#[test]
fn only_so_many_messages_are_in_flight() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("bot", "lobby");
        for number in 0..32 {
            expect_said(&mut peer, &number.to_string());
        }
        peer.send(&MessagePayload::Error { code: ErrorCode::ShuttingDown, message: "" });
        let more = peer.receive(|frame| format!("{frame:?}"));
        assert_eq!(more, None, "sent without a receipt for the first 32");
    });
    let input: String = (0..1000).map(|number| format!("{number}\n")).collect();
    let ended = run(&["send", &server.address, "--user", "bot", "--room", "lobby"], &input);
    server.finish();
    ended.assert_failed(1, "ShuttingDown (17)");
}

#[test]
fn a_server_that_falls_silent_is_given_up_on() {
    let mute = |user: &'static str| {
        ScriptedServer::start(move |mut peer| {
            peer.sign_in_and_let_in(user, "lobby");
            peer.until_it_leaves();
        })
    };
    let (to_send, to_chat) = (mute("bot"), mute("ada"));
    let send = cafewire(&["send", &to_send.address, "--user", "bot", "--room", "lobby", "hello"]);
    let mut chat = cafewire(&["chat", &to_chat.address, "--user", "ada", "--room", "lobby"]);
    chat.write("hello\n");
    chat.close_stdin();
    let sent = send.end_by_itself();
    sent.assert_failed(
        1,
        "the server did not answer for 10 seconds (the message may have been said or not)",
    );
    chat.end_by_itself()
        .assert_failed(1, "the server did not answer for 10 seconds, requests still open: 1");
    to_send.finish();
    to_chat.finish();
}
