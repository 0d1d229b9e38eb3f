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
    family: Option<Family>,
    stream_offset: u64,
    /// What a session of version 2 has agreed on, as of now: doing a frame may change it.
    terms: &'t Cell<v2::Terms>,
}

impl<'t> Decoder<'t> {
    pub(super) const fn resume(
        family: Option<Family>,
        stream_offset: u64,
        terms: &'t Cell<v2::Terms>,
    ) -> Self {
        Self { family, stream_offset, terms }
    }

    pub(super) const fn family(&self) -> Option<Family> {
        self.family
    }

    pub(super) const fn stream_offset(&self) -> u64 {
        self.stream_offset
    }

    /// Where in the stream an error lies, in bytes from the connection's first.
    pub(super) const fn stream_offset_of(&self, error: &ParseError) -> u64 {
        self.stream_offset + error.offset() as u64
    }

    /// Looks at the start of `bytes`, which is where the last frame ended.
    pub(super) fn next_frame<'a>(&mut self, bytes: &'a [u8]) -> Framing<'a> {
        let starts_v2 = bytes.first() == Some(&v2::PROTOCOL_VERSION);
        match self.family {
            None if starts_v2 => self.next_v2(bytes),
            Some(Family::ChatV2) => self.next_v2(bytes),
            _ => self.next_other(bytes),
        }
    }

    fn next_other<'a>(&mut self, bytes: &'a [u8]) -> Framing<'a> {
        let direction = Direction::ToServer;
        let mut decoder = FrameDecoder::resume(direction, self.family, self.stream_offset);
        let framing = decoder.next_frame(bytes);
        (self.family, self.stream_offset) = (decoder.family(), decoder.stream_offset());
        match framing {
            cafewire_core::Framing::Frame { frame, consumed } => {
                let frame = match frame {
                    cafewire_core::Frame::Echo(view) => Frame::Echo(view),
                    cafewire_core::Frame::Chat(view) => Frame::ChatV1(view),
                };
                Framing::Frame { frame, consumed }
            }
            cafewire_core::Framing::Incomplete { needed } => Framing::Incomplete { needed },
            cafewire_core::Framing::Corrupt { error } => Framing::Corrupt { error },
        }
    }

    fn next_v2<'a>(&mut self, bytes: &'a [u8]) -> Framing<'a> {
        let established = Family::ChatV2;
        if let Some(&actual) = bytes.first()
            && Family::from_first_byte(actual).is_some_and(|family| family != established)
        {
            let error = ParseError::FamilyChanged { offset: 0, established, actual };
            return Framing::Corrupt { error };
        }
        self.family = Some(established);
        match v2::Framing::of(bytes, Direction::ToServer, self.terms.get()) {
            v2::Framing::Frame { frame, consumed } => {
                self.stream_offset += consumed as u64;
                Framing::Frame { frame: Frame::ChatV2(frame), consumed }
            }
            v2::Framing::Incomplete { needed } => Framing::Incomplete { needed },
            v2::Framing::Corrupt { error } => Framing::Corrupt { error },
        }
    }
}
