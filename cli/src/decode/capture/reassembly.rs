//! One direction of a TCP connection, from segments in any order to bytes in theirs, each with the
//! packet that it came in. Pure. Knows nothing of frames.
//!
//! Segments that come early wait; of bytes that come twice, those count that were captured first. A
//! hole is told as a gap once something proves that the capture lacks it:
//!
//! - the other end acknowledged it, so it had arrived there;
//! - the capture cut the packet that carried it, whose size is known;
//! - at the end: whatever came behind it, the FIN's number, or the highest acknowledgement; its
//!   last number may be that of a FIN, unless the connection stays open.
//!
//! Without proof it is closed when more bytes wait, or for longer, than a live connection has it;
//! much sooner where the capture lacks the other direction, so that no proof can come.
//!
//! The first byte is the one after the SYN. A capture that began later has none; then the first few
//! segments are looked at together and the earliest is the start: those that come until one is
//! acknowledged, for what stands before that had arrived by then.

use std::collections::{BTreeMap, VecDeque};

use super::evidence::Evidence;
use super::piece::{Head, Part, Piece, PieceContent, Rank, SEGMENT_OVERHEAD};
use crate::decode::report::Moment;

/// More than the largest window that systems use by default (6 MiB on Linux), so that a gap is not
/// told of something that is only late.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;
/// RFC 9293, 3.8.3: a sender gives up a segment that is not acknowledged after some minutes, 100
/// seconds at least. What was not sent again for longer was not lost on its way.
const MAX_WAITING_NS: u64 = 300_000_000_000;
/// The same where nothing of the stream was ever acknowledged, for the capture has one direction
/// only: there no proof will come. A sender sends again what was lost within a window, or a second.
const MAX_WAITING_ONE_WAY_NS: u64 = 5_000_000_000;
const MAX_WAITING_ONE_WAY_BYTES: usize = 1024 * 1024;
const MAX_WAITING_ONE_WAY_SEGMENTS: usize = 1024;
/// How many segments are looked at for the start of a stream whose SYN was not captured.
const SEGMENTS_TO_FIND_THE_START: usize = 16;
/// A SYN that comes after the segments it announced stands no further before them.
const LATE_SYN_BYTES: i64 = 65_536;
/// RFC 7323: no window is larger, so no acknowledgement can be further ahead of what was seen.
const MAX_WINDOW_BYTES: i64 = 1 << 30;

/// Gaps that are remembered, so that what comes too late for them is known.
const MAX_TOLD_GAPS: usize = 64;

#[derive(Debug)]
struct Waiting {
    bytes: Vec<u8>,
    moment: Moment,
}

/// Places are in bytes from the first sequence number seen, and may be negative.
#[derive(Debug)]
pub(crate) struct Reassembly {
    /// A sequence number and its place, near those that come next, so that wrapping does not
    /// matter.
    reference: Option<(u32, i64)>,
    /// The place of the next byte, once the start is known.
    next: Option<i64>,
    waiting: BTreeMap<i64, Waiting>,
    waiting_bytes: usize,
    /// Where the stream was taken to start.
    start: Option<i64>,
    is_start_known: bool,
    syn: Option<u32>,
    evidence: Evidence,
    /// Where the last gaps that were told start and end.
    told_gaps: VecDeque<(i64, i64)>,
    /// How many segments brought bytes of such a gap, after it was told.
    pub(crate) late: u64,
    /// Where what was told last stands: what waited for it comes no earlier.
    reached: Rank,
    /// When something was last taken in.
    now: Moment,
    is_over: bool,
}

impl Reassembly {
    pub(crate) const fn new() -> Self {
        Self {
            reference: None,
            next: None,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            start: None,
            is_start_known: false,
            syn: None,
            evidence: Evidence::new(),
            told_gaps: VecDeque::new(),
            late: 0,
            reached: Rank::START,
            now: Moment { packet: 0, time_ns: None },
            is_over: false,
        }
    }

    /// Takes a segment.
    pub(crate) fn push(&mut self, part: &Part<'_>, moment: Moment) {
        self.now = moment;
        let mut place = self.place_of(part.sequence);
        if part.is_syn {
            self.syn = Some(part.sequence);
            self.is_start_known = true;
            place += 1; // the SYN takes a number of its own
            if self.next.is_none() {
                (self.start, self.next) = (Some(place), Some(place));
            }
        }
        let end = place.saturating_add(i64::try_from(part.wire_size).unwrap_or_default());
        self.evidence.packet(end, part, moment);
        if !part.payload.is_empty() {
            let end = end_of(place, part.payload);
            let is_late = self.told_gaps.iter().any(|&(from, to)| from < end && place < to);
            self.late += u64::from(is_late);
            self.keep(place, part.payload, moment);
        }
        if self.waiting.len() >= SEGMENTS_TO_FIND_THE_START {
            self.start_at_the_earliest();
        }
    }

