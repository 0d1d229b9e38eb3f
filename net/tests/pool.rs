//! The connection pool against a server that counts its connections: the limit, the waiting, and
//! which connections are lent out again.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod scripted;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cafewire_core::{Message, echo};
use cafewire_net::PeerAddress;
use cafewire_net::client::{ClientConfig, ClientError};
use cafewire_net::pool::{ConnectionPool, PoolConfig, PoolError};

use scripted::{ScriptedServer, patient, unanswered};

fn config() -> PoolConfig {
    PoolConfig { client: patient(), wait_timeout: Duration::from_secs(20), ..PoolConfig::default() }
}

/// A server that answers Ping and Echo on any number of connections. Data is a command: `speak`
/// makes it send an unrequested Data frame, `close` makes it close the connection.
struct EchoServer {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    /// Sent after each command is done.
    done: mpsc::Receiver<()>,
    stopping: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl EchoServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, done) = mpsc::channel();
        let accepted = Arc::new(AtomicUsize::new(0));
        let stopping = Arc::new(AtomicBool::new(false));
        let (count, stop) = (Arc::clone(&accepted), Arc::clone(&stopping));
        let acceptor = std::thread::spawn(move || {
            for socket in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                let tell = tell.clone();
                std::thread::spawn(move || answer(socket.unwrap(), &tell));
            }
        });
        Self { address, accepted, done, stopping, acceptor: Some(acceptor) }
    }

    fn pool(&self, config: PoolConfig) -> ConnectionPool {
        ConnectionPool::new(self.address.into(), config)
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).unwrap();
        self.acceptor.take().unwrap().join().unwrap();
    }
}

fn answer(mut socket: TcpStream, done: &mpsc::Sender<()>) {
    let mut header = [0; 5];
    while socket.read_exact(&mut header).is_ok() {
        let mut payload = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        socket.read_exact(&mut payload).unwrap();
        match echo::MessageType::from_wire(header[2]).unwrap() {
            echo::MessageType::Ping => {
                socket.write_all(&scripted::echo(&Message::Pong(&payload))).unwrap();
            }
            echo::MessageType::Echo => {
                socket.write_all(&scripted::echo(&Message::echo(&payload))).unwrap();
            }
            _ => {
                match &payload[..] {
                    b"speak" => {
                        socket.write_all(&scripted::echo(&Message::data(b"by the way"))).unwrap();
                    }
                    _ => socket.shutdown(Shutdown::Both).unwrap(),
                }
                // The test may have ended, and then the receiver is gone.
                let _ = done.send(());
            }
        }
    }
}

#[test]
fn a_connection_returned_is_lent_again() {
    let server = EchoServer::start();
    let pool = server.pool(config());
    assert_eq!((pool.in_use(), pool.idle()), (0, 0), "no connection is made before it is needed");
    let mut first = pool.get_connection().unwrap();
    assert_eq!((pool.in_use(), pool.idle()), (1, 0));
    assert_eq!(first.echo(b"hello").unwrap(), b"hello");
    let local_address = first.local_address().unwrap();
    pool.return_connection(first);
    assert_eq!((pool.in_use(), pool.idle()), (0, 1));
    {
        let mut again = pool.get_connection().unwrap();
        assert_eq!(again.local_address().unwrap(), local_address);
        again.ping().unwrap();
    }
    assert_eq!((pool.in_use(), pool.idle()), (0, 1), "going out of scope returns it too");
    assert_eq!(server.accepted(), 1);
}

#[test]
fn at_the_limit_a_caller_waits_and_gets_an_error() {
    let server = EchoServer::start();
    let no_wait =
        PoolConfig { max_connections: 2, wait_timeout: Duration::from_millis(20), ..config() };
    let pool = server.pool(no_wait);
    let first = pool.get_connection().unwrap();
    let _second = pool.get_connection().unwrap();
    let error = pool.get_connection().unwrap_err();
    assert!(matches!(error, PoolError::Exhausted { max_connections: 2, .. }));
    assert_eq!(
        error.to_string(),
        "all 2 connections of the pool stayed in use for 20ms: return them sooner, or allow more"
    );
    assert_eq!((pool.in_use(), pool.idle()), (2, 0));
    drop(first);
    pool.get_connection().unwrap().ping().unwrap();
}

#[test]
fn waiting_callers_are_served_when_a_connection_is_returned() {
    let server = EchoServer::start();
    let pool = server.pool(PoolConfig { max_connections: 1, ..config() });
    let held = pool.get_connection().unwrap();
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (pool, tell) = (&pool, tell.clone());
            scope.spawn(move || {
                tell.send(()).unwrap();
                pool.get_connection().unwrap().ping().unwrap();
            });
        }
        for _ in 0..4 {
            told.recv().unwrap();
        }
        drop(held);
    });
    assert_eq!((pool.in_use(), pool.idle()), (0, 1));
    assert_eq!(server.accepted(), 1);
}

