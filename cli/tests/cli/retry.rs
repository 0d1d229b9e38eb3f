//! `listen --retry` and `send --retry`: connections that are lost and made again.

use cafewire_core::{ErrorCode, MessagePayload};

use crate::support::scripted::{Peer, ScriptedServer};
use crate::support::{ClosedPort, Running, Server, Signal, cafewire, run};

/// A server that takes one visit after another.
fn visits<const N: usize>(scripts: [fn(Peer); N]) -> ScriptedServer {
    let mut scripts = scripts.into_iter();
    ScriptedServer::start_for(N, move |peer| {
        if let Some(script) = scripts.next() {
            script(peer);
        }
    })
}

fn expect_said(peer: &mut Peer, content: &str) {
    peer.expect(&MessagePayload::SendMessage { room: "lobby", content });
}

/// The name is still held, by the connection of before.
fn refuse_name(peer: &mut Peer, username: &str) {
    peer.expect(&MessagePayload::Connect { username });
    peer.send(&MessagePayload::Error { code: ErrorCode::UsernameTaken, message: "taken" });
    peer.until_it_leaves();
}

fn listen(address: &str, more_args: &[&str]) -> Running {
    cafewire(&[&["listen", address, "--user", "ear", "--room", "lobby"], more_args].concat())
}

#[test]
fn listen_comes_back_waits_for_its_name_and_says_what_may_be_missing() {
    let server = visits([
        |mut peer| {
            peer.sign_in_and_let_in("ear", "lobby");
            peer.broadcast(8, "ada", "lobby", "one");
        },
        |mut peer| refuse_name(&mut peer, "ear"),
        |mut peer| {
            peer.sign_in_and_let_in("ear", "lobby");
            peer.broadcast(8, "ada", "lobby", "two");
            peer.until_goodbye();
        },
    ]);
    let mut listen = listen(&server.address, &["--retry", "-n", "2"]);
    assert!(listen.next_line().ends_with(" <ada> one"));
    let lost = listen.remark_with("trying again");
    assert_eq!(lost, "cafewire: the server closed the connection: trying again");
    let missing = listen.remark_with("may be missing");
    // cafewire: connected again; from 2026-05-01 12:34:56 to 2026-05-01 12:34:58 something may …
    let words: Vec<&str> = missing.split(' ').collect();
    assert_eq!((words[3], words[6]), ("from", "to"), "{missing}");
    let moment = |at: usize| format!("{} {}", words[at], words[at + 1]);
    assert!(moment(4) <= moment(7), "{missing}");
    listen.remark_with("listening to [lobby] as <ear>");
    let ended = listen.end_by_itself();
    ended.assert_done();
    assert!(ended.stdout[0].ends_with(" <ada> two"), "{ended:?}");
    server.finish();
}

#[test]
fn without_the_option_or_where_it_cannot_help_nothing_is_tried_again() {
    let lost = visits([|mut peer| peer.sign_in_and_let_in("ear", "lobby")]);
    listen(&lost.address, &[]).end_by_itself().assert_failed(1, "closed the connection");
    lost.finish();
    // No connection of this command can hold the name.
    let taken = visits([|mut peer| refuse_name(&mut peer, "ear")]);
    listen(&taken.address, &["--retry"]).end_by_itself().assert_failed(1, "UsernameTaken");
    taken.finish();
    let taken = visits([|mut peer| refuse_name(&mut peer, "bot")]);
    let args = ["send", &taken.address, "--user", "bot", "--room", "lobby", "--retry", "hello"];
    run(&args, "").assert_failed(1, "UsernameTaken");
    taken.finish();
}

#[test]
fn attempts_end_when_their_time_is_over() {
    let closed_port = ClosedPort::new();
    let address = closed_port.address.as_str();
    let ended = listen(address, &["--retry=1s"]).end_by_itself();
    ended.assert_failed(1, "gave up after trying for 1s: cannot connect to ");
    ended.assert_failed(1, "no program listens there");
    assert_eq!(ended.stderr.matches("trying again").count(), 1, "{ended:?}");
    let args = ["send", address, "--user", "bot", "--room", "lobby", "--retry=1s", "hello"];
    let ended = run(&args, "");
    ended.assert_failed(1, "gave up after trying for 1s: cannot connect to ");
    ended.assert_failed(1, " (the message was not said)");
    assert_eq!(ended.stderr.matches("trying again").count(), 1, "{ended:?}");
    // The time of `-t` is a total.
    let ended = listen(address, &["--retry", "-t", "1"]).end_by_itself();
    assert_eq!(ended.code, Some(27), "{ended:?}");
    let zero = listen(address, &["--retry=0"]).end_by_itself();
    assert_eq!(zero.code, Some(2), "{zero:?}");
}

