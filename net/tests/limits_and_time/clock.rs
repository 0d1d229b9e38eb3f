//! Time limits to the millisecond on the test's own clock; and over real sockets never too early by
//! the client's clock.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::broker::{AfterFlush, Broker, ConnectionId, Now};
use cafewire_net::{CloseReason, Limits, ServerMetrics};

use super::accounts::Clock;
use crate::support::{PATIENCE, TestServer, chat, echo, parse};

/// Long enough for every timer but an endless one: some thousand years.
const AGES_MS: u64 = 1 << 45;

const START_MS: u64 = 5000;

/// A server without sockets, and one client that connected at [`START_MS`].
struct Harness {
    broker: Broker,
    metrics: Arc<ServerMetrics>,
    id: ConnectionId,
}

impl Harness {
    fn new(change: impl FnOnce(&mut Limits)) -> Self {
        let metrics = Arc::new(ServerMetrics::default());
        let mut limits = Limits::default();
        change(&mut limits);
        let mut broker = Broker::new(limits, Arc::clone(&metrics));
        let id = broker.accept(SocketAddr::from(([127, 0, 0, 1], 1)), now(START_MS)).unwrap();
        Self { broker, metrics, id }
    }

    fn receive(&mut self, bytes: &[u8], at_ms: u64) {
        self.broker.handle_input(self.id, bytes, now(at_ms));
        self.tick(at_ms);
    }

    /// A tick at this time, in which all queued bytes are taken.
    fn tick(&mut self, at_ms: u64) {
        self.broker.handle_timeout(at_ms, now(at_ms));
        self.broker.deliver_pending(now(at_ms));
        while let Some(id) = self.broker.poll_dirty() {
            while !self.broker.poll_transmit(id).is_empty() {
                let offered = self.broker.poll_transmit(id).len();
                self.broker.consume(id, offered, now(at_ms));
            }
            let _: AfterFlush = self.broker.handle_flushed(id, now(at_ms));
        }
        self.broker.end_tick(now(at_ms));
        while self.broker.poll_closed().is_some() {}
        self.broker.invariants();
    }

    fn closes(&self, reason: CloseReason) -> u64 {
        self.metrics.snapshot().closes(reason)
    }

    /// Asserts that the client is closed at this time, for which the server asked to be woken, and
    /// not a millisecond earlier.
    fn assert_closed_at(mut self, at_ms: u64, reason: CloseReason) {
        while let Some(wake_ms) = self.broker.next_deadline_ms().filter(|&wake_ms| wake_ms < at_ms)
        {
            self.tick(wake_ms);
            assert_eq!(self.closes(reason), 0, "{reason} at {wake_ms}, not {at_ms}");
        }
        assert_eq!(self.broker.next_deadline_ms(), Some(at_ms), "not woken in time");
        self.tick(at_ms - 1);
        assert_eq!(self.closes(reason), 0, "a millisecond early");
        self.tick(at_ms);
        assert_eq!(self.closes(reason), 1);
    }

    fn assert_never_closed(mut self, reason: CloseReason) {
        for at_ms in [START_MS + 1, 1 << 30, AGES_MS] {
            self.tick(at_ms);
            assert_eq!(self.closes(reason), 0, "{reason} at {at_ms}");
        }
    }
}

const fn now(monotonic_ms: u64) -> Now {
    Now { monotonic_ms, unix_ms: 1 }
}

/// A time limit, a bit less and a bit more.
const TIMES_MS: [u64; 5] = [1, 2, 999, 1000, 1001];

#[test]
fn the_time_to_sign_in_to_the_millisecond() {
    let connect = chat(&MessagePayload::Connect { username: "ada" });
    let half_an_echo = &echo(&Message::Ping(b"never whole"))[..9];
    for bytes in [&[][..], &connect[..7], half_an_echo] {
        for time_ms in TIMES_MS {
            let mut harness =
                Harness::new(|limits| limits.sign_in_timeout = Duration::from_millis(time_ms));
            harness.receive(bytes, START_MS);
            harness.assert_closed_at(START_MS + time_ms, CloseReason::SignInTimeout);
        }
        let mut harness = Harness::new(|limits| limits.sign_in_timeout = Duration::ZERO);
        harness.receive(bytes, START_MS);
        // The connection is not idle either: that time starts with the sign-in.
        harness.assert_never_closed(CloseReason::SignInTimeout);
    }
}

/// A process that was stopped hears peers up to when it was: who was silent until then goes, with
/// all of the time that there is for last words.
#[test]
fn the_time_for_last_words_starts_when_they_are_said() {
    let mut harness = Harness::new(|limits| {
        limits.sign_in_timeout = Duration::from_secs(1);
        limits.close_timeout = Duration::from_secs(1);
    });
    let heard_ms = START_MS + 1000;
    let stopped_until_ms = heard_ms + 3_600_000;
    harness.broker.handle_timeout(heard_ms, now(stopped_until_ms));
    assert_eq!(harness.closes(CloseReason::SignInTimeout), 1);
    harness.broker.handle_timeout(stopped_until_ms + 999, now(stopped_until_ms + 999));
    assert_eq!(harness.broker.poll_closed(), None);
    assert!(!harness.broker.poll_transmit(harness.id).is_empty());
    harness.broker.handle_timeout(stopped_until_ms + 1000, now(stopped_until_ms + 1000));
    assert_eq!(harness.broker.poll_closed(), Some(harness.id));
}

