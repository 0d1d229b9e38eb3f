//! The codes of Error frames, and which of them answers which error. Codes are never reused.

use core::fmt;

use super::field::Field;
use crate::error::ParseError;

macro_rules! error_codes {
    ($($code:literal $name:ident $closes:literal $doc:literal,)*) => {
        /// What an Error frame says went wrong. `PROTOCOL.md` has the table with what a client
        /// should do.
        ///
        /// ```
        /// use cafewire_core::ErrorCode;
        /// let code = ErrorCode::from_wire(10);
        /// assert_eq!(code.to_string(), "UsernameTaken (10)");
        /// assert!(!code.closes()); // one may try another name on the same connection
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        #[repr(u16)] // The tag is the number.
        pub enum ErrorCode {
            $(#[doc = $doc] $name = $code,)*
            /// A code that this build does not know. Never holds a number that has a name here.
            Unknown(u16) = 0,
        }

        impl ErrorCode {
            /// Every code with a name, in the order of their numbers.
            ///
            /// ```
            /// # use cafewire_core::ErrorCode;
            /// assert_eq!(ErrorCode::ALL[0], ErrorCode::MalformedFrame);
            /// assert!(
            ///     ErrorCode::ALL.iter().all(|code| ErrorCode::from_wire(code.to_wire()) == *code)
            /// );
            /// ```
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code with this number.
            ///
            /// ```
            /// # use cafewire_core::ErrorCode;
            /// assert_eq!(ErrorCode::from_wire(4), ErrorCode::ChecksumMismatch);
            /// // a later server's
            /// assert_eq!(ErrorCode::from_wire(9999), ErrorCode::Unknown(9999));
            /// ```
            #[must_use]
            pub const fn from_wire(number: u16) -> Self {
                match number {
                    $($code => Self::$name,)*
                    other => Self::Unknown(other),
                }
            }

            /// The number on the wire.
            ///
            /// ```
            /// assert_eq!(cafewire_core::ErrorCode::NotInRoom.to_wire(), 11);
            /// ```
            #[must_use]
            #[inline]
            pub const fn to_wire(self) -> u16 {
                // Asked in two steps, this compiles to reading the tag; in one, to a branch for
                // each code.
                let tag = match self {
                    $(Self::$name => $code,)*
                    Self::Unknown(_) => 0,
                };
                match self {
                    Self::Unknown(number) => number,
                    _ => tag,
                }
            }

            /// The code's name, as the specification spells it.
            ///
            /// ```
            /// assert_eq!(cafewire_core::ErrorCode::SlowConsumer.name(), "SlowConsumer");
            /// ```
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self::Unknown(_) => "Unknown",
                }
            }

            /// Whether the sender of such an Error frame closes the connection after it.
            /// RateLimited closes only when it persists, and says `false` here. A code without a
            /// name is taken to close.
            ///
            /// ```
            /// # use cafewire_core::ErrorCode;
            /// assert!(ErrorCode::MalformedFrame.closes());
            /// assert!(!ErrorCode::InvalidContent.closes());
            /// ```
            #[must_use]
            pub const fn closes(self) -> bool {
                match self {
                    $(Self::$name => $closes,)*
                    Self::Unknown(_) => true,
                }
            }
        }
    };
}

