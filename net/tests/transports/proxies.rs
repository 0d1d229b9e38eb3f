//! The PROXY protocol in front of connections: the address that a proxy tells is the peer's, from
//! trusted networks only, in any pieces, before TLS, on Unix-domain sockets.

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use cafewire_core::{ErrorCode, Message};
use cafewire_net::{
    Address, CloseReason, ListenAddress, MetricsSnapshot, PeerAddress, Server, ServerConfig,
};
use rustls::version::TLS13;

use super::certificates::Authority;
use super::tls_peer::TlsPeer;
use crate::support::{PATIENCE, Peer, TestServer, echo};

const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2_SIGNATURE, &[command, family], &len, rest].concat()
}

/// A header of version 1 for this client.
fn v1_of(client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    let (family, server) = if client.is_ipv4() { (4, "198.51.100.7") } else { (6, "2001:db8::7") };
    format!("PROXY TCP{family} {} {server} {} 8080\r\n", client.ip(), client.port()).into_bytes()
}

fn ipv4_ends() -> [u8; 12] {
    [192, 0, 2, 1, 198, 51, 100, 7, 0x12, 0x67, 0x1F, 0x90]
}

fn ipv6_ends() -> Vec<u8> {
    let [source, destination]: [Ipv6Addr; 2] =
        ["2001:db8::1", "2001:db8::7"].map(|ip| ip.parse().unwrap());
    [&source.octets()[..], &destination.octets(), &[0x12, 0x67, 0x1F, 0x90]].concat()
}

/// Headers, and the address that each tells; `None` if it tells none.
fn headers() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let (ipv4, ipv6) = (Some("192.0.2.1:4711"), Some("[2001:db8::1]:4711"));
    let with_more = [&ipv4_ends()[..], &[0x04, 0, 200], &[0; 200]].concat();
    vec![
        (v1_of("192.0.2.1:4711"), ipv4),
        (v1_of("[2001:db8::1]:4711"), ipv6),
        (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 4711 8080\r\n".to_vec(), ipv4),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (v2(0x21, 0x11, &ipv4_ends()), ipv4),
        (v2(0x21, 0x11, &with_more), ipv4),
        (v2(0x21, 0x21, &ipv6_ends()), ipv6),
        (v2(0x21, 0x00, &[]), None),
        (v2(0x21, 0x31, &[b'/'; 216]), None),
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, &ipv4_ends()), None),
    ]
}

/// A server at this address for proxies from 127.0.0.1, which tells who sends Data.
fn server_at(
    listen: &str,
    change: impl FnOnce(&mut ServerConfig),
) -> (TestServer, Receiver<PeerAddress>) {
    let (sender, senders) = channel();
    let configure = |config: &mut ServerConfig| {
        // The first is that of the test's own peers.
        config.listen = vec![listen.parse().unwrap()];
        config.proxy_from = vec!["127.0.0.1".parse().unwrap()];
        change(config);
    };
    let prepare = |server: &mut Server| {
        server.set_data_handler(Box::new(move |peer, _| {
            let _ = sender.send(peer);
        }));
    };
    (TestServer::with_prepared(configure, prepare), senders)
}

fn server() -> (TestServer, Receiver<PeerAddress>) {
    server_at("tcp+proxy://127.0.0.1:0", |_| {})
}

/// What a client says behind the header: its Data is told with its address, its Ping is answered.
fn data_and_ping() -> Vec<u8> {
    [echo(&Message::Data(b"who am I?")), echo(&Message::Ping(b"there?"))].concat()
}

fn expected(told: Option<&str>, own: SocketAddr) -> PeerAddress {
    told.map_or(own, |told| told.parse().unwrap()).into()
}

#[test]
fn the_address_that_a_proxy_tells_is_the_peers() {
    let (server, senders) = server();
    for (header, told) in headers() {
        let mut peer = server.peer();
        peer.send(&[header, data_and_ping()].concat());
        peer.expect_echo(&Message::Pong(b"there?"));
        let own = peer.socket.local_addr().unwrap();
        assert_eq!(senders.recv_timeout(PATIENCE), Ok(expected(told, own)));
    }
}

#[test]
fn a_header_may_come_in_any_pieces() {
    let (server, senders) = server();
    for (header, told) in headers() {
        let mut peer = server.peer();
        let own = peer.socket.local_addr().unwrap();
        let ticks = |metrics: &MetricsSnapshot| metrics.ticks;
        server.wait_until("the accept", |metrics| metrics.clients_connected == 1);
        for byte in header.chunks(1) {
            let before = ticks(&server.metrics());
            peer.send(byte);
            server.wait_until("a tick for this byte", |metrics| ticks(metrics) > before);
        }
        peer.send(&data_and_ping());
        peer.expect_echo(&Message::Pong(b"there?"));
        assert_eq!(senders.recv_timeout(PATIENCE), Ok(expected(told, own)));
        drop(peer);
        server.wait_until_empty();
    }
    let headers: usize =
        headers().iter().map(|(header, _)| header.len() + data_and_ping().len()).sum();
    assert_eq!(server.metrics().bytes_received, headers as u64);
}

