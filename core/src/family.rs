//! Which protocol family a connection speaks: told by its first byte, kept until it closes. A leaf:
//! the families import it.

use core::fmt;

const ECHO: u8 = 0xCA;
const CHAT_V1: u8 = 0x01;
const CHAT_V2: u8 = 0x02;

/// A protocol family, with its version where it has one.
///
/// ```
/// use cafewire_core::{Direction, Family, FrameDecoder};
/// let mut reader = FrameDecoder::new(Direction::ToServer);
/// // one byte is no frame yet, but tells the family
/// assert_eq!(reader.next_frame(&[0xCA]).consumed(), 0);
/// assert_eq!(reader.family(), Some(Family::Echo));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Family {
    /// Frames that start with `CA FE`: [`echo`](crate::echo).
    #[cfg_attr(feature = "serde", serde(rename = "echo"))]
    Echo,
    /// Frames that start with `01`: [`chat`](crate::chat), version 1.
    #[cfg_attr(feature = "serde", serde(rename = "chat-v1"))]
    ChatV1,
    /// Frames that start with `02`: [`chat::v2`](crate::chat::v2). What such frames are held to
    /// depends on what a session has agreed on: they are read by
    /// [`v2::FrameDecoder`](crate::chat::v2::FrameDecoder), and the readers of the other families
    /// refuse them as of a version that they do not speak.
    #[cfg_attr(feature = "serde", serde(rename = "chat-v2"))]
    ChatV2,
}

impl Family {
    /// The family of a frame that starts with this byte, or `None` if no family does.
    ///
    /// ```
    /// use cafewire_core::Family;
    /// assert_eq!(Family::from_first_byte(0xCA), Some(Family::Echo));
    /// assert_eq!(Family::from_first_byte(0x01), Some(Family::ChatV1));
    /// assert_eq!(Family::from_first_byte(0x02), Some(Family::ChatV2));
    /// assert_eq!(Family::from_first_byte(b'G'), None); // an HTTP request, say
    /// ```
    #[must_use]
    pub const fn from_first_byte(byte: u8) -> Option<Self> {
        match byte {
            ECHO => Some(Self::Echo),
            CHAT_V1 => Some(Self::ChatV1),
            CHAT_V2 => Some(Self::ChatV2),
            _ => None,
        }
    }

    /// The same, of the families whose frames are read without knowing a session.
    pub(crate) const fn without_session(byte: u8) -> Option<Self> {
        match Self::from_first_byte(byte) {
            Some(Self::ChatV2) => None,
            other => other,
        }
    }

    /// The byte that every frame of the family starts with.
    pub(crate) const fn first_byte(self) -> u8 {
        match self {
            Self::Echo => ECHO,
            Self::ChatV1 => CHAT_V1,
            Self::ChatV2 => CHAT_V2,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Echo => "echo",
            Self::ChatV1 => "chat version 1",
            Self::ChatV2 => "chat version 2",
        })
    }
}
