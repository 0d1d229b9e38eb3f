//! A number that the server's one thread writes and any thread reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that the server's thread writes and any thread reads. With a single writer, adding is a
/// load and a store, not a locked instruction.
///
/// ```
/// use cafewire_net::{Counter, ServerMetrics};
/// let metrics = ServerMetrics::default();
/// let broadcasts: &Counter = &metrics.broadcasts;
/// assert_eq!(broadcasts.get(), 0); // no server has counted with it yet
/// ```
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, count: u64) {
        self.0.store(self.get().wrapping_add(count), Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: usize) {
        self.set_wide(value as u64);
    }

    pub(crate) fn set_wide(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}