#[test]
fn a_waiting_caller_is_served_when_a_broken_connection_is_dropped() {
    let server = EchoServer::start();
    let pool = server.pool(PoolConfig { max_connections: 1, ..config() });
    let mut held = pool.get_connection().unwrap();
    held.send_message(&Message::data(b"close")).unwrap();
    assert!(matches!(held.receive_message(), Err(ClientError::Closed)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| pool.get_connection().unwrap().ping().unwrap());
        drop(held);
        waiting.join().unwrap();
    });
    assert_eq!(server.accepted(), 2);
}

#[test]
fn many_threads_share_few_connections_and_never_mix_their_answers() {
    let server = EchoServer::start();
    let pool = server.pool(PoolConfig { max_connections: 4, ..config() });
    let lent: Mutex<HashSet<PeerAddress>> = Mutex::default();
    std::thread::scope(|scope| {
        for thread in 0..16_u8 {
            let (pool, lent) = (&pool, &lent);
            scope.spawn(move || {
                for round in 0..50_u8 {
                    let mut connection = pool.get_connection().unwrap();
                    let local_address = connection.local_address().unwrap();
                    assert!(
                        lent.lock().unwrap().insert(local_address),
                        "one connection is lent to two callers"
                    );
                    assert_eq!(connection.echo(&[thread, round]).unwrap(), [thread, round]);
                    assert!((1..=4).contains(&pool.in_use()));
                    assert!(lent.lock().unwrap().remove(&local_address));
                }
            });
        }
    });
    assert_eq!(pool.in_use(), 0);
    assert!((1..=4).contains(&pool.idle()));
    assert_eq!(server.accepted(), pool.idle(), "no connection was lost or made beyond the limit");
}

#[test]
fn a_connection_with_leftovers_is_not_lent_again() {
    let server = EchoServer::start();
    let pool = server.pool(config());
    type Misuse = fn(&mut cafewire_net::Client, &mpsc::Receiver<()>);
    let misuses: [(&str, Misuse); 5] = [
        ("an answer on its way", |client, _| client.send_message(&Message::echo(b"late")).unwrap()),
        ("an answer on its way, behind another", |client, _| {
            client.send_message(&Message::ping()).unwrap();
            client.send_message(&Message::echo(b"late")).unwrap();
            assert_eq!(client.receive_message().unwrap(), Message::pong());
        }),
        ("bytes unread in the socket", |client, done| {
            client.send_message(&Message::data(b"speak")).unwrap();
            done.recv().unwrap();
        }),
        ("bytes unread in the client", |client, done| {
            client.send_message(&Message::data(b"speak")).unwrap();
            done.recv().unwrap();
            client.send_message(&Message::data(b"speak")).unwrap();
            done.recv().unwrap();
            assert_eq!(client.receive_message().unwrap(), Message::data(b"by the way"));
        }),
        ("closed by the server", |client, done| {
            client.send_message(&Message::data(b"close")).unwrap();
            done.recv().unwrap();
        }),
    ];
    for (number, (what, misuse)) in misuses.into_iter().enumerate() {
        let mut connection = pool.get_connection().unwrap();
        connection.ping().unwrap();
        misuse(&mut connection, &server.done);
        drop(connection);
        assert_eq!((pool.in_use(), pool.idle()), (0, 0), "{what}");
        pool.get_connection().unwrap().ping().unwrap();
        assert_eq!(server.accepted(), number + 2, "{what}");
    }
}

#[test]
fn a_connection_on_which_an_error_happened_is_not_lent_again() {
    // Only the first Pong is wrong; a second ping would succeed.
    let server = ScriptedServer::start(|mut peer| {
        peer.expect(b"\xCA\xFE\x01\x00\x01a");
        peer.send(b"\xCA\xFE\x02\x00\x01b");
        peer.expect_end();
    });
    let pool = ConnectionPool::new(server.address.clone(), config());
    let mut connection = pool.get_connection().unwrap();
    assert!(matches!(connection.ping_with(b"a"), Err(ClientError::Unexpected { .. })));
    drop(connection);
    assert_eq!((pool.in_use(), pool.idle()), (0, 0));

    // The answer did not come in time, and may still come.
    let silent = ScriptedServer::start(|mut peer| peer.ignore_until_end());
    let pool = ConnectionPool::new(
        silent.address.clone(),
        PoolConfig { client: scripted::impatient(), ..config() },
    );
    let mut connection = pool.get_connection().unwrap();
    assert!(matches!(connection.receive_message(), Err(ClientError::TimedOut)));
    drop(connection);
    assert_eq!((pool.in_use(), pool.idle()), (0, 0));
}

