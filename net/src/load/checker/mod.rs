//! What became of each delivery. Pure: keys in, verdicts out. What is missing at the end is what
//! was expected and got no good verdict.

mod room;
mod sequence;

pub(crate) use room::RoomChecker;
pub(crate) use sequence::SequenceChecker;

/// How a delivery came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// For the first time, and where it belongs. What it overtook is still awaited.
    InOrder,
    /// For the first time, but after one that it should have come before (RFC 4737's reordering).
    Reordered,
    /// Not for the first time.
    Duplicated,
    /// Nobody sent it, or not here.
    Unexpected,
}

/// Numbers that a receiver is remembered to miss. What was skipped before them is lost for good: if
/// it comes after all, it counts as duplicated.
const MISSING_MAX: usize = 1 << 16;
