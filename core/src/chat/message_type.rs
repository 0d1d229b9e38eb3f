//! The type byte of a chat frame, and what its value alone settles: who may send it, and how long
//! its body can be.

use core::fmt;

use super::layout::Layout;
use super::{
    broadcast, connect, connect_ack, disconnect, error, presence, room_request, send_message,
};
use crate::framing::Direction;

/// The type byte of a chat frame, version 1.
///
/// ```
/// use cafewire_core::MessageType;
/// assert_eq!(MessageType::MessageBroadcast as u8, 0x82);
/// assert_eq!(MessageType::MessageBroadcast.to_string(), "MessageBroadcast");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
#[non_exhaustive]
pub enum MessageType {
    /// Client: sign in under a name.
    Connect = 0x01,
    /// Client: goodbye.
    Disconnect = 0x02,
    /// Client: say something in a room.
    SendMessage = 0x03,
    /// Client: enter a room.
    JoinRoom = 0x04,
    /// Client: leave a room.
    LeaveRoom = 0x05,
    /// Server: you are signed in.
    ConnectAck = 0x81,
    /// Server: somebody said something.
    MessageBroadcast = 0x82,
    /// Server: somebody entered a room.
    UserJoined = 0x83,
    /// Server: somebody left a room.
    UserLeft = 0x84,
    /// Server: what was wrong.
    Error = 0xFF,
}

impl MessageType {
    /// Every type, in the order of their codes.
    ///
    /// ```
    /// use cafewire_core::{Direction, MessageType};
    /// let from_clients = MessageType::ALL.iter().filter(|known| known.is_sent(Direction::ToServer));
    /// assert_eq!(from_clients.count(), 5);
    /// ```
    pub const ALL: [Self; 10] = [
        Self::Connect,
        Self::Disconnect,
        Self::SendMessage,
        Self::JoinRoom,
        Self::LeaveRoom,
        Self::ConnectAck,
        Self::MessageBroadcast,
        Self::UserJoined,
        Self::UserLeft,
        Self::Error,
    ];

    /// The type with this code, if there is one.
    ///
    /// ```
    /// use cafewire_core::MessageType;
    /// assert_eq!(MessageType::from_wire(0x03), Some(MessageType::SendMessage));
    /// assert_eq!(MessageType::from_wire(0x7F), None);
    /// ```
    #[must_use]
    #[inline]
    pub const fn from_wire(code: u8) -> Option<Self> {
        match code {
            0x01 => Some(Self::Connect),
            0x02 => Some(Self::Disconnect),
            0x03 => Some(Self::SendMessage),
            0x04 => Some(Self::JoinRoom),
            0x05 => Some(Self::LeaveRoom),
            0x81 => Some(Self::ConnectAck),
            0x82 => Some(Self::MessageBroadcast),
            0x83 => Some(Self::UserJoined),
            0x84 => Some(Self::UserLeft),
            0xFF => Some(Self::Error),
            _ => None,
        }
    }

    /// Whether this type is_sent that way. The high bit of the code tells: set, the server sends
    /// it.
    ///
    /// ```
    /// use cafewire_core::{Direction, MessageType};
    /// assert!(MessageType::Connect.is_sent(Direction::ToServer));
    /// assert!(!MessageType::ConnectAck.is_sent(Direction::ToServer));
    /// ```
    #[must_use]
    #[inline]
    pub const fn is_sent(self, direction: Direction) -> bool {
        match direction {
            Direction::Either => true,
            Direction::ToServer => (self as u8) & 0x80 == 0,
            Direction::ToClient => (self as u8) & 0x80 != 0,
        }
    }

    /// The lengths that a body of this type can have, in bytes, both included. A frame outside them
    /// is refused from its header, before its body is waited for.
    ///
    /// ```
    /// use cafewire_core::MessageType;
    /// assert_eq!(MessageType::Disconnect.length_range(), (0, 0));
    /// assert_eq!(MessageType::SendMessage.length_range(), (1, 577));
    /// ```
    #[must_use]
    #[inline]
    pub const fn length_range(self) -> (u16, u16) {
        self.layout().length_range
    }

    /// What a body of this type is made of. Not inlined: all who ask share the one copy.
    #[inline(never)]
    pub(super) const fn layout(self) -> &'static Layout {
        &LAYOUTS[slot(self)]
    }

    /// The type's name, as the specification spells it.
    ///
    /// ```
    /// assert_eq!(cafewire_core::MessageType::JoinRoom.name(), "JoinRoom");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "Connect",
            Self::Disconnect => "Disconnect",
            Self::SendMessage => "SendMessage",
            Self::JoinRoom => "JoinRoom",
            Self::LeaveRoom => "LeaveRoom",
            Self::ConnectAck => "ConnectAck",
            Self::MessageBroadcast => "MessageBroadcast",
            Self::UserJoined => "UserJoined",
            Self::UserLeft => "UserLeft",
            Self::Error => "Error",
        }
    }
}

/// The layouts, each in its type's [`slot`]: looked up without a branch, and without an index that
/// could be too large.
static LAYOUTS: [Layout; SLOTS] = {
    let mut layouts = [disconnect::LAYOUT; SLOTS];
    let mut taken = [false; SLOTS];
    let mut index = 0;
    while index < MessageType::ALL.len() {
        let message_type = MessageType::ALL[index];
        let slot = slot(message_type);
        assert!(!taken[slot], "two types in one slot");
        taken[slot] = true;
        layouts[slot] = match message_type {
            MessageType::Connect => connect::LAYOUT,
            MessageType::Disconnect => disconnect::LAYOUT,
            MessageType::SendMessage => send_message::LAYOUT,
            MessageType::JoinRoom | MessageType::LeaveRoom => room_request::LAYOUT,
            MessageType::ConnectAck => connect_ack::LAYOUT,
            MessageType::MessageBroadcast => broadcast::LAYOUT,
            MessageType::UserJoined | MessageType::UserLeft => presence::LAYOUT,
            MessageType::Error => error::LAYOUT,
        };
        index += 1;
    }
    layouts
};

const SLOTS: usize = 5 + 0b111 + 1;

/// The low bits of the code; a server's types come after the five of clients.
#[inline]
const fn slot(message_type: MessageType) -> usize {
    let code = message_type as usize;
    5 * (code >> 7) + (code & 0b111)
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_code_and_no_other_code_a_type() {
        for code in 0..=u8::MAX {
            match MessageType::from_wire(code) {
                Some(message_type) => assert_eq!(message_type as u8, code),
                None => assert!(MessageType::ALL.iter().all(|&known| known as u8 != code)),
            }
        }
    }

    #[test]
    fn each_type_travels_one_way() {
        for message_type in MessageType::ALL {
            let to_server = message_type.is_sent(Direction::ToServer);
            assert_ne!(to_server, message_type.is_sent(Direction::ToClient));
            assert_eq!(to_server, (message_type as u8) < 0x80);
            assert!(message_type.is_sent(Direction::Either));
        }
    }
}
