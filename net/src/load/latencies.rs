//! The latencies of deliveries. Pure: durations in, percentiles out.

use hdrhistogram::Histogram;

/// Latencies above an hour count as an hour in the percentiles.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// Times in nanoseconds, to three significant digits; shortest, longest and mean exactly.
#[derive(Debug)]
pub(crate) struct Latencies {
    histogram: Histogram<u64>,
    min_ns: u64,
    max_ns: u64,
    sum_ns: u128,
    /// The last latency and how often it came in a row: messages that were sent and arrive together
    /// have the same one, and are recorded together.
    same_ns: u64,
    same_count: u64,
}

/// Percentiles of latencies, in nanoseconds, to three significant digits. `min_ns`, `mean_ns` and
/// `max_ns` are exact.
///
/// ```
/// use std::time::Duration;
/// use cafewire_net::load::LatencySummary;
/// fn line(latency: &LatencySummary) -> String {
///     let [half, most] = [latency.p50_ns, latency.p99_ns].map(Duration::from_nanos);
///     format!("half within {half:?}, 99 of 100 within {most:?}")
/// }
/// # let of_one = |ns| LatencySummary {
/// #     count: 1, min_ns: ns, mean_ns: ns, max_ns: ns,
/// #     p50_ns: ns, p90_ns: ns, p99_ns: ns, p99_9_ns: ns,
/// # };
/// assert_eq!(line(&of_one(1_500_000)), "half within 1.5ms, 99 of 100 within 1.5ms");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct LatencySummary {
    /// The number of latencies.
    pub count: u64,
    pub min_ns: u64,
    pub mean_ns: u64,
    pub p50_ns: u64,
    pub p90_ns: u64,
    pub p99_ns: u64,
    pub p99_9_ns: u64,
    pub max_ns: u64,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3)
            .expect("1 ns to 1 h at 3 digits is a valid range");
        Self { histogram, min_ns: u64::MAX, max_ns: 0, sum_ns: 0, same_ns: 0, same_count: 0 }
    }

    #[inline]
    pub(crate) fn record(&mut self, ns: u64) {
        if ns != self.same_ns {
            self.record_pending();
            self.same_ns = ns;
        }
        self.same_count += 1;
    }

    fn record_pending(&mut self) {
        let (ns, count) = (self.same_ns, std::mem::take(&mut self.same_count));
        if count == 0 {
            return;
        }
        self.histogram.saturating_record_n(ns.clamp(1, LONGEST_NS), count);
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
        self.sum_ns += u128::from(ns) * u128::from(count);
    }

    /// How many latencies lie in each bucket that has any, by the longest that the bucket takes, in
    /// nanoseconds, from the shortest on. A bucket is a thousandth of its latencies wide or less.
    pub(crate) fn buckets(&mut self) -> Vec<(u64, u64)> {
        self.record_pending();
        self.histogram
            .iter_recorded()
            .map(|bucket| (bucket.value_iterated_to(), bucket.count_since_last_iteration()))
            .collect()
    }

    /// The percentiles so far, all of which are forgotten.
    pub(crate) fn take_summary(&mut self) -> Option<LatencySummary> {
        let summary = self.summary();
        self.histogram.reset();
        (self.min_ns, self.max_ns, self.sum_ns) = (u64::MAX, 0, 0);
        summary
    }

    /// The percentiles so far. `None` if nothing was recorded.
    pub(crate) fn summary(&mut self) -> Option<LatencySummary> {
        self.record_pending();
        let count = self.histogram.len();
        if count == 0 {
            return None;
        }
        // The histogram returns the upper end of a bucket, which may lie beyond the longest
        // latency.
        let at =
            |quantile| self.histogram.value_at_quantile(quantile).clamp(self.min_ns, self.max_ns);
        let mean_ns = u64::try_from(self.sum_ns / u128::from(count)).unwrap_or(u64::MAX);
        let [p50_ns, p90_ns, p99_ns, p99_9_ns] = [0.5, 0.9, 0.99, 0.999].map(at);
        let (min_ns, max_ns) = (self.min_ns, self.max_ns);
        Some(LatencySummary { count, min_ns, mean_ns, p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_percentiles() {
        assert_eq!(Latencies::new().summary(), None);
    }

    #[test]
    fn percentiles_are_of_all_that_was_recorded() {
        let mut latencies = Latencies::new();
        for ms in 1..=1000 {
            latencies.record(ms * 1_000_000);
        }
        let summary = latencies.summary().unwrap();
        assert_eq!(
            (summary.count, summary.min_ns, summary.max_ns),
            (1000, 1_000_000, 1_000_000_000)
        );
        assert_eq!(summary.mean_ns, 500_500_000);
        for (ns, ms) in [
            (summary.p50_ns, 500),
            (summary.p90_ns, 900),
            (summary.p99_ns, 990),
            (summary.p99_9_ns, 999),
        ] {
            assert!(
                ns.abs_diff(ms * 1_000_000) <= ms * 1000,
                "{ns} is not {ms} ms to three digits"
            );
        }
    }

    #[test]
    fn buckets_hold_all_that_was_recorded() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.buckets(), []);
        for ns in [7, 1_000_000, 1_000_000, 7, 3] {
            latencies.record(ns);
        }
        let buckets = latencies.buckets();
        assert_eq!(buckets[..2], [(3, 1), (7, 2)]);
        assert!(buckets.len() == 3 && buckets[2].1 == 2, "{buckets:?}");
        assert!((1_000_000..1_001_000).contains(&buckets[2].0), "{buckets:?}");
    }

    #[test]
    fn what_was_taken_is_forgotten() {
        let mut latencies = Latencies::new();
        latencies.record(9);
        assert_eq!(latencies.take_summary().map(|summary| summary.max_ns), Some(9));
        assert_eq!(latencies.take_summary(), None);
        latencies.record(4);
        assert_eq!(latencies.take_summary().map(|summary| summary.max_ns), Some(4));
    }

    #[test]
    fn equal_latencies_in_a_row_count_each() {
        let mut latencies = Latencies::new();
        for ns in [0, 0, 5, 5, 5, 0, 7] {
            latencies.record(ns);
        }
        let summary = latencies.summary().unwrap();
        assert_eq!((summary.count, summary.min_ns, summary.mean_ns, summary.max_ns), (7, 0, 3, 7));
        assert_eq!(summary.p50_ns, 5);
    }

    #[test]
    fn extremes_saturate() {
        let mut latencies = Latencies::new();
        latencies.record(u64::MAX);
        latencies.record(0);
        let summary = latencies.summary().unwrap();
        assert_eq!((summary.min_ns, summary.max_ns, summary.count), (0, u64::MAX, 2));
    }
}
