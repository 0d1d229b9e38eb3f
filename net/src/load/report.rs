//! The report of a load test. Values only, and rates computed from them.

use std::time::Duration;

pub use super::latencies::LatencySummary;

/// The share of a core above which the generator may have limited the run.
const BUSY_SHARE: f64 = 0.9;

/// The report of a load test, returned by [`run`](super::run).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Connections, by outcome.
    pub connections: Connections,
    /// At a fixed rate: messages that fell due, warm-up included, up to the end of sending, or to
    /// its interruption. Where they are more than `sent`, the rest were never sent: the generator
    /// was too slow, or its connections had ended.
    pub due: Option<u64>,
    /// Messages sent, warm-up included.
    pub sent: u64,
    /// Deliveries, warm-up included. Every one of them is judged.
    pub deliveries: Deliveries,
    /// Error frames that the server sent once the connections were ready, by text, the most
    /// frequent first.
    pub server_errors: Vec<(String, u64)>,
    /// The counts between the warm-up and the end.
    pub measured: Measured,
    /// The time from when a message was sent (at a fixed rate: was due) to each delivery of it, for
    /// the messages after the warm-up. `None` if none was delivered.
    pub latency: Option<LatencySummary>,
    /// How many of these latencies lie in each bucket that has any: the longest of the bucket, in
    /// nanoseconds, and their number, from the shortest on. A bucket is at most a thousandth of its
    /// latencies wide.
    pub latency_buckets: Vec<(u64, u64)>,
    /// At a fixed rate: how late the generator itself was in sending. This lag is part of
    /// `latency`.
    pub send_lag: Option<LatencySummary>,
    /// The time from the start of the first connection until the last one was ready or given up.
    pub connect_time: Duration,
    /// The time from the end of sending to the last delivery.
    pub drain_time: Duration,
    /// The test was stopped before its end.
    pub was_interrupted: bool,
}

/// Connections, by outcome.
///
/// ```
/// use cafewire_net::load::Connections;
/// let connections = Connections {
///     wanted: 3,
///     ready: 2,
///     failed: 1,
///     retried: 3,
///     reasons: vec![("refused".to_owned(), 4)], // at the first attempt and three more
///     ..Connections::default()
/// };
/// assert_eq!(connections.wanted, connections.ready + connections.failed);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Connections asked for.
    pub wanted: u64,
    /// Connections that became ready: connected and, in chat, signed in and in their rooms.
    pub ready: u64,
    /// Connections given up before they were ready.
    pub failed: u64,
    /// Attempts that failed and were made again.
    pub retried: u64,
    /// Ready connections that ended before the test did.
    pub ended_early: u64,
    /// The reasons why attempts failed and connections ended, the most frequent first.
    pub reasons: Vec<(String, u64)>,
}

/// Deliveries: one per message in an echo test, one per message and member of its room in a chat
/// test.
///
/// ```
/// use cafewire_net::load::Deliveries;
/// // Three messages to a room of two, and one member missed the last.
/// let deliveries = Deliveries { expected: 6, received: 5, lost: 1, ..Deliveries::default() };
/// assert_eq!(deliveries.expected, deliveries.received + deliveries.lost);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// Deliveries due: one for every message and receiver.
    pub expected: u64,
    /// Distinct deliveries that came.
    pub received: u64,
    /// Distinct deliveries that came after one that they should have come before, in the same room
    /// or, where members are in several, in another of theirs: after a later message of the same
    /// sender or, with several senders, in another order than that of the first member to receive
    /// the messages. The former is exact. The latter is exact in that members saw different orders,
    /// not in which order was right: if the first member saw a wrong one, the deliveries of all
    /// others are counted.
    pub reordered: u64,
    /// Deliveries that came again.
    pub duplicated: u64,
    /// Deliveries that did not come.
    pub lost: u64,
    /// Frames that were not sent, or not to this receiver, or not with this content.
    pub unexpected: u64,
}