#[test]
fn a_signal_ends_the_pause_too() {
    let closed_port = ClosedPort::new();
    let address = closed_port.address.as_str();
    let mut listen = listen(address, &["--retry"]);
    listen.remark_with("trying again");
    listen.signal(Signal::TERM);
    assert_eq!(listen.end_by_itself().code, Some(143));
    let mut send =
        cafewire(&["send", address, "--user", "bot", "--room", "lobby", "--retry", "hello"]);
    send.remark_with("trying again");
    send.signal(Signal::INT);
    send.end_by_itself().assert_failed(1, "interrupted (the message was not said)");
}

#[test]
fn send_says_again_what_has_no_receipt_and_which_lines_these_are() {
    let server = visits([
        |mut peer| {
            peer.sign_in_and_let_in("bot", "lobby");
            for content in ["one", "two", "three"] {
                expect_said(&mut peer, content);
            }
            peer.broadcast(7, "bot", "lobby", "one");
        },
        |mut peer| refuse_name(&mut peer, "bot"),
        |mut peer| {
            peer.sign_in_and_let_in("bot", "lobby");
            for content in ["two", "three", "four"] {
                expect_said(&mut peer, content);
                peer.broadcast(7, "bot", "lobby", content);
            }
            peer.until_goodbye();
        },
    ]);
    let mut send =
        cafewire(&["send", &server.address, "--user", "bot", "--room", "lobby", "--retry"]);
    send.write("one\ntwo\nthree\n");
    send.remark_with("the server closed the connection: trying again");
    // A line that comes meanwhile waits.
    send.write("four\n");
    let twice = send.remark_with("twice");
    assert_eq!(twice, "cafewire: connected again; lines 2 to 3 may have been said twice");
    send.end().assert_done();
    server.finish();
}

#[test]
fn several_rooms_are_named_in_their_lines() {
    let server = Server::start();
    let mut listen = listen(&server.address, &["--room", "den", "--room", "lobby", "-n", "2"]);
    assert_eq!(listen.remark_with("listening"), "listening to [lobby], [den] as <ear>");
    for room in ["den", "lobby"] {
        run(&["send", &server.address, "--user", "ada", "--room", room, "hi"], "").assert_done();
        let line = listen.next_line();
        assert!(line.ends_with(&format!(" [{room}] <ada> hi")), "{line}");
    }
    listen.end_by_itself().assert_done();
}

/// The advice of the server, another name, is for those who did not have it before.
#[test]
fn a_name_that_stays_held_is_said_to_be_held() {
    let mut is_first = true;
    // More visits than there is time for.
    let server = ScriptedServer::start_for(64, move |mut peer| {
        if std::mem::take(&mut is_first) {
            peer.sign_in_and_let_in("bot", "lobby");
            expect_said(&mut peer, "one");
        } else {
            refuse_name(&mut peer, "bot");
        }
    });
    let args = ["send", &server.address, "--user", "bot", "--room", "lobby", "--retry=1s"];
    let ended = run(&args, "one\n");
    ended.assert_failed(
        1,
        "gave up after trying for 1s: the name is still held, most likely by the connection that \
         was lost [UsernameTaken (10)] (lines said: 0; perhaps said: 1, line 1",
    );
}

/// One room more than this server ever lets a connection into.
#[test]
fn a_room_too_many_is_not_asked_for_again() {
    let server = Server::start_with(&["--rooms-per-connection", "2"]);
    let more = ["--room", "den", "--room", "tea", "--retry"];
    let ended = listen(&server.address, &more).end_by_itself();
    ended.assert_failed(1, "cannot listen to tea, room 3 of 3: the server refused: LimitReached");
    assert!(!ended.stderr.contains("trying again"), "{ended:?}");
}
