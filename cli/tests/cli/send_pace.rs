//! `send` where it is too fast for the server, and how far it came when it ends early.

use cafewire_core::{ErrorCode, MessagePayload};

use crate::support::scripted::{Peer, ScriptedServer};
use crate::support::{Ended, Server, Signal, cafewire, run};

fn expect_said(peer: &mut Peer, content: &str) {
    peer.expect(&MessagePayload::SendMessage { room: "lobby", content });
}

fn too_fast(peer: &mut Peer) {
    peer.send(&MessagePayload::Error { code: ErrorCode::RateLimited, message: "slow down" });
}

fn send(address: &str, more_args: &[&str], input: &str) -> Ended {
    run(&[&["send", address, "--user", "bot", "--room", "lobby"], more_args].concat(), input)
}

#[test]
fn all_lines_arrive_once_although_they_are_more_than_the_server_allows() {
    const LINES: usize = 12;
    let server = Server::start_with(&["--frames-per-second", "3"]);
    let count = LINES.to_string();
    let mut listen = cafewire(
        &[&["listen", &server.address, "--user", "ear", "--room", "lobby"][..], &["-n", &count]]
            .concat(),
    );
    listen.remark_with("listening");
    let texts: Vec<String> = (0..LINES).map(|number| format!("{number:02}")).collect();
    let sent = send(&server.address, &[], &texts.join("\n"));
    sent.assert_done();
    assert_eq!(sent.stderr.matches("slowing down").count(), 1, "{sent:?}");
    let heard = listen.end_by_itself();
    heard.assert_done();
    let mut contents: Vec<&str> =
        heard.stdout.iter().filter_map(|line| Some(line.rsplit_once(' ')?.1)).collect();
    // While the first refusal was on its way, a machine that stands still may give the server the
    // time to take a later line. It is told.
    if sent.stderr.contains("came before") {
        contents.sort_unstable();
    }
    assert_eq!(contents, texts);
}

#[test]
fn what_was_refused_comes_again_one_by_one_and_in_order() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in("bot");
        peer.expect(&MessagePayload::JoinRoom { room: "lobby" });
        too_fast(&mut peer);
        peer.expect(&MessagePayload::JoinRoom { room: "lobby" });
        peer.send(&MessagePayload::UserJoined { user_id: 7, username: "bot", room: "lobby" });
        // Any other line under way would come before this one comes again.
        for is_refused in [true, true, false] {
            expect_said(&mut peer, "one");
            if is_refused {
                too_fast(&mut peer);
            }
        }
        peer.broadcast(7, "bot", "lobby", "one");
        expect_said(&mut peer, "two");
        peer.broadcast(7, "bot", "lobby", "two");
        peer.expect(&MessagePayload::Disconnect);
        too_fast(&mut peer);
        peer.until_goodbye();
    });
    let ended = send(&server.address, &[], "one\ntwo\n");
    server.finish();
    ended.assert_done();
    assert_eq!(
        ended.stderr,
        "cafewire: joining lobby came faster than the server allows: slowing down, and saying \
         again what it refuses"
    );
}

#[test]
fn of_many_under_way_those_that_were_refused_come_again_and_the_order_is_told() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("bot", "lobby");
        for content in ["one", "two", "three"] {
            expect_said(&mut peer, content);
        }
        too_fast(&mut peer);
        peer.broadcast(7, "bot", "lobby", "two");
        too_fast(&mut peer);
        for content in ["one", "three"] {
            expect_said(&mut peer, content);
            peer.broadcast(7, "bot", "lobby", content);
        }
        peer.until_goodbye();
    });
    let ended = send(&server.address, &["--skip"], "one\ntwo\nthree\n");
    server.finish();
    ended.assert_done();
    assert!(ended.stderr.contains("line 1 came faster than the server allows"), "{ended:?}");
    assert!(ended.stderr.ends_with("cafewire: line 2 came before line 1"), "{ended:?}");
}

#[test]
fn a_server_that_refuses_for_ever_is_given_up_on() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("bot", "lobby");
        for _ in 0..2 {
            expect_said(&mut peer, "hello");
            too_fast(&mut peer);
        }
        peer.until_it_leaves();
    });
    let ended = send(&server.address, &["--retry=1s", "hello"], "");
    server.finish();
    ended.assert_failed(
        1,
        "the message was refused again and again for 1s: slow down [RateLimited (15)] (the message \
         was not said)",
    );
}

#[test]
fn a_lost_connection_leaves_an_account() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("bot", "lobby");
        expect_said(&mut peer, "one");
        peer.broadcast(7, "bot", "lobby", "one");
        expect_said(&mut peer, "two");
        expect_said(&mut peer, "three");
    });
    let ended = send(&server.address, &[], "one\n\ntwo\nthree\n");
    server.finish();
    ended.assert_failed(1, " (lines said: 1; perhaps said: 2, lines 3 to 4; ");
}

#[test]
fn a_server_that_stands_still_leaves_an_account() {
    let stopped = Server::start();
    stopped.running.signal(Signal::STOP);
    let args = ["send", &stopped.address, "--user", "bot", "--room", "lobby", "hello"];
    let never_in = cafewire(&args);
    let server = Server::start();
    let mut listen = cafewire(&["listen", &server.address, "--user", "ear", "--room", "lobby"]);
    listen.remark_with("listening");
    let mut send = cafewire(&["send", &server.address, "--user", "bot", "--room", "lobby"]);
    send.write("one\n");
    listen.line_with("one");
    server.running.signal(Signal::STOP);
    send.write("two\n");
    // The receipt of the first may have been on its way, or not.
    let ended = send.end_by_itself();
    ended.assert_failed(1, "the server did not answer for 10 seconds (lines said: ");
    ended.assert_failed(1, "line");
    ended.assert_failed(1, "; the rest of the input was not read)");
    never_in.end_by_itself().assert_failed(1, "the time-out (the message was not said)");
}
