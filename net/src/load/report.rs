//! What a load test found. Values only, and what follows from them.

use std::time::Duration;

pub use super::latencies::LatencySummary;

/// Share of a core from which on the generator may have been what limited the run.
const BUSY_SHARE: f64 = 0.9;

/// What a load test found: what [`run`](super::run) gives.
///
/// ```
/// use cafewire_net::load::{self, Amount, LoadConfig, Monitor, Work};
/// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
/// # let (address, _, _server) = serve(None);
/// let chat = Work::Chat { rooms: 2, members: 5, publishers: 1, window: 8, size_bytes: 64 };
/// let mut config = LoadConfig::new(address, chat);
/// config.amount = Amount::Messages(1000);
/// let report = load::run(&config, &Monitor::default())?;
/// assert_eq!(report.connections.ready, 10);
/// assert_eq!(report.deliveries.expected, report.deliveries.received + report.deliveries.lost);
/// println!("{:.0} deliveries per second", report.measured.received_per_second());
/// let latency = report.latency.expect("something was delivered");
/// println!("99 of 100 within {} ns, all within {} ns", latency.p99_ns, latency.max_ns);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Connections, by what became of them.
    pub connections: Connections,
    /// Messages sent, warm-up included.
    pub sent: u64,
    /// Deliveries, warm-up included: every one of them is judged.
    pub deliveries: Deliveries,
    /// Error frames that the server sent once the connections were ready, by text, the most
    /// frequent first.
    pub server_errors: Vec<(String, u64)>,
    /// What came in between the warm-up and the end.
    pub measured: Measured,
    /// From the time that a message was sent (at a fixed rate: was due) to each delivery of it; of
    /// the messages after the warm-up. `None` if none was delivered.
    pub latency: Option<LatencySummary>,
    /// At a fixed rate: how late the generator itself was in sending. It is part of `latency`.
    pub send_lag: Option<LatencySummary>,
    /// From the first connection begun to the last one ready or given up.
    pub connect_time: Duration,
    /// From the end of sending to the last delivery.
    pub drain_time: Duration,
    /// It was told to stop before it was done.
    pub was_interrupted: bool,
}

/// Connections, by what became of them.
///
/// ```
/// use cafewire_net::load::Connections;
/// let reasons = vec![("refused".to_owned(), 4)]; // at the first attempt, and at three more
/// let connections = Connections { wanted: 3, ready: 2, failed: 1, retried: 3, reasons, ..Connections::default() };
/// assert_eq!(connections.wanted, connections.ready + connections.failed);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Asked for.
    pub wanted: u64,
    /// Became ready: connected and, in chat, signed in and in their rooms.
    pub ready: u64,
    /// Given up before they were ready.
    pub failed: u64,
    /// Attempts that failed and were made again.
    pub retried: u64,
    /// Ready ones that ended before the test did.
    pub ended_early: u64,
    /// Why attempts failed and connections ended, the most frequent first.
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
    /// One for every message and everybody who was to get it.
    pub expected: u64,
    /// Different ones that came.
    pub received: u64,
    /// Of those, how many came after one that they should have come before: after a later message
    /// of the same sender or, in a room with several senders, in another order than that in which
    /// the room's messages first came to anybody. The former is exact. Of the latter it is exact
    /// that members saw different orders, not whose was right: a member that is first and sees its
    /// own order has the others counted, each of them.
    pub reordered: u64,
    /// Came again.
    pub duplicated: u64,
    /// Did not come.
    pub lost: u64,
    /// What nobody sent, or not to this receiver, or not so.
    pub unexpected: u64,
}

/// What came in between the warm-up and the end.
///
/// ```
/// use std::time::Duration;
/// use cafewire_net::load::Measured;
/// let measured = Measured {
///     duration: Duration::from_millis(500),
///     sent: 10,
///     received: 50,
///     bytes_received: 4000,
///     generator_cpu: Some(0.97),
/// };
/// assert_eq!((measured.sent_per_second(), measured.received_per_second()), (20.0, 100.0));
/// assert_eq!(measured.bytes_per_second(), 8000.0);
/// assert!(measured.generator_was_busy()); // a second machine may show more
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// From the end of the warm-up to the end of sending; where messages are counted, to the last
    /// delivery. Zero if there was no end of the warm-up.
    pub duration: Duration,
    /// Messages sent in it.
    pub sent: u64,
    /// Different deliveries in it.
    pub received: u64,
    /// Bytes received in it.
    pub bytes_received: u64,
    /// Share of one core that the generator's thread was busy, 0 to 1, system time included. `None`
    /// where the system does not tell.
    pub generator_cpu: Option<f64>,
}

impl Report {
    /// Whether all was as it should be: every connection made and kept, every message delivered,
    /// once and in order.
    ///
    /// ```
    /// use cafewire_net::load::Report;
    /// let mut report = Report::default();
    /// report.connections.retried = 1; // it came at the second attempt
    /// assert!(report.is_clean());
    /// report.deliveries.lost = 1;
    /// assert!(!report.is_clean());
    /// ```
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        let Deliveries { reordered, duplicated, lost, unexpected, .. } = self.deliveries;
        let Connections { failed, ended_early, .. } = self.connections;
        reordered == 0
            && duplicated == 0
            && lost == 0
            && unexpected == 0
            && failed == 0
            && ended_early == 0
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

    /// Whether the generator was so busy, more than 0.9 of a core, that it, and not the server, may
    /// be what was measured. `false` where the system does not tell.
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
        let spoils: [fn(&mut Report); 6] = [
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
        // Connections that came at the second attempt are no loss.
        assert!(
            Report { connections: Connections { retried: 1, ..Connections::default() }, ..clean() }
                .is_clean()
        );
    }

    #[test]
    fn rates_are_per_second_and_nothing_in_no_time() {
        let measured = Measured {
            duration: Duration::from_millis(500),
            sent: 10,
            received: 20,
            bytes_received: 4000,
            generator_cpu: Some(0.91),
        };
        let rates = [
            measured.sent_per_second(),
            measured.received_per_second(),
            measured.bytes_per_second(),
        ];
        assert_eq!(rates, [20.0, 40.0, 8000.0]);
        assert!(measured.generator_was_busy());
        assert!(!Measured { generator_cpu: Some(0.89), ..measured }.generator_was_busy());
        assert_eq!(Measured { duration: Duration::ZERO, ..measured }.received_per_second(), 0.0);
    }
}
