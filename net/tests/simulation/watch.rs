//! Who is closed, and for which reason: each close must have one that this world has given. And
//! whether the loop sleeps while a connection could go on.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use cafewire_core::chat::MAX_FRAME_SIZE;
use cafewire_net::{CloseReason, LimitReached, Limits};

use crate::client::Habit;
use crate::close_log;
use crate::endpoint::Endpoint;
use crate::io::EndpointKey;
use crate::network::{DRAIN_TIMEOUT, Network};
use crate::work::{Progress, bound};

/// Two of the largest answers: no bound on an outbox is smaller.
const OUTBOX_BYTES_MIN: usize = 2 * 65_540;

/// What is noted of a connection from tick to tick.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The server wanted its bytes, before this tick.
    was_reading: bool,
    was_handshaking: bool,
    queued_before: usize,
    /// When it last took bytes.
    taken_ms: u64,
    /// How many bytes it took.
    taken_bytes: u64,
    /// What is queued, and since when: each time that it grew, what had been queued in all by then.
    grown: VecDeque<(u64, u64)>,
    /// Since when more is queued than the soft bound, after a try to write.
    over_since_ms: Option<u64>,
    closed: Option<(CloseReason, u64)>,
}

impl Watch {
    /// What is queued after a tick in which it took so many bytes.
    fn note_queued(&mut self, queued: usize, taken: usize, now_ms: u64) {
        self.taken_bytes += taken as u64;
        let all_bytes = self.taken_bytes + queued as u64;
        if self.grown.back().map_or(queued > 0, |&(before, _)| before < all_bytes) {
            self.grown.push_back((all_bytes, now_ms));
        }
        while self.grown.front().is_some_and(|&(before, _)| before <= self.taken_bytes) {
            self.grown.pop_front();
        }
    }

    /// When the oldest was queued of what it has not taken, with so many bytes in this tick.
    fn queued_since_ms(&self, taken: usize) -> Option<u64> {
        let taken_bytes = self.taken_bytes + taken as u64;
        let mut grown = self.grown.iter();
        grown.find(|&&(all_bytes, _)| all_bytes > taken_bytes).map(|&(_, since_ms)| since_ms)
    }
}

/// The counts before a tick.
pub(crate) struct Before {
    deliveries: u64,
    departures: u64,
    log_bytes: u64,
    messages: u64,
    received: u64,
    users: u64,
    times_spent: u64,
    flushes_cut: u64,
}

impl Network {
    /// Before a tick.
    pub(crate) fn watch_tick(&mut self) -> Before {
        for &key in &self.order {
            let endpoint = &self.driver.io_mut().endpoints[key];
            let Some(id) = endpoint.id else { continue };
            let is_handshaking = endpoint.is_handshaking();
            let watch = &mut self.watches[key];
            watch.was_reading = self.driver.broker().is_reading(id);
            watch.was_handshaking = is_handshaking;
            watch.queued_before = self.driver.broker().queued_bytes(id);
            if self.driver.broker().has_backlog(id) {
                self.driver.io_mut().work.note_backlog();
            }
        }
        Before {
            deliveries: self.metrics.deliveries.get(),
            departures: self.metrics.departures_told.get(),
            log_bytes: self.metrics.log_bytes_appended.get(),
            messages: self.metrics.messages_processed.get(),
            received: self.metrics.bytes_received.get(),
            users: self.metrics.users.get(),
            times_spent: self.times_spent(),
            flushes_cut: self.flushes_cut(),
        }
    }

    /// After a tick.
    pub(crate) fn judge_tick(&mut self, before: &Before) {
        let users = before.users.max(self.metrics.users.get());
        let messages = self.metrics.messages_processed.get() - before.messages;
        // Those that signed in within this tick and are gone.
        let members_max = usize::try_from(users + messages).unwrap();
        let progress = Progress::of(&self.metrics, self.driver.broker().len());
        let unflushed = self.driver.broker().dirty_len();
        let is_cut = self.flushes_cut() > before.flushes_cut;
        let work = &mut self.driver.io_mut().work;
        work.judge_deliveries(self.metrics.deliveries.get() - before.deliveries, members_max);
        work.judge_departures(self.metrics.departures_told.get() - before.departures);
        work.judge_unflushed(unflushed, is_cut);
        work.judge_idleness(&progress);
        let closes = close_log::take();
        if !closes.is_empty() {
            let endpoints = self.driver.io_mut().endpoints.iter();
            let named: HashMap<String, EndpointKey> = endpoints
                .filter_map(|(key, endpoint)| Some((endpoint.id?.to_string(), key)))
                .collect();
            for (id, reason) in closes {
                // One that is refused without a word has no name.
                if let Some(&key) = named.get(&id) {
                    self.judge_close(key, reason, before);
                }
            }
        }
        self.judge_silence(before);
        self.judge_proxies();
        self.was_cut = is_cut;
        self.note_queues();
    }

