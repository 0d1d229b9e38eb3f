//! The plan that the engine makes of a configuration. Pure.

use super::ns;
use crate::load::config::{Amount, LoadConfig, Work};
use crate::load::schedule::{Pace, due_before};

/// The phases and the pace of a run, in nanoseconds.
#[derive(Debug)]
pub(super) struct Plan {
    /// The time before anything is sent.
    pub(super) idle_ns: u64,
    pub(super) pace: Pace,
    /// The most messages. At a fixed rate for a time, those that fall due in it.
    pub(super) limit: Option<u64>,
    /// The end of the warm-up, since sending began.
    pub(super) measured_from_ns: u64,
    /// The end of sending, since it began. `None`: when all messages are sent.
    pub(super) until_ns: Option<u64>,
    pub(super) drain_ns: u64,
    /// Bytes of each message.
    pub(super) size_bytes: usize,
}

impl Plan {
    pub(super) fn from_config(config: &LoadConfig, connections: usize) -> Self {
        let warm_up_ns = ns(config.warm_up);
        let window = match config.work {
            Work::Echo { in_flight, .. } => in_flight,
            Work::Chat { window, .. } => window,
            Work::Idle { .. } => 1,
        };
        let pace = config.rate_per_second.map_or(Pace::Window(window), Pace::PerSecond);
        let drain_ns = ns(config.drain_timeout);
        let size_bytes = match config.work {
            Work::Echo { size_bytes, .. } | Work::Chat { size_bytes, .. } => size_bytes,
            Work::Idle { .. } => 0,
        };
        match (config.work, config.amount) {
            // Each connection sends one message, at the pace at which they connected.
            (Work::Idle { .. }, Amount::Time(time)) => Self {
                idle_ns: ns(time),
                pace: Pace::PerSecond(config.connects_per_second),
                limit: Some(connections as u64),
                measured_from_ns: 0,
                until_ns: None,
                drain_ns,
                size_bytes,
            },
            (_, Amount::Time(time)) => {
                let until_ns = warm_up_ns.saturating_add(ns(time));
                let limit = config.rate_per_second.map(|rate| due_before(until_ns, rate));
                Self {
                    idle_ns: 0,
                    pace,
                    limit,
                    measured_from_ns: warm_up_ns,
                    until_ns: Some(until_ns),
                    drain_ns,
                    size_bytes,
                }
            }
            (_, Amount::Messages(messages)) => Self {
                idle_ns: 0,
                pace,
                limit: Some(messages),
                measured_from_ns: warm_up_ns,
                until_ns: None,
                drain_ns,
                size_bytes,
            },
        }
    }

    /// At a fixed rate: how many messages are due before this time.
    pub(super) fn due_before(&self, until_ns: u64) -> Option<u64> {
        let Pace::PerSecond(rate) = self.pace else { return None };
        Some(due_before(until_ns, rate).min(self.limit.unwrap_or(u64::MAX)))
    }
}