    /// The other end says that everything before this sequence number has arrived. If it is the
    /// answer to a SYN, that is all there was before the first byte.
    pub(crate) fn acknowledge(&mut self, sequence: u32, is_of_syn: bool, moment: Moment) {
        self.now = moment;
        let (reference, near) = *self.reference.get_or_insert((sequence, 0));
        let distance = i64::from(sequence.wrapping_sub(reference).cast_signed());
        let place = near + distance;
        if is_of_syn && self.next.is_none() && self.waiting.is_empty() {
            (self.start, self.next) = (Some(place), Some(place));
            self.is_start_known = true;
        }
        if distance > MAX_WINDOW_BYTES {
            return;
        }
        if self.next.is_none() && self.waiting.first_key_value().is_some_and(|it| place > *it.0) {
            self.start_at_the_earliest();
        }
        if self.evidence.acknowledge(place, moment) && distance > 0 {
            self.reference = Some((sequence, place));
        }
    }

    /// A reset of the sender's: what it carries is no part of the stream, but its number tells how
    /// far that went.
    pub(crate) fn reset(&mut self, sequence: u32, moment: Moment) {
        if self.reference.is_some() {
            let place = self.place_of(sequence);
            self.evidence.sent_up_to(place, moment);
        }
    }

    /// No more segments will come. `is_open`: nothing was seen to close the connection.
    pub(crate) fn finish(&mut self, is_open: bool) {
        self.is_over = true;
        if is_open {
            self.evidence.stays_open();
        }
        if self.next.is_none() && self.waiting.is_empty() {
            // Not one byte was captured: what was acknowledged meanwhile was sent nevertheless.
            let from = self.evidence.first_acknowledged();
            self.next = from.filter(|&from| self.proven_end(from).is_some());
            self.start = self.next;
        }
        self.start_at_the_earliest();
    }

    pub(crate) const fn has_fin(&self) -> bool {
        self.evidence.fin().is_some()
    }

    /// Whether more was sent than is told, as far as is known, which may come late.
    pub(crate) fn lacks_its_end(&self) -> bool {
        let end = self.next.and_then(|next| self.evidence.proven_end(next, true, self.now));
        end.is_some() && !self.is_over
    }

    /// What was looked at for the start is all that it will be.
    pub(crate) fn start_at_the_earliest(&mut self) {
        if self.next.is_none() {
            self.start = self
                .waiting
                .first_key_value()
                .map(|(&place, _)| place)
                .or_else(|| self.evidence.fin().map(|fin| fin.0));
            self.next = self.start;
        }
    }

    /// What follows in the stream, as far as it is known.
    pub(crate) fn head(&mut self) -> Head {
        let Some(next) = self.next else {
            return match self.waiting.first_key_value() {
                Some((_, first)) => {
                    Head::Hole { behind: Rank::carried_by(first.moment), is_proven: false }
                }
                None => Head::Nothing,
            };
        };
        self.drop_what_was_told(next);
        if let Some((&place, it)) = self.waiting.first_key_value()
            && place <= next
        {
            return Head::Piece(self.rank_up_to(end_of(place, &it.bytes), it.moment));
        }
        if let Some((end, moment)) = self.evidence.cut_at(next) {
            return Head::Piece(self.rank_up_to(end, moment));
        }
        match self.behind(next) {
            Some((place, moment)) => {
                let rank = self.rank_up_to(place, self.proof(next, place, moment));
                let is_proven = self.evidence.has_acknowledged(place);
                if self.is_given_up(moment) {
                    Head::Piece(rank)
                } else {
                    Head::Hole { behind: rank, is_proven }
                }
            }
            None => self.head_of_the_end(next),
        }
    }

    /// The place behind this one of which something is known: bytes that came, or some that a
    /// packet had.
    fn behind(&self, next: i64) -> Option<(i64, Moment)> {
        let waiting = self.waiting.first_key_value().map(|(&place, it)| (place, it.moment));
        let cut = self.evidence.first_cut_behind(next);
        [waiting, cut].into_iter().flatten().min_by_key(|(place, _)| *place)
    }

    /// Where nothing waits.
    fn head_of_the_end(&self, next: i64) -> Head {
        if let Some((fin, moment)) = self.evidence.fin()
            && fin <= next
        {
            return Head::End { rank: Rank::carried_by(moment).max(self.reached), moment };
        }
        match self.proven_end(next) {
            Some((end, moment)) if self.is_over => Head::Piece(self.rank_up_to(end, moment)),
            Some((end, moment)) => {
                Head::Hole { behind: self.rank_up_to(end, moment), is_proven: true }
            }
            None => Head::Nothing,
        }
    }

    /// The packet that showed that what stands from here to there lacks, with one behind it.
    fn proof(&self, next: i64, end: i64, behind: Moment) -> Moment {
        let acknowledged = self.evidence.acknowledged_in(end).unwrap_or(behind);
        self.evidence.proof(next, behind).min(acknowledged)
    }

    /// Where what ends there stands: bytes that came in this packet, or a gap that it showed.
    fn rank_up_to(&self, end: i64, moment: Moment) -> Rank {
        let carried = Rank::carried_by(moment).max(self.reached);
        match self.evidence.acknowledged_in(end) {
            Some(moment) => carried.min(Rank::before(moment)).max(self.reached),
            None => carried,
        }
    }