    /// Ticks that left something unread, since enough was delivered.
    fn times_spent(&self) -> u64 {
        self.metrics.snapshot().limits_reached(LimitReached::DeliveriesPerTick)
    }

    /// Ticks that left something unwritten, since enough was.
    fn flushes_cut(&self) -> u64 {
        let metrics = self.metrics.snapshot();
        metrics.flush_pauses + metrics.limits_reached(LimitReached::WriteBytesPerTick)
    }

    fn note_queues(&mut self) {
        let soft = soft_bytes(self.world.limits());
        for &key in &self.order {
            let now_ms = self.driver.io_mut().now.monotonic_ms;
            let Some(id) = self.driver.io_mut().endpoints[key].id else { continue };
            let is_blocked = self.driver.io_mut().work.is_blocked(key);
            let taken = self.driver.io_mut().work.taken_bytes(key);
            let queued = self.driver.broker().queued_bytes(id);
            let watch = &mut self.watches[key];
            if taken > 0 {
                watch.taken_ms = now_ms;
            }
            watch.note_queued(queued, taken, now_ms);
            watch.over_since_ms = if queued <= soft {
                None
            } else {
                watch.over_since_ms.or(is_blocked.then_some(now_ms))
            };
        }
    }

    // ---- Sleep ----------------------------------------------------------------------------------

    /// The poll may sleep only if no connection can go on without anything new.
    pub(crate) fn judge_sleep(&mut self) {
        if !self.driver.io_mut().work.slept {
            return;
        }
        assert!(!self.driver.io_mut().has_someone_to_accept(), "a client waits to be accepted");
        assert!(!self.driver.broker().has_work(), "the broker has work");
        for &key in &self.order {
            let endpoint = &self.driver.io_mut().endpoints[key];
            let Some(id) = endpoint.id.filter(|_| !endpoint.is_queued) else { continue };
            let (is_readable, has_room) = (endpoint.is_readable(), endpoint.has_room());
            let (is_handshaking, wants_flush) = (endpoint.is_handshaking(), endpoint.wants_flush());
            let broker = self.driver.broker();
            let can_read = broker.is_reading(id) && (is_readable || broker.has_backlog(id));
            let has_output = (broker.queued_bytes(id) > 0 && !is_handshaking) || wants_flush;
            assert!(
                !can_read,
                "the poll sleeps, and there is something to read: {:?}",
                self.driver.io_mut().endpoints[key]
            );
            assert!(
                !(has_output && has_room),
                "the poll sleeps, and there is something to write: {:?}",
                self.driver.io_mut().endpoints[key]
            );
        }
    }

    /// No client may be silent for longer than the limits say that are in force now, whichever were
    /// when it came.
    fn judge_silence(&mut self, before: &Before) {
        let timeout = self.world.limits().sign_in_timeout;
        let work = &self.driver.io_mut().work;
        // Other limits are looked at in the tick after the one in which they come.
        if timeout.is_zero() || work.was_poll_full() || self.has_just_reloaded {
            return;
        }
        let polled_ms = work.polled_ms;
        // As long as others are to be heard, or to be written to first, time stands still.
        if self.times_spent() > before.times_spent || self.was_cut {
            return;
        }
        for &key in &self.order {
            let endpoint = &self.driver.io_mut().endpoints[key];
            let is_open = endpoint.is_mute() && self.watches[key].closed.is_none();
            let silent_ms = polled_ms.saturating_sub(endpoint.accepted_ms);
            assert!(
                !is_open || endpoint.id.is_none() || silent_ms < millis(timeout),
                "{silent_ms} ms of silence were no reason to close: {endpoint:?}"
            );
        }
    }

