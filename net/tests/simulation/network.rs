//! The simulated network: moves bytes between the clients and the exchange in pieces, and judges at the end.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cafewire_core::MessageType;
use cafewire_net::exchange::{AfterFlush, ConnectionId, Exchange, Now};
use cafewire_net::{Limits, MetricsSnapshot, ServerMetrics};

use crate::client::{Client, Habit, ROOMS};
use crate::random::Random;

const STEPS: usize = 600;
const CLIENTS_MAX: usize = 24;

pub(crate) struct Network {
    random: Random,
    exchange: Exchange,
    metrics: Arc<ServerMetrics>,
    clients: HashMap<ConnectionId, Client>,
    /// In the order they came, so that a seed replays: the map above has no order.
    order: Vec<ConnectionId>,
    past: Vec<Client>,
    now: Now,
    arrivals: usize,
    /// The end, when all but the deaf take whatever there is.
    calm: bool,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        let metrics = Arc::new(ServerMetrics::default());
        let mut limits = Limits::default();
        // Small bounds, so that they are met.
        limits.outbox_bytes = 100 << 10;
        limits.read_pause_bytes = 8 << 10;
        limits.room_log_bytes = 32 << 10;
        limits.sign_in_timeout = Duration::from_secs(2);
        limits.idle_timeout = Duration::from_secs(60);
        // In some worlds the rate, or all buffers together, are bounded as well.
        if seed % 5 == 3 {
            limits.frames_per_second = 50;
        }
        if seed % 7 == 3 {
            limits.buffer_bytes = 128 << 10;
        }
        Self {
            random: Random::new(seed),
            exchange: Exchange::new(limits, Arc::clone(&metrics)),
            metrics,
            clients: HashMap::new(),
            order: Vec::new(),
            past: Vec::new(),
            now: Now { monotonic_ms: 0, unix_ms: 1_700_000_000_000 },
            arrivals: 0,
            calm: false,
        }
    }

    pub(crate) fn run(mut self) -> MetricsSnapshot {
        self.arrive(Habit::Witness);
        self.turn(|network| network.deliver_all_input());
        for _ in 0..STEPS {
            self.turn(Self::happenings);
        }
        // Everybody who is left reads to the end; the deaf do not.
        self.calm = true;
        for _ in 0..50 {
            self.turn(|network| network.deliver_all_input());
        }
        self.judge();
        self.leave_for_good()
    }

    /// One turn as the event loop makes it, with what happened in it.
    fn turn(&mut self, happenings: impl FnOnce(&mut Self)) {
        self.now.monotonic_ms += self.random.size(20) as u64;
        // The wall clock jumps, both ways.
        self.now.unix_ms = 1_700_000_000_000 + self.random.next() % 1_000_000;
        happenings(self);
        self.exchange.invariants();
        self.exchange.expire(self.now);
        self.exchange.settle(self.now);
        self.exchange.invariants();
        while let Some(id) = self.exchange.next_dirty() {
            self.flush(id);
        }
        while let Some(id) = self.exchange.next_gone() {
            self.order.retain(|&other| other != id);
            if let Some(mut client) = self.clients.remove(&id) {
                client.ended = true;
                self.past.push(client);
            }
        }
        self.exchange.invariants();
    }

    fn happenings(&mut self) {
        if self.clients.len() < CLIENTS_MAX && self.random.one_in(4) {
            let habits = [Habit::Polite, Habit::Polite, Habit::Slow, Habit::Deaf, Habit::Rude, Habit::Echo];
            let habit = habits[self.random.below(habits.len())];
            self.arrive(habit);
        }
        for id in self.order.clone() {
            if self.random.one_in(2) {
                let client = self.clients.get_mut(&id).unwrap();
                client.speak(&mut self.random);
                let some = self.random.size(2000);
                self.deliver_input(id, some);
            }
            let mortal = self.clients.get(&id).is_some_and(|client| client.habit != Habit::Witness);
            if mortal && self.random.one_in(300) {
                self.exchange.lost(id, self.now);
            } else if mortal && self.random.one_in(200) {
                let client = self.clients.get_mut(&id).unwrap();
                client.half_closed = true;
                // What it still had to say may end in the middle of a frame.
                client.outgoing.truncate(self.random.size(client.outgoing.len() + 1));
            }
            // A socket that takes bytes again.
            self.exchange.mark_dirty(id);
        }
    }

    fn arrive(&mut self, habit: Habit) {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let id = self.exchange.admit(address, self.now).expect("there is room");
        self.arrivals += 1;
        let mut client = Client::new(habit, self.arrivals);
        client.speak(&mut self.random);
        self.clients.insert(id, client);
        self.order.push(id);
    }

    fn deliver_all_input(&mut self) {
        for id in self.order.clone() {
            self.deliver_input(id, usize::MAX);
            self.exchange.mark_dirty(id);
        }
    }

    fn deliver_input(&mut self, id: ConnectionId, at_most: usize) {
        if !self.exchange.is_reading(id) {
            return;
        }
        let Some(client) = self.clients.get_mut(&id) else { return };
        let count = client.outgoing.len().min(at_most);
        let bytes: Vec<u8> = client.outgoing.drain(..count).collect();
        let ends = client.half_closed && client.outgoing.is_empty();
        if !bytes.is_empty() {
            self.exchange.receive(id, &bytes, self.now);
            while self.exchange.resume(id, self.now) {}
        }
        if ends {
            self.exchange.end_of_input(id, self.now);
        }
    }

    /// Writes as much as this client takes now.
    fn flush(&mut self, id: ConnectionId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut takes = match client.habit {
            Habit::Deaf => 0,
            _ if self.calm => usize::MAX,
            Habit::Slow if self.random.one_in(3) => self.random.size(3000),
            Habit::Slow => 0,
            Habit::Witness => usize::MAX,
            _ => self.random.size(20_000),
        };
        loop {
            let chunk = self.exchange.front(id);
            if chunk.is_empty() {
                if self.exchange.flushed(id, self.now) == AfterFlush::ShutDownSending {
                    // The client sees the end and ends too.
                    client.ended = true;
                    self.exchange.end_of_input(id, self.now);
                }
                return;
            }
            let count = chunk.len().min(takes);
            if count == 0 {
                return;
            }
            client.hear(&chunk[..count]);
            takes -= count;
            self.exchange.written(id, count, self.now);
        }
    }

    fn judge(&self) {
        let witness = self.clients.values().find(|client| client.habit == Habit::Witness).expect("the witness stays");
        assert!(witness.last_error.is_none(), "{:?}", witness.last_error);
        for client in self.clients.values().chain(&self.past) {
            let open = !client.ended && client.habit != Habit::Deaf && client.last_error_is_open();
            if client.habit == Habit::Echo {
                let echoes = client.echoes_before_error();
                assert!(client.echoes_expected.starts_with(echoes), "{} got other echoes", client.name);
            }
            for room in ROOMS {
                let none = Vec::new();
                let all = witness.seen.get(room).unwrap_or(&none);
                let seen = client.seen.get(room).unwrap_or(&none);
                judge_room(client, seen, all, open && client.is_between_frames());
            }
        }
    }

    /// Everybody goes, and nothing of them stays.
    fn leave_for_good(mut self) -> MetricsSnapshot {
        for id in self.order.clone() {
            self.exchange.lost(id, self.now);
        }
        self.turn(|_| {});
        assert!(self.exchange.is_empty());
        let left = self.metrics.snapshot();
        assert_eq!((left.users, left.rooms, left.clients_connected, left.buffer_bytes), (0, 0, 0, 0));
        left
    }
}

