//! The run: one thread around one poll. Makes the connections, has them say what is due, hands what comes to the workload,
//! and knows when it is over. Decides nothing about messages.
//!
//! A turn: wait for an event or for what is due next; begin connections; read those that have something; let those send
//! that may; see whether the phase is over.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::config::{Amount, LoadConfig, LoadError, Work};
use super::connections::{Connections, Read, Stage, attempt_of};
use super::connector::{AfterFailure, Attempt, Connector};
use super::latencies::Latencies;
use super::measure::Snapshot;
use super::monitor::{Monitor, Phase, Progress};
use super::report::{self, Deliveries, Measured, Report};
use super::schedule::{Due, Pace, Senders};
use super::stream::Target;
use super::tally::{Reasons, Tally};
use super::timer::Timer;
use super::workload::{Books, Opening, Workload};

/// Bytes of messages gathered for one write.
const WRITE_SIZE: usize = 64 << 10;

const EVENTS_PER_POLL: usize = 1024;
const TIMER: Token = Token(usize::MAX);

/// How long a turn may wait at most, so that a stop is noticed.
const LONGEST_WAIT_NS: u64 = 100_000_000;

/// When all has come: how much longer to listen for what comes twice.
const LISTEN_ON_NS: u64 = 100_000_000;

/// What is sent and how it is measured, in nanoseconds.
#[derive(Debug)]
struct Plan {
    /// Before anything is sent.
    idle_ns: u64,
    pace: Pace,
    /// Messages.
    limit: Option<u64>,
    /// Since sending began.
    measured_from_ns: u64,
    /// Since sending began; `None`: when all is sent.
    until_ns: Option<u64>,
    drain_ns: u64,
}

pub(super) struct Engine<'a, W> {
    target: Target,
    monitor: &'a Monitor,
    plan: Plan,
    workload: W,
    connector: Connector,
    connections: Connections,
    timer: Timer,
    clock: Instant,
    /// On the clock: when sending began.
    began_ns: u64,
    senders: Senders,
    /// For each sender, its connection.
    sender_connections: Vec<usize>,
    /// For each connection, its number as a sender.
    sender_of: Vec<Option<usize>>,
    /// At a fixed rate: whose turn is when.
    due: Option<Due>,
    /// Senders that may have something to send.
    may_send: Vec<usize>,
    /// Messages may be sent, and not only what was begun.
    is_sending: bool,
    /// Connections that are being read.
    reading: Vec<usize>,
    tally: Tally,
    send_lag: Latencies,
    counts: report::Connections,
    reasons: Reasons,
    last_reason: String,
}

/// A connection came to nothing, and why.
struct Failed(String);

impl<'a, W: Workload> Engine<'a, W> {
    pub(super) fn new(
        config: &LoadConfig,
        target: Target,
        monitor: &'a Monitor,
        workload: W,
    ) -> Result<Self, LoadError> {
        let plan = Plan::of(config, workload.connections());
        let poll = Poll::new().map_err(LoadError::System)?;
        let timer = Timer::new(poll.registry(), TIMER).map_err(LoadError::System)?;
        let count = workload.connections();
        Ok(Self {
            target,
            monitor,
            connector: Connector::new(
                count,
                config.connects_per_second,
                ns(config.connect_timeout),
                config.connect_retries,
            ),
            connections: Connections::new(count, poll),
            timer,
            clock: Instant::now(),
            began_ns: 0,
            senders: Senders::new(plan.pace, plan.limit, 0),
            sender_connections: Vec::new(),
            sender_of: vec![None; count],
            due: None,
            may_send: Vec::new(),
            is_sending: false,
            reading: Vec::new(),
            tally: Tally::new(plan.measured_from_ns),
            send_lag: Latencies::new(),
            counts: report::Connections { wanted: count as u64, ..report::Connections::default() },
            reasons: Reasons::default(),
            last_reason: String::new(),
            plan,
            workload,
        })
    }

