//! The log of a room in one wire form: what was said there, encoded once, however many read it.
//!
//! Positions count bytes since the log was made and never go back. The bytes lie in chunks; a frame
//! lies in one chunk whole. Queues hold ranges of positions, and each chunk counts the ranges that
//! touch it: a chunk that every subscriber was given and no range touches any more is dropped, so
//! that a quiet room owns no buffer and a slow reader pins the chunks it still needs, not the room.
//! A chunk that has frames to be *kept* is not dropped by itself: it is there to be asked for until
//! its room is needed.
//!
//! Invariants, checked by [`Log::invariants`]: chunks lie in order, do not overlap and do not pass
//! the head; `settled ≤ head`; what is not settled is there; no chunk is empty; frame ends rise
//! within a chunk, and the last is the chunk's end; a chunk without ranges has bytes that are still
//! to be delivered, or is kept.

use std::collections::VecDeque;

use crate::broker::ids::ReaderId;
use crate::buf::{BufferPool, storage_size};

/// The largest chunk. A quarter of what the log may hold, if that is less.
pub(super) const CHUNK_BYTES_MAX: usize = 64 << 10;

/// A piece of the log in storage of its own.
#[derive(Debug)]
pub(super) struct Chunk {
    storage: Box<[u8]>,
    /// The position of its first byte.
    start: u64,
    len: usize,
    /// Ranges in queues, and in lists of ranges, that touch this chunk.
    ranges: usize,
    /// Where each frame ends, in bytes from the chunk's start.
    frame_ends: Vec<u32>,
    /// It stays when every subscriber was given it, until it is given up.
    is_kept: bool,
    /// When the last of its bytes was delivered, in milliseconds of the monotonic clock.
    settled_ms: u64,
}

impl Chunk {
    const fn end(&self) -> u64 {
        self.start + self.len as u64
    }

    pub(super) const fn settled_ms(&self) -> u64 {
        self.settled_ms
    }

    pub(super) const fn positions(&self) -> (u64, u64) {
        (self.start, self.end())
    }

    const fn touches(&self, start: u64, end: u64) -> bool {
        self.start < end && start < self.end()
    }
}

#[derive(Debug, Default)]
pub(super) struct Log {
    chunks: VecDeque<Chunk>,
    /// The position of the next byte to come.
    head: u64,
    /// Up to here every subscriber was given what it is to have.
    settled: u64,
    /// Bytes in all chunks together.
    held: usize,
    /// The readers that each new frame is for.
    pub(super) subscribers: Vec<ReaderId>,
    /// The batch in which the log spoke last, and its place among the logs of that batch.
    pub(super) touched_in: (u64, u8),
    /// A room stands behind it. Without one it goes with its last range.
    pub(super) has_room: bool,
}

/// Frame ends of chunks that are gone: storage for those of the next.
pub(super) type SpareEnds = Vec<Vec<u32>>;

const SPARE_ENDS_MAX: usize = 64;

impl Log {
    /// The empty log of a room.
    pub(super) fn of_room() -> Self {
        Self { has_room: true, ..Self::default() }
    }

    /// Its room is gone: no member will ask for what was said.
    pub(super) fn lose_room(&mut self) {
        self.has_room = false;
        self.chunks.iter_mut().for_each(|chunk| chunk.is_kept = false);
    }

    pub(super) const fn head(&self) -> u64 {
        self.head
    }

    /// Bytes that the log holds.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// The oldest chunk with bytes that a reader is still to have.
    pub(super) fn oldest(&self) -> Option<&Chunk> {
        self.chunks.iter().find(|chunk| !self.is_unneeded(chunk))
    }

    /// Every subscriber was given all of the chunk, and took it.
    const fn is_unneeded(&self, chunk: &Chunk) -> bool {
        chunk.ranges == 0 && chunk.end() <= self.settled
    }

    /// Bytes that are only kept.
    pub(super) fn kept(&self) -> usize {
        let kept = self.chunks.iter().filter(|chunk| self.is_unneeded(chunk));
        kept.map(|chunk| chunk.len).sum()
    }

    /// Gives up the oldest chunk that is only kept. False if there is none.
    pub(super) fn give_up_oldest(
        &mut self,
        pool: &mut BufferPool,
        spare_ends: &mut SpareEnds,
    ) -> bool {
        let oldest = self.chunks.iter().position(|chunk| self.is_unneeded(chunk));
        oldest.is_some_and(|at| {
            self.drop_chunk(at, pool, spare_ends);
            true
        })
    }

