//! Unix-domain sockets whose backlog is full: clients wait for room within their time-out, and no
//! server takes such a socket for one that was left behind.

use std::io::{self, ErrorKind};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use cafewire_net::load::{Amount, LoadConfig, Monitor, Phase, Work, run};
use cafewire_net::pool::{PoolConfig, PoolError};
use cafewire_net::{
    Address, Client, ClientConfig, ClientError, ConnectionPool, PeerAddress, Server, ServerConfig,
};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::{PATIENCE, TestServer, wait_until};

const SHORT: Duration = Duration::from_millis(300);

/// A listening socket whose backlog is full as long as nothing is accepted.
struct FullBacklog {
    path: PathBuf,
    listener: UnixListener,
    /// Those that fill it.
    _waiting: Vec<Socket>,
}

impl FullBacklog {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("cafewire-{}-{name}.sock", std::process::id()));
        let address = SockAddr::unix(&path).unwrap();
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&address).unwrap();
        listener.listen(0).unwrap();
        let mut waiting = Vec::new();
        loop {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            match socket.connect(&address) {
                Ok(()) => waiting.push(socket),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        Self { path, listener: listener.into(), _waiting: waiting }
    }

    fn address(&self) -> Address {
        Address::Unix { path: self.path.clone() }
    }

    /// Accepts all that come, and connects them with the server, until `is_done`.
    fn relay_to(&self, server: &TestServer, is_done: impl Fn() -> bool) {
        self.listener.set_nonblocking(true).unwrap();
        let relay = || match self.listener.accept() {
            Ok((stream, _)) => relay(stream, server),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        };
        wait_until(|| {
            relay();
            is_done()
        })
        .expect("it ends once there is room");
    }
}

impl Drop for FullBacklog {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn relay(stream: UnixStream, server: &TestServer) {
    stream.set_nonblocking(false).unwrap();
    let peer = std::net::TcpStream::connect(server.address()).unwrap();
    let (mut from, mut to) = (stream.try_clone().unwrap(), peer.try_clone().unwrap());
    thread::spawn(move || {
        // Either end may go first; then the other is told.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let (mut from, mut to) = (peer, stream);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
}

fn config(connect_timeout: Duration) -> ClientConfig {
    ClientConfig { connect_timeout, ..ClientConfig::default() }
}

#[cfg(target_os = "linux")]
#[test]
fn connecting_waits_for_room_up_to_the_time_out() {
    let full = FullBacklog::new("time-out");
    let short = PoolConfig { client: config(SHORT), ..PoolConfig::default() };
    let pool = ConnectionPool::new(full.address(), short);
    let attempts: [&dyn Fn() -> ClientError; 2] =
        [&|| Client::connect_with(&full.address(), &config(SHORT)).unwrap_err(), &|| match pool
            .get_connection()
            .unwrap_err()
        {
            PoolError::Connect(error) => error,
            other => panic!("{other}"),
        }];
    for attempt in attempts {
        let started = Instant::now();
        let error = attempt();
        assert!(started.elapsed() >= SHORT, "{error}");
        let ClientError::Connect { source, .. } = &error else { panic!("{error}") };
        assert_eq!(source.kind(), ErrorKind::TimedOut, "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn connecting_goes_on_once_there_is_room() {
    let full = FullBacklog::new("room");
    let server = TestServer::start();
    let address = full.address();
    let client = thread::spawn(move || {
        let mut client = Client::connect_with(&address, &config(PATIENCE)).unwrap();
        assert_eq!(client.peer_address().unwrap(), PeerAddress::Local);
        client.echo(b"at last").unwrap().to_vec()
    });
    full.relay_to(&server, || client.is_finished());
    assert_eq!(client.join().unwrap(), b"at last");
}

#[cfg(target_os = "linux")]
#[test]
fn a_load_test_waits_for_room_as_well() {
    let full = FullBacklog::new("load");
    let work = Work::Echo { connections: 4, in_flight: 4, size_bytes: 64 };
    let mut config = LoadConfig::new(full.address(), work);
    (config.amount, config.connect_retries) = (Amount::Messages(100), 0);
    config.connect_timeout = SHORT;
    let error = run(&config, &Monitor::default()).unwrap_err().to_string();
    assert!(error.contains("the server did not answer in time"), "{error}");

    config.connect_timeout = PATIENCE;
    let server = TestServer::start();
    let monitor = Monitor::default();
    thread::scope(|scope| {
        let load = scope.spawn(|| run(&config, &monitor).unwrap());
        full.relay_to(&server, || load.is_finished());
        let report = load.join().unwrap();
        assert!(report.is_clean() && report.connections.retried == 0, "{report:?}");
    });
    assert_eq!(monitor.progress().phase, Phase::Done);
}

/// A server that is stopped accepts nothing, and its backlog fills up.
#[test]
fn a_socket_whose_backlog_is_full_is_not_taken_over_and_not_waited_for() {
    let full = FullBacklog::new("stopped");
    let mut config = ServerConfig::default();
    config.listen = vec![full.address().into()];
    let error = Server::bind(config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let says = error.to_string();
    assert!(says.contains("takes no connections now") && says.contains(".sock: "), "{says}");
    assert!(full.path.exists());
}