    fn proven_end(&self, next: i64) -> Option<(i64, Moment)> {
        self.evidence.proven_end(next, self.is_over, self.now)
    }

    /// Whether a hole has been open for so long that nothing will fill it.
    fn is_given_up(&self, behind: Moment) -> bool {
        let waited_ns =
            self.now.time_ns.zip(behind.time_ns).map(|(now, then)| now.saturating_sub(then));
        let (max_bytes, max_ns, max_segments) = if self.evidence.is_one_way() {
            (MAX_WAITING_ONE_WAY_BYTES, MAX_WAITING_ONE_WAY_NS, MAX_WAITING_ONE_WAY_SEGMENTS)
        } else {
            (MAX_WAITING_BYTES, MAX_WAITING_NS, usize::MAX)
        };
        self.is_over
            || self.waiting_bytes > max_bytes
            || self.waiting.len() > max_segments
            || self.evidence.is_full()
            || waited_ns.is_some_and(|waited_ns| waited_ns > max_ns)
    }

    /// The piece that `head` spoke of: bytes, or a gap. A hole is told as a gap if `is_settled`.
    pub(crate) fn pop(&mut self, is_settled: bool) -> Option<Piece> {
        let (head, next) = (self.head(), self.next?);
        let rank = match head {
            Head::Piece(rank) => rank,
            Head::Hole { behind, is_proven: true } if is_settled => behind,
            Head::Hole { .. } | Head::Nothing | Head::End { .. } => return None,
        };
        let first = self.waiting.first_key_value().map(|(&place, _)| place);
        self.reached = rank;
        let (end, moment) = match (first, self.evidence.cut_at(next)) {
            (Some(place), _) if place <= next => return self.pop_bytes(next, rank),
            (first, Some((cut, moment))) => (first.map_or(cut, |first| first.min(cut)), moment),
            (_, None) => match self.behind(next) {
                Some((place, moment)) => (place, self.proof(next, place, moment)),
                None => self.proven_end(next)?,
            },
        };
        self.next = Some(end);
        if self.told_gaps.len() >= MAX_TOLD_GAPS {
            self.told_gaps.pop_front();
        }
        self.told_gaps.push_back((next, end));
        Some(Piece { content: PieceContent::Gap(end.abs_diff(next)), moment, rank })
    }

    fn pop_bytes(&mut self, next: i64, rank: Rank) -> Option<Piece> {
        let (place, Waiting { mut bytes, moment }) = self.waiting.pop_first()?;
        self.waiting_bytes -= bytes.len() + SEGMENT_OVERHEAD;
        let known = usize::try_from(next - place).unwrap_or_default().min(bytes.len());
        bytes.drain(..known);
        self.next = Some(end_of(next, &bytes));
        Some(Piece { content: PieceContent::Bytes(bytes), moment, rank })
    }

    /// Segments that came before, all of them, and what was cut off them.
    fn drop_what_was_told(&mut self, next: i64) {
        self.evidence.forget(next);
        while let Some(first) = self.waiting.first_entry()
            && end_of(*first.key(), &first.get().bytes) <= next
        {
            self.waiting_bytes -= first.remove().bytes.len() + SEGMENT_OVERHEAD;
        }
    }

    /// Whether this SYN opens another connection between the same two ends.
    pub(crate) fn is_reopened_by(&mut self, syn_sequence: u32) -> bool {
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

    /// Whether the stream began before the capture did: its SYN was not captured, nor what answers
    /// it.
    pub(crate) const fn began_before(&self) -> bool {
        !self.is_start_known
    }

    /// Bytes kept.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// How far a sequence number is behind, or before, the last that came.
    pub(crate) fn distance(&self, sequence: u32) -> Option<i64> {
        let (reference, _) = self.reference?;
        Some(i64::from(sequence.wrapping_sub(reference).cast_signed()))
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

    /// Keeps what of a segment no other has brought yet.
    fn keep(&mut self, place: i64, payload: &[u8], moment: Moment) {
        let end = end_of(place, payload);
        let before = self.waiting.range(..=place).next_back();
        let mut from = before.map_or(place, |(&start, it)| end_of(start, &it.bytes).max(place));
        let mut missing = Vec::new();
        for (&start, it) in self.waiting.range(place + 1..end.max(place + 1)) {
            missing.push((from, start));
            from = from.max(end_of(start, &it.bytes));
        }
        missing.push((from, end));
        for (from, to) in missing {
            let index = |at: i64| usize::try_from(at - place).unwrap_or_default();
            if let Some(bytes) = payload.get(index(from)..index(to)).filter(|it| !it.is_empty()) {
                self.waiting.insert(from, Waiting { bytes: bytes.to_vec(), moment });
                self.waiting_bytes += bytes.len() + SEGMENT_OVERHEAD;
            }
        }
    }
}

fn end_of(place: i64, bytes: &[u8]) -> i64 {
    place.saturating_add(i64::try_from(bytes.len()).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[path = "reassembly_tests.rs"]
mod tests;