impl Client {
    fn last_error_is_open(&self) -> bool {
        self.last_error.as_deref().is_none_or(|error| !error.ends_with('!'))
    }
}

/// What one client saw of a room must be stretches of what the witness saw: each from its own UserJoined to its own
/// UserLeft, the last one as far as it got, or to the end if it is still there.
fn judge_room(client: &Client, seen: &[Vec<u8>], all: &[Vec<u8>], to_the_end: bool) {
    let Some(user_id) = client.user_id() else { return assert!(seen.is_empty()) };
    let mut from = 0;
    let mut place = None;
    for frame in seen {
        let expected = match place {
            Some(place) => place,
            None => {
                let joined = all[from..].iter().position(|frame| marks(frame, user_id) == Some(Mark::Joined));
                from + joined.expect("a room's frames begin with one's own UserJoined")
            }
        };
        assert!(
            all.get(expected) == Some(frame),
            "{} ({:?}, {:?}) got {} at place {expected}, not {}",
            client.name,
            client.habit,
            client.last_error,
            frame.escape_ascii(),
            all.get(expected).map_or(String::new(), |frame| frame.escape_ascii().to_string()),
        );
        from = expected + 1;
        place = if marks(frame, user_id) == Some(Mark::Left) { None } else { Some(from) };
    }
    if let Some(place) = place
        && to_the_end
    {
        assert_eq!(place, all.len(), "{} is behind though everything was flushed", client.name);
    }
}

#[derive(PartialEq, Eq)]
enum Mark {
    Joined,
    Left,
}

/// Every room frame starts with its user's id, behind the header; the witness has parsed them all.
fn marks(frame: &[u8], me: u32) -> Option<Mark> {
    let mine = frame[4..8] == me.to_be_bytes();
    match MessageType::from_wire(frame[1]) {
        Some(MessageType::UserJoined) if mine => Some(Mark::Joined),
        Some(MessageType::UserLeft) if mine => Some(Mark::Left),
        _ => None,
    }
}