#[test]
fn only_trusted_networks_are_believed() {
    let (server, senders) = server();
    server.change(|config| config.proxy_from = vec!["192.0.2.0/24".parse().unwrap()]);
    let mut stranger = TcpStream::connect(server.address()).unwrap();
    let _ = stranger.write_all(&[v1_of("192.0.2.1:4711"), data_and_ping()].concat());
    stranger.set_read_timeout(Some(PATIENCE)).unwrap();
    // An end, or a reset because of what was not read.
    assert_eq!(stranger.read(&mut [0]).unwrap_or(0), 0, "it was answered");
    server.wait_for_closes(CloseReason::UntrustedProxy, 1);
    assert!(senders.try_recv().is_err());
    server.change(|config| config.proxy_from.push("127.0.0.0/8".parse().unwrap()));
    let mut peer = server.peer();
    peer.send(&[v1_of("192.0.2.1:4711"), data_and_ping()].concat());
    peer.expect_echo(&Message::Pong(b"there?"));
    let metrics = server.metrics();
    assert_eq!((metrics.connections_accepted, metrics.clients_connected), (2, 1));
}

#[test]
fn without_networks_no_proxy_is_expected() {
    let mut config = ServerConfig::default();
    config.listen = vec!["tcp+proxy://127.0.0.1:0".parse().unwrap()];
    let refused = Server::bind(config.clone()).unwrap_err().to_string();
    assert!(refused.contains("proxy_from names no network"), "{refused}");
    // Nor does a reload take them away.
    let (server, _) = server();
    server.change(|config| config.proxy_from.clear());
    let mut peer = server.peer();
    peer.send(&[v1_of("192.0.2.1:4711"), data_and_ping()].concat());
    peer.expect_echo(&Message::Pong(b"there?"));
}

#[test]
fn what_is_no_header_closes_the_connection_without_a_word() {
    let (server, _) = server();
    let mut closes = 0;
    for (bytes, ends) in [
        (echo(&Message::Ping(b"no header")), false),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), false),
        (b"PROXY TCP4 192.0.2.1 198.51.100.7 4711 99999\r\n".to_vec(), false),
        // More than is taken of version 2, said by its first bytes.
        (v2(0x21, 0x00, &[0; 521])[..16].to_vec(), false),
        ([V2_SIGNATURE, &[0x21, 0x11, 0xFF, 0xFF]].concat(), false),
        // Cut off.
        (v1_of("192.0.2.1:4711")[..20].to_vec(), true),
    ] {
        let mut peer = TcpStream::connect(server.address()).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        peer.write_all(&bytes).unwrap();
        if ends {
            peer.shutdown(std::net::Shutdown::Write).unwrap();
        }
        assert_eq!(peer.read(&mut [0]).unwrap_or(0), 0, "{}", bytes.escape_ascii());
        closes += 1;
        server.wait_for_closes(CloseReason::BadProxyHeader, closes);
    }
    // The longest that is taken.
    let mut peer = server.peer();
    peer.send(&[v2(0x21, 0x00, &[0; 520]), data_and_ping()].concat());
    peer.expect_echo(&Message::Pong(b"there?"));
    // A proxy that looks whether the server is there.
    let mut probe = server.peer();
    probe.half_close();
    probe.expect_end();
    server.wait_for_closes(CloseReason::EndOfInput, 1);
}

#[test]
fn a_header_that_does_not_come_is_awaited_as_long_as_a_sign_in() {
    let (server, _) = server();
    let mut peer = server.peer();
    peer.send(&v1_of("192.0.2.1:4711")[..20]);
    server.change_limits(|limits| limits.sign_in_timeout = Duration::from_millis(1));
    peer.expect_error(ErrorCode::IdleTimeout);
    peer.expect_end();
    server.wait_for_closes(CloseReason::SignInTimeout, 1);
}

