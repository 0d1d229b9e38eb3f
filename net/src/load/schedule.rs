//! The schedule of sending: a window of messages in flight per sender, or a fixed rate for all of
//! them together. Pure: time is an argument, in nanoseconds since sending began.

use super::payload::{MessageKey, SEQUENCE_MAX, Stamp};

const NS_PER_SECOND: u64 = 1_000_000_000;

/// The highest fixed rate: one message per nanosecond.
pub(crate) const RATE_PER_SECOND_MAX: u64 = NS_PER_SECOND;

/// The rule by which messages fall due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Each sender keeps this many messages in flight.
    Window(u64),
    /// All senders together send this many messages per second, taking turns, independent of
    /// deliveries.
    PerSecond(u64),
}

/// All senders of a run, each with its counts.
#[derive(Debug)]
pub(crate) struct Senders {
    pace: Pace,
    /// The most messages in all; past it no message is due.
    limit: u64,
    sent_in_all: u64,
    senders: Vec<Sender>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sender {
    sent: u64,
    in_flight: u64,
}

impl Senders {
    pub(crate) fn new(pace: Pace, limit: Option<u64>, senders: usize) -> Self {
        Self {
            pace,
            limit: limit.unwrap_or(u64::MAX),
            sent_in_all: 0,
            senders: vec![Sender::default(); senders],
        }
    }

    pub(crate) const fn pace(&self) -> Pace {
        self.pace
    }

    pub(crate) const fn sent_in_all(&self) -> u64 {
        self.sent_in_all
    }

    pub(crate) fn sent(&self, sender: usize) -> u64 {
        self.senders.get(sender).map_or(0, |sender| sender.sent)
    }

    /// Whether the limit is reached. Never true where only time limits the run.
    pub(crate) const fn is_exhausted(&self) -> bool {
        self.sent_in_all >= self.limit
    }

    /// The next message of this sender, if one is due, with the time that its latency counts from.
    #[inline]
    pub(crate) fn take_due(&mut self, sender: usize, now_ns: u64) -> Option<Stamp> {
        let index = sender as u64;
        let count = self.senders.len() as u64;
        let state = self.senders.get_mut(sender)?;
        let at_ns = match self.pace {
            Pace::Window(window) => {
                if state.in_flight >= window || self.sent_in_all >= self.limit {
                    return None;
                }
                now_ns
            }
            Pace::PerSecond(rate) => {
                let number = state.sent * count + index;
                let at_ns = due_ns(number, rate);
                if number >= self.limit || at_ns > now_ns {
                    return None;
                }
                at_ns
            }
        };
        if state.sent > SEQUENCE_MAX {
            return None;
        }
        let key = MessageKey::new(sender, state.sent);
        state.sent += 1;
        state.in_flight += 1;
        self.sent_in_all += 1;
        Some(Stamp { key, at_ns })
    }

    /// Notes that messages have come back to their sender, so that others may follow.
    #[inline]
    pub(crate) fn came_back(&mut self, sender: usize, messages: u64) {
        if let Some(state) = self.senders.get_mut(sender) {
            state.in_flight = state.in_flight.saturating_sub(messages);
        }
    }
}

/// The messages that fall due at a fixed rate, one after another.
#[derive(Debug)]
pub(crate) struct Due {
    rate_per_second: u64,
    limit: u64,
    /// The number of messages handed out as due.
    next: u64,
}

impl Due {
    pub(crate) fn new(rate_per_second: u64, limit: Option<u64>) -> Self {
        Self { rate_per_second, limit: limit.unwrap_or(u64::MAX), next: 0 }
    }