error_codes! {
    1 MalformedFrame true "A length, a field or the family is not what the frame's type allows.",
    2 UnsupportedVersion true "The first byte is no version that the server speaks.",
    3 UnknownType true "The type byte is none of the version's.",
    4 ChecksumMismatch true "The bytes were damaged on the way, or wrongly summed.",
    5 InvalidUsername false "Empty, not UTF-8, or with control characters.",
    6 InvalidRoomName false "Empty, too long, not UTF-8, or with control characters.",
    7 InvalidContent false "Empty, too long or not UTF-8.",
    8 NotConnected true "Something other than Connect before being signed in.",
    9 AlreadyConnected false "Connect by a client that is signed in.",
    10 UsernameTaken false "Another client is signed in under this name.",
    11 NotInRoom false "SendMessage or LeaveRoom for a room that one is not in.",
    12 AlreadyInRoom false "JoinRoom for a room that one is in.",
    13 LimitReached false "Too many rooms, or too many members in one.",
    14 ServerFull true "The server holds as many connections as it may.",
    15 RateLimited false "More frames or bytes per second than are allowed.",
    16 SlowConsumer true "The peer reads more slowly than its rooms speak.",
    17 ShuttingDown true "The server is going down.",
    18 IdleTimeout true "Nothing was heard for too long, or no sign-in came in time.",
    19 UnexpectedMessage true "A type that only servers send.",
    20 AuthenticationFailed true "The signature does not fit the user's key.",
    21 UnsupportedFlags true "A flag without a meaning, not agreed on, or missing.",
    22 Replay true "A counter that did not grow.",
    23 NoSuchUser false "A direct message to a user who is not signed in.",
    24 FrameLost true "A counter that grew by more than one.",
    25 Replaced true "The same user has signed in elsewhere, and took over.",
    26 NoSuchRoom false "A question about a room that is not there.",
    27 Unavailable false "Not just now: try again after the time that the Error tells.",
    28 NotSupported false "This server was built without it.",
}

impl ParseError {
    /// The code of the Error frame that a chat peer answers this with.
    ///
    /// ```
    /// use cafewire_core::{Direction, ErrorCode, FrameDecoder, Framing};
    /// // A client that plays the server.
    /// let framing = FrameDecoder::new(Direction::ToServer).next_frame(&[0x01, 0x81]);
    /// let Framing::Corrupt { error } = framing else { panic!() };
    /// assert_eq!(error.code(), ErrorCode::UnexpectedMessage);
    /// ```
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match *self {
            Self::Truncated { .. }
            | Self::BadMagic { .. }
            | Self::FamilyChanged { .. }
            | Self::LengthOutOfRange { .. }
            | Self::CheckMismatch { .. }
            | Self::LengthOutOfRangeV2 { .. }
            | Self::InvalidValue { .. }
            | Self::FieldOverrun { .. }
            | Self::TrailingBytes { .. } => ErrorCode::MalformedFrame,
            Self::UnsupportedVersion { .. } => ErrorCode::UnsupportedVersion,
            Self::UnknownType { .. } => ErrorCode::UnknownType,
            Self::WrongDirection { .. } | Self::WrongDirectionV2 { .. } => {
                ErrorCode::UnexpectedMessage
            }
            Self::NotSignedIn { .. } => ErrorCode::NotConnected,
            Self::UnsupportedFlags { .. } => ErrorCode::UnsupportedFlags,
            Self::ChecksumMismatch { .. } => ErrorCode::ChecksumMismatch,
            Self::InvalidUtf8 { field, .. } => code_of(field),
            Self::InvalidField { error, .. } => code_of(error.field()),
        }
    }
}

const fn code_of(field: Field) -> ErrorCode {
    match field {
        Field::Username => ErrorCode::InvalidUsername,
        Field::RoomName => ErrorCode::InvalidRoomName,
        Field::Content => ErrorCode::InvalidContent,
        Field::ServerInfo | Field::ErrorMessage | Field::FixedPart => ErrorCode::MalformedFrame,
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.to_wire())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_codes_are_each_others_inverse() {
        for number in 0..=u16::MAX {
            assert_eq!(ErrorCode::from_wire(number).to_wire(), number);
        }
        assert_eq!(ErrorCode::ALL.len(), 28);
        assert_eq!(ErrorCode::from_wire(29), ErrorCode::Unknown(29));
    }

    #[test]
    fn a_code_is_shown_with_its_name_and_number() {
        use std::string::ToString as _;

        assert_eq!(ErrorCode::UsernameTaken.to_string(), "UsernameTaken (10)");
        assert_eq!(ErrorCode::Unknown(99).to_string(), "Unknown (99)");
    }

    #[test]
    fn only_what_leaves_the_stream_trustworthy_leaves_it_open() {
        let open: std::vec::Vec<u16> = ErrorCode::ALL
            .iter()
            .filter(|code| !code.closes())
            .map(|code| code.to_wire())
            .collect();
        assert_eq!(open, [5, 6, 7, 9, 10, 11, 12, 13, 15, 23, 26, 27, 28]);
        assert!(ErrorCode::Unknown(99).closes());
    }
}
