//! The limit on connections: one more gets ServerFull, and there is room again when a connection
//! has ended.

use std::time::Duration;

use cafewire_core::{ErrorCode, Message};
use cafewire_net::{Client, CloseReason, Limits};

use crate::support::{Peer, TestServer, wait_until};

#[test]
fn a_connection_over_the_limit_is_refused() {
    let server = TestServer::with(|config| config.limits.connections = 2);
    let mut ada = server.user("ada");
    let mut bob = server.user("bob");
    for refused in 1..=3 {
        let mut eve = server.peer();
        eve.expect_error(ErrorCode::ServerFull);
        eve.expect_end();
        server.wait_for_closes(CloseReason::ServerFull, refused);
        let metrics = server.metrics();
        assert_eq!((metrics.clients_connected, metrics.connections_refused), (2, refused));
    }
    bob.half_close();
    bob.expect_end();
    server.wait_until("room for one", |metrics| metrics.clients_connected == 1);
    let mut eve = server.user("eve");
    ada.join("tea");
    eve.join("tea");
    server.peer().expect_error(ErrorCode::ServerFull);
}

#[test]
fn a_connection_over_the_limit_of_its_address_is_refused() {
    let server = TestServer::with(|config| config.limits.connections_per_address = 2);
    let _ada = server.user("ada");
    let bob = server.user("bob");
    let mut eve = server.peer();
    eve.expect_error(ErrorCode::ServerFull);
    eve.expect_end();
    server.wait_for_closes(CloseReason::AddressFull, 1);
    assert_eq!(server.metrics().clients_connected, 2);
    bob.reset();
    server.wait_until("room for one", |metrics| metrics.clients_connected == 1);
    server.user("eve");
}

/// A peer refused before its family is known gets a chat Error frame, and its bytes are not parsed.
#[test]
fn the_bytes_of_a_refused_connection_are_dropped() {
    let server = TestServer::with(|config| config.limits.connections = 1);
    let ada = server.user("ada");
    let mut peer = server.peer();
    peer.send_echo(&Message::Ping(b"hello?"));
    peer.expect_error(ErrorCode::ServerFull);
    peer.expect_end();
    drop((ada, peer));
    server.wait_until_empty();
    assert_eq!(server.metrics().messages_processed, 1, "ada's Connect alone");
}

/// A closed peer that does not end holds one of the server's descriptors until the close time-out,
/// so it counts: otherwise one peer could take them all.
#[test]
fn a_closing_connection_counts_until_its_socket_is_dropped() {
    let limits: [fn(&mut Limits) -> &mut usize; 2] =
        [|limits| &mut limits.connections, |limits| &mut limits.connections_per_address];
    for limit in limits {
        let server = TestServer::with(|config| {
            *limit(&mut config.limits) = 2;
            config.limits.close_timeout = Duration::from_secs(3600);
        });
        let mut closing: Vec<Peer> = (0..2).map(|_| server.peer()).collect();
        for peer in &mut closing {
            peer.send(b"GET");
            peer.expect_error(ErrorCode::UnsupportedVersion);
            peer.expect_end();
        }
        server.wait_for_closes(CloseReason::UnsupportedVersion, 2);
        assert_eq!(server.metrics().clients_connected, 0, "closing connections are not open");
        server.peer().expect_error(ErrorCode::ServerFull);
        closing.pop();
        let is_served = || {
            Client::connect(&server.address().into()).and_then(|mut client| client.ping()).is_ok()
        };
        wait_until(is_served).expect("room for one when one has gone");
    }
}

/// Refused connections that stay open are bounded themselves: beyond 256 of them, further ones are
/// closed without an Error frame.
#[test]
fn open_refused_connections_are_bounded() {
    const REFUSALS_MAX: u64 = 256;
    let server = TestServer::with(|config| {
        config.limits.connections = 1;
        config.limits.close_timeout = Duration::from_secs(3600);
    });
    let mut ada = server.user("ada");
    let refused: Vec<Peer> = (0..REFUSALS_MAX)
        .map(|_| {
            let mut peer = server.peer();
            peer.expect_error(ErrorCode::ServerFull);
            peer
        })
        .collect();
    server.peer().expect_end();
    let metrics = server.metrics();
    assert_eq!(
        (metrics.connections_refused, metrics.closes(CloseReason::ServerFull)),
        (REFUSALS_MAX + 1, REFUSALS_MAX + 1)
    );
    ada.join("tea");
    drop(refused);
    ada.half_close();
    ada.expect_end();
    server.wait_until_empty();
    server.user("bob");
}