    /// The next number that has fallen due by now. Its message belongs to sender `number %
    /// senders`.
    pub(crate) fn take(&mut self, now_ns: u64) -> Option<u64> {
        if self.next_ns()? > now_ns {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }

    /// When the next message falls due; `None` when all have.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        (self.next < self.limit).then(|| due_ns(self.next, self.rate_per_second))
    }
}

/// When message `number` of a steady stream is due.
#[inline]
const fn due_ns(number: u64, rate_per_second: u64) -> u64 {
    // Whole seconds are computed apart, so that nothing overflows before the clock does.
    let (seconds, rest) = (number / rate_per_second, number % rate_per_second);
    seconds.saturating_mul(NS_PER_SECOND).saturating_add(rest * NS_PER_SECOND / rate_per_second)
}

/// How many messages of a steady stream are due before this time.
pub(crate) fn due_before(until_ns: u64, rate_per_second: u64) -> u64 {
    let due =
        (u128::from(until_ns) * u128::from(rate_per_second)).div_ceil(u128::from(NS_PER_SECOND));
    u64::try_from(due).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(senders: &mut Senders, sender: usize, now_ns: u64) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| senders.take_due(sender, now_ns))
            .map(|stamp| {
                assert_eq!(stamp.key.sender(), sender);
                (stamp.key.sequence(), stamp.at_ns)
            })
            .collect()
    }

    #[test]
    fn a_window_is_filled_and_refilled() {
        let mut senders = Senders::new(Pace::Window(3), None, 2);
        assert_eq!(taken(&mut senders, 0, 5), [(0, 5), (1, 5), (2, 5)]);
        assert_eq!(taken(&mut senders, 0, 6), []);
        senders.came_back(0, 2);
        assert_eq!(taken(&mut senders, 0, 7), [(3, 7), (4, 7)]);
        assert_eq!(taken(&mut senders, 1, 8), [(0, 8), (1, 8), (2, 8)]);
        assert_eq!((senders.sent(0), senders.sent(1), senders.sent_in_all()), (5, 3, 8));
        assert!(!senders.is_exhausted());
    }

    #[test]
    fn a_limit_is_for_all_senders_together() {
        let mut senders = Senders::new(Pace::Window(3), Some(4), 2);
        assert_eq!(taken(&mut senders, 0, 0).len(), 3);
        assert_eq!(taken(&mut senders, 1, 0).len(), 1);
        senders.came_back(0, 3);
        assert_eq!(taken(&mut senders, 0, 0), []);
        assert!(senders.is_exhausted());
    }

    #[test]
    fn at_a_rate_senders_take_turns_and_late_messages_keep_their_due_time() {
        let mut senders = Senders::new(Pace::PerSecond(10), Some(5), 2);
        assert_eq!(taken(&mut senders, 0, 0), [(0, 0)]);
        assert_eq!(taken(&mut senders, 1, 99_999_999), []);
        assert_eq!(taken(&mut senders, 1, 100_000_000), [(0, 100_000_000)]);
        // After a pause each message still counts from its own due time.
        assert_eq!(taken(&mut senders, 0, 900_000_000), [(1, 200_000_000), (2, 400_000_000)]);
        assert_eq!(taken(&mut senders, 1, 900_000_000), [(1, 300_000_000)]);
        assert!(senders.is_exhausted());
        assert_eq!(senders.sent_in_all(), 5);
    }

    #[test]
    fn the_list_of_what_falls_due_agrees_with_the_senders() {
        for rate in [1, 3, 7, 1000, 999_999_937, RATE_PER_SECOND_MAX] {
            let mut due = Due::new(rate, Some(1000));
            let mut senders = Senders::new(Pace::PerSecond(rate), Some(1000), 3);
            while let Some(at_ns) = due.next_ns() {
                assert_eq!(at_ns.checked_sub(1).and_then(|before| due.take(before)), None);
                let number = due.take(at_ns).unwrap();
                let sender = usize::try_from(number % 3).unwrap();
                let stamp = senders.take_due(sender, at_ns).unwrap();
                assert_eq!((stamp.key.sequence(), stamp.at_ns), (number / 3, at_ns));
            }
            assert!(senders.is_exhausted());
        }
    }

    #[test]
    fn due_before_counts_the_messages_due_before_a_time() {
        for rate in [1, 3, 7, 1000, 999_999_937, RATE_PER_SECOND_MAX] {
            for until_ns in [1, 2, 999_999_999, 1_000_000_000, 1_000_000_001, 7_777_777_777] {
                let count = due_before(until_ns, rate);
                assert!(
                    due_ns(count - 1, rate) < until_ns && due_ns(count, rate) >= until_ns,
                    "{rate}, {until_ns}"
                );
            }
        }
        assert_eq!((due_before(0, 5), due_before(u64::MAX, RATE_PER_SECOND_MAX)), (0, u64::MAX));
    }

    #[test]
    fn a_long_run_neither_drifts_nor_overflows() {
        assert_eq!(due_ns(3 * 86_400 * 7, 3), 7 * 86_400 * NS_PER_SECOND);
        assert_eq!(due_ns(u64::MAX, 1), u64::MAX);
        assert_eq!(due_ns(u64::MAX, RATE_PER_SECOND_MAX), u64::MAX);
    }
}
