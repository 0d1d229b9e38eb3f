//! Statistics of a series of round trips. Pure: durations in, figures out.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest round trip that the histogram distinguishes; longer ones count as this long, in the
/// p99 alone.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// Counts of sent and received, and times in whole nanoseconds.
pub(crate) struct RoundTrips {
    sent: u64,
    histogram: Histogram<u64>,
    shortest_ns: u64,
    longest_ns: u64,
    sum_ns: u128,
}

/// The figures of at least one round trip, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) min_ns: u64,
    pub(crate) avg_ns: u64,
    pub(crate) max_ns: u64,
    /// 99 of 100 were no longer than this, to three significant digits.
    pub(crate) p99_ns: u64,
}

impl RoundTrips {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3)
            .expect("1 ns to 1 h at 3 digits is a valid range");
        Self { sent: 0, histogram, shortest_ns: u64::MAX, longest_ns: 0, sum_ns: 0 }
    }

    pub(crate) fn record_sent(&mut self) {
        self.sent += 1;
    }

    pub(crate) fn record_reply(&mut self, round_trip: Duration) {
        let ns = duration_ns(round_trip);
        self.histogram.saturating_record(ns.max(1));
        self.shortest_ns = self.shortest_ns.min(ns);
        self.longest_ns = self.longest_ns.max(ns);
        self.sum_ns += u128::from(ns);
    }

    pub(crate) const fn sent(&self) -> u64 {
        self.sent
    }

    pub(crate) fn received(&self) -> u64 {
        self.histogram.len()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received())
    }

    /// `None` until there was a reply.
    pub(crate) fn figures(&self) -> Option<Figures> {
        let received = self.received();
        if received == 0 {
            return None;
        }
        let average = self.sum_ns / u128::from(received);
        // The histogram returns the upper end of a bucket, which may lie beyond the longest
        // measured time.
        let p99_ns =
            self.histogram.value_at_quantile(0.99).clamp(self.shortest_ns, self.longest_ns);
        Some(Figures {
            min_ns: self.shortest_ns,
            avg_ns: u64::try_from(average).unwrap_or(u64::MAX),
            max_ns: self.longest_ns,
            p99_ns,
        })
    }
}

/// Whole nanoseconds, at most what 64 bits hold (584 years).
pub(crate) fn duration_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds for people: milliseconds to the microsecond.
pub(crate) fn milliseconds(ns: u64) -> String {
    let us = ns / 1000 + u64::from(ns % 1000 >= 500);
    format!("{}.{:03}", us / 1000, us % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_received_has_no_figures() {
        let mut trips = RoundTrips::new();
        assert_eq!(trips.figures(), None);
        trips.record_sent();
        assert_eq!((trips.sent(), trips.received(), trips.lost()), (1, 0, 1));
        assert_eq!(trips.figures(), None);
    }

    #[test]
    fn one_reply_is_every_figure() {
        let mut trips = RoundTrips::new();
        trips.record_sent();
        trips.record_reply(Duration::from_nanos(123_457));
        let ns = 123_457;
        assert_eq!(
            trips.figures(),
            Some(Figures { min_ns: ns, avg_ns: ns, max_ns: ns, p99_ns: ns })
        );
        assert_eq!(trips.lost(), 0);
    }

    #[test]
    fn the_99th_percentile_leaves_out_the_slowest_hundredth() {
        let mut trips = RoundTrips::new();
        for ms in 1..=100 {
            trips.record_sent();
            trips.record_reply(Duration::from_millis(ms));
        }
        let figures = trips.figures().unwrap();
        assert_eq!(
            (figures.min_ns, figures.avg_ns, figures.max_ns),
            (1_000_000, 50_500_000, 100_000_000)
        );
        assert!(figures.p99_ns.abs_diff(99_000_000) <= 99_000, "{}", figures.p99_ns);
    }

    #[test]
    fn extremes_saturate() {
        let mut trips = RoundTrips::new();
        trips.record_reply(Duration::ZERO);
        trips.record_reply(Duration::MAX);
        let figures = trips.figures().unwrap();
        assert_eq!((figures.min_ns, figures.max_ns), (0, u64::MAX));
    }

    #[test]
    fn milliseconds_are_rounded_to_the_microsecond() {
        assert_eq!(milliseconds(0), "0.000");
        assert_eq!(milliseconds(123_456), "0.123");
        assert_eq!(milliseconds(123_500), "0.124");
        assert_eq!(milliseconds(12_000_000_499), "12000.000");
        assert_eq!(milliseconds(u64::MAX), "18446744073709.552");
    }
}
