//! A server that goes down as a lame duck: not ready any more, and it serves; then its peers are
//! told one after another.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cafewire_core::Message;

use super::peer::{HttpPeer, server};
use crate::support::wait_until;

const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn a_lame_duck_is_not_ready_accepts_and_ends_at_once_if_asked_again() {
    let (mut server, http) = server(|config| config.lame_duck = NEVER);
    let mut ada = server.member("ada", "tea");
    server.handle().shut_down();
    let mut web = HttpPeer::connect(http);
    wait_until(|| web.get("/readyz").status == 503).expect("it is not ready any more");
    assert_eq!((web.get("/readyz").body, web.get("/healthz").status), ("draining\n".into(), 200));
    // A new one is served like those of before.
    let _bob = server.member("bob", "tea");
    ada.next_chat();
    assert_eq!(server.metrics().users, 2);
    // A reload would make a service manager believe that it is ready again.
    server.handle().reload();
    wait_until(|| !server.has_ended() && web.get("/readyz").status == 503).expect("still a duck");
    server.handle().shut_down();
    server.wait_for_end();
}

/// Of two peers the one is told at once, the other after a quarter of the time for draining.
#[test]
fn after_it_peers_are_told_one_after_another() {
    let (mut server, _) = server(|config| {
        config.lame_duck = Duration::from_millis(1);
        config.drain_timeout = Duration::from_secs(600);
    });
    let mut peers = [server.peer(), server.peer()];
    for peer in &mut peers {
        peer.send_echo(&Message::Ping(b"here"));
        peer.expect_echo(&Message::Pong(b"here"));
    }
    server.handle().shut_down();
    let [first, second] = &mut peers;
    first.expect_echo_error();
    second.send_echo(&Message::Ping(b"still"));
    second.expect_echo(&Message::Pong(b"still"));
    let refused = TcpStream::connect(server.address()).expect_err("no more are accepted");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    server.handle().shut_down();
    server.wait_for_end();
}

/// A `drain_timeout` of 0 has no half over which closes could be spread: they come at once after
/// the lame duck's time.
#[test]
fn without_a_bound_on_draining_all_are_told_at_once() {
    let (mut server, _) = server(|config| {
        config.lame_duck = Duration::from_millis(1);
        config.drain_timeout = Duration::ZERO;
    });
    let mut peers: Vec<_> = (0..3).map(|_| server.peer()).collect();
    for peer in &mut peers {
        peer.send_echo(&Message::Ping(b"here"));
        peer.expect_echo(&Message::Pong(b"here"));
    }
    let asked = Instant::now();
    server.handle().shut_down();
    for peer in &mut peers {
        peer.expect_echo_error();
    }
    // Spread over a minute, the last would be told after 40 s.
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    drop(peers);
    server.wait_for_end();
}
