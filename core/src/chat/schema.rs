//! The chat messages as one table: type, code, direction, and the fields with their wire names,
//! kinds and bounds. Parser, encoder, `dissect` and serde read it, and PROTOCOL.md is tested
//! against it. Holds no bytes and knows no errors.
//!
//! ```text
//! a body:  │ integers │ len:u8 │ name… │ len:u8 │ name… │ text, to the end… │
//! ```
//!
//! Every part may be absent, and none may come in another order: that is what both shapes of the
//! parser rely on, and what [`Layout::new`] holds every row to when it is compiled.

use core::fmt;

use super::field::{Field, MAX_CONTENT_SIZE, MAX_ROOM_NAME_SIZE, MAX_TEXT_SIZE, MAX_USERNAME_SIZE};
use super::layout::Layout;
use crate::direction::Direction;

/// Does work that is compiled once for each type, its layout a constant there.
macro_rules! by_type {
    ($message_type:expr, $layout:ident => $work:expr) => {
        $crate::chat::schema::by_type!(
            $message_type, $layout => $work,
            Connect Disconnect SendMessage JoinRoom LeaveRoom
            ConnectAck MessageBroadcast UserJoined UserLeft Error
        )
    };
    ($message_type:expr, $layout:ident => $work:expr, $($name:ident)*) => {
        match $message_type {
            $(MessageType::$name => {
                const $layout: Layout = *MessageType::$name.layout();
                $work
            })*
        }
    };
}
pub(super) use by_type;

/// The same by the place of the type's row in the table: places are without gaps, codes are not,
/// and the compiler jumps once.
macro_rules! by_row {
    ($row:expr, $layout:ident => $work:expr) => {
        $crate::chat::schema::by_row!($row, $layout => $work, 0 1 2 3 4 5 6 7 8 9)
    };
    ($row:expr, $layout:ident => $work:expr, $($place:literal)*) => {{
        const _: () = assert!([$($place),*].len() == LAYOUTS.len(), "every row has its work");
        match $row {
            $($place => {
                const $layout: Layout = LAYOUTS[$place];
                $work
            })*
            _ => {}
        }
    }};
}
pub(super) use by_row;

/// A row of a version's table: one type of message.
pub(crate) struct Message<T = MessageType> {
    pub(crate) message_type: T,
    /// As the specification spells it.
    pub(crate) name: &'static str,
    pub(crate) direction: Direction,
    /// In the order of their bytes.
    pub(crate) fields: &'static [FieldSpec],
}

/// A field of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldSpec {
    /// As the specification names it.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// What the bytes of a field are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A big-endian integer of so many bytes.
    Integer { size: u8 },
    /// A u16 with the number of an [`ErrorCode`](super::ErrorCode).
    ErrorCode,
    /// A byte, 0 or 1. Version 2 alone has this kind, and the two that follow.
    Bool,
    /// So many bytes, any.
    Bytes { size: usize },
    /// Any bytes to the end of the body.
    Data { max: usize },
    /// A length byte, shown under a name of its own, and so many bytes of UTF-8. The bounds are
    /// of those, both included.
    Name { length_name: &'static str, field: Field, min: usize, max: usize },
    /// UTF-8 to the end of the body.
    Text { field: Field, min: usize, max: usize },
}

const USER_ID: FieldSpec = FieldSpec { name: "user_id", kind: Kind::Integer { size: 4 } };
const TIMESTAMP: FieldSpec = FieldSpec { name: "timestamp", kind: Kind::Integer { size: 8 } };
const CODE: FieldSpec = FieldSpec { name: "code", kind: Kind::ErrorCode };
const USERNAME: FieldSpec = FieldSpec {
    name: "username",
    kind: Kind::Name {
        length_name: "username_length",
        field: Field::Username,
        min: 1,
        max: MAX_USERNAME_SIZE,
    },
};
const ROOM: FieldSpec = FieldSpec {
    name: "room",
    kind: Kind::Name {
        length_name: "room_length",
        field: Field::RoomName,
        min: 1,
        max: MAX_ROOM_NAME_SIZE,
    },
};
const CONTENT: FieldSpec = text("content", Field::Content, 1, MAX_CONTENT_SIZE);
// What users say is not empty; what a server adds may be.
const SERVER_INFO: FieldSpec = text("server_info", Field::ServerInfo, 0, MAX_TEXT_SIZE);
const MESSAGE: FieldSpec = text("message", Field::ErrorMessage, 0, MAX_TEXT_SIZE);