    /// From the first connection to the report.
    pub(super) fn run(mut self, config: &LoadConfig) -> Result<Report, LoadError> {
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        while !self.connector.is_done() && self.monitor.stops() == 0 {
            self.show(Phase::Connecting);
            self.turn(&mut events, self.connector.next_ns()).map_err(LoadError::System)?;
        }
        let connect_time = self.clock.elapsed();
        if self.counts.ready == 0 {
            let reason =
                if self.last_reason.is_empty() { "stopped before it stood".to_owned() } else { self.last_reason };
            return Err(LoadError::NoConnection { target: config.target.clone(), reason });
        }
        let idle_until_ns = self.now_ns().saturating_add(self.plan.idle_ns);
        while self.now_ns() < idle_until_ns && self.monitor.stops() == 0 {
            self.show(Phase::Idling);
            self.turn(&mut events, Some(idle_until_ns)).map_err(LoadError::System)?;
        }
        let is_idle_test = matches!(config.work, Work::Idle { .. });
        let was_stopped_early = self.monitor.stops() > 0;
        // A stop ends the idling; that the connections are served is seen all the same.
        if is_idle_test || !was_stopped_early {
            self.begin();
        }
        let (measured, drain_time) = self.send_and_drain(&mut events, is_idle_test)?;
        self.show(Phase::Done);
        Ok(self.report(measured, connect_time, drain_time))
    }

    /// Those that are ready become senders and receivers.
    fn begin(&mut self) {
        let ready: Vec<bool> = self.connections.stages().map(|stage| stage == Stage::Ready).collect();
        self.sender_connections = self.workload.begin(&ready);
        for (sender, &connection) in self.sender_connections.iter().enumerate() {
            self.sender_of[connection] = Some(sender);
        }
        let count = self.sender_connections.len();
        self.senders = Senders::new(self.plan.pace, self.plan.limit, count);
        match self.plan.pace {
            Pace::PerSecond(rate) => self.due = Some(Due::new(rate, self.plan.limit)),
            Pace::Window(_) => self.may_send.extend(0..count),
        }
        self.began_ns = self.now_ns();
        self.is_sending = true;
    }

    fn send_and_drain(
        &mut self,
        events: &mut Events,
        is_idle_test: bool,
    ) -> Result<(Option<Measured>, Duration), LoadError> {
        let mut measured_from = None;
        while !self.is_sending_over(is_idle_test) {
            let since_ns = self.since_began_ns();
            if measured_from.is_none() && since_ns >= self.plan.measured_from_ns {
                measured_from = Some(self.snapshot());
            }
            self.show(if measured_from.is_some() { Phase::Measuring } else { Phase::WarmingUp });
            let milestone_ns =
                if measured_from.is_none() { Some(self.plan.measured_from_ns) } else { self.plan.until_ns };
            let next_ns = [milestone_ns, self.due.as_ref().and_then(Due::next_ns)].into_iter().flatten().min();
            self.turn(events, next_ns.map(|next_ns| self.began_ns.saturating_add(next_ns)))
                .map_err(LoadError::System)?;
        }
        let sending_ended_ns = self.since_began_ns();
        let at_end = self.snapshot();
        self.is_sending = false;
        self.due = None;
        let at_completion = self.drain(events)?;
        let last_delivery_ns = self.tally.last_delivery_ns;
        let drain_time = Duration::from_nanos(last_delivery_ns.saturating_sub(sending_ended_ns));
        // Where messages are counted and not time, the last one's delivery is part of the work.
        let (until, until_ns) =
            if self.plan.until_ns.is_some() { (at_end, sending_ended_ns) } else { (at_completion, last_delivery_ns) };
        Ok((measured_from.map(|from| from.until(&until, until_ns)), drain_time))
    }

