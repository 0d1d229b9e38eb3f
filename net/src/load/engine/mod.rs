//! The engine of a run: one thread around one poll. Makes the connections, sends the messages that
//! are due, hands received bytes to the workload, and ends the run. Decides nothing about messages.
//!
//! A tick: wait for an event or for the next due time; start connections; read from those that have
//! bytes; send from those that may. This file has the tick, and the start and end of connections;
//! `traffic` has their reads and writes, `phases` the phases of a run, from the first connection to
//! the report.

mod phases;
mod plan;
mod traffic;

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use self::plan::Plan;
use super::config::{LoadConfig, LoadError};
use super::connections::{ConnectionSet, ConnectionStage, attempt_of};
use super::connector::{AfterFailure, Attempt, Connector};
use super::latencies::Latencies;
use super::monitor::{Monitor, Phase};
use super::report;
use super::schedule::{Due, Senders};
use super::series::Series;
use super::stream::Target;
use super::tally::{Reasons, Tally};
use super::timer::Timer;
use super::workload::Workload;

const TIMER: Token = Token(usize::MAX);

/// The longest wait of a tick, so that a stop is noticed.
const LONGEST_WAIT_NS: u64 = 100_000_000;

pub(super) struct Engine<'a, W> {
    target: Target,
    monitor: &'a Monitor,
    plan: Plan,
    /// The phase that was shown last.
    phase: Phase,
    workload: W,
    connector: Connector,
    connections: ConnectionSet,
    timer: Timer,
    clock: Instant,
    /// The time on the clock at which sending began.
    began_ns: u64,
    senders: Senders,
    /// The connection of each sender.
    sender_connections: Vec<usize>,
    /// The number of each connection as a sender.
    sender_of: Vec<Option<usize>>,
    /// The messages that fall due, at a fixed rate.
    due: Option<Due>,
    /// Senders that may have messages to send.
    may_send: Vec<usize>,
    /// New messages may be sent, besides the rest of those already started.
    is_sending: bool,
    /// For how long no delivery has come, counted in ticks: see [`quiet_after`].
    quiet_ns: u64,
    /// The connections that are being read.
    reading: Vec<usize>,
    tally: Tally,
    /// Where the intervals of the run are told.
    series: Option<Series<'a>>,
    send_lag: Latencies,
    counts: report::Connections,
    reasons: Reasons,
    last_reason: String,
}

/// The reason why a connection failed.
struct Failed(String);

impl<'a, W: Workload> Engine<'a, W> {
    pub(super) fn new(
        config: &LoadConfig,
        target: Target,
        monitor: &'a Monitor,
        workload: W,
        series: Option<Series<'a>>,
    ) -> Result<Self, LoadError> {
        let plan = Plan::from_config(config, workload.connections());
        let poll = Poll::new().map_err(LoadError::System)?;
        let timer = Timer::new(poll.registry(), TIMER).map_err(LoadError::System)?;
        let count = workload.connections();
        let mut tally = Tally::new(plan.measured_from_ns);
        if series.is_some() {
            tally.keep_intervals();
        }
        Ok(Self {
            target,
            monitor,
            connector: Connector::new(
                count,
                config.connects_per_second,
                ns(config.connect_timeout),
                config.connect_retries,
            ),
            connections: ConnectionSet::new(count, poll),
            timer,
            clock: Instant::now(),
            began_ns: 0,
            senders: Senders::new(plan.pace, plan.limit, 0),
            sender_connections: Vec::new(),
            sender_of: vec![None; count],
            due: None,
            may_send: Vec::new(),
            is_sending: false,
            quiet_ns: 0,
            reading: Vec::new(),
            tally,
            series,
            send_lag: Latencies::new(),
            counts: report::Connections { wanted: count as u64, ..report::Connections::default() },
            reasons: Reasons::default(),
            last_reason: String::new(),
            phase: Phase::Connecting,
            plan,
            workload,
        })
    }

    /// Waits, at most until `next_ns` on the clock, and does the work that is due.
    fn tick(&mut self, events: &mut Events, next_ns: Option<u64>) -> io::Result<()> {
        let (began_ns, received) = (self.now_ns(), self.tally.received);
        self.wait(events, next_ns)?;
        for event in &*events {
            if event.token() == TIMER {
                continue;
            }
            let attempt = attempt_of(event.token());
            if !self.connections.is_current(attempt) {
                continue;
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.connections
                    .mark_readable(attempt.connection, event.is_read_closed() || event.is_error());
            }
            if event.is_writable() || event.is_error() {
                self.writable(attempt.connection);
            }
        }
        self.connect();
        self.read_all();
        self.send_all();
        while let Some((connection, reason)) = self.workload.take_expelled() {
            self.end(connection, &Failed(reason.to_owned()));
        }
        let took_ns = self.now_ns().saturating_sub(began_ns);
        self.quiet_ns =
            if self.tally.received == received { quiet_after(self.quiet_ns, took_ns) } else { 0 };
        Ok(())
    }

