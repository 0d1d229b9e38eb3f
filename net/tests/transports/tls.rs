//! TLS without faults: both families, both versions of TLS, large transfers, half-close, a clean
//! end.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use cafewire_core::{ErrorCode, MAX_PAYLOAD_SIZE, Message, MessagePayload};
use cafewire_net::client::Event;
use cafewire_net::pool::PoolConfig;
use cafewire_net::{
    Address, ChatClient, Client, ClientConfig, CloseReason, ConnectionPool, LimitReached,
};
use rustls::version::{TLS12, TLS13};

use super::certificates::Authority;
use super::tls_peer::TlsPeer;
use crate::support::{TestServer, chat, echo, publish};

pub(super) fn server(authority: &Authority) -> TestServer {
    TestServer::with(|config| {
        config.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
        config.tls = Some(authority.server_tls());
    })
}

pub(super) fn address(server: &TestServer) -> Address {
    Address::Tls { host: "localhost".to_owned(), port: server.address().port() }
}

#[test]
fn both_clients_work_over_tls() {
    let authority = Authority::new();
    let server = server(&authority);
    let config = authority.client_config();
    let mut echoing = Client::connect_with(&address(&server), &config).unwrap();
    let largest = vec![0xA5; MAX_PAYLOAD_SIZE];
    assert_eq!(echoing.echo(&largest).unwrap(), largest);
    echoing.ping().unwrap();

    let mut ada = ChatClient::connect_with(&address(&server), "ada", &config).unwrap();
    let mut bob = ChatClient::connect_with(&address(&server), "bob", &config).unwrap();
    ada.join("tea").unwrap();
    bob.join("tea").unwrap();
    // One thread writes while another reads, on one TLS session.
    const MESSAGES: usize = 2000;
    let sender = ada.sender().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            (0..MESSAGES).for_each(|number| sender.send("tea", &number.to_string()).unwrap());
        });
        for client in [&mut ada, &mut bob] {
            let mut said = Vec::new();
            while said.len() < MESSAGES {
                if let Event::Message { content, .. } = client.next_event().unwrap() {
                    said.push(content);
                }
            }
            assert!(
                said.iter().enumerate().all(|(number, content)| *content == number.to_string())
            );
        }
    });
    bob.disconnect().unwrap();
    drop((ada, echoing));
    server.wait_until_empty();
    assert_eq!(server.metrics().closes(CloseReason::TlsFailed), 0);
}

/// Many records lie in the socket, no read ends between two of them, and at times two whole ones
/// are read at once: more than a session holds opened.
#[test]
fn a_client_that_reads_late_gets_everything() {
    const FRAMES: usize = 100;
    let authority = Authority::new();
    let config = authority.server_tls().load().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address =
        Address::Tls { host: "localhost".to_owned(), port: listener.local_addr().unwrap().port() };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let session = rustls::ServerConnection::new(config).unwrap();
            let mut stream = rustls::StreamOwned::new(session, listener.accept().unwrap().0);
            let frames = echo(&Message::Data(&[7; 60_000])).repeat(FRAMES);
            for record in frames.chunks(9000) {
                stream.write_all(record).and_then(|()| stream.flush()).unwrap();
            }
        });
        let mut client = Client::connect_with(&address, &authority.client_config()).unwrap();
        for _ in 0..FRAMES {
            assert_eq!(client.receive_message().unwrap(), Message::Data(&[7; 60_000]));
        }
    });
}

#[test]
fn pooled_connections_are_reused_though_session_tickets_lie_unread() {
    let authority = Authority::new();
    let server = server(&authority);
    let config = PoolConfig { client: authority.client_config(), ..PoolConfig::default() };
    let pool = ConnectionPool::new(address(&server), config);
    for _ in 0..5 {
        assert_eq!(pool.get_connection().unwrap().echo(b"hello").unwrap(), b"hello");
    }
    assert_eq!(server.metrics().connections_accepted, 1);
}

#[test]
fn both_versions_of_tls_and_every_record_size() {
    let authority = Authority::new();
    let server = server(&authority);
    for version in [&TLS12, &TLS13] {
        let mut peer = TlsPeer::connect(&authority, server.address(), version);
        for size in [0, 1, 1000, 16 << 10, (16 << 10) + 1, MAX_PAYLOAD_SIZE] {
            let frame = echo(&Message::Echo(&vec![b'x'; size]));
            peer.send(&frame);
            peer.expect(&frame);
        }
        // Byte by byte, each in a record of its own and so in a decrypted read of its own.
        let frame = echo(&Message::Echo(b"byte by byte"));
        frame.chunks(1).for_each(|byte| peer.send(byte));
        peer.expect(&frame);
    }
}

/// The bytes decrypted at once are more than one tick reads and hold more frames than one tick
/// does; no later byte wakes the server for the rest.
#[test]
fn decrypted_bytes_that_were_not_read_count_as_ready() {
    let authority = Authority::new();
    let server = server(&authority);
    let mut peer = TlsPeer::connect(&authority, server.address(), &TLS13);
    let frames: Vec<u8> = (0..4000_u32)
        .flat_map(|number| echo(&Message::Echo(&number.to_be_bytes().repeat(20))))
        .collect();
    peer.send(&frames);
    peer.expect(&frames);
}

