//! What other threads see of a running load test, and how they stop it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// A view of a load test that runs on another thread. Clones are views of the same one.
///
/// ```
/// use cafewire_net::load::{Monitor, Phase};
/// let monitor = Monitor::default();
/// assert_eq!(monitor.progress().phase, Phase::Connecting);
/// monitor.stop(); // before it began: it will end as soon as it does
/// ```
#[derive(Clone, Debug, Default)]
pub struct Monitor(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    stops: AtomicU8,
    phase: AtomicU8,
    ready: AtomicU64,
    retried: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

/// How far a load test has come.
///
/// ```
/// use cafewire_net::load::{Monitor, Phase, Progress};
/// fn line(progress: &Progress) -> String {
///     match progress.phase {
///         Phase::Connecting => format!("{} connections are ready", progress.ready),
///         Phase::Idling | Phase::Done => String::new(),
///         _ => format!("{} sent, {} received", progress.sent, progress.received),
///     }
/// }
/// assert_eq!(line(&Monitor::default().progress()), "0 connections are ready");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Connections that are ready.
    pub ready: u64,
    /// Attempts to connect that failed and are made again.
    pub retried: u64,
    /// Messages sent.
    pub sent: u64,
    /// Different deliveries so far.
    pub received: u64,
}

/// What a load test is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Connections are made.
    Connecting,
    /// They idle, as asked.
    Idling,
    /// Messages are sent; nothing is measured yet.
    WarmingUp,
    /// Messages are sent.
    Measuring,
    /// The last deliveries are waited for.
    Draining,
    /// It is over.
    Done,
}

/// In two words or fewer, as a log tells it.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Idling => "idling",
            Self::WarmingUp => "warming up",
            Self::Measuring => "measuring",
            Self::Draining => "draining",
            Self::Done => "done",
        })
    }
}

const PHASES: [Phase; 6] = [
    Phase::Connecting,
    Phase::Idling,
    Phase::WarmingUp,
    Phase::Measuring,
    Phase::Draining,
    Phase::Done,
];

impl Monitor {
    /// Asks the test to send no more and to wait only for what is under way; asked twice, not even
    /// for that. It is noticed within a tenth of a second.
    ///
    /// ```
    /// use cafewire_net::load::{self, LoadConfig, Monitor, Work};
    /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
    /// # let (address, _, _server) = serve(None);
    /// let config = LoadConfig::new(address, Work::Echo { connections: 1, in_flight: 1, size_bytes: 64 }); // for 10 s
    /// let monitor = Monitor::default();
    /// let view = monitor.clone();
    /// let test = std::thread::spawn(move || load::run(&config, &view));
    /// while monitor.progress().received == 0 && !test.is_finished() {
    ///     std::thread::yield_now();
    /// }
    /// monitor.stop();
    /// let report = test.join().unwrap()?;
    /// assert!(report.was_interrupted && report.is_clean());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stop(&self) {
        // Past two, more do not matter; past 255 they would begin again.
        let _ = self.0.stops.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |stops| {
            Some(stops.saturating_add(1))
        });
    }

    /// How far it has come: not older than a tenth of a second while it runs, and exact at the end.
    ///
    /// ```
    /// use cafewire_net::load::{self, Amount, LoadConfig, Monitor, Phase, Work};
    /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
    /// # let (address, _, _server) = serve(None);
    /// let mut config = LoadConfig::new(address, Work::Echo { connections: 1, in_flight: 1, size_bytes: 64 });
    /// config.amount = Amount::Messages(10);
    /// let monitor = Monitor::default();
    /// load::run(&config, &monitor)?; // any other thread may look meanwhile
    /// let progress = monitor.progress();
    /// assert_eq!((progress.phase, progress.ready, progress.sent), (Phase::Done, 1, 10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn progress(&self) -> Progress {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Progress {
            phase: PHASES[usize::from(self.0.phase.load(Ordering::Relaxed))],
            ready: read(&self.0.ready),
            retried: read(&self.0.retried),
            sent: read(&self.0.sent),
            received: read(&self.0.received),
        }
    }

    pub(crate) fn stops(&self) -> u8 {
        self.0.stops.load(Ordering::Relaxed)
    }

    pub(crate) fn show(&self, progress: Progress) {
        self.0.phase.store(progress.phase as u8, Ordering::Relaxed);
        self.0.ready.store(progress.ready, Ordering::Relaxed);
        self.0.retried.store(progress.retried, Ordering::Relaxed);
        self.0.sent.store(progress.sent, Ordering::Relaxed);
        self.0.received.store(progress.received, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_seen_by_every_clone() {
        let monitor = Monitor::default();
        for phase in PHASES {
            let progress = Progress { phase, ready: 1, retried: 2, sent: 3, received: 4 };
            monitor.show(progress);
            assert_eq!(monitor.clone().progress(), progress);
        }
        assert_eq!(monitor.stops(), 0);
        (0..300).for_each(|_| monitor.clone().stop());
        assert_eq!(monitor.stops(), 255);
    }
}
