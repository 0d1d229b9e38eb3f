//! The work of one tick of the HTTP server (`ARCHITECTURE.md` has these numbers), with ticks run by
//! hand over real sockets: chat peers wait no longer than that.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream as Peer;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::*;

/// Far more than any budget.
const PEERS: usize = 30;

struct Ticker {
    poll: Poll,
    server: AdminServer,
    address: SocketAddr,
    metrics: Arc<ServerMetrics>,
    broker: Broker,
    deadline: Instant,
}

impl Ticker {
    fn new() -> Self {
        let poll = Poll::new().unwrap();
        let metrics = Arc::new(ServerMetrics::default());
        let sockets = vec![std::net::TcpListener::bind("127.0.0.1:0").unwrap()];
        let server =
            AdminServer::new(sockets, Limits::default(), Arc::clone(&metrics), poll.registry(), 0)
                .unwrap();
        let address = server.local_addresses().next().unwrap();
        let broker = Broker::new(Limits::default(), Arc::clone(&metrics));
        let deadline = Instant::now() + Duration::from_secs(60);
        Self { poll, server, address, metrics, broker, deadline }
    }

    /// [`PEERS`] connections, each of which has sent this text.
    fn connect(&self, text: &str) -> Vec<Peer> {
        let peer = || {
            let mut peer = Peer::connect(self.address).unwrap();
            peer.write_all(text.as_bytes()).unwrap();
            peer
        };
        (0..PEERS).map(|_| peer()).collect()
    }

    /// Runs ticks until all peers are accepted, with no other events.
    fn accept_all(&mut self) {
        while self.server.open < PEERS {
            assert!(Instant::now() < self.deadline, "some peers were not accepted");
            self.server.listeners[0].ready = true;
            self.server.tick(0, &self.broker);
        }
    }

    /// Sorts the events so far, without waiting, as the event loop does before each tick.
    fn sort_events(&mut self) {
        assert!(Instant::now() < self.deadline, "the condition never held");
        let mut events = Events::with_capacity(1024);
        match self.poll.poll(&mut events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => done.unwrap(),
        }
        events.iter().for_each(|event| self.server.set_ready(event));
    }

    /// Runs ticks until `is_done`, and checks that no tick raises `count` by more than
    /// `max_per_tick`.
    fn tick_until(
        &mut self,
        is_done: impl Fn(&Self) -> bool,
        count: impl Fn(&Self) -> usize,
        max_per_tick: usize,
    ) {
        while !is_done(self) {
            self.sort_events();
            let before = count(self);
            self.server.tick(0, &self.broker);
            let done = count(self) - before;
            assert!(done <= max_per_tick, "{done} in one tick");
        }
    }
}

#[test]
fn a_tick_accepts_eight_connections_at_most() {
    let mut ticker = Ticker::new();
    let _peers = ticker.connect("");
    ticker.tick_until(|ticker| ticker.server.open == PEERS, |ticker| ticker.server.open, 8);
}

#[test]
fn a_tick_makes_one_response() {
    let mut ticker = Ticker::new();
    let mut peers = ticker.connect("GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    ticker.accept_all();
    let responses = |ticker: &Ticker| usize::try_from(ticker.metrics.http_responses.get()).unwrap();
    ticker.tick_until(|ticker| responses(ticker) == PEERS, responses, 1);
    for peer in &mut peers {
        let mut head = [0; 12];
        peer.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
    }
}

#[test]
fn a_tick_serves_eight_connections_at_most() {
    let mut ticker = Ticker::new();
    let _peers = ticker.connect("GET /met");
    ticker.accept_all();
    let read = |ticker: &Ticker| {
        ticker
            .server
            .slots
            .iter()
            .flatten()
            .filter(|slot| slot.connection.wanted_bytes() < READ_MAX_BYTES)
            .count()
    };
    ticker.tick_until(|ticker| read(ticker) == PEERS, read, 8);
}
