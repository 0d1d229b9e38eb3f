//! What a tick may do, and what the loop around it may not: more than its bounds allow, sleep while
//! there is something to do, turn without doing anything.

use std::collections::{HashMap, HashSet};

use cafewire_core::chat::MAX_FRAME_SIZE;
use cafewire_net::{Limits, ServerMetrics};

use crate::io::EndpointKey;
use crate::world::read_bytes;

/// Ticks in a row that may come to nothing though the driver did not let the poll sleep.
const IDLE_TICKS_MAX: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Work {
    limits: Limits,
    /// The last wait had nothing to tell, and was given time to sleep.
    pub(crate) slept: bool,
    had_events: bool,
    pub(crate) polled_ms: u64,
    full_polls: usize,
    departures_left: usize,
    idle_ticks: usize,

    reads: HashMap<EndpointKey, usize>,
    handshakes: usize,
    accepts: [usize; 2],
    written: usize,
    /// Connections written to, in both flushes; how many were allowed in a tick that was cut short.
    flushes: usize,
    flushes_before: usize,
    has_read: bool,
    /// At least what was read since nothing was left to write.
    read_ahead: usize,
    /// What each connection took in this flush, of which a tick has two.
    flushed_to: HashMap<EndpointKey, usize>,
    /// What each connection took in this tick, before it was closed.
    written_to: HashMap<EndpointKey, usize>,
    /// Connections whose last write was cut short; of those that are closed, the last one before.
    blocked: HashSet<EndpointKey>,
    /// Connections that the server let go of since they were taken from here.
    pub(crate) closed: Vec<EndpointKey>,
    before: Progress,
}

/// What a tick that does something changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    numbers: [u64; 9],
}

impl Progress {
    pub(crate) fn of(metrics: &ServerMetrics, connections: usize) -> Self {
        Self {
            numbers: [
                metrics.bytes_received.get(),
                metrics.bytes_sent.get(),
                metrics.messages_processed.get(),
                metrics.connections_accepted.get(),
                metrics.connections_rejected.get(),
                metrics.log_bytes_appended.get(),
                metrics.users.get(),
                metrics.clients_connected.get(),
                connections as u64,
            ],
        }
    }
}

impl Work {
    /// The limits in force, with 0 as no bound.
    pub(crate) fn set_limits(&mut self, limits: &Limits) {
        // The first tick under other limits has the departures of the earlier ones left.
        self.departures_left = self.departures_left.max(bound(limits.departures_per_tick));
        self.limits = limits.clone();
        for limit in [
            &mut self.limits.flushes_per_tick,
            &mut self.limits.write_bytes_per_tick,
            &mut self.limits.connection_write_bytes_per_tick,
            &mut self.limits.deliveries_per_tick,
            &mut self.limits.accepts_per_tick,
            &mut self.limits.handshakes_per_tick,
        ] {
            *limit = bound(*limit);
        }
        self.limits.read_bytes_per_tick = read_bytes(limits);
    }

    pub(crate) const fn start_wait(&mut self, slept: bool, had_events: bool, now_ms: u64) {
        self.slept = slept;
        self.had_events = had_events;
        self.polled_ms = now_ms;
    }

    pub(crate) const fn note_poll(&mut self, is_full: bool) {
        self.full_polls = if is_full { self.full_polls + 1 } else { 0 };
    }

    /// Whether the last wait may have left something untold.
    pub(crate) const fn was_poll_full(&self) -> bool {
        self.full_polls > 0
    }

    // ---- Within a tick --------------------------------------------------------------------------

    pub(crate) fn start_tick(&mut self, progress: Progress) {
        self.before = progress;
        self.reads.clear();
        self.handshakes = 0;
        self.accepts = [0; 2];
        self.written = 0;
        self.flushes = 0;
        self.has_read = false;
        self.flushed_to.clear();
        self.written_to.clear();
    }

    pub(crate) fn note_read(&mut self, key: EndpointKey, at_most: usize, is_handshaking: bool) {
        assert_eq!(at_most, self.limits.read_bytes_per_tick, "a read of another size");
        let reads = self.reads.entry(key).or_default();
        *reads += 1;
        assert_eq!(*reads, 1, "a connection is read twice in a tick");
        self.handshakes += usize::from(is_handshaking);
        assert!(
            self.handshakes <= self.limits.handshakes_per_tick,
            "{} handshakes in a tick",
            self.handshakes
        );
    }

    pub(crate) const fn note_read_bytes(&mut self, count: usize) {
        self.read_ahead += count;
        self.has_read = true;
    }

    /// Frames wait that were read earlier.
    pub(crate) const fn note_backlog(&mut self) {
        self.read_ahead += self.limits.read_bytes_per_tick;
    }

