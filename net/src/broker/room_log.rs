//! A room's log: what was said in it, as encoded bytes, once, whoever still has to read them.
//!
//! Positions count bytes since the room began and never go back. Members' outboxes hold ranges of
//! positions; the log counts those ranges (`readers`), and when the last one is done its bytes are
//! dropped and its storage goes back to the pool: a quiet room owns no buffer.
//!
//! Invariant: `base <= head`, and `head - base` bytes are in `storage`; without readers and
//! unsettled bytes, none.

use std::ops::Range;

use crate::buffers::BufferPool;

#[derive(Debug, Default)]
pub(crate) struct RoomLog {
    storage: Box<[u8]>,
    len: usize,
    /// The position of the first byte in `storage`.
    base: u64,
    /// Ranges of this log that stand in outboxes.
    readers: usize,
}

impl RoomLog {
    /// The position of the next byte to come.
    pub(crate) const fn head(&self) -> u64 {
        self.base + self.len as u64
    }

    /// The position of the oldest byte that is still there.
    pub(crate) const fn base(&self) -> u64 {
        self.base
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes of storage held, used or not.
    pub(crate) const fn capacity(&self) -> usize {
        self.storage.len()
    }

    pub(crate) const fn readers(&self) -> usize {
        self.readers
    }

    /// Adds `size` bytes that `write` fills in.
    pub(crate) fn append(
        &mut self,
        size: usize,
        pool: &mut BufferPool,
        write: impl FnOnce(&mut [u8]),
    ) {
        if self.len + size > self.storage.len() {
            let mut larger = pool.take(self.len + size);
            larger[..self.len].copy_from_slice(&self.storage[..self.len]);
            pool.note_copied(self.len);
            pool.give(std::mem::replace(&mut self.storage, larger));
        }
        write(&mut self.storage[self.len..self.len + size]);
        self.len += size;
        pool.note_copied(size);
    }

    /// The bytes of a range, or `None` if the log no longer reaches back so far.
    pub(crate) fn bytes(&self, range: Range<u64>) -> Option<&[u8]> {
        let start = usize::try_from(range.start.checked_sub(self.base)?).ok()?;
        let end = usize::try_from(range.end.checked_sub(self.base)?).ok()?;
        self.storage[..self.len].get(start..end)
    }

    pub(crate) const fn add_reader(&mut self) {
        self.readers += 1;
    }

    /// One range is done, or given up. With the last one the bytes up to `settled` (those that
    /// every member has a range for) are dropped.
    pub(crate) fn remove_reader(&mut self, settled: u64, pool: &mut BufferPool) {
        assert!(self.readers > 0, "a reader left that never came");
        self.readers -= 1;
        self.drop_unread(settled, pool);
    }

    /// Drops the bytes before `settled` if nobody reads any more.
    pub(crate) fn drop_unread(&mut self, settled: u64, pool: &mut BufferPool) {
        if self.readers == 0 {
            self.drop_before(settled, pool);
        }
    }

    /// Drops the bytes before `position`, read or not.
    pub(crate) fn drop_before(&mut self, position: u64, pool: &mut BufferPool) {
        let gone = usize::try_from(position.saturating_sub(self.base))
            .map_or(self.len, |gone| gone.min(self.len));
        if gone == 0 {
            return;
        }
        self.storage.copy_within(gone..self.len, 0);
        self.base += gone as u64;
        self.len -= gone;
        pool.note_copied(self.len);
        if self.len == 0 {
            pool.give(std::mem::take(&mut self.storage));
        }
    }

    pub(crate) fn invariants(&self) {
        assert!(self.len <= self.storage.len());
        assert!(self.len > 0 || self.storage.is_empty(), "an empty log holds a buffer");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(log: &mut RoomLog, pool: &mut BufferPool, bytes: &[u8]) -> Range<u64> {
        let start = log.head();
        log.append(bytes.len(), pool, |into| into.copy_from_slice(bytes));
        log.invariants();
        start..log.head()
    }

    #[test]
    fn bytes_stay_until_the_last_reader_is_done() {
        let (mut log, mut pool) = (RoomLog::default(), BufferPool::default());
        let first = append(&mut log, &mut pool, b"one");
        log.add_reader();
        let second = append(&mut log, &mut pool, b"three");
        log.add_reader();
        assert_eq!(log.bytes(first.start..second.end), Some(&b"onethree"[..]));
        log.remove_reader(log.head(), &mut pool);
        assert_eq!(log.bytes(second.clone()), Some(&b"three"[..]));
        log.remove_reader(log.head(), &mut pool);
        log.invariants();
        assert_eq!((log.len(), pool.lent_bytes()), (0, 0));
        assert_eq!(log.bytes(second), None);
        assert_eq!(append(&mut log, &mut pool, b"!"), 8..9);
    }

    #[test]
    fn what_nobody_has_a_range_for_yet_is_kept() {
        let (mut log, mut pool) = (RoomLog::default(), BufferPool::default());
        let old = append(&mut log, &mut pool, b"old");
        log.add_reader();
        let unsettled = append(&mut log, &mut pool, b"new");
        log.remove_reader(old.end, &mut pool);
        assert_eq!(log.bytes(unsettled), Some(&b"new"[..]));
        assert_eq!(log.bytes(old), None);
    }

    #[test]
    fn dropping_cuts_off_readers_of_the_past_alone() {
        let (mut log, mut pool) = (RoomLog::default(), BufferPool::default());
        append(&mut log, &mut pool, &[b'x'; 2000]);
        log.drop_before(1500, &mut pool);
        assert_eq!(log.base(), 1500);
        assert_eq!(log.bytes(1499..1600), None);
        assert_eq!(log.bytes(1500..2000).map(<[u8]>::len), Some(500));
        assert_eq!(log.bytes(1500..2001), None);
    }
}