    fn is_sending_over(&self, is_idle_test: bool) -> bool {
        let since_ns = self.since_began_ns();
        let is_stopped = if is_idle_test { self.monitor.stops() > 1 } else { self.monitor.stops() > 0 };
        let is_time_over = self.plan.until_ns.is_some_and(|until_ns| until_ns <= since_ns);
        // Windows that stay full because something was lost would wait for ever.
        let is_stuck = matches!(self.senders.pace(), Pace::Window(_))
            && self.plan.until_ns.is_none()
            && since_ns.saturating_sub(self.tally.last_delivery_ns) > self.plan.drain_ns;
        let is_nobody_left = !self.sender_connections.iter().any(|&connection| self.is_ready(connection));
        is_stopped || is_time_over || is_stuck || is_nobody_left || self.senders.is_exhausted()
    }

    /// Waits for what is under way: until all has come and a little longer, or nothing has come for the drain time-out.
    /// Gives what was counted when all had come, or was given up.
    fn drain(&mut self, events: &mut Events) -> Result<Snapshot, LoadError> {
        let expected = self.workload.expected(&self.senders);
        let mut at_completion = None;
        let mut last_progress_ns = self.now_ns();
        let mut received = self.tally.received;
        loop {
            self.show(Phase::Draining);
            let now_ns = self.now_ns();
            if self.tally.received != received {
                (received, last_progress_ns) = (self.tally.received, now_ns);
            }
            let is_complete = received >= expected;
            if is_complete && at_completion.is_none() {
                at_completion = Some(self.snapshot());
            }
            let nobody_is_left = self.connections.stages().all(|stage| stage != Stage::Ready);
            let wait_ns = if is_complete { LISTEN_ON_NS.min(self.plan.drain_ns) } else { self.plan.drain_ns };
            let until_ns = last_progress_ns.saturating_add(wait_ns);
            if until_ns <= now_ns || nobody_is_left || self.monitor.stops() > 1 {
                return Ok(at_completion.unwrap_or_else(|| self.snapshot()));
            }
            self.turn(events, Some(until_ns)).map_err(LoadError::System)?;
        }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::take(self.since_began_ns(), &self.senders, &self.tally)
    }

