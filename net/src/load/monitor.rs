//! The view that other threads have of a running load test, and the way to stop it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// A view of a load test that runs on another thread. Clones are views of the same one.
///
/// ```
/// use cafewire_net::load::{Monitor, Phase};
/// let monitor = Monitor::default();
/// assert_eq!(monitor.progress().phase, Phase::Connecting);
/// monitor.stop(); // before the test starts: it ends as soon as it starts
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

/// The progress of a load test.
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
    /// The present phase.
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

/// A phase of a load test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Connections are made.
    Connecting,
    /// Connections idle, as configured.
    Idling,
    /// Messages are sent; nothing is measured yet.
    WarmingUp,
    /// Messages are sent.
    Measuring,
    /// The last deliveries are waited for.
    Draining,
    /// The test is over.
    Done,
}

/// Displays as one or two words for the log.
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
    /// Asks the test to send no more and to wait only for deliveries in flight; a second call ends
    /// that wait too. The test notices within a tenth of a second.
    pub fn stop(&self) {
        // Saturating: a third call and later ones change nothing, and a wrap past 255 would.
        let _ = self.0.stops.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |stops| {
            Some(stops.saturating_add(1))
        });
    }

    /// The progress, at most a tenth of a second old while the test runs, and exact at the end.
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
    fn every_clone_sees_the_progress() {
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
