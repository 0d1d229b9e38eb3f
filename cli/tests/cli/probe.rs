//! Silent servers are asked for a sign as often as the user wants it.

use cafewire_core::{ErrorCode, MessagePayload};

use crate::support::scripted::{Peer, ScriptedServer};
use crate::support::{Running, command, run};

const ANSWER: MessagePayload<'_> =
    MessagePayload::Error { code: ErrorCode::AlreadyConnected, message: "" };

fn commands(address: &str) -> [Vec<&str>; 3] {
    let names = ["--user", "ada", "--room", "den"];
    [
        [&["listen", address], &names[..]].concat(),
        [&["chat", "--plain", address], &names[..]].concat(),
        [&["send", address], &names[..]].concat(),
    ]
}

fn expect_probe(peer: &mut Peer) {
    peer.expect(&MessagePayload::Connect { username: "ada" });
}

#[test]
fn a_server_that_answers_is_asked_again() {
    for command_number in 0..3 {
        let server = ScriptedServer::start(|mut peer| {
            peer.sign_in_and_let_in("ada", "den");
            for _ in 0..2 {
                expect_probe(&mut peer);
                peer.send(&ANSWER);
            }
            peer.send(&MessagePayload::Error { code: ErrorCode::ShuttingDown, message: "bye" });
            peer.until_it_leaves();
        });
        let args = &commands(&server.address)[command_number];
        let mut running =
            Running::start(&mut command(&[&args[..], &["--probe-interval", "100ms"]].concat()));
        running.remark_with("ShuttingDown");
        server.finish();
    }
}

#[test]
fn a_server_that_does_not_is_given_up() {
    for command_number in 0..3 {
        let server = ScriptedServer::start(|mut peer| {
            peer.sign_in_and_let_in("ada", "den");
            expect_probe(&mut peer);
            peer.until_it_leaves();
        });
        let mut listen = command(&commands(&server.address)[command_number]);
        listen.env("CAFEWIRE_PROBE_INTERVAL", "100ms");
        Running::start(&mut listen).end_by_itself().assert_failed(1, "did not answer a probe");
        server.finish();
    }
}

#[test]
fn an_interval_has_a_least_length() {
    let args = ["listen", "--user", "a", "--room", "b", "--probe-interval", "99ms"];
    let ended = run(&args, "");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("from 100ms up"), "{ended:?}");
}
