//! Every bound of the HTTP server, at the bound and one past it; and that its peers and the chat's
//! do not affect each other.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cafewire_core::Message;
use socket2::SockRef;

use super::peer::{HttpPeer, get, server};
use crate::support::{TestServer, echo, wait_until};

const NEVER: Duration = Duration::from_secs(3600);

/// The time for a head. It counts from the accept, so it is long enough for a machine that stands
/// still for a few seconds before the test sends its first byte.
const HTTP_TIMEOUT: Duration = Duration::from_secs(5);

fn request_of(len: usize) -> String {
    let frame = "GET /healthz HTTP/1.1\r\nHost: h\r\nPad: \r\n\r\n".len();
    format!("GET /healthz HTTP/1.1\r\nHost: h\r\nPad: {}\r\n\r\n", "x".repeat(len - frame))
}

fn wait_until_no_http_peer(server: &TestServer) {
    server.wait_until("no HTTP peer", |metrics| metrics.http_connections == 0);
}

#[test]
fn a_head_may_have_8_kib() {
    let (_server, address) = server(|_| {});
    let mut peer = HttpPeer::connect(address);
    for _ in 0..2 {
        peer.send(request_of(8192));
        assert_eq!(peer.response().status, 200);
    }
    peer.send(request_of(8193));
    let response = peer.response();
    assert_eq!((response.status, response.closes()), (431, true));
    peer.expect_end();

    // A far larger head is not read into memory, and the refusal still arrives.
    let mut peer = HttpPeer::connect(address);
    peer.send(request_of(200_000));
    assert_eq!(peer.response().status, 431);
    peer.expect_end();
}

#[test]
fn a_slow_head_is_refused_and_a_silent_peer_is_closed() {
    let (server, address) = server(|config| config.limits.http_timeout = HTTP_TIMEOUT);
    let (mut slow, mut silent) = (HttpPeer::connect(address), HttpPeer::connect(address));
    slow.send("GET /healthz HTTP/1.1\r\nHo");
    let mut idle = HttpPeer::connect(address);
    assert_eq!(idle.get("/healthz").status, 200);
    let response = slow.response();
    assert_eq!((response.status, response.closes()), (408, true));
    slow.expect_end();
    silent.expect_end();
    // The time starts again after a response.
    idle.expect_end();
    drop((slow, silent, idle));
    wait_until_no_http_peer(&server);
}

/// Single bytes do not extend the time.
#[test]
fn a_trickle_of_bytes_is_too_slow_as_well() {
    let (_server, address) = server(|config| config.limits.http_timeout = HTTP_TIMEOUT);
    let mut slow = HttpPeer::connect(address);
    slow.socket.set_nonblocking(true).unwrap();
    let request = "GET /healthz HTTP/1.1\r\nPad: ".bytes().chain(std::iter::repeat(b'x'));
    let mut bytes = request.map(|byte| [byte]);
    wait_until(|| {
        let _ = slow.socket.write(&bytes.next().unwrap());
        slow.socket.peek(&mut [0]).is_ok()
    })
    .expect("a head that never ends is refused");
    slow.socket.set_nonblocking(false).unwrap();
    assert_eq!(slow.response().status, 408);
}

#[test]
fn without_a_time_out_a_slow_head_is_served() {
    let (server, address) = server(|config| config.limits.http_timeout = Duration::ZERO);
    let mut slow = HttpPeer::connect(address);
    slow.send("GET /healthz HTTP/1.1\r\nHo");
    server.wait_until("an HTTP peer", |metrics| metrics.http_connections == 1);
    assert_eq!(HttpPeer::connect(address).get("/healthz").status, 200);
    slow.send("st: h\r\n\r\n");
    assert_eq!(slow.response().status, 200);
}

