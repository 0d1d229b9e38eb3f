//! What a session has agreed on, as far as it says which frames may come. Knows no bytes: what a
//! frame is held to, `frame.rs` says.

use super::layout::Layout;
use super::{Capabilities, Flags, MessageType};
use crate::direction::Direction;

/// The terms of a session, for the frames of one direction: an argument of all that reads frames,
/// for the bytes alone do not tell what the two sides agreed on.
///
/// ```
/// use cafewire_core::chat::v2::{Capabilities, Framing, Terms};
/// use cafewire_core::{Direction, ErrorCode};
/// // A message by a client that is not signed in: six bytes are enough to refuse it.
/// let start = b"\x02\x03\x00\x0C\x00\x02";
/// let refused = Framing::of(start, Direction::ToServer, Terms::BEFORE_SIGN_IN);
/// let Framing::Corrupt { error } = refused else { panic!() };
/// assert_eq!(error.code(), ErrorCode::NotConnected);
/// let granted = Terms::signed_in(Capabilities::NONE);
/// let awaited = Framing::of(start, Direction::ToServer, granted);
/// assert_eq!(awaited, Framing::Incomplete { needed: 14 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Terms {
    /// The flags that a frame may have.
    allowed: Flags,
    /// The flags that a frame must have.
    required: Flags,
    /// Whether contents from the server are short.
    is_small: bool,
    /// Whether types that need a sign-in may come from the client.
    is_signed_in: bool,
}

impl Terms {
    /// At the start of a connection: no flags, and from the client nothing that needs a sign-in.
    pub const BEFORE_SIGN_IN: Self =
        Self { allowed: Flags::NONE, required: Flags::NONE, is_small: false, is_signed_in: false };

    /// After a Challenge: as before it, but frames may be sealed, as Authenticate must be and the
    /// Error that ends the try need not be.
    pub const CHALLENGED: Self = Self { allowed: Flags::SEALED, ..Self::BEFORE_SIGN_IN };

    /// Of a session that is not known: a capture, a test. Every flag with a meaning may come, and
    /// every type.
    pub const UNKNOWN: Self =
        Self { allowed: Flags::ALL, required: Flags::NONE, is_small: false, is_signed_in: true };

    /// From the sign-in on. Frames are sealed exactly if SIGN was granted.
    ///
    /// ```
    /// use cafewire_core::chat::v2::{Capabilities, Flags, MessageType, Terms};
    /// let terms = Terms::signed_in(Capabilities::SIGN.union(Capabilities::COMPRESS));
    /// assert_eq!(terms.allowed_flags(MessageType::SendMessage), Flags::ALL);
    /// assert_eq!(terms.required_flags(MessageType::SendMessage), Flags::SEALED);
    /// ```
    #[must_use]
    pub const fn signed_in(granted: Capabilities) -> Self {
        let seal = if granted.contains(Capabilities::SIGN) { Flags::SEALED } else { Flags::NONE };
        let is_compressed = granted.contains(Capabilities::COMPRESS);
        let allowed = if is_compressed { seal.union(Flags::COMPRESSED) } else { seal };
        let is_small = granted.contains(Capabilities::SMALL);
        Self { allowed, required: seal, is_small, is_signed_in: true }
    }

    /// The flags that a frame of this type may have. What is said at the sign-in is never
    /// compressed.
    #[must_use]
    #[inline]
    pub const fn allowed_flags(self, message_type: MessageType) -> Flags {
        use MessageType::{Authenticate, Challenge, Connect, ConnectAck};
        match message_type {
            Connect | Challenge | Authenticate | ConnectAck => {
                Flags::from_bits(self.allowed.bits() & !Flags::COMPRESSED.bits())
            }
            _ => self.allowed,
        }
    }

    /// The flags that a frame of this type must have. Authenticate is its seal.
    #[must_use]
    #[inline]
    pub const fn required_flags(self, message_type: MessageType) -> Flags {
        match message_type {
            MessageType::Authenticate => self.required.union(Flags::SEALED),
            _ => self.required,
        }
    }

    /// Whether a content from the server has at most
    /// [`MAX_SMALL_CONTENT_SIZE`](super::MAX_SMALL_CONTENT_SIZE) bytes.
    #[must_use]
    #[inline]
    pub const fn is_small(self) -> bool {
        self.is_small
    }

    /// Whether this type may come before the sign-in.
    #[inline]
    pub(super) const fn lets_in(self, message_type: MessageType) -> bool {
        use MessageType::{Authenticate, Connect, Ping};
        self.is_signed_in
            || !message_type.is_sent(Direction::ToServer)
            || matches!(message_type, Connect | Authenticate | Ping)
    }

    /// The bounds of a payload of this layout, in bytes, both included, as it stands in the frame.
    /// There may be none: nothing is within bounds then.
    #[inline]
    pub(super) const fn payload_range(self, layout: &Layout, flags: Flags) -> (u16, u16) {
        let (min, max) =
            if self.is_small { layout.small_payload_range() } else { layout.payload_range };
        if flags.contains(Flags::COMPRESSED) {
            (MIN_COMPRESSED_SIZE, max.saturating_sub(1))
        } else {
            (min, max)
        }
    }
}

/// The smallest compressed payload: its length when inflated, and a block of one byte.
const MIN_COMPRESSED_SIZE: u16 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_granted_is_what_may_come() {
        for (granted, allowed, required) in [
            (Capabilities::NONE, Flags::NONE, Flags::NONE),
            (Capabilities::SIGN, Flags::SEALED, Flags::SEALED),
            (Capabilities::COMPRESS, Flags::COMPRESSED, Flags::NONE),
            (Capabilities::COMPRESS.union(Capabilities::SIGN), Flags::ALL, Flags::SEALED),
        ] {
            let terms = Terms::signed_in(granted);
            assert_eq!(terms.allowed_flags(MessageType::Ping), allowed);
            assert_eq!(terms.required_flags(MessageType::Ping), required);
        }
        assert!(Terms::signed_in(Capabilities::SMALL).is_small());
    }

    #[test]
    fn what_is_said_at_the_sign_in_is_never_compressed() {
        let never: std::vec::Vec<_> = MessageType::ALL
            .into_iter()
            .filter(|&known| !Terms::UNKNOWN.allowed_flags(known).contains(Flags::COMPRESSED))
            .map(MessageType::name)
            .collect();
        assert_eq!(never, ["Connect", "Authenticate", "ConnectAck", "Challenge"]);
    }

    #[test]
    fn three_types_come_before_the_sign_in() {
        let let_in: std::vec::Vec<_> = MessageType::ALL
            .into_iter()
            .filter(|&known| {
                known.is_sent(Direction::ToServer) && Terms::BEFORE_SIGN_IN.lets_in(known)
            })
            .map(MessageType::name)
            .collect();
        assert_eq!(let_in, ["Connect", "Ping", "Authenticate"]);
        assert!(Terms::BEFORE_SIGN_IN.lets_in(MessageType::MessageBroadcast));
    }
}
