//! Servers that fall silent: when a waiting client asks for a sign, and when it gives up.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use cafewire_core::{ErrorCode, MessagePayload};
use cafewire_net::{ChatClient, ClientConfig, ClientError, Event};

use crate::scripted::{ScriptedServer, patient};

const INTERVAL: Duration = Duration::from_millis(50);
const PROBE: MessagePayload<'_> = MessagePayload::Connect { username: "ada" };
const ANSWER: MessagePayload<'_> =
    MessagePayload::Error { code: ErrorCode::AlreadyConnected, message: "" };
const WORD: MessagePayload<'_> = MessagePayload::MessageBroadcast {
    user_id: 8,
    username: "bob",
    timestamp: 1,
    room: "den",
    content: "well",
};

fn probing() -> ClientConfig {
    ClientConfig { probe_interval: Some(INTERVAL), ..patient() }
}

fn is_word(event: &Event) -> bool {
    matches!(event, Event::Message { content, .. } if content == "well")
}

#[test]
fn a_silent_server_is_asked_again_and_again_and_the_answers_are_no_events() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        for _ in 0..3 {
            peer.expect_chat(&PROBE);
            peer.send_chat(&ANSWER);
        }
        peer.send_chat(&WORD);
        peer.ignore_until_end();
    });
    let mut client = ChatClient::connect_with(&server.address, "ada", &probing()).unwrap();
    let started = Instant::now();
    assert!(is_word(&client.next_event().unwrap()));
    assert!(started.elapsed() >= INTERVAL * 3);
}

#[test]
fn a_server_that_does_not_answer_the_probe_is_given_up() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.expect_chat(&PROBE);
        peer.ignore_until_end();
    });
    let mut client = ChatClient::connect_with(&server.address, "ada", &probing()).unwrap();
    let Err(ClientError::Io(error)) = client.next_event() else { panic!("given up") };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("did not answer a probe"), "{error}");
}

#[test]
fn short_waits_in_a_row_ask_as_one_long_wait_does() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.expect_chat(&PROBE);
        peer.send_chat(&ANSWER);
        peer.expect_chat(&PROBE);
        peer.ignore_until_end();
    });
    let mut client = ChatClient::connect_with(&server.address, "ada", &probing()).unwrap();
    let error = loop {
        match client.next_event_within(Duration::from_millis(1)) {
            Ok(event) => assert_eq!(event, None),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ClientError::Io(_)), "{error}");
}

#[test]
fn a_client_that_waits_for_an_answer_asks_too() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.expect_chat(&MessagePayload::JoinRoom { room: "den" });
        peer.expect_chat(&PROBE);
        peer.send_chat(&ANSWER);
        peer.send_chat(&MessagePayload::UserJoined { user_id: 7, username: "ada", room: "den" });
        peer.ignore_until_end();
    });
    let mut client = ChatClient::connect_with(&server.address, "ada", &probing()).unwrap();
    client.join("den").unwrap();
}

#[test]
fn an_answer_that_is_owed_to_no_probe_is_an_event() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.send_chat(&ANSWER);
        peer.ignore_until_end();
    });
    let mut client = ChatClient::connect_with(&server.address, "ada", &patient()).unwrap();
    let event = client.next_event().unwrap();
    assert!(matches!(event, Event::Error { code: ErrorCode::AlreadyConnected, .. }), "{event:?}");
}

#[test]
fn without_an_interval_nothing_is_asked() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in();
        peer.expect_end();
    });
    let config = ClientConfig { probe_interval: None, ..patient() };
    let mut client = ChatClient::connect_with(&server.address, "ada", &config).unwrap();
    assert_eq!(client.next_event_within(INTERVAL).unwrap(), None);
}