    fn wait(&mut self, events: &mut Events, next_ns: Option<u64>) -> io::Result<()> {
        let wait_ns = if self.connections.has_readable() || !self.may_send.is_empty() {
            0
        } else {
            next_ns.map_or(LONGEST_WAIT_NS, |next_ns| {
                next_ns.saturating_sub(self.now_ns()).min(LONGEST_WAIT_NS)
            })
        };
        let wait = Duration::from_nanos(wait_ns);
        let timeout = if wait_ns == 0 { Some(wait) } else { self.timer.wake_after(wait)? };
        match self.connections.poll_mut().poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            done => done,
        }
    }

    /// Starts the connections that are due, and ends those whose time is over.
    fn connect(&mut self) {
        if self.connector.is_done() {
            return;
        }
        let now_ns = self.now_ns();
        while let Some(connection) = self.connector.next(now_ns) {
            let attempt = Attempt { connection, number: self.connections.get(connection).attempt };
            self.connector.started(attempt, now_ns);
            self.start(attempt, now_ns);
        }
        while let Some(attempt) = self.connector.take_waiting(now_ns) {
            if self.connections.is_current(attempt) {
                self.start(attempt, now_ns);
            }
        }
        while let Some(attempt) = self.connector.take_overdue(now_ns) {
            if self.connections.is_current(attempt) && !self.is_ready(attempt.connection) {
                self.end(
                    attempt.connection,
                    &Failed("the server did not answer in time".to_owned()),
                );
            }
        }
    }

    fn start(&mut self, attempt: Attempt, now_ns: u64) {
        match self.connections.start(attempt.connection, &self.target) {
            Ok(()) => {}
            // The backlog of a Unix-domain socket is full, which the poll does not watch.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.connector.wait_for_room(attempt, now_ns);
            }
            Err(error) => self.end(attempt.connection, &Failed(error.to_string())),
        }
    }

    fn end(&mut self, connection: usize, failed: &Failed) {
        let state = self.connections.get(connection);
        let attempt = Attempt { connection, number: state.attempt };
        match state.stage {
            ConnectionStage::None => return,
            ConnectionStage::Ready => {
                self.counts.ended_early += 1;
                self.workload.leave(connection);
            }
            ConnectionStage::Connecting | ConnectionStage::Handshake => {
                match self.connector.failed(attempt, self.now_ns()) {
                    AfterFailure::TryAgain => self.counts.retried += 1,
                    AfterFailure::GiveUp => self.counts.failed += 1,
                }
            }
        }
        tracing::debug!(
            "connection {}, attempt {}: {}",
            connection + 1,
            attempt.number + 1,
            failed.0
        );
        self.reasons.add(&failed.0);
        self.last_reason.clone_from(&failed.0);
        self.connections.end(connection);
        self.connections.get_mut(connection).attempt += 1;
    }

    fn is_ready(&self, connection: usize) -> bool {
        self.connections.get(connection).stage == ConnectionStage::Ready
    }

    fn now_ns(&self) -> u64 {
        ns(self.clock.elapsed())
    }

    fn since_began_ns(&self) -> u64 {
        self.now_ns().saturating_sub(self.began_ns)
    }
}

/// For how long no delivery has come, after a tick without one. Where the machine stood still, or
/// this process did not run, the server may have had no time either. So one tick counts for no more
/// than its longest wait, and a time-out of several ticks cannot end before received bytes were
/// read.
fn quiet_after(before_ns: u64, tick_took_ns: u64) -> u64 {
    before_ns.saturating_add(tick_took_ns.min(LONGEST_WAIT_NS))
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_which_nothing_ran_is_no_silence_of_the_server() {
        assert_eq!(quiet_after(5, 7), 12);
        assert_eq!(quiet_after(5, LONGEST_WAIT_NS), 5 + LONGEST_WAIT_NS);
        assert_eq!(quiet_after(5, 100 * LONGEST_WAIT_NS), 5 + LONGEST_WAIT_NS);
        assert_eq!(quiet_after(u64::MAX, 1), u64::MAX);
    }
}