/// The counts between the warm-up and the end.
///
/// ```
/// use std::time::Duration;
/// use cafewire_net::load::Measured;
/// let measured = Measured {
///     duration: Duration::from_millis(500),
///     due: Some(12), // at a rate of 24 per second
///     sent: 10,
///     received: 50,
///     bytes_received: 4000,
///     payload_bytes_received: 3200,
///     generator_cpu: Some(0.97),
/// };
/// assert_eq!((measured.sent_per_second(), measured.received_per_second()), (20.0, 100.0));
/// assert_eq!(measured.bytes_per_second(), 8000.0);
/// assert_eq!(measured.payload_bytes_per_second(), 6400.0);
/// assert!(measured.generator_was_busy()); // a second generator may show a higher rate
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// The time from the end of the warm-up to the end of sending; with a number of messages, to
    /// the last delivery. Zero if the warm-up did not end.
    pub duration: Duration,
    /// At a fixed rate: messages that fell due in this time, or should have, had the connections
    /// not ended before.
    pub due: Option<u64>,
    /// Messages sent in this time.
    pub sent: u64,
    /// Distinct deliveries in this time.
    pub received: u64,
    /// Bytes received in this time: whole frames.
    pub bytes_received: u64,
    /// Bytes of the messages in them.
    pub payload_bytes_received: u64,
    /// The share of one core that the generator's thread used, 0 to 1, system time included. `None`
    /// where the system does not report it.
    pub generator_cpu: Option<f64>,
}

impl Report {
    /// Whether every connection was made and kept, every message that was due was sent, and each
    /// was delivered once and in order.
    ///
    /// ```
    /// use cafewire_net::load::Report;
    /// let mut report = Report::default();
    /// report.connections.retried = 1; // the second attempt succeeded
    /// assert!(report.is_clean());
    /// report.deliveries.lost = 1;
    /// assert!(!report.is_clean());
    /// ```
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let Deliveries { reordered, duplicated, lost, unexpected, .. } = self.deliveries;
        let Connections { failed, ended_early, .. } = self.connections;
        reordered == 0
            && duplicated == 0
            && lost == 0
            && unexpected == 0
            && failed == 0
            && ended_early == 0
            && self.unsent() == 0
    }

    /// Messages that were due and never sent; 0 without a fixed rate.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.due.map_or(0, |due| due.saturating_sub(self.sent))
    }
}

impl Measured {
    /// Messages sent per second; 0 if no time was measured.
    #[must_use]
    pub fn sent_per_second(&self) -> f64 {
        self.per_second(self.sent)
    }

    /// Deliveries per second; 0 if no time was measured.
    #[must_use]
    pub fn received_per_second(&self) -> f64 {
        self.per_second(self.received)
    }

    /// Bytes received per second; 0 if no time was measured.
    #[must_use]
    pub fn bytes_per_second(&self) -> f64 {
        self.per_second(self.bytes_received)
    }

    /// Bytes of messages, without their frames, received per second; 0 if no time was measured.
    #[must_use]
    pub fn payload_bytes_per_second(&self) -> f64 {
        self.per_second(self.payload_bytes_received)
    }

    /// Whether the generator used more than 0.9 of a core, so that it, and not the server, may have
    /// limited the rate. `false` where the system does not report it.
    #[must_use]
    pub fn generator_was_busy(&self) -> bool {
        self.generator_cpu.is_some_and(|share| share > BUSY_SHARE)
    }

    #[allow(clippy::cast_precision_loss)] // 53 bits are enough for a rate
    fn per_second(&self, count: u64) -> f64 {
        if self.duration.is_zero() { 0.0 } else { count as f64 / self.duration.as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean() -> Report {
        Report::default()
    }

    #[test]
    fn anything_wrong_is_not_clean() {
        assert!(clean().is_clean());
        let spoils: [fn(&mut Report); 7] = [
            |report| report.due = Some(1),
            |report| report.deliveries.lost = 1,
            |report| report.deliveries.duplicated = 1,
            |report| report.deliveries.reordered = 1,
            |report| report.deliveries.unexpected = 1,
            |report| report.connections.failed = 1,
            |report| report.connections.ended_early = 1,
        ];
        for spoil in spoils {
            let mut report = clean();
            spoil(&mut report);
            assert!(!report.is_clean(), "{report:?}");
        }
        // A connection that succeeds at the second attempt is not a fault.
        assert!(
            Report { connections: Connections { retried: 1, ..Connections::default() }, ..clean() }
                .is_clean()
        );
    }

    #[test]
    fn rates_are_per_second_and_nothing_in_no_time() {
        let measured = Measured {
            duration: Duration::from_millis(500),
            due: None,
            sent: 10,
            received: 20,
            bytes_received: 4000,
            payload_bytes_received: 2000,
            generator_cpu: Some(0.91),
        };
        let rates = [
            measured.sent_per_second(),
            measured.received_per_second(),
            measured.bytes_per_second(),
            measured.payload_bytes_per_second(),
        ];
        assert_eq!(rates, [20.0, 40.0, 8000.0, 4000.0]);
        assert!(measured.generator_was_busy());
        assert!(!Measured { generator_cpu: Some(0.89), ..measured }.generator_was_busy());
        assert_eq!(Measured { duration: Duration::ZERO, ..measured }.received_per_second(), 0.0);
    }
}
