//! Echo servers that fall silent: when a waiting client asks for a sign, and when it gives up.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use cafewire_core::Message;
use cafewire_net::{Client, ClientConfig, ClientError};

use crate::scripted::{Peer, ScriptedServer, echo, patient};

const INTERVAL: Duration = Duration::from_millis(50);

fn connect(server: &ScriptedServer) -> Client {
    let config = ClientConfig { probe_interval: Some(INTERVAL), ..patient() };
    Client::connect_with(&server.address, &config).unwrap()
}

/// Reads a probe, and gives its answer.
fn expect_probe(peer: &mut Peer) -> Vec<u8> {
    let mut frame = [0; 13];
    peer.socket.read_exact(&mut frame).unwrap();
    assert_eq!(frame[..5], [0xCA, 0xFE, 0x01, 0x00, 0x08], "a Ping of 8 bytes");
    echo(&Message::Pong(&frame[5..]))
}

#[test]
fn a_silent_server_is_asked_again_and_again_and_the_answers_are_no_messages() {
    let server = ScriptedServer::start(|mut peer| {
        for _ in 0..3 {
            let pong = expect_probe(&mut peer);
            peer.send(&pong);
        }
        peer.send(&echo(&Message::data(b"well")));
        peer.ignore_until_end();
    });
    let mut client = connect(&server);
    let started = Instant::now();
    assert_eq!(client.receive_message().unwrap(), Message::data(b"well"));
    assert!(started.elapsed() >= INTERVAL * 3);
}

#[test]
fn a_server_that_does_not_answer_the_probe_is_given_up() {
    for is_asking in [false, true] {
        let server = ScriptedServer::start(move |mut peer| {
            if is_asking {
                peer.expect(&echo(&Message::echo(b"hi")));
            }
            expect_probe(&mut peer);
            peer.ignore_until_end();
        });
        let mut client = connect(&server);
        let error = if is_asking {
            client.echo(b"hi").unwrap_err()
        } else {
            client.receive_message().unwrap_err()
        };
        let ClientError::Io(error) = error else { panic!("{error}") };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains("did not answer a probe"), "{error}");
    }
}

#[test]
fn a_probe_behind_a_request_is_answered_behind_it() {
    let server = ScriptedServer::start(|mut peer| {
        peer.expect(&echo(&Message::echo(b"hi")));
        let pong = expect_probe(&mut peer);
        peer.send(&echo(&Message::echo(b"hi")));
        peer.expect(&echo(&Message::Ping(b"mine")));
        peer.send(&pong);
        peer.send(&echo(&Message::Pong(b"mine")));
        peer.ignore_until_end();
    });
    let mut client = connect(&server);
    assert_eq!(client.echo(b"hi").unwrap(), b"hi");
    client.ping_with(b"mine").unwrap();
}

#[test]
fn without_an_interval_nothing_is_asked() {
    let server = ScriptedServer::start(|mut peer| peer.expect_end());
    let read_timeout = Some(INTERVAL * 2);
    let config = ClientConfig { probe_interval: None, read_timeout, ..patient() };
    let mut client = Client::connect_with(&server.address, &config).unwrap();
    assert!(matches!(client.receive_message(), Err(ClientError::TimedOut)));
}