/// A server that reads few bytes of a connection at a time, and stands still in the handler of a
/// Data frame until it is released.
fn small_reads_while_released(
    authority: &Authority,
    read_bytes_per_tick: usize,
) -> (TestServer, mpsc::Sender<()>) {
    let (release, held) = mpsc::channel::<()>();
    let server = TestServer::with_prepared(
        |config| {
            config.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
            config.tls = Some(authority.server_tls());
            config.limits.read_bytes_per_tick = read_bytes_per_tick;
        },
        |server| server.set_data_handler(Box::new(move |_, _| held.recv().unwrap())),
    );
    (server, release)
}

fn stand_still(server: &TestServer, peer: &mut TlsPeer) {
    peer.send(&echo(&Message::Data(b"stand still")));
    server.wait_until("a server that stands still", |metrics| metrics.data_messages == 1);
}

/// The sealed bytes that the server reads and decrypts count: with one byte in a record, more than
/// twenty times the bytes in it.
#[test]
fn sealed_bytes_count_as_bytes_read_in_a_tick() {
    const READ_BYTES_PER_TICK: usize = 1 << 10;
    /// The most that a session reads at a time, by which a read may exceed its limit.
    const PIECE_BYTES_MAX: usize = 4 << 10;
    let authority = Authority::new();
    let (server, release) = small_reads_while_released(&authority, READ_BYTES_PER_TICK);
    let mut peer = TlsPeer::connect(&authority, server.address(), &TLS13);
    stand_still(&server, &mut peer);
    let frame = echo(&Message::Echo(&[7; 1800]));
    let sealed_bytes = peer.send_in_single_bytes(&frame);
    let limited_reads =
        |server: &TestServer| server.metrics().limits_reached(LimitReached::ReadBytesPerTick);
    let before = limited_reads(&server);
    release.send(()).unwrap();
    peer.expect(&frame);
    let reads = usize::try_from(limited_reads(&server) - before).unwrap();
    assert!(
        reads >= sealed_bytes / (READ_BYTES_PER_TICK + PIECE_BYTES_MAX),
        "{reads} reads of {sealed_bytes} bytes"
    );
}

/// Reads that end within a record return no byte, and the read is repeated without readiness, since
/// no later byte may announce the rest.
#[test]
fn a_record_larger_than_a_read_is_read_to_its_end() {
    let authority = Authority::new();
    let (server, release) = small_reads_while_released(&authority, 1 << 10);
    let mut peer = TlsPeer::connect(&authority, server.address(), &TLS13);
    stand_still(&server, &mut peer);
    let frame = echo(&Message::Echo(&[7; 16_000]));
    peer.send(&frame);
    release.send(()).unwrap();
    peer.expect(&frame);
}

#[test]
fn a_peer_that_reads_late_gets_everything_in_order() {
    let authority = Authority::new();
    let server = server(&authority);
    let mut peer = TlsPeer::connect(&authority, server.address(), &TLS13);
    let frames: Vec<Vec<u8>> =
        (0..200_u8).map(|number| echo(&Message::Echo(&[number; 60_000]))).collect();
    let mut socket = peer.stream.sock.try_clone().unwrap();
    let sealed: Vec<Vec<u8>> = frames
        .iter()
        .map(|frame| {
            peer.stream.conn.writer().write_all(frame).unwrap();
            let mut sealed = Vec::new();
            while peer.stream.conn.wants_write() {
                peer.stream.conn.write_tls(&mut sealed).unwrap();
            }
            sealed
        })
        .collect();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            sealed
                .iter()
                .for_each(|sealed| std::io::Write::write_all(&mut socket, sealed).unwrap());
        });
        // Nothing is read until the server has stopped reading because its answers are not read.
        server.wait_until("the server to stop reading", |metrics| metrics.buffer_bytes > 64 << 10);
        frames.iter().for_each(|frame| peer.expect(frame));
    });
}

#[test]
fn a_peer_that_ends_its_side_gets_what_is_queued_and_a_clean_end() {
    let authority = Authority::new();
    let server = server(&authority);
    for version in [&TLS12, &TLS13] {
        let mut peer = TlsPeer::connect(&authority, server.address(), version);
        let frames = echo(&Message::Echo(&[7; 50_000])).repeat(20);
        peer.send(&frames);
        peer.shut_down_sending();
        peer.expect(&frames);
        peer.expect_clean_end();
    }
    server.wait_for_closes(CloseReason::EndOfInput, 2);
}

/// close_notify comes with the last bytes and the socket stays open, so that no readiness announces
/// the end.
#[test]
fn an_end_that_comes_with_the_last_bytes_is_seen() {
    let authority = Authority::new();
    let server = server(&authority);
    let mut peer = TlsPeer::connect(&authority, server.address(), &TLS13);
    let frame = echo(&Message::Echo(b"the last words"));
    peer.send_sealed_with_end(&frame);
    peer.expect(&frame);
    peer.expect_clean_end();
    server.wait_for_closes(CloseReason::EndOfInput, 1);
}

