//! The counts of a run: deliveries by verdict, their latencies, faults. Pure.

use std::collections::BTreeMap;

use super::checker::Verdict;
use super::latencies::{Latencies, LatencySummary};

/// The most distinct sentences about faults; the rest share one entry.
const REASONS_MAX: usize = 16;

/// Counts of reasons, the most frequent first when shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reasons(BTreeMap<String, u64>);

impl Reasons {
    pub(crate) fn add(&mut self, reason: &str) {
        if let Some(count) = self.0.get_mut(reason) {
            *count += 1;
            return;
        }
        let reason = if self.0.len() < REASONS_MAX { reason } else { "other reasons" };
        *self.0.entry(reason.to_owned()).or_default() += 1;
    }

    pub(crate) fn into_sorted(self) -> Vec<(String, u64)> {
        let mut reasons: Vec<_> = self.0.into_iter().collect();
        reasons.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        reasons
    }
}

/// Deliveries so far. Times are nanoseconds since sending began.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Distinct deliveries.
    pub(crate) received: u64,
    pub(crate) reordered: u64,
    pub(crate) duplicated: u64,
    pub(crate) unexpected: u64,
    pub(crate) bytes_received: u64,
    pub(crate) last_delivery_ns: u64,
    pub(crate) latencies: Latencies,
    /// Those of the present interval, where intervals are asked for.
    interval: Option<Latencies>,
    /// Latencies are recorded for messages that were due from this time on.
    pub(crate) measured_from_ns: u64,
    /// Error frames from the server, by text.
    pub(crate) server_errors: Reasons,
}

impl Tally {
    pub(crate) fn new(measured_from_ns: u64) -> Self {
        Self {
            received: 0,
            reordered: 0,
            duplicated: 0,
            unexpected: 0,
            bytes_received: 0,
            last_delivery_ns: 0,
            latencies: Latencies::new(),
            interval: None,
            measured_from_ns,
            server_errors: Reasons::default(),
        }
    }

    /// Keeps the latencies of each interval, too.
    pub(crate) fn keep_intervals(&mut self) {
        self.interval = Some(Latencies::new());
    }

    /// The latencies of the present interval, with which the next begins.
    pub(crate) fn take_interval(&mut self) -> Option<LatencySummary> {
        self.interval.as_mut().and_then(Latencies::take_summary)
    }

    /// Counts one delivery. True if it is a message's first.
    #[inline]
    pub(crate) fn deliver(&mut self, verdict: Verdict, at_ns: u64, now_ns: u64) -> bool {
        match verdict {
            Verdict::InOrder => {}
            Verdict::Reordered => self.reordered += 1,
            Verdict::Duplicated => {
                self.duplicated += 1;
                return false;
            }
            Verdict::Unexpected => {
                self.unexpected += 1;
                return false;
            }
        }
        self.received += 1;
        self.last_delivery_ns = now_ns;
        let latency_ns = now_ns.saturating_sub(at_ns);
        if at_ns >= self.measured_from_ns {
            self.latencies.record(latency_ns);
        }
        if let Some(interval) = &mut self.interval {
            interval.record(latency_ns);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_due_in_the_warm_up_counts_without_latency() {
        let mut tally = Tally::new(100);
        assert!(tally.deliver(Verdict::InOrder, 99, 150));
        assert!(tally.deliver(Verdict::Reordered, 100, 150));
        assert!(!tally.deliver(Verdict::Duplicated, 100, 160));
        assert!(!tally.deliver(Verdict::Unexpected, 100, 160));
        assert_eq!(
            (tally.received, tally.reordered, tally.duplicated, tally.unexpected),
            (2, 1, 1, 1)
        );
        assert_eq!(tally.last_delivery_ns, 150);
        let latency = tally.latencies.summary().unwrap();
        assert_eq!((latency.count, latency.max_ns), (1, 50));
    }

    #[test]
    fn reasons_are_counted_and_bounded() {
        let mut reasons = Reasons::default();
        for number in 0..100 {
            reasons.add(&format!("reason {number}"));
            reasons.add("reason 3");
        }
        let sorted = reasons.into_sorted();
        assert_eq!(sorted.len(), REASONS_MAX + 1);
        assert_eq!(sorted[0], ("reason 3".to_owned(), 101));
        assert_eq!(sorted.iter().map(|(_, count)| count).sum::<u64>(), 200);
    }
}
