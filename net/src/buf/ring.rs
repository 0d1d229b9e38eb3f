//! A ring of bytes in storage from a pool. Knows nothing of frames or sockets.
//!
//! A ring that runs empty gives its storage back, so an idle connection owns no buffer; one that
//! holds little in much storage moves to smaller storage, so that what a burst once needed is not
//! kept by its last few bytes.

use super::pool::{BufferPool, storage_size};

/// Storage up to this size stays, however little it holds: moving to a smaller one would cost more
/// than it gives back.
const NEVER_SHRUNK_BYTES: usize = 4 << 10;

/// A ring moves to smaller storage when it holds less than one byte in so many.
const SHRINK_BELOW: usize = 8;

/// Bytes in the order they came, in storage from a [`BufferPool`]. Before one is dropped it must be
/// [`clear`](Self::clear)ed, or its storage is lost to the pool's count.
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
            self.relocate(self.len + bytes.len(), pool);
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

    /// The bytes from `offset` on, in at most two pieces. The offset is within the ring.
    pub(crate) fn pieces_from(&self, offset: usize) -> [&[u8]; 2] {
        let (front, behind) = (self.front(), self.behind_front());
        match offset.checked_sub(front.len()) {
            None => [&front[offset..], behind],
            Some(offset) => [&behind[offset..], &[]],
        }
    }

    /// Drops the oldest bytes, and gives the storage back with the last one.
    pub(crate) fn consume(&mut self, count: usize, pool: &mut BufferPool) {
        assert!(count <= self.len, "{count} bytes consumed of {}", self.len);
        self.len -= count;
        if self.len == 0 {
            self.clear(pool);
        } else {
            self.start = self.wrap(self.start + count);
            self.shrink(pool);
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
        } else {
            self.shrink(pool);
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

    fn shrink(&mut self, pool: &mut BufferPool) {
        if self.storage.len() > NEVER_SHRUNK_BYTES
            && self.len < self.storage.len() / SHRINK_BELOW
            && storage_size(2 * self.len) < self.storage.len()
        {
            self.relocate(2 * self.len, pool);
        }
    }

    /// Moves what is there to storage of at least this size.
    fn relocate(&mut self, at_least: usize, pool: &mut BufferPool) {
        let mut other = pool.take(at_least);
        let first = self.front().len();
        other[..first].copy_from_slice(self.front());
        other[first..self.len].copy_from_slice(&self.storage[..self.len - first]);
        pool.note_copied(self.len);
        self.start = 0;
        pool.give(std::mem::replace(&mut self.storage, other));
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
    fn the_last_bytes_of_a_burst_do_not_keep_its_storage() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
        for keep in [1, 100, 2047, 2048, 5000] {
            let mut pool = BufferPool::default();
            let (mut consumed, mut cut) = (RingBuffer::default(), RingBuffer::default());
            consumed.extend(&bytes, &mut pool);
            consumed.consume(bytes.len() - keep, &mut pool);
            assert_eq!(consumed.front(), &bytes[bytes.len() - keep..]);
            assert!(consumed.capacity() <= NEVER_SHRUNK_BYTES.max(4 * keep), "{keep}");
            cut.extend(&bytes, &mut pool);
            cut.truncate(keep, &mut pool);
            assert_eq!(cut.front(), &bytes[..keep]);
            assert!(cut.capacity() <= NEVER_SHRUNK_BYTES.max(4 * keep), "{keep}");
            assert_eq!(pool.lent_bytes(), consumed.capacity() + cut.capacity());
        }
    }

    #[test]
    fn pieces_from_an_offset_are_what_lies_behind_it() {
        let mut pool = BufferPool::default();
        let mut ring = RingBuffer::default();
        ring.extend(&[1; 1000], &mut pool);
        ring.consume(900, &mut pool);
        ring.extend(&[2; 700], &mut pool);
        let all = [ring.front(), ring.behind_front()].concat();
        assert!(!ring.behind_front().is_empty(), "the ring has wrapped");
        for offset in 0..=all.len() {
            assert_eq!(ring.pieces_from(offset).concat(), all[offset..]);
        }
    }
}
