//! Byte buffers that belong to work, not to connections: a pool of them, and the ring that holds
//! what one connection cannot get rid of yet. Knows nothing of frames or sockets.
//!
//! A ring that runs empty gives its storage back, so an idle connection owns no buffer. Storage
//! grows as bytes arrive, by doubling, and never by a number that a peer announced.

use std::num::NonZeroU32;

use slab::Slab;

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
    copied_bytes: usize,
    waiting: Slab<WaitingBytes>,
}

/// Names bytes that wait in a pool. Whoever drops it must [`end the wait`](BufferPool::end_wait)
/// first. Four bytes, and no more with an `Option` around it.
#[derive(Debug)]
pub(crate) struct WaitingId(NonZeroU32);

impl WaitingId {
    const fn key(&self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The beginning of something whose end has not come.
#[derive(Debug, Default)]
pub(crate) struct WaitingBytes {
    pub(crate) bytes: RingBuffer,
    /// How many more are waited for.
    pub(crate) missing: usize,
}

impl BufferPool {
    /// Storage of at least this size. Its bytes are whatever they were.
    pub(crate) fn take(&mut self, at_least: usize) -> Box<[u8]> {
        let size = at_least.next_power_of_two().max(1 << SMALLEST_BITS);
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

    /// A copy of these bytes, to wait for `missing` more.
    /// `None` while four thousand million others wait.
    pub(crate) fn wait_with(&mut self, bytes: &[u8], missing: usize) -> Option<WaitingId> {
        let id = NonZeroU32::new(u32::try_from(self.waiting.vacant_key() + 1).unwrap_or_default())?;
        let mut waiting = WaitingBytes { bytes: RingBuffer::default(), missing };
        waiting.bytes.extend(bytes, self);
        self.waiting.insert(waiting);
        Some(WaitingId(id))
    }

    /// What waits there. `None` never comes while the wait goes on.
    pub(crate) fn waiting(&self, id: &WaitingId) -> Option<&WaitingBytes> {
        self.waiting.get(id.key())
    }

    /// Takes what waits there out for work, with the pool at hand; [`put_back`](Self::put_back)
    /// follows.
    pub(crate) fn take_out(&mut self, id: &WaitingId) -> WaitingBytes {
        self.waiting.get_mut(id.key()).map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn put_back(&mut self, id: &WaitingId, waiting: WaitingBytes) {
        if let Some(place) = self.waiting.get_mut(id.key()) {
            *place = waiting;
        }
    }

    /// Drops what waits there, and gives its storage back.
    pub(crate) fn end_wait(&mut self, id: WaitingId) {
        if let Some(mut waiting) = self.waiting.try_remove(id.key()) {
            waiting.bytes.clear(self);
        }
    }

    /// Bytes in buffers that are out on loan: all that connections and rooms hold together.
    pub(crate) const fn lent_bytes(&self) -> usize {
        self.lent_bytes
    }

    /// Notes that so many bytes were written into lent storage, or moved within it or to larger
    /// one.
    pub(crate) const fn note_copied(&mut self, count: usize) {
        self.copied_bytes = self.copied_bytes.wrapping_add(count);
    }

    /// All that was noted since the pool began.
    pub(crate) const fn copied_bytes(&self) -> usize {
        self.copied_bytes
    }
}

const fn class_of(size: usize) -> usize {
    (size.ilog2() - SMALLEST_BITS) as usize
}

/// Bytes in the order they came, in storage from a [`BufferPool`]. Whoever drops one must
/// [`clear`](Self::clear) it first, or its storage is lost to the pool's count.
#[derive(Debug, Default)]
pub(crate) struct RingBuffer {
    storage: Box<[u8]>,
    start: usize,
    len: usize,
}

impl RingBuffer {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of storage held, used or not.
    pub(crate) const fn capacity(&self) -> usize {
        self.storage.len()
    }

    pub(crate) fn extend(&mut self, bytes: &[u8], pool: &mut BufferPool) {
        if bytes.is_empty() {
            return;
        }
        if self.len + bytes.len() > self.storage.len() {
            self.grow(self.len + bytes.len(), pool);
        }
        let at = self.wrap(self.start + self.len);
        let before_wrap = bytes.len().min(self.storage.len() - at);
        let (first, second) = bytes.split_at(before_wrap);
        self.storage[at..at + before_wrap].copy_from_slice(first);
        self.storage[..second.len()].copy_from_slice(second);
        self.len += bytes.len();
        pool.note_copied(bytes.len());
    }

    /// The oldest bytes that lie in one piece. All of them if nothing was consumed since the ring
    /// was last empty.
    pub(crate) fn front(&self) -> &[u8] {
        let before_wrap = self.len.min(self.storage.len() - self.start);
        &self.storage[self.start..self.start + before_wrap]
    }

    /// The bytes behind the [`front`](Self::front), if not all lie in one piece.
    pub(crate) fn behind_front(&self) -> &[u8] {
        &self.storage[..self.len - self.front().len()]
    }

    /// Drops the oldest bytes, and gives the storage back with the last one.
    pub(crate) fn consume(&mut self, count: usize, pool: &mut BufferPool) {
        assert!(count <= self.len, "{count} bytes consumed of {}", self.len);
        self.len -= count;
        if self.len == 0 {
            self.clear(pool);
        } else {
            self.start = self.wrap(self.start + count);
        }
    }

    /// Puts the bytes at the start of the storage, so that what follows lies in one piece with
    /// them. They must lie in one piece already.
    pub(crate) fn move_to_start(&mut self, pool: &mut BufferPool) {
        debug_assert_eq!(self.front().len(), self.len);
        if self.start > 0 {
            self.storage.copy_within(self.start..self.start + self.len, 0);
            self.start = 0;
            pool.note_copied(self.len);
        }
    }

    /// Drops everything behind the oldest `keep` bytes.
    pub(crate) fn truncate(&mut self, keep: usize, pool: &mut BufferPool) {
        self.len = self.len.min(keep);
        if self.len == 0 {
            self.clear(pool);
        }
    }

    pub(crate) fn clear(&mut self, pool: &mut BufferPool) {
        self.start = 0;
        self.len = 0;
        pool.give(std::mem::take(&mut self.storage));
    }

    /// Storage sizes are powers of two.
    const fn wrap(&self, position: usize) -> usize {
        position & (self.storage.len() - 1)
    }

    fn grow(&mut self, needed: usize, pool: &mut BufferPool) {
        let mut larger = pool.take(needed);
        let first = self.front().len();
        larger[..first].copy_from_slice(self.front());
        larger[first..self.len].copy_from_slice(&self.storage[..self.len - first]);
        pool.note_copied(self.len);
        self.start = 0;
        pool.give(std::mem::replace(&mut self.storage, larger));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_wraps_grows_and_keeps_the_order() {
        let mut pool = BufferPool::default();
        let mut ring = RingBuffer::default();
        let mut written = 0_u32;
        let mut read = 0_u32;
        // Steps that share no factor with the capacity, so that every alignment of the wrap is met.
        for step in 1..2000_usize {
            let bytes: Vec<u8> = (0..step % 37).map(|_| byte_at(&mut written)).collect();
            ring.extend(&bytes, &mut pool);
            let mut left = (step * 7) % 31;
            while left > 0 && !ring.is_empty() {
                let piece = ring.front().len().min(left);
                for &byte in &ring.front()[..piece] {
                    assert_eq!(byte, byte_at(&mut read));
                }
                ring.consume(piece, &mut pool);
                left -= piece;
            }
        }
        assert!(ring.capacity() >= ring.len());
        ring.clear(&mut pool);
        assert_eq!(pool.lent_bytes(), 0);
    }

    fn byte_at(position: &mut u32) -> u8 {
        *position += 1;
        (*position % 251) as u8
    }

    #[test]
    fn an_empty_ring_owns_nothing() {
        let mut pool = BufferPool::default();
        let mut ring = RingBuffer::default();
        ring.extend(b"abc", &mut pool);
        assert_eq!((ring.front(), ring.capacity(), pool.lent_bytes()), (&b"abc"[..], 1024, 1024));
        ring.consume(3, &mut pool);
        assert_eq!((ring.capacity(), pool.lent_bytes()), (0, 0));
        ring.extend(b"abcdef", &mut pool);
        ring.truncate(2, &mut pool);
        assert_eq!(ring.front(), b"ab");
        ring.truncate(0, &mut pool);
        assert_eq!(pool.lent_bytes(), 0);
    }

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
