//! One direction of a TCP connection, from segments in any order to bytes in theirs. Pure. Knows
//! nothing of frames.
//!
//! Segments that come early wait; what comes twice is dropped; of two that overlap, the one that
//! starts first counts. What never comes is told as a gap, once waiting is over: at the end, or
//! when more bytes wait than a receiver would hold.
//!
//! The first byte is the one after the SYN. A capture that began later has none; then the first few
//! segments are looked at together and the earliest is the start: those that come until one is
//! acknowledged, for what stands before that had arrived by then.

use std::collections::BTreeMap;

/// More than the largest window that systems use by default (6 MiB on Linux), so that a gap is not
/// told of something that is only late.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;
/// What keeping a segment costs beside its bytes.
const SEGMENT_OVERHEAD: usize = 64;
/// How many segments are looked at for the start of a stream whose SYN was not captured.
const SEGMENTS_TO_FIND_THE_START: usize = 16;

/// A SYN that comes after the segments it announced stands no further before them.
const LATE_SYN_BYTES: i64 = 65_536;

/// What follows in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    Gap { size_bytes: u64 },
}

/// Places are in bytes from the first sequence number seen, and may be negative.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    /// A sequence number and its place, near those that come next, so that wrapping does not
    /// matter.
    reference: Option<(u32, i64)>,
    /// The place of the next byte, once the start is known.
    next: Option<i64>,
    waiting: BTreeMap<i64, Vec<u8>>,
    waiting_bytes: usize,
    /// Where the stream was taken to start.
    start: Option<i64>,
    fin: Option<i64>,
    syn: Option<u32>,
    is_over: bool,
}

impl Reassembly {
    /// Takes a segment.
    pub(crate) fn push(&mut self, sequence: u32, is_syn: bool, is_fin: bool, payload: &[u8]) {
        let mut place = self.place_of(sequence);
        if is_syn {
            self.syn = Some(sequence);
            place += 1; // the SYN takes a number of its own
            if self.next.is_none() {
                (self.start, self.next) = (Some(place), Some(place));
            }
        }
        if is_fin {
            self.fin = i64::try_from(payload.len()).ok().map(|len_bytes| place + len_bytes);
        }
        if !payload.is_empty() {
            self.keep(place, payload);
        }
        if self.waiting.len() >= SEGMENTS_TO_FIND_THE_START {
            self.start_at_the_earliest();
        }
    }

    /// The other end says that everything before this sequence number has arrived.
    pub(crate) fn acknowledged(&mut self, sequence: u32) {
        let (Some((reference, place)), Some((&earliest, _))) =
            (self.reference, self.waiting.first_key_value())
        else {
            return;
        };
        if place + i64::from(sequence.wrapping_sub(reference).cast_signed()) > earliest {
            self.start_at_the_earliest();
        }
    }

    /// No more segments will come.
    pub(crate) fn finish(&mut self) {
        self.is_over = true;
        self.start_at_the_earliest();
    }

    /// What follows in the stream, if it is known.
    pub(crate) fn pop(&mut self) -> Option<Piece> {
        loop {
            let next = self.next?;
            let (&place, _) = self.waiting.first_key_value()?;
            if place > next {
                if !self.is_over && self.waiting_bytes <= MAX_WAITING_BYTES {
                    return None;
                }
                self.next = Some(place);
                return Some(Piece::Gap { size_bytes: place.abs_diff(next) });
            }
            let (place, mut bytes) = self.waiting.pop_first()?;
            self.waiting_bytes -= bytes.len() + SEGMENT_OVERHEAD;
            let known = usize::try_from(next - place).unwrap_or(usize::MAX).min(bytes.len());
            if known == bytes.len() {
                continue; // it came before
            }
            bytes.drain(..known);
            self.next = Some(next.saturating_add(i64::try_from(bytes.len()).unwrap_or(i64::MAX)));
            return Some(Piece::Bytes(bytes));
        }
    }

    /// The FIN has come and everything before it was told.
    pub(crate) fn is_complete(&self) -> bool {
        self.fin.is_some() && self.next == self.fin
    }

    /// Whether this SYN begins another connection between the same two ends.
    pub(crate) fn is_begun_anew_by(&mut self, syn_sequence: u32) -> bool {
        match (self.syn, self.start) {
            (Some(syn), _) => syn != syn_sequence,
            // Packets may be out of order, or the start was misjudged: the SYN stands close before
            // what was seen.
            (None, Some(start)) => {
                let first = self.place_of(syn_sequence) + 1;
                !(0..=LATE_SYN_BYTES).contains(&(start - first))
            }
            (None, None) => false,
        }
    }

