//! Notices when the machine stands still, or this process on it: a thread of its own that sleeps
//! for a moment, again and again, and looks how much later it wakes. What took long only for that
//! is no fault of the server's.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_millis(5);

/// Whoever sleeps for a moment is the next to run on a machine that is only busy.
const NOTICEABLE: Duration = Duration::from_millis(50);

/// A look-out for standstills, from its beginning to its end.
pub(crate) struct Standstills {
    is_over: Arc<AtomicBool>,
    lookout: JoinHandle<Vec<Range<Instant>>>,
}

impl Standstills {
    pub(crate) fn look_out() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let lookout = thread::spawn(move || {
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
        Self { is_over, lookout }
    }

    /// When nothing ran.
    pub(crate) fn end(self) -> Vec<Range<Instant>> {
        self.is_over.store(true, Ordering::Release);
        self.lookout.join().expect("the look-out")
    }
}

/// How long nothing ran between these two moments.
pub(crate) fn stood_still(standstills: &[Range<Instant>], from: Instant, to: Instant) -> Duration {
    let within =
        |still: &Range<Instant>| still.end.min(to).saturating_duration_since(still.start.max(from));
    standstills.iter().map(within).sum()
}