#[test]
fn limits_per_address_count_the_clients_and_not_the_proxy() {
    let (server, _) =
        server_at("tcp+proxy://127.0.0.1:0", |config| config.limits.connections_per_address = 2);
    let from = |client: &str| {
        let mut peer = server.peer();
        peer.send(&v1_of(client));
        peer
    };
    let is_served = |peer: &mut Peer| {
        peer.send(&data_and_ping());
        peer.expect_echo(&Message::Pong(b"there?"));
    };
    let mut served = Vec::new();
    for client in
        ["192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1", "[2001:db8::1]:1", "[2001:db8::2]:1"]
    {
        let mut peer = from(client);
        is_served(&mut peer);
        served.push(peer);
    }
    for client in ["192.0.2.1:3", "[::ffff:192.0.2.1]:3", "[2001:db8::3]:1"] {
        let mut peer = from(client);
        peer.expect_error(ErrorCode::ServerFull);
        peer.expect_end();
    }
    server.wait_for_closes(CloseReason::AddressFull, 3);
    assert_eq!(server.metrics().connections_refused, 3);
    drop(served.remove(0));
    server.wait_until("room for one", |metrics| metrics.clients_connected == 4);
    is_served(&mut from("192.0.2.1:4"));
}

/// More are refused at a time than can be told so.
#[test]
fn clients_over_their_limit_are_closed_without_a_word_beyond_the_refusals() {
    let (server, _) = server_at("tcp+proxy://127.0.0.1:0", |config| {
        (config.limits.connections_per_address, config.limits.refusals) = (1, 1);
        config.limits.close_timeout = Duration::from_secs(3600);
    });
    let mut peers: Vec<Peer> = (0..3).map(|_| server.peer()).collect();
    for (peer, told) in peers.iter_mut().zip([None, Some(true), Some(false)]) {
        peer.send(&v1_of("192.0.2.1:1"));
        match told {
            None => {
                peer.send(&data_and_ping());
                peer.expect_echo(&Message::Pong(b"there?"));
            }
            Some(true) => drop(peer.expect_error(ErrorCode::ServerFull)),
            Some(false) => peer.expect_end(),
        }
    }
    server.wait_for_closes(CloseReason::AddressFull, 2);
}

#[test]
fn the_header_comes_before_tls() {
    let authority = Authority::new();
    let (server, senders) = server_at("tls+proxy://127.0.0.1:0", |config| {
        config.tls = Some(authority.server_tls());
    });
    for (header, told) in headers() {
        let mut socket = TcpStream::connect(server.address()).unwrap();
        let own = socket.local_addr().unwrap();
        socket.write_all(&header).unwrap();
        let mut peer = TlsPeer::over(socket, &authority, &TLS13);
        peer.send(&data_and_ping());
        peer.expect(&echo(&Message::Pong(b"there?")));
        assert_eq!(senders.recv_timeout(PATIENCE), Ok(expected(told, own)));
    }
    // TLS without a header.
    let mut socket = TcpStream::connect(server.address()).unwrap();
    socket.write_all(&[0x16, 0x03, 0x01]).unwrap();
    server.wait_for_closes(CloseReason::BadProxyHeader, 1);
}

/// A peer that waits for its turn to shake hands does not hold up a stop.
#[test]
fn a_stop_does_not_wait_for_headers_before_tls() {
    let authority = Authority::new();
    let (mut server, _) = server_at("tls+proxy://127.0.0.1:0", |config| {
        config.tls = Some(authority.server_tls());
        config.drain_timeout = Duration::from_secs(3600);
    });
    let _silent = TcpStream::connect(server.address()).unwrap();
    server.wait_until("the accept", |metrics| metrics.clients_connected == 1);
    server.handle().shut_down();
    server.wait_for_end();
}

#[test]
fn a_unix_socket_trusts_all_that_its_file_lets_connect() {
    let path = std::env::temp_dir().join(format!("cafewire-{}-proxy.sock", std::process::id()));
    let (server, senders) = server_at("tcp+proxy://127.0.0.1:0", |config| {
        let mut listen = ListenAddress::from(Address::Unix { path: path.clone() });
        listen.expects_proxy = true;
        config.listen.push(listen);
        config.limits.connections_per_address = 1;
    });
    for (header, told) in headers() {
        let mut peer = UnixStream::connect(&path).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        // In two pieces, of which the first ends within the header.
        peer.write_all(&header[..9]).unwrap();
        peer.write_all(&[&header[9..], &data_and_ping()].concat()).unwrap();
        let pong = echo(&Message::Pong(b"there?"));
        let mut answer = vec![0; pong.len()];
        peer.read_exact(&mut answer).unwrap();
        assert_eq!(answer, pong);
        let told = told.map_or(PeerAddress::Local, |told| {
            PeerAddress::from(told.parse::<SocketAddr>().unwrap())
        });
        assert_eq!(senders.recv_timeout(PATIENCE), Ok(told));
        drop(peer);
        server.wait_until_empty();
    }
    drop(server);
    assert!(!path.exists());
}
