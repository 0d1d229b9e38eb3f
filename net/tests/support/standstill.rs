//! Detects standstills of the machine or of this process: a thread sleeps for a moment, again and
//! again, and measures how much later it wakes. Time lost in a standstill is not the server's
//! fault.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_millis(5);

/// A later wake counts as a standstill: on a machine that is only busy, a thread that slept for a
/// moment runs sooner.
const NOTICEABLE: Duration = Duration::from_millis(50);

/// A watch for standstills, from its start to its end.
pub(crate) struct Standstills {
    is_over: Arc<AtomicBool>,
    watcher: JoinHandle<Vec<Range<Instant>>>,
}

impl Standstills {
    pub(crate) fn watch() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let watcher = thread::spawn(move || {
            let mut found = Vec::new();
            while !over.load(Ordering::Acquire) {
                let before = Instant::now();
                thread::sleep(MOMENT);
                let after = Instant::now();
                if after - before >= NOTICEABLE {
                    found.push(before..after);
                }
            }
            found
        });
        Self { is_over, watcher }
    }

    /// Ends the watch and returns the standstills.
    pub(crate) fn end(self) -> Vec<Range<Instant>> {
        self.is_over.store(true, Ordering::Release);
        self.watcher.join().expect("the watcher ends")
    }
}

/// How long the machine stood still between these two moments.
pub(crate) fn stood_still(standstills: &[Range<Instant>], from: Instant, to: Instant) -> Duration {
    let within =
        |still: &Range<Instant>| still.end.min(to).saturating_duration_since(still.start.max(from));
    standstills.iter().map(within).sum()
}