#[test]
fn one_connection_too_many_is_refused_until_another_ends() {
    for limit in [1, 3] {
        let (server, address) = server(|config| config.limits.http_connections = limit);
        let mut peers: Vec<HttpPeer> = (0..limit).map(|_| HttpPeer::connect(address)).collect();
        for peer in &mut peers {
            assert_eq!(peer.get("/healthz").status, 200);
            // The start of a request holds a place.
            peer.send("GET /hea");
        }
        let mut refused = HttpPeer::connect(address);
        let response = refused.response();
        assert_eq!((response.status, response.closes()), (503, true));
        refused.expect_end();
        assert_eq!(server.metrics().http_connections_refused, 1);
        peers[0].send("lthz HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(peers[0].response().status, 200, "a peer that is in stays in");
        peers[0].send("GET /hea");

        peers.pop();
        server.wait_until("a free place", |metrics| metrics.http_connections == (limit - 1) as u64);
        assert_eq!(HttpPeer::connect(address).get("/healthz").status, 200);
    }
}

/// Sockets that ask nothing do not keep a probe of the server's health out: the one that has been
/// idle for the longest time makes room.
#[test]
fn idle_connections_make_room() {
    const LIMIT: usize = 3;
    let (server, address) = server(|config| config.limits.http_connections = LIMIT);
    let mut idle: Vec<HttpPeer> = (0..LIMIT).map(|_| HttpPeer::connect(address)).collect();
    server.wait_until("idle peers", |metrics| metrics.http_connections == LIMIT as u64);
    for closed in 0..LIMIT {
        let mut probe = HttpPeer::connect(address);
        assert_eq!(probe.get("/healthz").status, 200, "probe {closed}");
        idle.remove(0).expect_end();
        idle.push(probe);
    }
    assert_eq!(server.metrics().http_connections_refused, 0);
}

#[test]
fn without_a_bound_many_connections_are_served() {
    let (server, address) = server(|config| config.limits.http_connections = 0);
    let mut peers: Vec<HttpPeer> = (0..200).map(|_| HttpPeer::connect(address)).collect();
    for peer in &mut peers {
        peer.send(get("/readyz"));
    }
    for peer in &mut peers {
        assert_eq!(peer.response().status, 200);
    }
    assert_eq!(server.metrics().http_connections, 200);
    drop(peers);
    wait_until_no_http_peer(&server);
}

/// A peer that requests pages until the server takes no more, without reading one.
fn clogged(address: SocketAddr) -> HttpPeer {
    let mut peer = HttpPeer::connect(address);
    SockRef::from(&peer.socket).set_recv_buffer_size(4 << 10).unwrap();
    peer.socket.set_nonblocking(true).unwrap();
    let requests = get("/metrics").repeat(1000);
    // Once neither side takes more bytes, a response waits to be written.
    while peer.socket.write(requests.as_bytes()).is_ok() {}
    peer.socket.set_nonblocking(false).unwrap();
    peer
}

#[test]
fn a_peer_that_never_reads_is_cut_off_and_harms_no_other() {
    let (server, address) = server(|config| config.limits.http_timeout = HTTP_TIMEOUT);
    let mut chatting = server.peer();
    let peers: Vec<HttpPeer> = (0..4).map(|_| clogged(address)).collect();
    assert_eq!(HttpPeer::connect(address).get("/healthz").status, 200);
    chatting.send_echo(&Message::Ping(b"still"));
    chatting.expect_echo(&Message::Pong(b"still"));
    wait_until_no_http_peer(&server);
    drop(peers);
}

#[test]
fn http_peers_and_chat_peers_do_not_take_each_others_places() {
    let (server, address) = server(|config| {
        config.limits.connections = 1;
        config.limits.http_connections = 1;
    });
    let mut web = HttpPeer::connect(address);
    assert_eq!(web.get("/readyz").status, 200);
    let mut ada = server.member("ada", "tea");
    assert_eq!(web.get("/readyz").status, 200);
    let metrics = server.metrics();
    assert_eq!(
        (metrics.clients_connected, metrics.connections_accepted, metrics.http_connections),
        (1, 1, 1)
    );
    ada.half_close();
    ada.expect_end();
}

/// A flood of HTTP requests does not keep a chat peer's frames from being served.
#[test]
fn a_flood_of_requests_starves_no_peer() {
    let (server, address) = server(|_| {});
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let mut peers: Vec<HttpPeer> =
                        (0..8).map(|_| HttpPeer::connect(address)).collect();
                    peers.iter_mut().for_each(|peer| peer.send(get("/metrics").repeat(10)));
                    for peer in &mut peers {
                        (0..10).for_each(|_| assert_eq!(peer.response().status, 200));
                    }
                }
            });
        }
        server.wait_until("the flood", |metrics| metrics.http_responses > 100);
        let mut chatting = server.peer();
        for _ in 0..200 {
            chatting.send_echo(&Message::Ping(b"x"));
            chatting.expect_echo(&Message::Pong(b"x"));
        }
        stop.store(true, Ordering::Relaxed);
    });
    wait_until_no_http_peer(&server);
}

/// A flood of chat frames does not keep HTTP requests from being answered.
#[test]
fn a_busy_server_answers_http_too() {
    let (server, address) = server(|_| {});
    let mut busy = server.peer();
    let mut web = HttpPeer::connect(address);
    let burst = echo(&Message::Ping(b"x")).repeat(100);
    for _ in 0..50 {
        busy.send(&burst);
        assert_eq!(web.get("/healthz").status, 200);
        (0..100).for_each(|_| busy.expect_echo(&Message::Pong(b"x")));
    }
}

#[test]
fn a_draining_server_is_healthy_but_not_ready() {
    let (mut server, address) = server(|config| {
        config.drain_timeout = NEVER;
        config.limits.close_timeout = NEVER;
    });
    let mut web = HttpPeer::connect(address);
    assert_eq!(web.get("/readyz").status, 200);
    // A peer that stays connected after its Error frame keeps the server from ending.
    let mut stays = server.user("ada");
    server.handle().shut_down();
    stays.expect_error(cafewire_core::ErrorCode::ShuttingDown);
    let ready = web.get("/readyz");
    assert_eq!((ready.status, &*ready.body, ready.closes()), (503, "draining\n", false));
    assert_eq!(web.get("/healthz").status, 200);
    assert!(web.get("/metrics").body.contains("\ncafewire_draining 1\n"));
    assert_eq!(
        HttpPeer::connect(address).get("/readyz").status,
        503,
        "new connections are answered as well"
    );
    drop(stays);
    server.wait_for_end();
}

/// A connection that breaks in any state leaves nothing behind.
#[test]
fn resets_are_survived() {
    let (server, address) = server(|_| {});
    for sent in [
        "",
        "GET /met",
        &get("/metrics"),
        &get("/metrics").repeat(50),
        "POST / HTTP/1.1\r\nHost: h\r\n\r\nxyz",
    ] {
        let mut peer = HttpPeer::connect(address);
        peer.send(sent);
        SockRef::from(&peer.socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
    wait_until_no_http_peer(&server);
    assert_eq!(HttpPeer::connect(address).get("/healthz").status, 200);
}