    /// Waits, at most until `next_ns` on the clock, and does what there is to do.
    fn turn(&mut self, events: &mut Events, next_ns: Option<u64>) -> io::Result<()> {
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
                self.connections.mark_readable(attempt.connection, event.is_read_closed() || event.is_error());
            }
            if event.is_writable() || event.is_error() {
                self.writable(attempt.connection);
            }
        }
        self.connect();
        self.read_all();
        self.send_all();
        while let Some((connection, reason)) = self.workload.take_outcast() {
            self.end(connection, &Failed(reason.to_owned()));
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut Events, next_ns: Option<u64>) -> io::Result<()> {
        let wait_ns = if self.connections.has_readable() || !self.may_send.is_empty() {
            0
        } else {
            next_ns.map_or(LONGEST_WAIT_NS, |next_ns| next_ns.saturating_sub(self.now_ns()).min(LONGEST_WAIT_NS))
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

    /// Begins the connections whose turn it is, and gives up those whose time is over.
    fn connect(&mut self) {
        if self.connector.is_done() {
            return;
        }
        let now_ns = self.now_ns();
        while let Some(connection) = self.connector.next(now_ns) {
            let attempt = Attempt { connection, number: self.connections.get(connection).attempt };
            self.connector.begun(attempt, now_ns);
            if let Err(error) = self.connections.begin(connection, &self.target) {
                self.end(connection, &Failed(error.to_string()));
            }
        }
        while let Some(attempt) = self.connector.take_overdue(now_ns) {
            if self.connections.is_current(attempt) && !self.is_ready(attempt.connection) {
                self.end(attempt.connection, &Failed("the server did not answer in time".to_owned()));
            }
        }
    }

    /// There is room to write, or the connection has come to stand.
    fn writable(&mut self, connection: usize) {
        if self.connections.get(connection).stage == Stage::Connecting {
            match self.connections.is_connected(connection) {
                Ok(true) => {
                    let state = self.connections.get_mut(connection);
                    state.stage = Stage::Opening;
                    self.workload.open(connection, &mut state.out);
                }
                Ok(false) => return,
                Err(error) => return self.end(connection, &Failed(error.to_string())),
            }
        }
        match self.sender_of[connection] {
            Some(sender) => self.send(sender),
            None => self.flush(connection),
        }
    }

    fn flush(&mut self, connection: usize) {
        if let Err(error) = self.connections.flush(connection) {
            self.end(connection, &Failed(error.to_string()));
        }
    }

    /// Each connection that has something is read once; who has more is there again in the next turn.
    fn read_all(&mut self) {
        let mut list = std::mem::take(&mut self.reading);
        self.connections.take_readable(&mut list);
        for connection in list.drain(..) {
            let outcome = match self.connections.read(connection) {
                Read::Nothing => Ok(()),
                Read::Bytes(count) => self.take(connection, count),
                Read::Ended(reason) => Err(Failed(reason)),
            };
            match outcome {
                Ok(()) if self.connections.wants_flush(connection) => self.flush(connection),
                Ok(()) => {}
                Err(failed) => self.end(connection, &failed),
            }
        }
        self.reading = list;
    }

    /// Hands on what was read.
    fn take(&mut self, connection: usize, count: usize) -> Result<(), Failed> {
        let now_ns = self.since_began_ns();
        let mut taken = 0;
        if self.connections.get(connection).stage == Stage::Opening {
            taken = self.take_opening(connection, count)?;
        }
        if self.is_ready(connection) {
            let (state, bytes) = self.connections.read_bytes(connection, count);
            let (tally, senders) = (&mut self.tally, &mut self.senders);
            let mut books = Books { tally, senders, now_ns, came_back: None };
            let received = self.workload.receive(connection, &bytes[taken..], &mut state.input, &mut books);
            let came_back = books.came_back;
            self.tally.bytes_received += received.bytes as u64;
            taken += received.bytes;
            if let Some(sender) = came_back {
                self.may_send.push(sender);
            }
            if let Some(reason) = received.broken {
                return Err(Failed(reason));
            }
        }
        self.connections.keep_rest(connection, taken, count);
        Ok(())
    }

    /// Goes on with signing in. Returns the bytes that it took.
    fn take_opening(&mut self, connection: usize, count: usize) -> Result<usize, Failed> {
        use cafewire_core::Framing;
        let mut taken = 0;
        let (state, bytes) = self.connections.read_bytes(connection, count);
        let opening = loop {
            match state.input.next_frame(&bytes[taken..]) {
                Framing::Frame { frame, consumed } => {
                    taken += consumed;
                    match self.workload.answer(connection, &frame, &mut state.out) {
                        Opening::NotYet => {}
                        other => break other,
                    }
                }
                Framing::NeedMore { .. } => break Opening::NotYet,
                Framing::Corrupt { error } => {
                    break Opening::Refused(format!("the server sent what is no frame: {error}"));
                }
            }
        };
        match opening {
            Opening::Refused(reason) => return Err(Failed(format!("the server refused: {reason}"))),
            Opening::Ready => {
                state.stage = Stage::Ready;
                self.connector.ready();
                self.counts.ready += 1;
            }
            Opening::NotYet => {}
        }
        Ok(taken)
    }

    /// Has everybody send who may.
    fn send_all(&mut self) {
        let now_ns = self.since_began_ns();
        if let Some(due) = &mut self.due {
            let count = self.sender_connections.len();
            let mut on_list = 0;
            while let Some(number) = due.take(now_ns) {
                // They take turns, so once there is one for each of them all are on the list.
                if on_list < count {
                    on_list += 1;
                    self.may_send.push(usize::try_from(number % count as u64).unwrap_or(0));
                }
            }
        }
        let mut list = std::mem::take(&mut self.may_send);
        for &sender in &list {
            self.send(sender);
        }
        list.clear();
        self.may_send = list;
    }

    /// Writes what a sender may send by now, as far as the system takes it.
    fn send(&mut self, sender: usize) {
        let connection = self.sender_connections[sender];
        if !self.is_ready(connection) {
            return;
        }
        loop {
            match self.connections.flush(connection) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return self.end(connection, &Failed(error.to_string())),
            }
            if !self.is_sending {
                return;
            }
            let now_ns = self.since_began_ns();
            let out = &mut self.connections.get_mut(connection).out;
            while out.len() < WRITE_SIZE {
                let Some(stamp) = self.senders.take_due(sender, now_ns) else { break };
                self.workload.write(stamp, out);
                if self.due.is_some() && stamp.at_ns >= self.plan.measured_from_ns {
                    self.send_lag.record(now_ns - stamp.at_ns);
                }
            }
            if out.is_empty() {
                return;
            }
        }
    }

    fn end(&mut self, connection: usize, failed: &Failed) {
        let state = self.connections.get(connection);
        let attempt = Attempt { connection, number: state.attempt };
        match state.stage {
            Stage::None => return,
            Stage::Ready => {
                self.counts.ended_early += 1;
                self.workload.leave(connection);
            }
            Stage::Connecting | Stage::Opening => match self.connector.failed(attempt, self.now_ns()) {
                AfterFailure::TryAgain => self.counts.retried += 1,
                AfterFailure::GiveUp => self.counts.failed += 1,
            },
        }
        self.reasons.add(&failed.0);
        self.last_reason.clone_from(&failed.0);
        self.connections.end(connection);
        self.connections.get_mut(connection).attempt += 1;
    }

    fn is_ready(&self, connection: usize) -> bool {
        self.connections.get(connection).stage == Stage::Ready
    }

    fn now_ns(&self) -> u64 {
        ns(self.clock.elapsed())
    }

    fn since_began_ns(&self) -> u64 {
        self.now_ns().saturating_sub(self.began_ns)
    }

    fn show(&self, phase: Phase) {
        self.monitor.show(Progress {
            phase,
            ready: self.counts.ready - self.counts.ended_early,
            retried: self.counts.retried,
            sent: self.senders.sent_in_all(),
            received: self.tally.received,
        });
    }

    fn report(mut self, measured: Option<Measured>, connect_time: Duration, drain_time: Duration) -> Report {
        let expected = self.workload.expected(&self.senders);
        let received = self.tally.received;
        self.counts.reasons = self.reasons.into_sorted();
        Report {
            connections: self.counts,
            sent: self.senders.sent_in_all(),
            deliveries: Deliveries {
                expected,
                received,
                reordered: self.tally.reordered,
                duplicated: self.tally.duplicated,
                lost: expected.saturating_sub(received),
                unexpected: self.tally.unexpected,
            },
            server_errors: self.tally.server_errors.into_sorted(),
            measured: measured.unwrap_or_default(),
            latency: self.tally.latencies.summary(),
            send_lag: self.send_lag.summary(),
            connect_time,
            drain_time,
            was_interrupted: self.monitor.stops() > 0,
        }
    }
}

