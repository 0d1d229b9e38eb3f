//! A frame of any family, as the dissector found it.

use crate::chat::{self, v2};
use crate::direction::Direction;
use crate::echo;
use crate::error::ParseError;
use crate::family::Family;
use crate::framing::Frame;

/// A frame of any family. [`Frame`] has those whose bytes alone say whether they are good; of
/// version 2 of chat that depends on the session, which a tool does not know: it takes what may
/// come in any.
///
/// ```
/// use cafewire_core::dissect::{Dissected, Dissector};
/// use cafewire_core::{Direction, Family};
/// let ping = b"\x02\x06\x00\x05\x00\xF1\x00\x04?\xB2\x8D\x3D\xE7";
/// let found = Dissector::new(Direction::ToServer).next(ping, true);
/// let Dissected::Frame { frame, error: None, .. } = found else { panic!() };
/// assert_eq!((frame.family(), frame.type_name()), (Family::ChatV2, "Ping"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnyFrame<'a> {
    /// `CA FE …`
    Echo(echo::ZeroCopyMessage<'a>),
    /// `01 …`
    Chat(chat::ZeroCopyMessage<'a>),
    /// `02 …`
    ChatV2(v2::ZeroCopyMessage<'a>),
}

impl<'a> From<Frame<'a>> for AnyFrame<'a> {
    fn from(frame: Frame<'a>) -> Self {
        match frame {
            Frame::Echo(view) => Self::Echo(view),
            Frame::Chat(view) => Self::Chat(view),
        }
    }
}

impl AnyFrame<'_> {
    /// The family.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self {
            Self::Echo(_) => Family::Echo,
            Self::Chat(_) => Family::ChatV1,
            Self::ChatV2(_) => Family::ChatV2,
        }
    }

    /// The type's name, as the specification spells it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Echo(view) => view.message_type.name(),
            Self::Chat(view) => view.message_type.name(),
            Self::ChatV2(view) => view.message_type().name(),
        }
    }

    /// Whether a frame of its type is sent that way. An echo frame may be sent either way.
    ///
    /// ```
    /// use cafewire_core::Direction;
    /// use cafewire_core::dissect::{Dissected, Dissector};
    /// let found = Dissector::new(Direction::Either).next(b"\xCA\xFE\x01\x00\x00", true);
    /// let Dissected::Frame { frame, .. } = found else { panic!() };
    /// assert!(frame.is_sent(Direction::ToServer) && frame.is_sent(Direction::ToClient));
    /// ```
    #[must_use]
    pub const fn is_sent(&self, direction: Direction) -> bool {
        match self {
            Self::Echo(_) => true,
            Self::Chat(view) => view.message_type.is_sent(direction),
            Self::ChatV2(view) => view.message_type().is_sent(direction),
        }
    }

    /// What is wrong with the payload of a frame whose envelope is good. A compressed payload is
    /// not looked into.
    pub(super) fn payload_error(&self) -> Option<ParseError> {
        match self {
            Self::Echo(_) => None,
            Self::Chat(view) => view.parse_payload().err(),
            Self::ChatV2(view) if view.header().flags.contains(v2::Flags::COMPRESSED) => None,
            Self::ChatV2(view) => view.parse_payload().err(),
        }
    }
}
