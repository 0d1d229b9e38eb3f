//! Segments far from all that is known of their connection: an old duplicate, an attack, the next
//! connection between the same two ends whose SYN the capture lacks, or a very long hole. What
//! follows or answers one tells which.

use super::super::network::Segment;
use super::{Conversation, Verdict};
use crate::decode::report::Moment;

/// More than twice the largest window that systems use by default (6 MiB on Linux): a segment that
/// is further away from what came before it is waited with.
const FAR_BYTES: i64 = 16 * 1024 * 1024;
/// What belongs to a segment that is waited with is as close to it.
const NEAR_BYTES: i64 = 1024 * 1024;

/// A segment that is waited with.
#[derive(Debug)]
pub(crate) struct Stray {
    header: Segment<'static>,
    payload: Vec<u8>,
    pub(crate) moment: Moment,
}

/// What a far segment is, with the one before it that this tells of too.
#[derive(Debug)]
pub(crate) enum Fit {
    /// Nothing speaks for it so far.
    Stray,
    /// The stream goes on there.
    GoesOn(Stray),
    /// Another connection between the same ends.
    Reopened(Stray),
}

impl Stray {
    fn of(segment: &Segment<'_>, moment: Moment) -> Self {
        Self {
            header: Segment { payload: &[], ..*segment },
            payload: segment.payload.to_vec(),
            moment,
        }
    }

    pub(crate) fn segment(&self) -> Segment<'_> {
        Segment { payload: &self.payload, ..self.header }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.payload.len()
    }

    fn end(&self) -> u32 {
        let size = u32::try_from(self.header.wire_payload_size).unwrap_or_default();
        self.header.sequence.wrapping_add(size)
    }

    fn is_followed_by(&self, segment: &Segment<'_>) -> bool {
        segment.sequence != self.header.sequence
            && is_near(Some(segment.sequence), Some(self.end()))
            && is_near(segment.acknowledges, self.header.acknowledges)
    }

    fn is_answered_by(&self, segment: &Segment<'_>) -> bool {
        segment.acknowledges.is_some()
            && is_near(segment.acknowledges, Some(self.end()))
            && is_near(Some(segment.sequence), self.header.acknowledges)
    }
}

/// Whether two numbers are of the same stream, as far as both are known.
fn is_near(one: Option<u32>, other: Option<u32>) -> bool {
    one.zip(other).is_none_or(|(one, other)| {
        i64::from(one.wrapping_sub(other).cast_signed()).abs() <= NEAR_BYTES
    })
}

impl Conversation {
    /// Whether a segment is far from all that its sender said before.
    pub(crate) fn is_far(&self, sender: usize, segment: &Segment<'_>) -> bool {
        !matches!(self.verdict, Verdict::Other(_))
            && !segment.is_syn
            && self.is_far_number(sender, segment.sequence)
    }

    fn is_far_number(&self, end: usize, number: u32) -> bool {
        let distance = self.streams[end].reassembly.distance(number);
        distance.is_some_and(|distance| distance.abs() > FAR_BYTES)
    }

    /// What a far segment is. It is kept until the next one tells.
    pub(crate) fn fit(&mut self, sender: usize, segment: &Segment<'_>, moment: Moment) -> Fit {
        // RFC 5961: a reset outside of the window is none.
        if segment.is_reset {
            return Fit::Stray;
        }
        let receiver = 1 - sender;
        if let Some(before) = self.strays[receiver].take_if(|it| it.is_answered_by(segment)) {
            return Fit::Reopened(before);
        }
        if let Some(before) = self.strays[sender].take_if(|it| it.is_followed_by(segment)) {
            // What it acknowledges tells whether the other end's numbers are others too.
            let is_other = segment.acknowledges.is_some_and(|it| self.is_far_number(receiver, it));
            return if is_other { Fit::Reopened(before) } else { Fit::GoesOn(before) };
        }
        self.strays[sender] = Some(Stray::of(segment, moment));
        Fit::Stray
    }
}
