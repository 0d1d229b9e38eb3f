//! Time, as an argument of the state. The only clock is read in [`Clock::now`].

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time, on both clocks that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// Since the screen was opened; never goes back. For delays.
    pub(crate) running: Duration,
    /// Milliseconds since 1970-01-01 UTC, by this machine's clock. For showing.
    pub(crate) unix_ms: u64,
}

/// Where [`Now`] comes from.
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(&self) -> Now {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            running: self.0.elapsed(),
            unix_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
