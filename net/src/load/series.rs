//! The time series of a run: what was sent and delivered in each interval, told as soon as it is
//! over. Pure: time is an argument, in nanoseconds since sending began.

use std::fmt;
use std::time::Duration;

use super::latencies::LatencySummary;
use super::monitor::Phase;
use super::tally::Tally;

/// The shortest interval: the engine looks at its clock about so often.
pub const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// What happened in one interval of a run, from the start of sending to the last delivery.
///
/// ```
/// use cafewire_net::{Server, ServerConfig};
/// use std::time::Duration;
/// use cafewire_net::load::{self, Amount, INTERVAL_MIN, LoadConfig, Monitor, Work};
/// let mut config = ServerConfig::default();
/// config.listen = vec!["127.0.0.1:0".parse()?]; // any free port
/// let server = Server::bind(config)?;
/// let (address, handle) = (server.local_addresses()[0].clone(), server.handle());
/// let thread = std::thread::spawn(|| server.run());
///
/// let echo = Work::Echo { connections: 4, in_flight: 8, size_bytes: 64 };
/// let mut config = LoadConfig::new(address, echo);
/// config.amount = Amount::Messages(1000);
/// let mut received = 0;
/// load::run_in_intervals(&config, &Monitor::default(), INTERVAL_MIN, |interval| {
///     received += interval.received; // on the generator's thread, so be quick
/// })?;
/// assert_eq!(received, 1000);
///
/// handle.shut_down();
/// thread.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interval {
    /// When it ended, since sending began.
    pub ended: Duration,
    /// How long it was: as long as asked for, or longer where the generator was late; the last may
    /// be shorter.
    pub duration: Duration,
    /// The phase in which it ended.
    pub phase: Phase,
    /// Messages sent in it.
    pub sent: u64,
    /// Distinct deliveries in it.
    pub received: u64,
    /// Bytes received in it.
    pub bytes_received: u64,
    /// The latencies of its deliveries, those of the warm-up too. `None` if there were none.
    pub latency: Option<LatencySummary>,
}

/// The intervals of a run, and who hears of each.
pub(super) struct Series<'a> {
    interval_ns: u64,
    began_ns: u64,
    before: Counts,
    tell: &'a mut dyn FnMut(&Interval),
}

#[derive(Clone, Copy, Default)]
struct Counts {
    sent: u64,
    received: u64,
    bytes_received: u64,
}

impl<'a> Series<'a> {
    pub(super) fn new(interval_ns: u64, tell: &'a mut dyn FnMut(&Interval)) -> Self {
        Self { interval_ns, began_ns: 0, before: Counts::default(), tell }
    }

    /// Whether the present interval is over.
    pub(super) const fn is_due(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.began_ns) >= self.interval_ns
    }

    /// Tells the present interval, and begins the next.
    pub(super) fn end(&mut self, phase: Phase, sent: u64, tally: &mut Tally, now_ns: u64) {
        let counts =
            Counts { sent, received: tally.received, bytes_received: tally.bytes_received };
        let interval = Interval {
            ended: Duration::from_nanos(now_ns),
            duration: Duration::from_nanos(now_ns.saturating_sub(self.began_ns)),
            phase,
            sent: counts.sent - self.before.sent,
            received: counts.received - self.before.received,
            bytes_received: counts.bytes_received - self.before.bytes_received,
            latency: tally.take_interval(),
        };
        (self.before, self.began_ns) = (counts, now_ns);
        (self.tell)(&interval);
    }
}

impl fmt::Debug for Series<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").field("interval_ns", &self.interval_ns).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::checker::Verdict;

    #[test]
    fn an_interval_has_what_came_in_it() {
        let mut told = Vec::new();
        let mut tell = |interval: &Interval| told.push(*interval);
        let mut tally = Tally::new(0);
        tally.keep_intervals();
        let mut series = Series::new(100, &mut tell);
        assert!(!series.is_due(99) && series.is_due(100));
        tally.deliver(Verdict::InOrder, 10, 50);
        tally.bytes_received = 7;
        series.end(Phase::WarmingUp, 3, &mut tally, 110);
        assert!(!series.is_due(209) && series.is_due(210));
        series.end(Phase::Measuring, 3, &mut tally, 210);
        tally.deliver(Verdict::InOrder, 200, 230);
        series.end(Phase::Draining, 4, &mut tally, 240);

        let counts = |interval: &Interval| {
            let latency =
                interval.latency.map_or((0, 0), |latency| (latency.count, latency.max_ns));
            (interval.sent, interval.received, interval.bytes_received, latency)
        };
        assert_eq!(
            told.iter().map(counts).collect::<Vec<_>>(),
            [(3, 1, 7, (1, 40)), (0, 0, 0, (0, 0)), (1, 1, 0, (1, 30))]
        );
        let ends = told.iter().map(|told| (told.ended.as_nanos(), told.duration.as_nanos()));
        assert_eq!(ends.collect::<Vec<_>>(), [(110, 110), (210, 100), (240, 30)]);
    }
}
