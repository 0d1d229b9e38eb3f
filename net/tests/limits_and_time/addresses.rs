//! The limits per address, of peers with IPv6 addresses of one network and of others. Against the
//! broker, since a test has no such addresses of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use cafewire_core::MessagePayload;
use cafewire_net::broker::{Broker, ConnectionId, Now};
use cafewire_net::{CloseReason, Limits, ServerMetrics};

use crate::support::{chat, parse};

const NOW: Now = Now { monotonic_ms: 0, unix_ms: 0 };

struct Neighbours {
    broker: Broker,
    metrics: Arc<ServerMetrics>,
    limits: Limits,
}

impl Neighbours {
    fn new(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let metrics = Arc::new(ServerMetrics::default());
        Self { broker: Broker::new(limits.clone(), Arc::clone(&metrics)), metrics, limits }
    }

    fn accept(&mut self, ip: &str) -> ConnectionId {
        let address = SocketAddr::new(ip.parse().unwrap(), 1024);
        let id = self.broker.accept(address, NOW).unwrap();
        self.broker.invariants();
        id
    }

    /// Whether one more connection from there has a place.
    fn has_place_for(&mut self, ip: &str) -> bool {
        let before = self.metrics.snapshot().closes(CloseReason::AddressFull);
        self.accept(ip);
        self.metrics.snapshot().closes(CloseReason::AddressFull) == before
    }

    /// How many of ten connections that come at this time are taken, and why the others are not.
    fn connects(&mut self, ip: &str, at_ms: u64) -> (usize, u64) {
        let now = Now { monotonic_ms: at_ms, ..NOW };
        let rate = CloseReason::ConnectRate;
        let before = self.metrics.snapshot().closes(rate);
        let address = SocketAddr::new(ip.parse().unwrap(), 1024);
        let ids = [(); 10].map(|()| self.broker.accept(address, now).unwrap());
        self.broker.invariants();
        let is_taken = |id: &&ConnectionId| self.broker.poll_transmit(**id).is_empty();
        let taken = ids.iter().filter(is_taken).count();
        (taken, self.metrics.snapshot().closes(rate) - before)
    }

    fn set_prefix_length(&mut self, bits: usize) {
        self.limits.ipv6_prefix_length = bits;
        self.broker.set_limits(self.limits.clone(), NOW);
        self.broker.invariants();
    }

    /// The answer to one request.
    fn ask(&mut self, id: ConnectionId, request: &MessagePayload<'_>) -> Vec<u8> {
        self.broker.handle_input(id, &chat(request), NOW);
        self.broker.deliver_pending(NOW);
        let answer = self.broker.poll_transmit(id).to_vec();
        self.broker.consume(id, answer.len(), NOW);
        answer
    }

    /// Whether a user from there may make a room of this name.
    fn may_make_room(&mut self, ip: &str, room: &str) -> bool {
        let id = self.accept(ip);
        self.ask(id, &MessagePayload::Connect { username: room });
        let answer = self.ask(id, &MessagePayload::JoinRoom { room });
        matches!(parse(&answer), MessagePayload::UserJoined { .. })
    }
}

#[test]
fn connections_of_one_ipv6_network_count_together() {
    let mut neighbours = Neighbours::new(|limits| limits.connections_per_address = 2);
    assert!(neighbours.has_place_for("2001:db8:0:1::1"));
    assert!(neighbours.has_place_for("2001:db8:0:1:ffff:ffff:ffff:ffff"));
    assert!(!neighbours.has_place_for("2001:db8:0:1::3"), "as many addresses as one likes");
    assert!(neighbours.has_place_for("2001:db8:0:2::1"), "the neighbour's network");
    for ip in ["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1", "192.0.2.2"] {
        assert!(neighbours.has_place_for(ip), "IPv4 addresses count one by one");
    }
    assert!(!neighbours.has_place_for("::ffff:192.0.2.2"));
}

#[test]
fn the_prefix_length_is_a_setting_and_a_reload_changes_it() {
    for (bits, connections) in [(1, 2), (48, 2), (63, 2), (64, 3), (65, 3), (128, 4), (0, 4)] {
        let mut neighbours = Neighbours::new(|limits| limits.connections_per_address = 2);
        // While the limit is as good as none.
        neighbours.set_prefix_length(128);
        for ip in ["2001:db8:0:1::1", "2001:db8:0:1::2"] {
            assert!(neighbours.has_place_for(ip));
        }
        neighbours.set_prefix_length(bits);
        let more = ["2001:db8:0:0::1", "2001:db8:0:1::1"];
        let taken = more.iter().filter(|ip| neighbours.has_place_for(ip)).count();
        assert_eq!(2 + taken, connections, "{bits}");
    }
}

#[test]
fn rooms_of_one_ipv6_network_count_together() {
    let mut neighbours = Neighbours::new(|limits| limits.rooms_per_address = 1);
    assert!(neighbours.may_make_room("2001:db8:0:1::1", "tea"));
    assert!(!neighbours.may_make_room("2001:db8:0:1::2", "coffee"));
    assert!(neighbours.may_make_room("2001:db8:0:2::1", "milk"));
    neighbours.set_prefix_length(128);
    assert!(neighbours.may_make_room("2001:db8:0:1::2", "water"));
    assert!(!neighbours.may_make_room("2001:db8:0:1::1", "wine"));
}

/// Those who are over it are told so, as those who are too many are.
#[test]
fn an_address_connects_no_faster_than_it_may() {
    let mut neighbours = Neighbours::new(|limits| limits.connects_per_second = 4);
    assert_eq!(neighbours.connects("192.0.2.1", 0), (4, 6));
    assert_eq!(neighbours.connects("192.0.2.2", 0), (4, 6), "another has its own");
    assert_eq!(neighbours.connects("192.0.2.1", 249), (0, 10));
    assert_eq!(neighbours.connects("192.0.2.1", 250), (1, 9));
    assert_eq!(neighbours.connects("2001:db8::1", 250), (4, 6));
    assert_eq!(neighbours.connects("2001:db8::2", 250), (0, 10), "the same network");
    // A reload that leaves the rate as it is gives no new burst; one of another rate does.
    neighbours.limits.rooms = 7;
    neighbours.broker.set_limits(neighbours.limits.clone(), NOW);
    assert_eq!(neighbours.connects("192.0.2.1", 250), (0, 10));
    neighbours.limits.connects_per_second = 5;
    neighbours.broker.set_limits(neighbours.limits.clone(), NOW);
    assert_eq!(neighbours.connects("192.0.2.1", 250), (5, 5));
    neighbours.limits.connects_per_second = 0;
    neighbours.broker.set_limits(neighbours.limits.clone(), NOW);
    assert_eq!(neighbours.connects("192.0.2.1", 250), (10, 0));
}

/// The rate is of the client that a proxy tells, not of the proxy.
#[test]
fn a_proxys_clients_have_their_own_rates() {
    let mut neighbours = Neighbours::new(|limits| limits.connects_per_second = 1);
    let proxy = SocketAddr::new("198.51.100.7".parse().unwrap(), 1024);
    for client in ["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.1:2"] {
        let id = neighbours.broker.accept_proxy(proxy, NOW).unwrap();
        let client: SocketAddr = client.parse().unwrap();
        neighbours.broker.handle_origin(id, Some(client.into()), 28, NOW);
    }
    assert_eq!(neighbours.metrics.snapshot().closes(CloseReason::ConnectRate), 1);
}
