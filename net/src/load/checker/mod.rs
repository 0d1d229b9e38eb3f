//! Judges each delivery. Pure: keys in, verdicts out. The deliveries missing at the end are those
//! that were expected and got no good verdict.

mod group;
mod sequence;

pub(crate) use group::GroupChecker;
pub(crate) use sequence::SequenceChecker;

/// The verdict on a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The first delivery, at its place. Messages that it overtook are still awaited.
    InOrder,
    /// The first delivery, but after one that it should have come before (RFC 4737's reordering).
    Reordered,
    /// Not the first delivery.
    Duplicated,
    /// The message was not sent, or not to this receiver.
    Unexpected,
}

/// The most missing numbers that are remembered for a receiver. Older ones are lost for good: one
/// that comes after all counts as duplicated.
const MISSING_MAX: usize = 1 << 16;