    /// The frames that are there, the newest first.
    pub(super) fn frames_back(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks.iter().rev().flat_map(|chunk| {
            let ends = chunk.frame_ends.iter().rev().map(|&end| end as usize);
            let starts = ends.clone().skip(1).chain([0]);
            starts.zip(ends).map(|(start, end)| &chunk.storage[start..end])
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Bytes of storage held, used or not.
    pub(super) fn storage(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.storage.len()).sum()
    }

    /// Adds a frame of `size` bytes that `write` fills in, to be kept or not. Chunks grow up to
    /// `chunk_max`.
    pub(super) fn append(
        &mut self,
        (size, is_kept): (usize, bool),
        chunk_max: usize,
        pool: &mut BufferPool,
        spare_ends: &mut SpareEnds,
        write: impl FnOnce(&mut [u8]),
    ) {
        let is_busy = !self.chunks.is_empty();
        // Behind a chunk that was dropped there is nothing to go on with.
        let last = self.chunks.back_mut().filter(|chunk| chunk.end() == self.head);
        match last {
            Some(chunk) if chunk.len + size <= chunk.storage.len() => {}
            Some(chunk) if chunk.len + size <= chunk_max => {
                let mut larger = pool.take_for_log(chunk.len + size);
                larger[..chunk.len].copy_from_slice(&chunk.storage[..chunk.len]);
                pool.note_copied(chunk.len);
                pool.give_from_log(std::mem::replace(&mut chunk.storage, larger));
            }
            _ => self.chunks.push_back(Chunk {
                // A log that has filled a chunk fills the next one too.
                storage: pool.take_for_log(if is_busy { size.max(chunk_max) } else { size }),
                start: self.head,
                len: 0,
                ranges: 0,
                frame_ends: spare_ends.pop().unwrap_or_default(),
                is_kept: false,
                settled_ms: 0,
            }),
        }
        let Some(chunk) = self.chunks.back_mut() else { return };
        write(&mut chunk.storage[chunk.len..chunk.len + size]);
        chunk.len += size;
        chunk.is_kept |= is_kept;
        #[allow(clippy::cast_possible_truncation)] // a chunk is 64 KiB, or one frame
        chunk.frame_ends.push(chunk.len as u32);
        self.head += size as u64;
        self.held += size;
        pool.note_copied(size);
    }

    /// Every subscriber was given the bytes up to the head.
    pub(super) fn settle(&mut self, now_ms: u64) {
        for chunk in self.chunks.iter_mut().rev().take_while(|chunk| chunk.end() > self.settled) {
            chunk.settled_ms = now_ms;
        }
        self.settled = self.head;
    }

    /// The bytes of a range, piece by piece. Short of them where a chunk is gone, which none is
    /// that a queued range touches.
    pub(super) fn pieces(&self, start: u64, end: u64) -> impl Iterator<Item = &[u8]> {
        self.chunks
            .iter()
            .skip_while(move |chunk| chunk.end() <= start)
            .take_while(move |chunk| chunk.start < end)
            .map(move |chunk| {
                #[allow(clippy::cast_possible_truncation)] // within a chunk
                let (from, to) = (
                    start.saturating_sub(chunk.start) as usize,
                    (end.min(chunk.end()) - chunk.start) as usize,
                );
                &chunk.storage[from..to]
            })
    }

    /// Bytes from this position to the end of the frame that it lies in: 0 if a frame starts there.
    /// `None` if the log has no such byte.
    pub(super) fn frame_left(&self, position: u64) -> Option<usize> {
        let chunk = self.chunks.iter().find(|chunk| chunk.touches(position, position + 1))?;
        let offset = u32::try_from(position - chunk.start).ok()?;
        let at = chunk.frame_ends.partition_point(|&end| end <= offset);
        let starts_here =
            offset == 0 || at.checked_sub(1).map(|at| chunk.frame_ends[at]) == Some(offset);
        let end = *chunk.frame_ends.get(at)?;
        Some(if starts_here { 0 } else { (end - offset) as usize })
    }

    /// So many ranges were queued that reach from `start` to `end`, and so many that reached to
    /// `start` before were extended to `end`.
    pub(super) fn add_ranges(&mut self, start: u64, end: u64, new: usize, extended: usize) {
        for chunk in self.chunks.iter_mut().rev().take_while(|chunk| chunk.end() > start) {
            if chunk.touches(start, end) {
                chunk.ranges += new;
                // One that reached to `start` has touched the chunk that this position lies in,
                // unless the chunk starts there.
                if chunk.start >= start {
                    chunk.ranges += extended;
                }
            }
        }
    }

    /// A range that reached from `start` to `end` reaches from `moved` on now; nothing is left of
    /// it if that is its end.
    pub(super) fn shorten_range(
        &mut self,
        start: u64,
        moved: u64,
        end: u64,
        pool: &mut BufferPool,
        spare_ends: &mut SpareEnds,
    ) {
        let mut has_unread = false;
        for chunk in self.chunks.iter_mut().take_while(|chunk| chunk.start < end) {
            if chunk.touches(start, end) && (moved == end || chunk.end() <= moved) {
                debug_assert!(chunk.ranges > 0, "a range left that never came");
                chunk.ranges -= 1;
                has_unread |= chunk.ranges == 0;
            }
        }
        if has_unread {
            self.drop_unread(pool, spare_ends);
        }
    }

    /// Drops the chunks that no range touches and that are not kept, up to the first that has bytes
    /// to be delivered.
    pub(super) fn drop_unread(&mut self, pool: &mut BufferPool, spare_ends: &mut SpareEnds) {
        let mut at = 0;
        while let Some(chunk) = self.chunks.get(at) {
            if chunk.end() > self.settled {
                return;
            }
            if chunk.ranges > 0 || chunk.is_kept {
                at += 1;
                continue;
            }
            self.drop_chunk(at, pool, spare_ends);
        }
    }

    fn drop_chunk(&mut self, at: usize, pool: &mut BufferPool, spare_ends: &mut SpareEnds) {
        if let Some(mut chunk) = self.chunks.remove(at) {
            self.held -= chunk.len;
            pool.give_from_log(chunk.storage);
            if spare_ends.len() < SPARE_ENDS_MAX {
                chunk.frame_ends.clear();
                spare_ends.push(chunk.frame_ends);
            }
        }
    }

    /// The storage of the chunks that a range touches, each with the position of its first byte.
    pub(super) fn pinned_by(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, usize)> {
        let touched = self.chunks.iter().filter(move |chunk| chunk.touches(start, end));
        touched.map(|chunk| (chunk.start, chunk.storage.len()))
    }

    /// Checks what the module's head promises. `ranges` tells how many queued ranges touch the
    /// bytes between two positions.
    pub(super) fn invariants(&self, ranges: impl Fn(u64, u64) -> usize) {
        let mut position = 0;
        for chunk in &self.chunks {
            assert!(chunk.start >= position, "chunks overlap");
            assert!(chunk.len > 0 && chunk.len <= chunk.storage.len(), "a chunk without bytes");
            assert!(chunk.frame_ends.is_sorted_by(|one, other| one < other), "frame ends fall");
            assert_eq!(chunk.frame_ends.last().map(|&end| end as usize), Some(chunk.len));
            assert_eq!(chunk.ranges, ranges(chunk.start, chunk.end()), "ranges miscounted");
            assert!(
                chunk.ranges > 0 || chunk.end() > self.settled || chunk.is_kept,
                "a chunk without readers stays"
            );
            position = chunk.end();
        }
        assert!(position <= self.head, "the log has more than was said");
        assert!(self.settled == self.head || position == self.head, "undelivered bytes are gone");
        assert!(self.settled <= self.head, "delivered before it was said");
        assert_eq!(self.held, self.chunks.iter().map(|chunk| chunk.len).sum::<usize>());
    }
}

/// The size of chunks in logs of at most so many bytes.
pub(super) fn chunk_max(log_bytes: usize) -> usize {
    let quarter = (log_bytes / 4).max(1);
    storage_size(1 << quarter.ilog2()).min(CHUNK_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Bench {
        log: Log,
        pool: BufferPool,
        spare_ends: SpareEnds,
        ranges: Vec<(u64, u64)>,
    }

    impl Bench {
        /// Appends a frame that the subscribers are given as a range, if there are any.
        fn say(&mut self, bytes: &[u8], readers: usize) -> (u64, u64) {
            let start = self.log.head();
            let Self { log, pool, spare_ends, .. } = self;
            log.append((bytes.len(), false), 4096, pool, spare_ends, |into| {
                into.copy_from_slice(bytes);
            });
            log.add_ranges(start, log.head(), readers, 0);
            log.settle(7);
            let range = (start, log.head());
            self.ranges.extend(std::iter::repeat_n(range, readers));
            self.check();
            range
        }

        fn take(&mut self, range: (u64, u64), moved: u64) {
            let at = self.ranges.iter().position(|&queued| queued == range).unwrap();
            self.ranges.swap_remove(at);
            if moved < range.1 {
                self.ranges.push((moved, range.1));
            }
            let Self { log, pool, spare_ends, .. } = self;
            log.shorten_range(range.0, moved, range.1, pool, spare_ends);
            self.check();
        }

        fn check(&self) {
            self.log.invariants(|start, end| {
                self.ranges.iter().filter(|range| range.0 < end && start < range.1).count()
            });
            assert_eq!(self.pool.lent_bytes(), self.log.storage());
            assert_eq!(self.pool.log_bytes(), self.log.storage());
        }

        fn bytes(&self, (start, end): (u64, u64)) -> Vec<u8> {
            self.log.pieces(start, end).flatten().copied().collect()
        }
    }

    #[test]
    fn bytes_stay_until_the_last_reader_has_taken_them() {
        let mut bench = Bench::default();
        let first = bench.say(b"one", 2);
        let second = bench.say(b"three", 2);
        assert_eq!(bench.bytes((first.0, second.1)), b"onethree");
        for range in [first, first, second] {
            bench.take(range, range.1);
            assert_eq!(bench.bytes((first.0, second.1)), b"onethree", "they share a chunk");
        }
        bench.take(second, second.1);
        assert_eq!((bench.log.held(), bench.pool.lent_bytes()), (0, 0));
        assert_eq!(bench.say(b"!", 1), (8, 9));
    }

    #[test]
    fn a_slow_reader_pins_the_chunks_it_needs_and_no_others() {
        let mut bench = Bench::default();
        let ranges: Vec<_> = (0..32_u8).map(|frame| bench.say(&[frame; 1000], 2)).collect();
        assert_eq!(bench.log.held(), 32_000);
        // One reader takes all, the other one only what lies around a frame in the middle.
        for &range in &ranges {
            bench.take(range, range.1);
        }
        for (_, &range) in ranges.iter().enumerate().filter(|&(at, _)| at != 13) {
            bench.take(range, range.1);
        }
        assert_eq!(bench.bytes(ranges[13]), [13; 1000]);
        assert!(bench.pool.lent_bytes() <= 4096, "{}", bench.pool.lent_bytes());
        bench.take(ranges[13], ranges[13].1);
        assert_eq!(bench.pool.lent_bytes(), 0);
    }

    #[test]
    fn a_range_over_several_chunks_lets_go_of_them_one_by_one() {
        let mut bench = Bench::default();
        let start = bench.log.head();
        for frame in 0..10_u8 {
            let before = bench.log.head();
            let Bench { log, pool, spare_ends, .. } = &mut bench;
            log.append((1500, false), 4096, pool, spare_ends, |into| into.fill(frame));
            log.add_ranges(before, log.head(), usize::from(frame == 0), usize::from(frame > 0));
            log.settle(0);
        }
        let end = bench.log.head();
        bench.ranges.push((start, end));
        bench.check();
        let mut at = start;
        while at < end {
            let moved = (at + 777).min(end);
            let lent = bench.pool.lent_bytes();
            bench.take((at, end), moved);
            assert!(bench.pool.lent_bytes() <= lent);
            at = moved;
        }
        assert_eq!(bench.pool.lent_bytes(), 0);
    }

    #[test]
    fn the_end_of_a_frame_is_known_from_anywhere_within_it() {
        let mut bench = Bench::default();
        let mut expected = Vec::new();
        for size in [1, 2, 700, 3000, 1, 4096, 9000, 5] {
            bench.say(&vec![0; size], 1);
            expected.push(0);
            expected.extend((1..size).rev());
        }
        for (position, &left) in expected.iter().enumerate() {
            assert_eq!(bench.log.frame_left(position as u64), Some(left), "{position}");
        }
        assert_eq!(bench.log.frame_left(expected.len() as u64), None);
    }

    #[test]
    fn chunks_are_a_quarter_of_the_log_at_most() {
        for (log_bytes, expected) in
            [(1 << 20, 65_536), (usize::MAX, 65_536), (10_080, 2048), (16_384, 4096), (1, 1024)]
        {
            assert_eq!(chunk_max(log_bytes), expected, "{log_bytes}");
        }
    }
}
