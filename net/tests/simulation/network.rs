//! The simulated network and clock: moves bytes between the clients and the broker through sockets
//! with small buffers, and makes the ticks as the event loop does.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use cafewire_net::broker::{AfterFlush, Broker, ConnectionId, Now};
use cafewire_net::{MetricsSnapshot, ServerMetrics};
use slotmap::SecondaryMap;

use crate::client::{Client, Cx, Habit};
use crate::frames::Frames;
use crate::random::Random;
use crate::socket::Socket;
use crate::world::{World, address};

/// Turns in which everything must have been flushed that anybody takes.
const CALM_TICKS_MAX: usize = 300;

/// What the server reads at a time then.
const CALM_SEGMENT_BYTES: usize = 2000;

const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How a run went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) metrics: MetricsSnapshot,
    /// Of every byte that a client took, in that order: equal if and only if the runs were.
    pub(crate) digest: u64,
    pub(crate) connected_at_once: usize,
    pub(crate) times_reloaded: usize,
}

pub(crate) struct Network {
    pub(crate) world: World,
    random: Random,
    broker: Broker,
    pub(crate) metrics: Arc<ServerMetrics>,
    pub(crate) sockets: SecondaryMap<ConnectionId, Socket>,
    /// In the order they came.
    order: Vec<ConnectionId>,
    pub(crate) past: Vec<Client>,
    pub(crate) frames: Frames,
    now: Now,
    times_shown: HashSet<u64>,
    arrivals: usize,
    connected_at_once: usize,
    digest: DefaultHasher,
    /// The end, when all but the deaf take whatever there is and nothing more goes wrong.
    calm: bool,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let world = World::new(seed, &mut random);
        let metrics = Arc::new(ServerMetrics::default());
        Self {
            broker: Broker::new(world.limits().clone(), Arc::clone(&metrics)),
            world,
            random,
            metrics,
            sockets: SecondaryMap::new(),
            order: Vec::new(),
            past: Vec::new(),
            frames: Frames::default(),
            now: Now { monotonic_ms: 0, unix_ms: 0 },
            times_shown: HashSet::new(),
            arrivals: 0,
            connected_at_once: 0,
            // Its keys are fixed, unlike a RandomState's.
            digest: DefaultHasher::new(),
            calm: false,
        }
    }

    pub(crate) fn run(mut self) -> Outcome {
        self.advance_clock();
        self.arrive(Habit::Witness);
        self.deliver(self.order[0], usize::MAX, 0);
        self.tick();
        for _ in 0..self.world.steps {
            self.advance_clock();
            self.reload();
            self.happen();
            self.tick();
        }
        self.calm = true;
        self.calm_down();
        self.judge_the_living();
        self.judge_the_rooms();
        if self.world.ends_by_shutting_down {
            self.shut_down();
        } else {
            self.leave_for_good();
        }
        assert!(self.broker.is_empty());
        let left = self.metrics.snapshot();
        assert_eq!(
            (left.users, left.rooms, left.clients_connected, left.buffer_bytes),
            (0, 0, 0, 0)
        );
        let digest = self.digest.finish();
        Outcome {
            metrics: left,
            digest,
            connected_at_once: self.connected_at_once,
            times_reloaded: self.world.times_reloaded(),
        }
    }

    // ---- Time and ticks -------------------------------------------------------------------------

    fn advance_clock(&mut self) {
        self.now.monotonic_ms += match self.random.below(400) {
            0 => self.random.size(3_600_000), // the machine slept
            1..20 => 0,
            _ => self.random.size(20),
        } as u64;
        // The wall clock goes on, goes back, and shows times that nobody set.
        self.now.unix_ms = match self.random.below(40) {
            0 => self.random.next(),
            1 => self.random.pick(&[0, 1, u64::MAX]),
            2 => self.now.unix_ms.saturating_sub(self.random.size(10_000_000) as u64),
            _ => self.now.unix_ms.saturating_add(self.random.size(20) as u64),
        };
        self.times_shown.insert(self.now.unix_ms);
    }

    /// The second half of a tick, as the event loop makes it.
    fn tick(&mut self) {
        self.broker.invariants();
        self.broker.handle_timeout(self.now);
        self.judge_the_silent();
        self.broker.deliver_pending(self.now);
        self.broker.invariants();
        loop {
            let mut dirty: Vec<_> = std::iter::from_fn(|| self.broker.poll_dirty()).collect();
            if dirty.is_empty() {
                break;
            }
            self.random.shuffle(&mut dirty);
            dirty.into_iter().for_each(|id| self.flush(id));
        }
        self.broker.end_tick(self.now);
        while let Some(id) = self.broker.poll_closed() {
            self.drop_socket(id);
        }
        self.order.retain(|&id| self.sockets.contains_key(id));
        self.broker.invariants();
        self.connected_at_once = self.connected_at_once.max(self.order.len());
    }

    /// Nobody may be silent for longer than the limits say that are in force now, whichever were
    /// when it came.
    fn judge_the_silent(&mut self) {
        let timeout = self.world.limits().sign_in_timeout;
        if timeout.is_zero() {
            return;
        }
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap();
        for (id, socket) in &self.sockets {
            let is_open = socket.is_mute() && self.broker.poll_transmit(id).is_empty();
            let silent_ms = self.now.monotonic_ms - socket.arrived_ms;
            assert!(
                !is_open || silent_ms < timeout_ms,
                "{silent_ms} ms of silence were no reason to close: {socket:?}"
            );
        }
    }

    // ---- What happens ---------------------------------------------------------------------------

    /// The limits change, now and then, where the event loop has them change: before anything else
    /// happens in a tick.
    fn reload(&mut self) {
        if let Some(limits) = self.world.reload(&mut self.random) {
            self.broker.set_limits(limits.clone(), self.now);
            self.broker.invariants();
        }
    }

    fn happen(&mut self) {
        for _ in 0..self.random.below(self.world.arrivals_per_step_max + 1) {
            if self.order.len() < self.world.clients_max {
                let habit = self.random.pick(&[
                    Habit::Polite,
                    Habit::Polite,
                    Habit::Polite,
                    Habit::Slow,
                    Habit::Slow,
                    Habit::Deaf,
                    Habit::Rude,
                    Habit::Echo,
                    Habit::Flood,
                    Habit::Lurker,
                    Habit::Mute,
                ]);
                self.arrive(habit);
            }
        }
        let said_before = self.metrics.log_bytes_appended.get();
        let mut ids = self.order.clone();
        self.random.shuffle(&mut ids);
        for id in ids {
            if self.random.below(100) < self.world.activity_percent {
                self.sockets[id].client.speak(&mut self.random, &self.world);
                self.suffer(id);
            }
            self.read_as_client(id);
            let segment = self.sockets[id].segment_bytes_max;
            let at_most = if self.random.one_in(2) { segment } else { self.random.size(segment) };
            self.deliver(id, at_most, said_before);
        }
    }

    fn arrive(&mut self, habit: Habit) {
        self.arrivals += 1;
        let Some(id) = self.broker.accept(address(self.arrivals), self.now) else { return };
        let mut client = Client::new(habit, self.arrivals);
        client.speak(&mut self.random, &self.world);
        self.sockets.insert(id, Socket::new(client, self.now.monotonic_ms, &mut self.random));
        self.order.push(id);
    }

    /// What goes wrong for this client: its connection breaks, it has no more to say, or nothing
    /// passes for a while.
    fn suffer(&mut self, id: ConnectionId) {
        let socket = &mut self.sockets[id];
        if socket.client.habit == Habit::Witness {
            return;
        }
        match self.random.below(400) {
            0 => self.lose(id),
            1 => {
                socket.is_broken = true;
                self.broker.tls_failed(id, "a record that nobody sealed", self.now);
            }
            2..4 if !socket.client.half_closed => socket.client.half_close(&mut self.random),
            4..10 => socket.stalled_ticks = self.random.size(60),
            // Readiness that is none.
            10..14 => self.broker.mark_dirty(id),
            _ => {}
        }
    }

    fn lose(&mut self, id: ConnectionId) {
        self.sockets[id].is_broken = true;
        self.broker.handle_reset(id, self.now);
    }

    /// The server reads from a socket that has something for it, unless the rooms have said enough
    /// in this tick.
    fn deliver(&mut self, id: ConnectionId, at_most: usize, said_before: u64) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        let said_bytes = self.metrics.log_bytes_appended.get() - said_before;
        if !self.broker.is_reading(id)
            || socket.stalls()
            || said_bytes > self.world.said_bytes_per_turn_max()
        {
            return;
        }
        // As the event loop does: what is left of the last read goes first, in turns of its own.
        if self.broker.resume(id, self.now) {
            return;
        }
        let count = socket.client.outgoing.len().min(at_most);
        if count > 0 {
            let bytes: Vec<u8> = socket.client.outgoing.drain(..count).collect();
            self.broker.handle_input(id, &bytes, self.now);
            for _ in 0..1000 {
                if !self.broker.resume(id, self.now) {
                    break;
                }
            }
        }
        let ends = socket.client.half_closed
            && socket.client.outgoing.is_empty()
            && !self.broker.has_backlog(id);
        if ends && !socket.told_end {
            socket.told_end = true;
            self.broker.handle_eof(id, self.now);
        }
    }

    fn flush(&mut self, id: ConnectionId) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        socket.awaits_room = false;
        loop {
            let chunk = self.broker.poll_transmit(id).to_vec();
            if chunk.is_empty() {
                break;
            }
            let offered = chunk.len();
            let count = socket.take(&chunk);
            self.broker.consume(id, count, self.now);
            if count < offered {
                socket.awaits_room = true;
                self.broker.handle_blocked(id, self.now);
                return;
            }
        }
        match self.broker.handle_flushed(id, self.now) {
            AfterFlush::Keep => {}
            AfterFlush::ShutDownSending => socket.server_shut = true,
            AfterFlush::Gone => socket.server_flushed_all = true,
        }
    }

    fn read_as_client(&mut self, id: ConnectionId) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        let at_most =
            if self.calm { socket.calm_appetite() } else { socket.appetite(&mut self.random) };
        let bytes = socket.take_for_client(at_most);
        let mut around =
            Cx { world: &self.world, frames: &mut self.frames, times_shown: &self.times_shown };
        if !bytes.is_empty() {
            self.digest.write(&bytes);
            socket.client.hear(&bytes, &mut around);
            // There is room again; the news of it may take its time.
            socket.room_is_news |= socket.awaits_room;
        }
        if socket.room_is_news && (self.calm || !self.random.one_in(4)) {
            socket.room_is_news = false;
            self.broker.mark_dirty(id);
        }
        if socket.sees_end() {
            socket.client.end();
            // Most then end as well; some leave the server waiting.
            if !self.random.one_in(4) {
                socket.client.half_closed = true;
            }
        }
    }

    /// The server closed its socket. What it had sent before is still read.
    fn drop_socket(&mut self, id: ConnectionId) {
        let Some(mut socket) = self.sockets.remove(id) else { return };
        let is_flushed = socket.server_flushed_all || socket.server_shut;
        let drain_is_over = self.calm && self.world.ends_by_shutting_down;
        let may_drop = socket.is_broken || drain_is_over || self.world.may_drop_unflushed();
        assert!(is_flushed || may_drop, "dropped unflushed: {socket:?}");
        let bytes = socket.take_for_client(usize::MAX);
        let mut around =
            Cx { world: &self.world, frames: &mut self.frames, times_shown: &self.times_shown };
        self.digest.write(&bytes);
        socket.client.hear(&bytes, &mut around);
        let client = socket.client;
        if socket.server_flushed_all
            && client.half_closed
            && !client.is_cut
            && !client.was_cut_off()
        {
            assert!(
                client.is_served(),
                "{} ({:?}) half-closed and was not answered",
                client.name,
                client.habit
            );
        }
        self.past.push(client);
    }

    // ---- The end --------------------------------------------------------------------------------

    /// Turns until nothing moves any more.
    fn calm_down(&mut self) {
        for _ in 0..CALM_TICKS_MAX {
            let before = (
                self.metrics.bytes_received.get(),
                self.metrics.bytes_sent.get(),
                self.order.len(),
            );
            let said_before = self.metrics.log_bytes_appended.get();
            self.now.monotonic_ms += 1;
            for id in self.order.clone() {
                if let Some(socket) = self.sockets.get_mut(id) {
                    socket.calm_down();
                }
                self.read_as_client(id);
                self.deliver(id, CALM_SEGMENT_BYTES, said_before);
            }
            self.tick();
            let waits =
                self.sockets.iter().any(|(id, socket)| socket.waits(self.broker.has_backlog(id)));
            let after = (
                self.metrics.bytes_received.get(),
                self.metrics.bytes_sent.get(),
                self.order.len(),
            );
            if before == after && !waits {
                return;
            }
        }
        let waiting: Vec<_> = self.sockets.values().filter(|socket| socket.waits(false)).collect();
        panic!("after {CALM_TICKS_MAX} calm ticks bytes still move or are stuck: {waiting:#?}");
    }

    /// Everybody but the witness goes, in one way or another; then the witness.
    fn leave_for_good(&mut self) {
        for id in self.order.clone() {
            let socket = &mut self.sockets[id];
            if socket.client.habit == Habit::Witness {
                continue;
            }
            // From the deaf nothing may be read any more, not even the end.
            if self.random.one_in(2) && socket.client.habit != Habit::Deaf {
                socket.client.half_closed = true;
            } else {
                self.lose(id);
            }
            // Mass departures are much to say at once.
            if self.random.one_in(20) {
                self.tick();
            }
        }
        self.calm_down();
        self.judge_the_departures();
        for id in self.order.clone() {
            self.lose(id);
        }
        self.tick();
    }

    /// The server tells everybody, and drops those who do not take it when the drain timeout is
    /// over.
    fn shut_down(&mut self) {
        self.broker.shut_down(DRAIN_TIMEOUT, self.now);
        for _ in 0..3 {
            for id in self.order.clone() {
                self.read_as_client(id);
            }
            self.tick();
        }
        self.now.monotonic_ms += u64::try_from(DRAIN_TIMEOUT.as_millis()).unwrap();
        self.tick();
        if !self.broker.is_empty() {
            // Lingering begins with the flush and lasts for the close timeout, which may be
            // endless.
            self.order.clone().into_iter().for_each(|id| self.lose(id));
            self.tick();
        }
    }
}
