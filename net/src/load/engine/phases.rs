//! The phases of a run: connecting, idling, sending, draining, and the report at the end. Decides
//! how long ticks go on, not what one does.

use std::time::Duration;

use mio::Events;

use super::Engine;
use crate::load::config::{LoadConfig, LoadError, Work};
use crate::load::connections::ConnectionStage;
use crate::load::measure::Snapshot;
use crate::load::monitor::{Phase, Progress};
use crate::load::report::{Deliveries, Measured, Report};
use crate::load::schedule::{Due, Pace, Senders};
use crate::load::workload::Workload;

const EVENTS_PER_POLL: usize = 1024;

/// How much longer to listen for duplicates once all deliveries have come.
const LISTEN_ON_NS: u64 = 100_000_000;

impl<W: Workload> Engine<'_, W> {
    /// Runs the test, from the first connection to the report.
    pub(in crate::load) fn run(mut self, config: &LoadConfig) -> Result<Report, LoadError> {
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        while !self.connector.is_done() && self.monitor.stops() == 0 {
            self.show(Phase::Connecting);
            self.tick(&mut events, self.connector.next_ns()).map_err(LoadError::System)?;
        }
        let connect_time = self.clock.elapsed();
        if self.counts.ready == 0 {
            let reason = if self.last_reason.is_empty() {
                "the test was stopped before a connection was ready".to_owned()
            } else {
                self.last_reason
            };
            return Err(LoadError::NoConnection { target: config.target.clone(), reason });
        }
        let idle_until_ns = self.now_ns().saturating_add(self.plan.idle_ns);
        while self.now_ns() < idle_until_ns && self.monitor.stops() == 0 {
            self.show(Phase::Idling);
            self.tick(&mut events, Some(idle_until_ns)).map_err(LoadError::System)?;
        }
        let is_idle_test = matches!(config.work, Work::Idle { .. });
        let was_stopped_early = self.monitor.stops() > 0;
        // A stop ends the idling, but whether the connections are served is still checked.
        if is_idle_test || !was_stopped_early {
            self.begin();
        }
        let (measured, due, drain_time) = self.send_and_drain(&mut events, is_idle_test)?;
        self.show(Phase::Done);
        Ok(Report { due, connect_time, drain_time, ..self.report(measured) })
    }

    /// Makes the connections that are ready senders and receivers.
    fn begin(&mut self) {
        let ready: Vec<bool> =
            self.connections.stages().map(|stage| stage == ConnectionStage::Ready).collect();
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
        self.quiet_ns = 0;
    }

    fn send_and_drain(
        &mut self,
        events: &mut Events,
        is_idle_test: bool,
    ) -> Result<(Option<Measured>, Option<u64>, Duration), LoadError> {
        let mut measured_from = None;
        while !self.is_sending_over(is_idle_test) {
            let since_ns = self.since_began_ns();
            if measured_from.is_none() && since_ns >= self.plan.measured_from_ns {
                measured_from = Some(self.snapshot());
            }
            self.show(if measured_from.is_some() { Phase::Measuring } else { Phase::WarmingUp });
            let milestone_ns = if measured_from.is_none() {
                Some(self.plan.measured_from_ns)
            } else {
                self.plan.until_ns
            };
            let next_ns = [milestone_ns, self.due.as_ref().and_then(Due::next_ns)]
                .into_iter()
                .flatten()
                .min();
            self.tick(events, next_ns.map(|next_ns| self.began_ns.saturating_add(next_ns)))
                .map_err(LoadError::System)?;
            self.tell_interval(false);
        }
        let fell_due = if is_idle_test { None } else { self.fell_due(self.since_began_ns()) };
        if self.due.is_some() {
            // Messages that were due before the end are sent, even if the last tick came too late
            // for them.
            self.send_all();
        }
        let sending_ended_ns = self.since_began_ns();
        let at_end = self.snapshot();
        self.is_sending = false;
        self.due = None;
        let at_completion = self.drain(events)?;
        self.tell_interval(true);
        let last_delivery_ns = self.tally.last_delivery_ns;
        let drain_time = Duration::from_nanos(last_delivery_ns.saturating_sub(sending_ended_ns));
        // With a number of messages rather than a time, the last delivery is part of the work.
        let (until, until_ns) = if self.plan.until_ns.is_some() {
            (at_end, sending_ended_ns)
        } else {
            (at_completion, last_delivery_ns)
        };
        let due_before_ns = |ns| self.plan.due_before(ns).unwrap_or(0);
        let measured = measured_from.map(|from| Measured {
            due: fell_due.map(|due| due - due_before_ns(self.plan.measured_from_ns).min(due)),
            ..from.until(&until, until_ns, self.plan.size_bytes)
        });
        Ok((measured, fell_due, drain_time))
    }

    /// Messages that are due at a fixed rate: all of them, unless it was stopped before.
    fn fell_due(&self, ended_ns: u64) -> Option<u64> {
        self.plan.due_before(if self.monitor.stops() > 0 { ended_ns } else { u64::MAX })
    }

    fn is_sending_over(&self, is_idle_test: bool) -> bool {
        let since_ns = self.since_began_ns();
        let is_stopped =
            if is_idle_test { self.monitor.stops() > 1 } else { self.monitor.stops() > 0 };
        let is_time_over = self.plan.until_ns.is_some_and(|until_ns| until_ns <= since_ns);
        // Windows that stay full because a message was lost would wait for ever.
        let is_stuck = matches!(self.senders.pace(), Pace::Window(_))
            && self.plan.until_ns.is_none()
            && self.quiet_ns > self.plan.drain_ns;
        let all_have_ended =
            !self.sender_connections.iter().any(|&connection| self.is_ready(connection));
        // A test with a time goes on to its end, even if no further message falls due before it.
        let is_all_sent = self.senders.is_exhausted() && self.plan.until_ns.is_none();
        is_stopped || is_time_over || is_stuck || all_have_ended || is_all_sent
    }

    /// Waits for deliveries: until all have come and a little longer, or none has come for the
    /// drain time-out. Returns the counts at the moment when all had come or were given up.
    fn drain(&mut self, events: &mut Events) -> Result<Snapshot, LoadError> {
        let expected = self.workload.expected(&self.senders);
        let mut at_completion = None;
        self.quiet_ns = 0;
        loop {
            self.show(Phase::Draining);
            let is_complete = self.tally.received >= expected;
            if is_complete && at_completion.is_none() {
                at_completion = Some(self.snapshot());
            }
            let all_have_ended =
                self.connections.stages().all(|stage| stage != ConnectionStage::Ready);
            let wait_ns =
                if is_complete { LISTEN_ON_NS.min(self.plan.drain_ns) } else { self.plan.drain_ns };
            if self.quiet_ns >= wait_ns || all_have_ended || self.monitor.stops() > 1 {
                return Ok(at_completion.unwrap_or_else(|| self.snapshot()));
            }
            let until_ns = self.now_ns().saturating_add(wait_ns - self.quiet_ns);
            self.tick(events, Some(until_ns)).map_err(LoadError::System)?;
            self.tell_interval(false);
        }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::take(self.since_began_ns(), &self.senders, &self.tally)
    }

    /// Tells the interval that is over; in the end the last one, however short.
    fn tell_interval(&mut self, is_last: bool) {
        let now_ns = self.since_began_ns();
        if let Some(series) = &mut self.series
            && (is_last || series.is_due(now_ns))
        {
            series.end(self.phase, self.senders.sent_in_all(), &mut self.tally, now_ns);
        }
    }

    fn show(&mut self, phase: Phase) {
        let ready = self.counts.ready - self.counts.ended_early;
        let (retried, sent, received) =
            (self.counts.retried, self.senders.sent_in_all(), self.tally.received);
        self.monitor.show(Progress { phase, ready, retried, sent, received });
        if self.phase != phase {
            self.phase = phase;
            tracing::debug!(
                "{phase}: {ready} connections ready, {sent} messages sent, \
                 {received} deliveries received"
            );
        }
    }

    fn report(mut self, measured: Option<Measured>) -> Report {
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
            latency_buckets: self.tally.latencies.buckets(),
            send_lag: self.send_lag.summary(),
            was_interrupted: self.monitor.stops() > 0,
            ..Report::default()
        }
    }
}
