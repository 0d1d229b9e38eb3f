//! What a TCP stream is cut into: segments as they come in, and pieces as they follow each other.

use crate::decode::report::Moment;

/// What keeping a segment costs beside its bytes.
pub(crate) const SEGMENT_OVERHEAD: usize = 64;

/// What follows in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) content: PieceContent,
    /// The packet that carried it first; of a gap, the one that proved it.
    pub(crate) moment: Moment,
    pub(crate) rank: Rank,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PieceContent {
    Bytes(Vec<u8>),
    /// So many bytes that the capture lacks.
    Gap(u64),
}

impl Piece {
    pub(crate) const fn held_bytes(&self) -> usize {
        match &self.content {
            PieceContent::Bytes(bytes) => bytes.len() + SEGMENT_OVERHEAD,
            PieceContent::Gap(_) => SEGMENT_OVERHEAD,
        }
    }
}

/// Where something stands among all that both ends said: with the packet in which the other end
/// could read it, which is later than the one that carried it where that one overtook another, or
/// right before the packet that acknowledged it. Greater is later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    packet: u64,
    is_carried: bool,
}

impl Rank {
    pub(crate) const START: Self = Self { packet: 0, is_carried: false };

    pub(crate) const fn carried_by(moment: Moment) -> Self {
        Self { packet: moment.packet, is_carried: true }
    }

    pub(crate) const fn before(moment: Moment) -> Self {
        Self { packet: moment.packet, is_carried: false }
    }
}

/// What can be said of the place that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// Nothing is known of it.
    Nothing,
    /// `pop` has a piece.
    Piece(Rank),
    /// It lacks, and what comes behind it stands there. `is_proven`: it was acknowledged.
    Hole { behind: Rank, is_proven: bool },
    /// The FIN has come, in this packet, and everything before it was told.
    End { rank: Rank, moment: Moment },
}

/// One segment of this direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) sequence: u32,
    pub(crate) is_syn: bool,
    pub(crate) is_fin: bool,
    /// As much as was captured.
    pub(crate) payload: &'a [u8],
    /// How much there was.
    pub(crate) wire_size: usize,
}
