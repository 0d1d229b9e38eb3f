//! Storage for bytes, lent by a pool in powers of two. Knows nothing of frames or sockets.
//!
//! Storage grows as bytes arrive, by doubling, and never by a number that a peer announced.

const SMALLEST_BITS: u32 = 10;
const LARGEST_BITS: u32 = 24;
const CLASSES: usize = (LARGEST_BITS - SMALLEST_BITS + 1) as usize;

/// Free storage that the pool keeps for reuse, in bytes; what comes back beyond it goes to the
/// allocator.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// Storage in sizes that are powers of two from 1 KiB on.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    free: [Vec<Box<[u8]>>; CLASSES],
    kept_bytes: usize,
    lent_bytes: usize,
    /// Those of `lent_bytes` that logs of rooms hold.
    log_bytes: usize,
    copied_bytes: usize,
}

impl BufferPool {
    /// Storage of at least this size. Its bytes are whatever they were.
    pub(crate) fn take(&mut self, at_least: usize) -> Box<[u8]> {
        let size = storage_size(at_least);
        self.lent_bytes += size;
        match self.free.get_mut(class_of(size)).and_then(Vec::pop) {
            Some(storage) => {
                self.kept_bytes -= size;
                storage
            }
            None => vec![0; size].into_boxed_slice(),
        }
    }

    /// Takes back what [`take`](Self::take) lent. Empty storage is nothing.
    pub(crate) fn give(&mut self, storage: Box<[u8]>) {
        let size = storage.len();
        if size == 0 {
            return;
        }
        self.lent_bytes -= size;
        if self.kept_bytes + size <= KEPT_BYTES_MAX
            && let Some(free) = self.free.get_mut(class_of(size))
        {
            self.kept_bytes += size;
            free.push(storage);
        }
    }

    /// The same as [`take`](Self::take), for a log of a room.
    pub(crate) fn take_for_log(&mut self, at_least: usize) -> Box<[u8]> {
        let storage = self.take(at_least);
        self.log_bytes += storage.len();
        storage
    }

    /// Takes back what [`take_for_log`](Self::take_for_log) lent.
    pub(crate) fn give_from_log(&mut self, storage: Box<[u8]>) {
        self.log_bytes -= storage.len();
        self.give(storage);
    }

    /// Bytes in buffers that logs of rooms hold.
    pub(crate) const fn log_bytes(&self) -> usize {
        self.log_bytes
    }

    /// Bytes in buffers that are out on loan: all that connections and rooms hold together.
    pub(crate) const fn lent_bytes(&self) -> usize {
        self.lent_bytes
    }

    /// Notes that so many bytes were written into lent storage, or moved within it or to another.
    pub(crate) const fn note_copied(&mut self, count: usize) {
        self.copied_bytes = self.copied_bytes.wrapping_add(count);
    }

    /// All that was noted since the pool was made.
    pub(crate) const fn copied_bytes(&self) -> usize {
        self.copied_bytes
    }
}

/// The size of the storage that a pool lends for so many bytes.
pub(crate) const fn storage_size(at_least: usize) -> usize {
    let size = at_least.next_power_of_two();
    if size < 1 << SMALLEST_BITS { 1 << SMALLEST_BITS } else { size }
}

const fn class_of(size: usize) -> usize {
    (size.ilog2() - SMALLEST_BITS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_reuses_what_it_got_back_and_keeps_no_more_than_it_may() {
        let mut pool = BufferPool::default();
        let first = pool.take(5000);
        assert_eq!(first.len(), 8192);
        let address = first.as_ptr();
        pool.give(first);
        let second = pool.take(8192);
        assert_eq!(second.as_ptr(), address);
        let many: Vec<_> = (0..12).map(|_| pool.take(1 << 20)).collect();
        for storage in many {
            pool.give(storage);
        }
        assert!(pool.kept_bytes <= KEPT_BYTES_MAX, "{}", pool.kept_bytes);
    }
}