/// A sign-in in the last millisecond is in time.
#[test]
fn a_sign_in_just_in_time() {
    let connect = chat(&MessagePayload::Connect { username: "ada" });
    for (late_ms, is_in_time) in [(999, true), (1000, false)] {
        let mut harness = Harness::new(|limits| limits.sign_in_timeout = Duration::from_secs(1));
        harness.tick(START_MS + late_ms);
        harness.receive(&connect, START_MS + late_ms);
        assert_eq!(harness.closes(CloseReason::SignInTimeout), u64::from(!is_in_time));
        assert_eq!(harness.metrics.users.get(), u64::from(is_in_time));
    }
}

#[test]
fn the_idle_time_to_the_millisecond() {
    let connect = chat(&MessagePayload::Connect { username: "ada" });
    let ping = echo(&Message::ping());
    for frame in [&connect, &ping] {
        for time_ms in TIMES_MS {
            let mut harness =
                Harness::new(|limits| limits.idle_timeout = Duration::from_millis(time_ms));
            // The time counts from the last frame, even of a connection that starts late and sends
            // often just in time.
            let mut last_ms = START_MS + 7000;
            harness.receive(frame, last_ms);
            for _ in 0..20 {
                last_ms += time_ms - 1;
                harness.tick(last_ms);
                let refused = chat(&MessagePayload::LeaveRoom { room: "nowhere" });
                harness.receive(if frame == &ping { &ping } else { &refused }, last_ms);
            }
            harness.assert_closed_at(last_ms + time_ms, CloseReason::IdleTimeout);
        }
        let mut harness = Harness::new(|limits| limits.idle_timeout = Duration::ZERO);
        harness.receive(frame, START_MS);
        harness.assert_never_closed(CloseReason::IdleTimeout);
    }
}

/// A peer is not silent while its bytes wait to be read: a long frame may take many ticks, and the
/// process may have been stopped before it read the rest. Before sign-in they give no more time.
#[test]
fn a_peer_whose_bytes_wait_is_not_silent() {
    let one_second = |limits: &mut Limits| {
        limits.idle_timeout = Duration::from_secs(1);
        limits.sign_in_timeout = Duration::from_secs(1);
    };
    for (first, reason, more_ms) in [
        (&echo(&Message::ping())[..], CloseReason::IdleTimeout, 900),
        (&[], CloseReason::SignInTimeout, 0),
    ] {
        let mut harness = Harness::new(one_second);
        harness.receive(first, START_MS);
        let half = &echo(&Message::Echo(&[7; 3000]))[..2000];
        harness.receive(half, START_MS + 900);
        harness.broker.handle_more_waiting(harness.id, now(START_MS + 900));
        harness.assert_closed_at(START_MS + 1000 + more_ms, reason);
    }
}

/// A closed peer that does not end is dropped when the close time-out is over.
#[test]
fn the_close_time_to_the_millisecond() {
    for time_ms in TIMES_MS {
        let mut harness =
            Harness::new(|limits| limits.close_timeout = Duration::from_millis(time_ms));
        harness.receive(b"rubbish", START_MS + 9);
        assert_eq!(harness.broker.len(), 1);
        harness.tick(START_MS + 9 + time_ms - 1);
        assert_eq!(harness.broker.len(), 1, "a millisecond early");
        harness.tick(START_MS + 9 + time_ms);
        assert!(harness.broker.is_empty());
    }
    let mut harness = Harness::new(|limits| limits.close_timeout = Duration::ZERO);
    harness.receive(b"rubbish", START_MS);
    harness.tick(AGES_MS);
    assert_eq!(harness.broker.len(), 1, "0 is no limit");
}

const TIME: Duration = Duration::from_millis(120);

/// The server counts whole milliseconds, from the one in which a tick started.
fn assert_not_early(since: Instant) {
    assert!(
        since.elapsed() + Duration::from_millis(1) >= TIME,
        "early: after {:?}",
        since.elapsed()
    );
}

#[test]
fn no_time_is_over_early_by_the_clients_clock() {
    let server = TestServer::start();
    let mut clock = Clock::new(&server);
    server.change_limits(|limits| limits.sign_in_timeout = TIME);
    for _ in 0..3 {
        // The running tick started after the reload.
        clock.metrics(&server);
        let start = Instant::now();
        let mut silent = server.peer();
        silent.expect_error(ErrorCode::IdleTimeout);
        assert_not_early(start);
    }

    let server = TestServer::with(|config| config.limits.idle_timeout = TIME);
    let deadline = Instant::now() + PATIENCE;
    let mut shown = 0;
    while shown < 3 {
        assert!(Instant::now() < deadline, "no request is handled in time");
        let mut user = server.user("ada");
        let start = Instant::now();
        user.send_chat(&MessagePayload::LeaveRoom { room: "nowhere" });
        // On a machine that stood still the time may be over before the request came, which shows
        // nothing.
        match parse(&user.next_chat()) {
            MessagePayload::Error { code: ErrorCode::IdleTimeout, .. } => {}
            MessagePayload::Error { code: ErrorCode::NotInRoom, .. } => {
                user.expect_error(ErrorCode::IdleTimeout);
                assert_not_early(start);
                shown += 1;
            }
            other => panic!("{other:?}"),
        }
        user.expect_end();
    }
}

#[test]
fn no_connection_is_dropped_early_during_shutdown() {
    let mut server = TestServer::with(|config| {
        config.limits.close_timeout = TIME;
        config.drain_timeout = Duration::from_secs(3600);
    });
    let mut told = server.user("ada");
    let start = Instant::now();
    server.handle().shut_down();
    told.expect_error(ErrorCode::ShuttingDown);
    told.expect_end();
    server.wait_for_end();
    assert_not_early(start);
}