    /// Bytes kept.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.waiting_bytes
    }

    fn place_of(&mut self, sequence: u32) -> i64 {
        let (reference, place) = *self.reference.get_or_insert((sequence, 0));
        // The nearer of the two ways around.
        let distance = i64::from(sequence.wrapping_sub(reference).cast_signed());
        let found = place + distance;
        if distance > 0 {
            self.reference = Some((sequence, found));
        }
        found
    }

    fn keep(&mut self, place: i64, payload: &[u8]) {
        if let Some(before) = self.waiting.get_mut(&place) {
            // The same start twice: what the longer one has more.
            if let Some(more) = payload.get(before.len()..) {
                before.extend_from_slice(more);
                self.waiting_bytes += more.len();
            }
            return;
        }
        self.waiting.insert(place, payload.to_vec());
        self.waiting_bytes += payload.len() + SEGMENT_OVERHEAD;
    }

    fn start_at_the_earliest(&mut self) {
        if self.next.is_none() {
            self.start = self.waiting.first_key_value().map(|(&place, _)| place).or(self.fin);
            self.next = self.start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(reassembly: &mut Reassembly) -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut gaps) = (Vec::new(), Vec::new());
        while let Some(piece) = reassembly.pop() {
            match piece {
                Piece::Bytes(more) => bytes.extend(more),
                Piece::Gap { size_bytes } => gaps.push(size_bytes),
            }
        }
        (bytes, gaps)
    }

    /// After a SYN with the sequence number before `first`; each segment is its offset and its
    /// bytes.
    fn reassembled(first: u32, segments: &[(u32, &[u8])]) -> (Vec<u8>, Vec<u64>) {
        let mut reassembly = Reassembly::default();
        reassembly.push(first.wrapping_sub(1), true, false, b"");
        let (mut bytes, mut gaps) = (Vec::new(), Vec::new());
        for (offset, payload) in segments {
            reassembly.push(first.wrapping_add(*offset), false, false, payload);
            let (more, missing) = drain(&mut reassembly);
            bytes.extend(more);
            gaps.extend(missing);
        }
        reassembly.finish();
        let (more, missing) = drain(&mut reassembly);
        ([bytes, more].concat(), [gaps, missing].concat())
    }

    #[test]
    fn any_order_gives_the_same_bytes_also_where_numbers_wrap() {
        let pieces: [(u32, &[u8]); 4] = [(0, b"ab"), (2, b"cde"), (5, b"f"), (6, b"gh")];
        for first in [1, 1000, u32::MAX, u32::MAX - 3] {
            for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]] {
                let segments = order.map(|index| pieces[index]);
                assert_eq!(
                    reassembled(first, &segments),
                    (b"abcdefgh".to_vec(), vec![]),
                    "{first} {order:?}"
                );
            }
        }
    }

    #[test]
    fn what_comes_twice_or_overlaps_counts_once() {
        let expected = (b"abcdefgh".to_vec(), vec![]);
        assert_eq!(
            reassembled(7, &[(0, b"abcd"), (0, b"abcd"), (2, b"cdef"), (4, b"efgh"), (6, b"g")]),
            expected
        );
        assert_eq!(
            reassembled(7, &[(4, b"ef"), (4, b"efgh"), (2, b"cdefg"), (0, b"abc")]),
            expected
        );
        assert_eq!(reassembled(7, &[(4, b"efgh"), (4, b"ef"), (0, b"abcdef")]), expected);
        // A keep-alive: a byte that was acknowledged.
        assert_eq!(reassembled(7, &[(0, b"abcd"), (3, b"\0"), (4, b"efgh")]), expected);
    }

    #[test]
    fn what_never_comes_is_a_gap_at_the_end() {
        assert_eq!(
            reassembled(7, &[(0, b"ab"), (5, b"fg"), (9, b"j")]),
            (b"abfgj".to_vec(), vec![3, 2])
        );
        assert_eq!(reassembled(7, &[(3, b"d")]), (b"d".to_vec(), vec![3]));
    }

    #[test]
    fn waiting_has_a_bound() {
        let mut reassembly = Reassembly::default();
        reassembly.push(0, true, false, b"");
        let chunk = vec![0x55; 65_536];
        let mut waited = 0_u32;
        while reassembly.pop().is_none() {
            // The byte with the number 1 never comes.
            reassembly.push(2 + waited, false, false, &chunk);
            waited += 65_536;
            assert!(waited as usize <= MAX_WAITING_BYTES + 65_536);
        }
        assert_eq!(reassembly.next, Some(2));
        assert!(waited as usize > MAX_WAITING_BYTES - 2 * 65_536, "{waited}");
    }

    #[test]
    fn without_a_syn_the_earliest_of_the_first_segments_is_the_start() {
        let mut reassembly = Reassembly::default();
        reassembly.push(102, false, false, b"cd");
        reassembly.push(100, false, false, b"ab");
        assert_eq!(drain(&mut reassembly), (vec![], vec![]), "one more may come before");
        for offset in 0..14 {
            reassembly.push(104 + offset, false, false, b"x");
        }
        assert_eq!(drain(&mut reassembly), ([&b"abcd"[..], &[b'x'; 14]].concat(), vec![]));
        let mut acknowledged = Reassembly::default();
        acknowledged.acknowledged(7);
        acknowledged.push(102, false, false, b"cd");
        acknowledged.push(100, false, false, b"ab");
        acknowledged.acknowledged(100);
        assert_eq!(
            drain(&mut acknowledged),
            (vec![], vec![]),
            "that speaks of what was before the capture"
        );
        acknowledged.acknowledged(104);
        assert_eq!(drain(&mut acknowledged), (b"abcd".to_vec(), vec![]));
        let mut short = Reassembly::default();
        short.push(100, false, false, b"ab");
        short.finish();
        assert_eq!(drain(&mut short), (b"ab".to_vec(), vec![]));
    }

    #[test]
    fn a_syn_that_comes_late_still_tells_the_start() {
        let mut reassembly = Reassembly::default();
        reassembly.push(102, false, false, b"cd");
        reassembly.push(99, true, false, b"");
        reassembly.push(100, false, true, b"ab");
        assert_eq!(drain(&mut reassembly), (b"abcd".to_vec(), vec![]));
    }

    #[test]
    fn the_fin_ends_it_once_all_before_it_is_there() {
        let mut reassembly = Reassembly::default();
        reassembly.push(9, true, false, b"");
        reassembly.push(12, false, true, b"cd");
        assert!(!reassembly.is_complete());
        reassembly.push(10, false, false, b"ab");
        assert_eq!(drain(&mut reassembly).0, b"abcd");
        assert!(reassembly.is_complete());
        assert!(reassembly.is_begun_anew_by(5000) && !reassembly.is_begun_anew_by(9));
    }
}
