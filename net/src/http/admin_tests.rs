//! What one tick of the port may do (`ARCHITECTURE.md` has these numbers), turned by hand over real
//! sockets: the chat's peers wait for no more than that.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream as Peer;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::*;

/// Far more than any budget.
const PEERS: usize = 30;

struct Turning {
    poll: Poll,
    port: AdminServer,
    address: SocketAddr,
    metrics: Arc<ServerMetrics>,
    deadline: Instant,
}

impl Turning {
    fn new() -> Self {
        let poll = Poll::new().unwrap();
        let metrics = Arc::new(ServerMetrics::default());
        let any = "127.0.0.1:0".parse().unwrap();
        let port =
            AdminServer::bind(&[any], Limits::default(), Arc::clone(&metrics), poll.registry(), 0)
                .unwrap();
        let address = port.local_addresses().next().unwrap();
        Self { poll, port, address, metrics, deadline: Instant::now() + Duration::from_secs(60) }
    }

    /// That many peers, each of whom has said this.
    fn connect(&self, saying: &str) -> Vec<Peer> {
        let peer = || {
            let mut peer = Peer::connect(self.address).unwrap();
            peer.write_all(saying.as_bytes()).unwrap();
            peer
        };
        (0..PEERS).map(|_| peer()).collect()
    }

    /// Lets everybody in, and nothing more.
    fn accept_all(&mut self) {
        while self.port.open < PEERS {
            assert!(Instant::now() < self.deadline, "not everybody is let in");
            self.port.listeners[0].ready = true;
            self.port.tick(0);
        }
    }

    /// Takes what happened, waiting for nothing, as the event loop does before each tick.
    fn sort_events(&mut self) {
        assert!(Instant::now() < self.deadline, "it never comes to that");
        let mut events = Events::with_capacity(1024);
        match self.poll.poll(&mut events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => done.unwrap(),
        }
        events.iter().for_each(|event| self.port.set_ready(event));
    }

    /// Turns until it is so, and holds each turn to no more than this by this count.
    fn turn_until(
        &mut self,
        is_so: impl Fn(&Self) -> bool,
        count: impl Fn(&Self) -> usize,
        at_most: usize,
    ) {
        while !is_so(self) {
            self.sort_events();
            let before = count(self);
            self.port.tick(0);
            let done = count(self) - before;
            assert!(done <= at_most, "{done} in one tick");
        }
    }
}

#[test]
fn a_turn_accepts_a_few() {
    let mut turning = Turning::new();
    let _peers = turning.connect("");
    turning.turn_until(|turning| turning.port.open == PEERS, |turning| turning.port.open, 8);
}

#[test]
fn a_turn_makes_one_response() {
    let mut turning = Turning::new();
    let mut peers =
        turning.connect("GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    turning.accept_all();
    let responses =
        |turning: &Turning| usize::try_from(turning.metrics.http_responses.get()).unwrap();
    turning.turn_until(|turning| responses(turning) == PEERS, responses, 1);
    for peer in &mut peers {
        let mut head = [0; 12];
        peer.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
    }
}

#[test]
fn a_turn_serves_a_few_of_those_who_have_something_for_it() {
    let mut turning = Turning::new();
    let _peers = turning.connect("GET /met");
    turning.accept_all();
    let read = |turning: &Turning| {
        turning
            .port
            .slots
            .iter()
            .flatten()
            .filter(|slot| slot.connection.wanted_bytes() < READ_MAX_BYTES)
            .count()
    };
    turning.turn_until(|turning| read(turning) == PEERS, read, 8);
}