    /// Whose proxy told no header is closed in the tick that read it.
    fn judge_proxies(&mut self) {
        for &key in &self.order {
            let endpoint = &self.driver.io_mut().endpoints[key];
            assert!(
                !endpoint.has_bad_header || self.watches[key].closed.is_some(),
                "a header that is none was taken: {endpoint:?}"
            );
        }
    }

    // ---- Closes ---------------------------------------------------------------------------------

    fn judge_close(&mut self, key: EndpointKey, reason: CloseReason, before: &Before) {
        let now_ms = self.driver.io_mut().now.monotonic_ms;
        let watch = &mut self.watches[key];
        assert_eq!(watch.closed, None, "closed once more: {reason}");
        watch.closed = Some((reason, now_ms));
        let is_justified = match reason {
            CloseReason::SlowConsumer => self.is_slow(key, before),
            CloseReason::BufferBudget => self.is_too_much(key),
            CloseReason::SignInTimeout | CloseReason::IdleTimeout => self.is_silent(key, reason),
            _ => self.is_asked_for(key, reason),
        };
        assert!(
            is_justified,
            "no reason to close: {reason}, {:?}, {:?}, {:?}, now {now_ms}",
            self.driver.io_mut().endpoints[key],
            self.watches[key],
            self.world.limits(),
        );
    }

    fn is_asked_for(&mut self, key: EndpointKey, reason: CloseReason) -> bool {
        let endpoint = &self.driver.io_mut().endpoints[key];
        let client = &endpoint.client;
        match reason {
            CloseReason::Disconnected => client.said_disconnect,
            CloseReason::EndOfInput | CloseReason::CutFrame => endpoint.end_was_read,
            CloseReason::ConnectionLost => endpoint.is_broken || self.is_going_down,
            CloseReason::Unreachable => endpoint.is_broken && endpoint.is_timed_out,
            // It was not told anything: the peer is not known.
            CloseReason::BadProxyHeader => endpoint.has_bad_header && !client.was_told(),
            CloseReason::TlsFailed => endpoint.is_forged,
            CloseReason::ServerFull => self.world.ever(|limits| limits.connections > 0),
            CloseReason::AddressFull => {
                self.world.ever(|limits| limits.connections_per_address > 0)
            }
            CloseReason::ConnectRate => self.world.ever(|limits| limits.connects_per_second > 0),
            CloseReason::RateLimited => self.world.is_rate_limited(),
            CloseReason::NotConnected => client.has_attacked() || self.world.is_rate_limited(),
            CloseReason::ShuttingDown => self.is_going_down,
            _ => client.has_attacked(),
        }
    }

    /// A slow consumer has more queued than the hard bound, or more than the soft one for too long,
    /// or keeps a full room waiting for too long; and it did not take what it was offered last.
    fn is_slow(&mut self, key: EndpointKey, before: &Before) -> bool {
        let limits = self.world.limits().clone();
        let io = self.driver.io_mut();
        let now_ms = io.now.monotonic_ms;
        let endpoint = &io.endpoints[key];
        let is_known = endpoint.client.user_id().is_some();
        if endpoint.client.habit.reads_all() || !io.work.is_blocked(key) {
            return false;
        }
        let taken = io.work.taken_bytes(key);
        let watch = &self.watches[key];
        // The most that can have been queued when it was judged.
        let grown = (self.metrics.log_bytes_appended.get() - before.log_bytes)
            + (self.metrics.messages_processed.get() - before.messages) * 600
            + (self.metrics.bytes_received.get() - before.received);
        let queued = watch.queued_before + usize::try_from(grown).unwrap();
        let for_ms = |since: Option<u64>| since.map(|since_ms| now_ms - since_ms);
        let is_over = for_ms(watch.over_since_ms)
            .is_some_and(|over_ms| over_ms >= millis(limits.slow_consumer_time));
        // Its part may be small: others keep other parts. But it has had that time for it.
        let keeps_room_waiting = limits.room_log_bytes > 0
            && endpoint.client.habit.joins_rooms()
            && for_ms(watch.queued_since_ms(taken))
                .is_some_and(|queued_ms| queued_ms >= millis(limits.full_room_time));
        let was_too_much_for_a_stranger =
            !is_known && queued > bound(limits.outbox_bytes_before_sign_in).max(MAX_FRAME_SIZE);
        queued > bound(limits.outbox_hard_bytes).max(soft_bytes(&limits))
            || is_over
            || keeps_room_waiting
            || was_too_much_for_a_stranger
    }