/// The messages of version 1, in the order of their codes.
pub(crate) const V1: [Message; 10] = {
    use Direction::{ToClient, ToServer};
    use MessageType as Type;
    [
        row(Type::Connect, "Connect", ToServer, &[USERNAME]),
        row(Type::Disconnect, "Disconnect", ToServer, &[]),
        row(Type::SendMessage, "SendMessage", ToServer, &[ROOM, CONTENT]),
        row(Type::JoinRoom, "JoinRoom", ToServer, &[ROOM]),
        row(Type::LeaveRoom, "LeaveRoom", ToServer, &[ROOM]),
        row(Type::ConnectAck, "ConnectAck", ToClient, &[USER_ID, SERVER_INFO]),
        row(
            Type::MessageBroadcast,
            "MessageBroadcast",
            ToClient,
            &[USER_ID, TIMESTAMP, USERNAME, ROOM, CONTENT],
        ),
        row(Type::UserJoined, "UserJoined", ToClient, &[USER_ID, USERNAME, ROOM]),
        row(Type::UserLeft, "UserLeft", ToClient, &[USER_ID, USERNAME, ROOM]),
        row(Type::Error, "Error", ToClient, &[CODE, MESSAGE]),
    ]
};

const fn row(
    message_type: MessageType,
    name: &'static str,
    direction: Direction,
    fields: &'static [FieldSpec],
) -> Message {
    Message { message_type, name, direction, fields }
}

const fn text(name: &'static str, field: Field, min: usize, max: usize) -> FieldSpec {
    FieldSpec { name, kind: Kind::Text { field, min, max } }
}

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
    /// Server: a user said something.
    MessageBroadcast = 0x82,
    /// Server: a user entered a room.
    UserJoined = 0x83,
    /// Server: a user left a room.
    UserLeft = 0x84,
    /// Server: what was wrong.
    Error = 0xFF,
}

impl MessageType {
    /// Every type, in the order of their codes.
    ///
    /// ```
    /// use cafewire_core::{Direction, MessageType};
    /// let from_clients =
    ///     MessageType::ALL.iter().filter(|known| known.is_sent(Direction::ToServer));
    /// assert_eq!(from_clients.count(), 5);
    /// ```
    pub const ALL: [Self; V1.len()] = {
        let mut all = [Self::Connect; V1.len()];
        let mut index = 0;
        while index < all.len() {
            all[index] = V1[index].message_type;
            index += 1;
        }
        all
    };

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
        match Layout::from_code(code) {
            Some(layout) => Some(layout.message_type),
            None => None,
        }
    }

    /// Whether this type is sent that way. The high bit of the code tells: set, the server sends
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

    /// The type's name, as the specification spells it.
    ///
    /// ```
    /// assert_eq!(cafewire_core::MessageType::JoinRoom.name(), "JoinRoom");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// This type's row of the table.
    pub(crate) const fn row(self) -> &'static Message {
        const ROWS: &[Message] = &V1;
        let mut index = 0;
        while index + 1 < ROWS.len() && ROWS[index].message_type as u8 != self as u8 {
            index += 1;
        }
        &ROWS[index]
    }

    /// What a body of this type is made of.
    #[inline]
    pub(super) const fn layout(self) -> &'static Layout {
        Layout::of(self)
    }
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
    fn each_type_is_sent_one_way_the_one_of_its_row() {
        for message_type in MessageType::ALL {
            let row = message_type.row();
            assert_eq!(row.message_type, message_type);
            assert!(row.direction != Direction::Either && message_type.is_sent(row.direction));
            let to_server = message_type.is_sent(Direction::ToServer);
            assert_ne!(to_server, message_type.is_sent(Direction::ToClient));
            assert_eq!(to_server, (message_type as u8) < 0x80);
            assert!(message_type.is_sent(Direction::Either));
        }
    }
}