#[test]
fn a_payload_refused_before_it_was_sent_does_no_harm() {
    let server = EchoServer::start();
    let pool = server.pool(config());
    assert!(matches!(
        pool.get_connection().unwrap().echo(&[0; 65_536]),
        Err(ClientError::Encode(_))
    ));
    assert_eq!((pool.in_use(), pool.idle()), (0, 1));
}

#[test]
fn a_connection_that_the_server_closed_while_it_idled_is_replaced() {
    let (tell, told) = mpsc::channel();
    let (go_on, gone_on) = mpsc::channel::<()>();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let first = listener.accept().unwrap().0;
        gone_on.recv().unwrap();
        drop(first);
        tell.send(()).unwrap();
        let mut second = scripted::Peer::new(listener.accept().unwrap().0);
        second.expect(b"\xCA\xFE\x01\x00\x00");
        second.send(b"\xCA\xFE\x02\x00\x00");
    });
    let pool = ConnectionPool::new(address.into(), config());
    drop(pool.get_connection().unwrap());
    assert_eq!(pool.idle(), 1);
    go_on.send(()).unwrap();
    told.recv().unwrap();
    pool.get_connection().unwrap().ping_with(b"").unwrap();
    server.join().unwrap();
}

#[test]
fn a_failed_connect_frees_its_place() {
    let (address, _held) = unanswered();
    let pool = ConnectionPool::new(address, PoolConfig { max_connections: 1, ..config() });
    for _ in 0..3 {
        let error = pool.get_connection().unwrap_err();
        assert!(matches!(&error, PoolError::Connect(ClientError::Connect { .. })), "{error:?}");
        assert!(error.to_string().starts_with("cannot connect to tcp://127.0.0.1:"));
        assert_eq!((pool.in_use(), pool.idle()), (0, 0));
    }
}

#[test]
fn idle_connections_are_bounded_in_number_and_time() {
    let server = EchoServer::start();
    let all_at_once = |pool: &ConnectionPool| {
        let connections = [(); 3].map(|()| pool.get_connection().unwrap());
        drop(connections);
        pool.idle()
    };
    assert_eq!(all_at_once(&server.pool(config())), 3);
    assert_eq!(all_at_once(&server.pool(PoolConfig { max_idle: 2, ..config() })), 2);
    assert_eq!(all_at_once(&server.pool(PoolConfig { max_idle: 0, ..config() })), 0);
    assert_eq!(all_at_once(&server.pool(PoolConfig { idle_timeout: None, ..config() })), 3);

    let forgetful = server.pool(PoolConfig { idle_timeout: Some(Duration::ZERO), ..config() });
    let first = forgetful.get_connection().unwrap().local_address().unwrap();
    let second = forgetful.get_connection().unwrap().local_address().unwrap();
    assert_ne!(first, second, "the connection was idle for longer than zero");
    assert_eq!(forgetful.idle(), 1);

    let none = server.pool(PoolConfig { max_connections: 0, ..config() });
    none.get_connection().unwrap().ping().unwrap();
}

/// A way that is gone: nothing closes the connection, and nothing answers on it.
#[test]
fn a_connection_whose_way_is_gone_is_found_out_and_not_lent_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        let deaf: Vec<TcpStream> = (0..2).map(|_| listener.accept().unwrap().0).collect();
        let (socket, _) = listener.accept().unwrap();
        answer(socket, &mpsc::channel().0);
        drop(deaf);
    });
    let probe_interval = Some(Duration::from_millis(100));
    let client = ClientConfig { probe_interval, ..patient() };
    let pool = ConnectionPool::new(address.into(), PoolConfig { client, ..config() });
    let both = [pool.get_connection().unwrap(), pool.get_connection().unwrap()];
    let gone = both.each_ref().map(|connection| connection.local_address().unwrap());
    let returned = Instant::now();
    drop(both);
    assert_eq!(pool.idle(), 2);
    while returned.elapsed() <= Duration::from_millis(100) {
        std::thread::yield_now();
    }
    let mut connection = pool.get_connection().unwrap();
    assert!(!gone.contains(&connection.local_address().unwrap()));
    connection.ping().unwrap();
    assert_eq!(pool.idle(), 0, "the other one was quiet for as long");
    drop(connection);
    drop(pool);
    serving.join().unwrap();
}