    fn is_too_much(&mut self, key: EndpointKey) -> bool {
        let buffer_bytes = self.world.limits().buffer_bytes;
        let read_bytes_max = self.world.read_bytes_max();
        let io = self.driver.io_mut();
        // What a client sent and what could not be done yet, and twice that for its storage.
        let storage = |endpoint: &Endpoint| {
            let on_the_way = endpoint.client.outgoing.len() + endpoint.received.len();
            2 * endpoint.client.unanswered_bytes(on_the_way, read_bytes_max)
        };
        let all: usize = io.endpoints.values().map(|endpoint| storage(endpoint) + 256).sum();
        let habit = io.endpoints[key].client.habit;
        let is_rude = habit == Habit::Rude;
        let has_sent_most = all > buffer_bytes / 2 && (is_rude || storage(&io.endpoints[key]) > 0);
        buffer_bytes > 0 && ((io.work.is_blocked(key) && !habit.reads_all()) || has_sent_most)
    }

    /// A silent client has nothing on its way that the poll could have told of.
    fn is_silent(&mut self, key: EndpointKey, reason: CloseReason) -> bool {
        let limits = self.world.limits();
        let timeout = match reason {
            CloseReason::SignInTimeout => limits.sign_in_timeout,
            _ => limits.idle_timeout,
        };
        let io = self.driver.io_mut();
        let endpoint = &io.endpoints[key];
        let watch = &self.watches[key];
        let taken_ms = if reason == CloseReason::IdleTimeout { watch.taken_ms } else { 0 };
        let due_ms = endpoint.accepted_ms.max(taken_ms) + millis(timeout);
        // Before sign-in bytes give no more time than they need to be read once.
        let was_in_time = endpoint.unread_since_ms.is_some_and(|since_ms| since_ms < due_ms)
            || reason == CloseReason::IdleTimeout && endpoint.left_some;
        // The step that ends a handshake is what this tick does for it.
        let waits = was_in_time && watch.was_reading && !watch.was_handshaking;
        !timeout.is_zero() && io.work.polled_ms >= due_ms && !waits
    }

    /// A connection was dropped: it was told why, and given what it is owed, unless its time or the
    /// server's memory was over. Whether it may not have got everything.
    pub(crate) fn judge_dropped(&mut self, key: EndpointKey, endpoint: &Endpoint) -> bool {
        let Some(watch) = self.watches.remove(key) else { return true };
        let now_ms = self.driver.io_mut().now.monotonic_ms;
        let client = &endpoint.client;
        let Some((reason, closed_ms)) = watch.closed else {
            assert!(endpoint.id.is_none(), "dropped without a reason: {endpoint:?}");
            return true;
        };
        let closing_ms = now_ms - closed_ms;
        let is_over = self.world.ever(|limits| {
            (!limits.close_timeout.is_zero() && closing_ms >= millis(limits.close_timeout))
                || (1..64 << 20).contains(&limits.buffer_bytes)
        });
        let is_drained = self.is_going_down && closing_ms >= millis(DRAIN_TIMEOUT);
        if reason == CloseReason::BadProxyHeader {
            assert!(client.user_id().is_none() && !client.was_told(), "served: {endpoint:?}");
        }
        let is_lost = endpoint.is_broken
            || endpoint.is_forged
            || endpoint.was_overtaken
            || endpoint.has_bad_header;
        if is_lost || is_over || is_drained {
            return true;
        }
        if reason.error_code().is_some() {
            assert!(client.was_told(), "dropped without a word: {reason}, {endpoint:?}");
        } else if reason == CloseReason::EndOfInput && !client.is_cut && !client.was_cut_off() {
            assert!(
                client.is_served() || client.habit == Habit::Deaf,
                "half-closed and was not answered: {endpoint:?}"
            );
        }
        !matches!(reason, CloseReason::EndOfInput | CloseReason::Disconnected)
    }
}

fn soft_bytes(limits: &Limits) -> usize {
    bound(limits.outbox_bytes).max(OUTBOX_BYTES_MIN)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}
