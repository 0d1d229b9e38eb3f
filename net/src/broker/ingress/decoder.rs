//! Where frames end, whatever family and version a connection speaks: the first byte tells, for
//! good. Which frames of version 2 may come depends on the sign-in, and so may change with each.

use std::cell::Cell;

use cafewire_core::chat::v2;
use cafewire_core::{Direction, Family, FrameDecoder, ParseError, chat, echo};

/// A whole frame.
#[derive(Clone, Copy, Debug)]
pub(in crate::broker) enum Frame<'a> {
    Echo(echo::ZeroCopyMessage<'a>),
    ChatV1(chat::ZeroCopyMessage<'a>),
    ChatV2(v2::ZeroCopyMessage<'a>),
}

impl Frame<'_> {
    pub(in crate::broker) const fn encoded_len(&self) -> usize {
        match self {
            Self::Echo(view) => view.encoded_len(),
            Self::ChatV1(view) => view.encoded_len(),
            Self::ChatV2(view) => view.encoded_len(),
        }
    }
}

/// What the start of some bytes is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Framing<'a> {
    Frame {
        frame: Frame<'a>,
        consumed: usize,
    },
    /// So many more bytes at least.
    Incomplete {
        needed: usize,
    },
    Corrupt {
        error: ParseError,
    },
}

/// The reading position in a connection's stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoder<'t> {
    /// Decodes what is not version 2, and keeps the place for all.
    others: FrameDecoder,
    /// What a session of version 2 has agreed on, as of now: doing a frame may change it.
    terms: &'t Cell<v2::Terms>,
}

impl<'t> Decoder<'t> {
    pub(super) const fn resume(
        family: Option<Family>,
        stream_offset: u64,
        terms: &'t Cell<v2::Terms>,
    ) -> Self {
        let others = FrameDecoder::resume(Direction::ToServer, family, stream_offset);
        Self { others, terms }
    }

    pub(super) const fn family(&self) -> Option<Family> {
        self.others.family()
    }

    pub(super) const fn stream_offset(&self) -> u64 {
        self.others.stream_offset()
    }

    /// Where in the stream an error lies, in bytes from the connection's first.
    pub(super) const fn stream_offset_of(&self, error: &ParseError) -> u64 {
        self.others.stream_offset_of(error)
    }

    /// Looks at the start of `bytes`, which is where the last frame ended.
    #[inline]
    pub(super) fn next_frame<'a>(&mut self, bytes: &'a [u8]) -> Framing<'a> {
        match self.others.family() {
            Some(Family::ChatV2) => self.next_v2(bytes),
            None if bytes.first() == Some(&v2::PROTOCOL_VERSION) => self.next_v2(bytes),
            _ => self.next_other(bytes),
        }
    }

    #[inline]
    fn next_other<'a>(&mut self, bytes: &'a [u8]) -> Framing<'a> {
        match self.others.next_frame(bytes) {
            cafewire_core::Framing::Frame { frame: cafewire_core::Frame::Echo(view), consumed } => {
                Framing::Frame { frame: Frame::Echo(view), consumed }
            }
            cafewire_core::Framing::Frame { frame: cafewire_core::Frame::Chat(view), consumed } => {
                Framing::Frame { frame: Frame::ChatV1(view), consumed }
            }
            cafewire_core::Framing::Incomplete { needed } => Framing::Incomplete { needed },
            cafewire_core::Framing::Corrupt { error } => Framing::Corrupt { error },
        }
    }

    // Apart, so that version 1 does not pay for its size.
    #[inline(never)]
    fn next_v2<'a>(&mut self, bytes: &'a [u8]) -> Framing<'a> {
        let established = Family::ChatV2;
        if let Some(&actual) = bytes.first()
            && Family::from_first_byte(actual).is_some_and(|family| family != established)
        {
            let error = ParseError::FamilyChanged { offset: 0, established, actual };
            return Framing::Corrupt { error };
        }
        let framing = v2::Framing::of(bytes, Direction::ToServer, self.terms.get());
        let stream_offset = self.stream_offset() + framing.consumed() as u64;
        self.others = FrameDecoder::resume(Direction::ToServer, Some(established), stream_offset);
        match framing {
            v2::Framing::Frame { frame, consumed } => {
                Framing::Frame { frame: Frame::ChatV2(frame), consumed }
            }
            v2::Framing::Incomplete { needed } => Framing::Incomplete { needed },
            v2::Framing::Corrupt { error } => Framing::Corrupt { error },
        }
    }
}
