//! A histogram of times that one thread fills and others read: its buckets are fixed, and counting
//! allocates, locks and formats nothing.

use std::time::Duration;

use crate::metrics::Counter;

/// The largest time that each bucket but the last counts, in nanoseconds: 1-2-5 steps from 1 µs to
/// 1 s.
const UPPER_BOUNDS_NS: [u64; 19] = {
    let mut bounds = [0; 19];
    let mut index = 0;
    let mut decade = 1_000;
    while index < bounds.len() {
        bounds[index] = decade * [1, 2, 5][index % 3];
        index += 1;
        if index % 3 == 0 {
            decade *= 10;
        }
    }
    bounds
};

/// The number of buckets: the bounded ones and one for all longer times.
const BUCKETS: usize = UPPER_BOUNDS_NS.len() + 1;

/// A live histogram of times. Written by the server's thread, read by any thread.
///
/// ```
/// use cafewire_net::ServerMetrics;
/// let metrics = ServerMetrics::default();
/// assert_eq!(metrics.tick_time.snapshot().count(), 0); // no server has run a tick with it
/// ```
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BUCKETS],
    sum_ns: Counter,
}

/// The numbers of a [`Histogram`] at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistogramSnapshot {
    buckets: [u64; BUCKETS],
    sum_ns: u64,
}

impl Histogram {
    /// Counts `times` events that each took this long.
    pub(crate) fn observe(&self, time: Duration, times: u64) {
        let time_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = UPPER_BOUNDS_NS.partition_point(|&bound_ns| bound_ns < time_ns);
        self.buckets[bucket].add(times);
        self.sum_ns.add(time_ns.saturating_mul(times));
    }

    /// The numbers now. They are read one after another while the server runs, so they may be from
    /// different moments.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            buckets: std::array::from_fn(|index| self.buckets[index].get()),
            sum_ns: self.sum_ns.get(),
        }
    }
}

impl HistogramSnapshot {
    /// The number of events.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum of all times, to the nanosecond.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns)
    }

    /// Each bucket's inclusive upper bound in seconds, with the number of events in this bucket
    /// alone: 19 bounds in steps of 1, 2 and 5 from 1 µs to 1 s, then an infinite one.
    pub fn buckets(&self) -> impl ExactSizeIterator<Item = (f64, u64)> {
        self.buckets.iter().enumerate().map(|(index, &count)| {
            let bound = UPPER_BOUNDS_NS
                .get(index)
                .map_or(f64::INFINITY, |&ns| Duration::from_nanos(ns).as_secs_f64());
            (bound, count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket_of(time: Duration) -> f64 {
        let histogram = Histogram::default();
        histogram.observe(time, 1);
        let snapshot = histogram.snapshot();
        snapshot.buckets().find(|&(_, count)| count > 0).map(|(bound, _)| bound).unwrap()
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket_and_a_nanosecond_more_to_the_next() {
        assert_eq!(UPPER_BOUNDS_NS.first(), Some(&1_000));
        assert_eq!(UPPER_BOUNDS_NS.last(), Some(&1_000_000_000));
        assert_eq!(bucket_of(Duration::ZERO), 1e-6);
        for pair in UPPER_BOUNDS_NS.windows(2) {
            let [bound, next] = [pair[0], pair[1]].map(Duration::from_nanos);
            assert_eq!(bucket_of(bound), bound.as_secs_f64());
            assert_eq!(bucket_of(bound + Duration::from_nanos(1)), next.as_secs_f64());
        }
        assert_eq!(bucket_of(Duration::from_secs(1) + Duration::from_nanos(1)), f64::INFINITY);
        assert_eq!(bucket_of(Duration::MAX), f64::INFINITY);
    }

    #[test]
    fn many_at_once_count_as_many() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_millis(3), 5);
        histogram.observe(Duration::from_micros(1), 0);
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count(), snapshot.sum()), (5, Duration::from_millis(15)));
        assert!(snapshot.buckets().any(|bucket| bucket == (0.005, 5)));
    }
}