    pub(crate) fn note_accept(&mut self, listener: usize) {
        self.accepts[listener] += 1;
        assert!(
            self.accepts[listener] <= self.limits.accepts_per_tick,
            "{:?} accepts in a tick",
            self.accepts
        );
    }

    /// A tick flushes twice, the second time for refusals: so each connection has its share twice.
    pub(crate) fn start_flush(&mut self) {
        self.flushed_to.clear();
    }

    pub(crate) fn start_write(&mut self, key: EndpointKey) {
        let limits = &self.limits;
        assert!(self.written < limits.write_bytes_per_tick, "{} bytes in a tick", self.written);
        self.flushes += usize::from(!self.flushed_to.contains_key(&key));
        assert!(
            self.flushes <= self.flushes_allowed() || self.read_ahead >= limits.read_bytes_per_tick,
            "{} connections flushed in a tick, with {} bytes read since all were",
            self.flushes,
            self.read_ahead
        );
        let flushed_to = *self.flushed_to.entry(key).or_default();
        assert!(
            flushed_to < limits.connection_write_bytes_per_tick,
            "{flushed_to} bytes in a flush for one connection, and more"
        );
    }

    /// A write. The last words of one that `was_closed` say nothing of what it was closed for.
    pub(crate) fn end_write(
        &mut self,
        key: EndpointKey,
        offered: usize,
        taken: usize,
        was_closed: bool,
    ) {
        assert!(offered <= TRANSMIT_BYTES_MAX, "{offered} bytes in one write");
        self.written += taken;
        *self.flushed_to.entry(key).or_default() += taken;
        if was_closed {
            return;
        }
        *self.written_to.entry(key).or_default() += taken;
        if taken < offered {
            self.blocked.insert(key);
        } else {
            self.blocked.remove(&key);
        }
    }

    /// The server hears that there is room again.
    pub(crate) fn note_room(&mut self, key: EndpointKey) {
        self.blocked.remove(&key);
    }

    /// Whether the last that was offered to it was not taken whole.
    pub(crate) fn is_blocked(&self, key: EndpointKey) -> bool {
        self.blocked.contains(&key)
    }

    /// How many bytes it took in this tick.
    pub(crate) fn taken_bytes(&self, key: EndpointKey) -> usize {
        self.written_to.get(&key).copied().unwrap_or(0)
    }

    // ---- After a tick ---------------------------------------------------------------------------

    /// A tick in which so many frames were delivered: to how many members the largest room has.
    pub(crate) fn judge_deliveries(&self, deliveries: u64, members_max: usize) {
        // One frame is done whatever is left, and one departure is told.
        let allowed = (self.limits.deliveries_per_tick).saturating_add(2 * members_max);
        assert!(
            deliveries <= allowed as u64,
            "{deliveries} deliveries in a tick, {} allowed, rooms of {members_max}",
            self.limits.deliveries_per_tick
        );
    }

    /// A tick after which so many connections have something to write, whether they were tried or
    /// not; some were not if it `was_cut`.
    pub(crate) fn judge_unflushed(&mut self, unflushed: usize, was_cut: bool) {
        if unflushed == 0 {
            self.read_ahead = 0;
        }
        self.flushes_before = if was_cut { self.flushes_allowed() } else { 0 };
    }

    /// Twice as many as in the tick before, if that was cut short and nothing came.
    fn flushes_allowed(&self) -> usize {
        let limit = self.limits.flushes_per_tick;
        if self.has_read { limit } else { limit.max(self.flushes_before.saturating_mul(2)) }
    }

    pub(crate) fn judge_departures(&mut self, departures: u64) {
        let allowed = self.departures_left;
        assert!(departures <= allowed as u64, "{departures} departures in a tick, not {allowed}");
        self.departures_left = bound(self.limits.departures_per_tick);
    }

    pub(crate) fn judge_idleness(&mut self, after: &Progress) {
        let came_to_nothing = *after == self.before && !self.slept && !self.had_events;
        self.idle_ticks = if came_to_nothing { self.idle_ticks + 1 } else { 0 };
        assert!(self.idle_ticks <= IDLE_TICKS_MAX, "the loop turns and does nothing: {after:?}");
    }
}

/// 0 is no bound.
pub(crate) const fn bound(limit: usize) -> usize {
    if limit == 0 { usize::MAX } else { limit }
}

/// The most that one write is ever offered: what is gathered, and the list that passes it. That has
/// what a batch has, 64 KiB and a frame.
const TRANSMIT_BYTES_MAX: usize = (256 << 10) + (64 << 10) + MAX_FRAME_SIZE;
