//! A whole message at the start of a stream, in one step: what [`Framing`](crate::Framing) and the
//! views' typed parsing give together.

use crate::direction::Direction;
use crate::error::ParseError;
use crate::outcome::Outcome;
use crate::{chat, echo};

/// The message at the start of a stream.
///
/// ```
/// use cafewire_core::{Decoded, Message};
/// let stream = b"\xCA\xFE\x03\x00\x02hi and more";
/// assert_eq!(Decoded::of(stream), Decoded::Echo { message: Message::echo(b"hi"), consumed: 7 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Decoded<'a> {
    /// A good chat frame, every field held to its rules.
    Chat {
        /// The message, borrowed from the input.
        message: chat::MessagePayload<'a>,
        /// Bytes that its frame took; the next frame starts there.
        consumed: usize,
    },
    /// A good echo frame.
    Echo {
        /// The message, borrowed from the input.
        message: echo::Message<'a>,
        /// Bytes that its frame took; the next frame starts there.
        consumed: usize,
    },
    /// All is well so far, and the frame goes on. Nothing was consumed.
    Incomplete {
        /// As in [`Framing::Incomplete`](crate::Framing::Incomplete).
        needed: usize,
    },
    /// A chat frame whose checksum is good, around a payload that breaks a rule. A receiver may go
    /// on with the next frame where [`ParseError::code`] does not close.
    Refused {
        /// What is wrong, and where.
        error: ParseError,
        /// Bytes that the frame took; the next frame starts there.
        consumed: usize,
    },
    /// No frame can start here. Nothing was consumed.
    Corrupt {
        /// What is wrong, and where.
        error: ParseError,
    },
}

impl<'a> Decoded<'a> {
    /// Looks at the start of `bytes`, for a message of either family.
    ///
    /// ```
    /// use cafewire_core::{Decoded, FieldError};
    /// // A good frame around a bad name: one of no bytes.
    /// let decoded = Decoded::of(b"\x01\x01\x00\x01\x00\x5A\xE5\x88\x89");
    /// let Decoded::Refused { error, consumed: 9 } = decoded else { panic!() };
    /// assert!(!error.code().closes());
    /// ```
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Self {
        match bytes.first() {
            None => Self::Incomplete { needed: 1 },
            Some(&first) if first == echo::MAGIC_BYTES[0] => echo::next_frame(bytes),
            Some(_) => chat::next_message(bytes, Direction::Either),
        }
    }

    /// Bytes consumed: the frame's, or none.
    ///
    /// ```
    /// use cafewire_core::Decoded;
    /// assert_eq!(Decoded::of(b"\xCA\xFE\x01\x00\x00 and more").consumed(), 5);
    /// assert_eq!(Decoded::of(b"\xCA\xFE\x01").consumed(), 0);
    /// ```
    #[must_use]
    #[inline]
    pub const fn consumed(&self) -> usize {
        match *self {
            Self::Chat { consumed, .. }
            | Self::Echo { consumed, .. }
            | Self::Refused { consumed, .. } => consumed,
            Self::Incomplete { .. } | Self::Corrupt { .. } => 0,
        }
    }
}

impl<'a> Outcome<chat::MessagePayload<'a>> for Decoded<'a> {
    #[inline(always)]
    fn found(message: chat::MessagePayload<'a>, consumed: usize) -> Self {
        Self::Chat { message, consumed }
    }

    #[inline(always)]
    fn incomplete(needed: usize, available: usize) -> Self {
        Self::Incomplete { needed: needed - available }
    }

    #[inline(always)]
    fn corrupt(error: ParseError) -> Self {
        Self::Corrupt { error }
    }

    #[inline(always)]
    fn refused(error: ParseError, consumed: usize) -> Self {
        Self::Refused { error, consumed }
    }
}

impl<'a> Outcome<echo::ZeroCopyMessage<'a>> for Decoded<'a> {
    #[inline(always)]
    fn found(view: echo::ZeroCopyMessage<'a>, consumed: usize) -> Self {
        Self::Echo { message: view.message(), consumed }
    }

    #[inline(always)]
    fn incomplete(needed: usize, available: usize) -> Self {
        Self::Incomplete { needed: needed - available }
    }

    #[inline(always)]
    fn corrupt(error: ParseError) -> Self {
        Self::Corrupt { error }
    }

    #[inline(always)]
    fn refused(error: ParseError, consumed: usize) -> Self {
        Self::Refused { error, consumed }
    }
}
