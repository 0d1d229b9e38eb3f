//! What a TCP stream is cut into: segments as they come in, and pieces as they follow each other.

use super::report::Moment;

/// What keeping a segment costs beside its bytes.
pub(crate) const SEGMENT_OVERHEAD: usize = 64;

/// What follows in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Bytes { bytes: Vec<u8>, moment: Moment },
    Gap { size_bytes: u64, moment: Moment },
}

impl Piece {
    pub(crate) const fn moment(&self) -> Moment {
        match *self {
            Self::Bytes { moment, .. } | Self::Gap { moment, .. } => moment,
        }
    }

    pub(crate) const fn held_bytes(&self) -> usize {
        match self {
            Self::Bytes { bytes, .. } => bytes.len() + SEGMENT_OVERHEAD,
            Self::Gap { .. } => SEGMENT_OVERHEAD,
        }
    }
}

/// What can be said of the place that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// Nothing is known of it.
    Nothing,
    /// `pop` has a piece, that of this packet.
    Piece(Moment),
    /// It lacks, and what comes behind it is of this packet. `is_proven`: it was acknowledged.
    Hole { behind: Moment, is_proven: bool },
    /// The FIN has come and everything before it was told.
    End(Moment),
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