#[test]
fn the_error_frame_and_the_end_arrive_when_the_server_closes() {
    let authority = Authority::new();
    let mut server = server(&authority);
    let mut peer = TlsPeer::connect(&authority, server.address(), &TLS13);
    peer.send(&chat(&MessagePayload::Connect { username: "ada" }));
    peer.send(&chat(&MessagePayload::JoinRoom { room: "tea" }));
    peer.send(&publish("tea", "hello"));
    server.wait_until("the message", |metrics| metrics.broadcasts == 1);
    server.handle().shut_down();
    let mut client = Vec::new();
    std::io::Read::read_to_end(&mut peer.stream, &mut client).expect("an end with close_notify");
    let told = chat(&MessagePayload::Error {
        code: ErrorCode::ShuttingDown,
        message: "the server is shutting down",
    });
    assert!(client.ends_with(&told));
    drop(peer);
    server.wait_for_end();
}

#[test]
fn many_handshakes_at_once() {
    let authority = Authority::new();
    let server = server(&authority);
    let (address, config) = (address(&server), authority.client_config());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut clients: Vec<Client> =
                    (0..8).map(|_| Client::connect_with(&address, &config).unwrap()).collect();
                clients
                    .iter_mut()
                    .for_each(|client| assert_eq!(client.echo(b"hello").unwrap(), b"hello"));
            });
        }
    });
    assert_eq!(server.metrics().connections_accepted, 64);
}

#[test]
fn mutual_tls_needs_a_certificate_of_the_right_authority() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let server = TestServer::with(|config| {
        config.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
        let mut tls = authority.server_tls();
        tls.client_ca = Some(authority.certificate.clone());
        config.tls = Some(tls);
    });
    let known = |identity| {
        let mut config: ClientConfig = authority.client_config();
        config.tls.identity = identity;
        Client::connect_with(&address(&server), &config).and_then(|mut client| client.ping())
    };
    known(Some(authority.sign("client", &["ada"]))).unwrap();
    for identity in [None, Some(strangers.sign("client", &["ada"]))] {
        // With TLS 1.3 the client learns of the refusal with the first answer, not in the
        // handshake.
        known(identity).unwrap_err();
    }
    server.wait_for_closes(CloseReason::TlsFailed, 2);
}

/// A handshake needs two of the server's reads, at least.
#[test]
fn a_tick_does_no_more_handshakes_than_its_limit() {
    const CLIENTS: u64 = 6;
    let authority = Authority::new();
    for limit in [1, 2, 3, 0] {
        let mut clients = Vec::new();
        let server = TestServer::with_prepared(
            |config| {
                config.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
                config.tls = Some(authority.server_tls());
                config.limits.handshakes_per_tick = limit;
            },
            |server| {
                // The clients connect and wait before the loop's first tick.
                let port = server.local_addresses()[0].resolve().unwrap()[0].port();
                for _ in 0..CLIENTS {
                    let address = Address::Tls { host: "localhost".to_owned(), port };
                    let config = authority.client_config();
                    clients.push(std::thread::spawn(move || {
                        Client::connect_with(&address, &config).unwrap().ping()
                    }));
                }
            },
        );
        for client in clients {
            client.join().unwrap().unwrap();
        }
        let ticks = server.metrics().ticks;
        let least = if limit == 0 { 1 } else { (2 * CLIENTS).div_ceil(limit as u64) };
        assert!(ticks >= least, "{ticks} ticks of at most {limit} handshakes");
    }
}

/// The first bytes of handshakes wait before the loop's first tick, so that only the limit puts any
/// of them off.
#[test]
fn a_handshake_that_was_put_off_is_counted() {
    const CLIENTS: usize = 8;
    for limit in [1, CLIENTS - 1, CLIENTS, 0] {
        let authority = Authority::new();
        let mut clients = Vec::new();
        let server = TestServer::with_prepared(
            |config| {
                config.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
                config.tls = Some(authority.server_tls());
                config.limits.handshakes_per_tick = limit;
            },
            |server| {
                let address = server.local_addresses()[0].resolve().unwrap()[0];
                for _ in 0..CLIENTS {
                    let mut client = TcpStream::connect(address).unwrap();
                    client.write_all(&[0x16]).unwrap(); // a handshake record's first byte
                    clients.push(client);
                }
            },
        );
        server.wait_until("all here", |metrics| metrics.clients_connected == CLIENTS as u64);
        drop(clients);
        let metrics = server.wait_until("all gone", |metrics| metrics.clients_connected == 0);
        let put_off = metrics.limits_reached(LimitReached::HandshakesPerTick);
        assert_eq!(put_off > 0, limit > 0 && limit < CLIENTS, "{put_off} put off, {limit} a tick");
    }
}