impl Plan {
    fn of(config: &LoadConfig, connections: usize) -> Self {
        let warm_up_ns = ns(config.warm_up);
        let window = match config.work {
            Work::Echo { in_flight, .. } => in_flight,
            Work::Chat { window, .. } => window,
            Work::Idle { .. } => 1,
        };
        let pace = config.rate_per_second.map_or(Pace::Window(window), Pace::PerSecond);
        let drain_ns = ns(config.drain_timeout);
        match (config.work, config.amount) {
            // Each sends one message, at the pace at which they connected.
            (Work::Idle { .. }, Amount::Time(time)) => Self {
                idle_ns: ns(time),
                pace: Pace::PerSecond(config.connects_per_second),
                limit: Some(connections as u64),
                measured_from_ns: 0,
                until_ns: None,
                drain_ns,
            },
            (_, Amount::Time(time)) => Self {
                idle_ns: 0,
                pace,
                limit: None,
                measured_from_ns: warm_up_ns,
                until_ns: Some(warm_up_ns.saturating_add(ns(time))),
                drain_ns,
            },
            (_, Amount::Messages(messages)) => {
                Self { idle_ns: 0, pace, limit: Some(messages), measured_from_ns: warm_up_ns, until_ns: None, drain_ns }
            }
        }
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
