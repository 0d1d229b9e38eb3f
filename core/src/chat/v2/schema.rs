//! The chat messages of version 2 as one table: type, code, direction, and the fields with their
//! wire names, kinds and bounds. Parser, encoder and `dissect` read it, and PROTOCOL.md is tested
//! against it. Holds no bytes and knows no errors.
//!
//! ```text
//! a payload:  │ integers │ len:u8 │ name… │ len:u8 │ name… │ text or data, to the end… │
//! ```
//!
//! Every part may be absent, and none may come in another order, as in version 1: no groups that
//! repeat, so that each field stands where the ones before it end.

use core::fmt;

use super::layout::Layout;
use super::{NONCE_SIZE, TAG_SIZE};
use crate::chat::schema::{FieldSpec, Kind, Message};
use crate::chat::{Field, MAX_ROOM_NAME_SIZE, MAX_TEXT_SIZE, MAX_USERNAME_SIZE};
use crate::direction::Direction;

/// The longest content of a message, in bytes.
///
/// ```
/// use cafewire_core::chat::v2;
/// let content = &*"x".repeat(v2::MAX_CONTENT_SIZE);
/// let message = v2::MessagePayload::SendMessage { room: "lobby", content };
/// assert!(message.validate().is_ok());
/// ```
pub const MAX_CONTENT_SIZE: usize = 4096;

/// The longest content that a server sends to a client with
/// [`SMALL`](super::Capabilities::SMALL), in bytes. What is longer comes in parts.
pub const MAX_SMALL_CONTENT_SIZE: usize = 512;

/// The longest data of a Ping or Pong, in bytes.
pub const MAX_DATA_SIZE: usize = 32;

const CAPABILITIES: FieldSpec = integer("capabilities", 2);
const COUNT: FieldSpec = integer("count", 2);
const EPOCH: FieldSpec = integer("epoch", 4);
const MEMBERS: FieldSpec = integer("members", 4);
const ORIGIN: FieldSpec = integer("origin", 2);
const PART: FieldSpec = integer("part", 1);
const SEQUENCE: FieldSpec = integer("sequence", 8);
const TIMESTAMP: FieldSpec = integer("timestamp", 8);
const USER_ID: FieldSpec = integer("user_id", 4);
const CODE: FieldSpec = FieldSpec { name: "code", kind: Kind::ErrorCode };
const PRESENCE: FieldSpec = FieldSpec { name: "presence", kind: Kind::Bool };
const MORE: FieldSpec = FieldSpec { name: "more", kind: Kind::Bool };
const CLIENT_NONCE: FieldSpec = nonce("client_nonce");
const SERVER_NONCE: FieldSpec = nonce("server_nonce");
const USERNAME: FieldSpec =
    name("username", "username_length", Field::Username, 1, MAX_USERNAME_SIZE);
const TO: FieldSpec = name("to", "to_length", Field::Username, 1, MAX_USERNAME_SIZE);
const FROM: FieldSpec = name("from", "from_length", Field::Username, 1, MAX_USERNAME_SIZE);
const ROOM: FieldSpec = name("room", "room_length", Field::RoomName, 1, MAX_ROOM_NAME_SIZE);
// Where a list goes on; empty, it starts.
const AFTER_ROOM: FieldSpec = name("after", "after_length", Field::RoomName, 0, MAX_ROOM_NAME_SIZE);
const AFTER_USER: FieldSpec = name("after", "after_length", Field::Username, 0, MAX_USERNAME_SIZE);
const CONTENT: FieldSpec = text("content", Field::Content, 1, MAX_CONTENT_SIZE);
const SERVER_INFO: FieldSpec = text("server_info", Field::ServerInfo, 0, MAX_TEXT_SIZE);
const MESSAGE: FieldSpec = text("message", Field::ErrorMessage, 0, MAX_TEXT_SIZE);
const DATA: FieldSpec = FieldSpec { name: "data", kind: Kind::Data { max: MAX_DATA_SIZE } };

/// The messages of version 2, in the order of their codes.
pub(crate) const V2: [Message<MessageType>; 26] = {
    use Direction::{ToClient, ToServer};
    use MessageType as Type;
    [
        row(Type::Connect, "Connect", ToServer, &[CAPABILITIES, CLIENT_NONCE, USERNAME]),
        row(Type::Disconnect, "Disconnect", ToServer, &[]),
        row(Type::SendMessage, "SendMessage", ToServer, &[ROOM, CONTENT]),
        row(
            Type::JoinRoom,
            "JoinRoom",
            ToServer,
            &[EPOCH, integer("after", 8), integer("replay", 2), ROOM],
        ),
        row(Type::LeaveRoom, "LeaveRoom", ToServer, &[ROOM]),
        row(Type::Ping, "Ping", ToServer, &[DATA]),
        row(Type::ListRooms, "ListRooms", ToServer, &[COUNT, AFTER_ROOM]),
        row(Type::ListMembers, "ListMembers", ToServer, &[COUNT, ROOM, AFTER_USER]),
        row(Type::DirectMessage, "DirectMessage", ToServer, &[TO, CONTENT]),
        row(Type::Authenticate, "Authenticate", ToServer, &[]),
        row(Type::History, "History", ToServer, &[integer("before", 8), COUNT, ROOM]),
        row(Type::ClientPong, "ClientPong", ToServer, &[DATA]),
        row(Type::ConnectAck, "ConnectAck", ToClient, &[USER_ID, CAPABILITIES, SERVER_INFO]),
        row(
            Type::MessageBroadcast,
            "MessageBroadcast",
            ToClient,
            &[
                SEQUENCE,
                integer("previous", 8),
                TIMESTAMP,
                USER_ID,
                ORIGIN,
                PART,
                USERNAME,
                ROOM,
                CONTENT,
            ],
        ),
        row(Type::UserJoined, "UserJoined", ToClient, &[USER_ID, MEMBERS, USERNAME, ROOM]),
        row(Type::UserLeft, "UserLeft", ToClient, &[USER_ID, MEMBERS, USERNAME, ROOM]),
        row(
            Type::Joined,
            "Joined",
            ToClient,
            &[EPOCH, SEQUENCE, integer("replay_from", 8), MEMBERS, PRESENCE, ROOM],
        ),
        row(Type::Pong, "Pong", ToClient, &[DATA]),
        row(Type::RoomInfo, "RoomInfo", ToClient, &[MEMBERS, PRESENCE, ROOM]),
        row(Type::MemberInfo, "MemberInfo", ToClient, &[USER_ID, USERNAME, ROOM]),
        row(
            Type::DirectDelivery,
            "DirectDelivery",
            ToClient,
            &[TIMESTAMP, USER_ID, PART, FROM, CONTENT],
        ),
        row(Type::Challenge, "Challenge", ToClient, &[CAPABILITIES, SERVER_NONCE]),
        row(Type::ListEnd, "ListEnd", ToClient, &[COUNT, MORE]),
        row(Type::ServerPing, "ServerPing", ToClient, &[DATA]),
        row(Type::Ack, "Ack", ToClient, &[TIMESTAMP]),
        row(Type::Error, "Error", ToClient, &[CODE, integer("retry_after_ms", 4), MESSAGE]),
    ]
};

/// A compressed payload.
pub(super) const COMPRESSED_FIELDS: &[FieldSpec] = &[
    integer("original_length", 2),
    FieldSpec { name: "block", kind: Kind::Data { max: u16::MAX as usize } },
];

/// What follows the payload of a sealed frame.
pub(crate) const SEAL_FIELDS: &[FieldSpec] =
    &[integer("counter", 8), FieldSpec { name: "tag", kind: Kind::Bytes { size: TAG_SIZE } }];

const fn row(
    message_type: MessageType,
    name: &'static str,
    direction: Direction,
    fields: &'static [FieldSpec],
) -> Message<MessageType> {
    Message { message_type, name, direction, fields }
}

const fn integer(name: &'static str, size: u8) -> FieldSpec {
    FieldSpec { name, kind: Kind::Integer { size } }
}

const fn nonce(name: &'static str) -> FieldSpec {
    FieldSpec { name, kind: Kind::Bytes { size: NONCE_SIZE } }
}

const fn name(
    name: &'static str,
    length_name: &'static str,
    field: Field,
    min: usize,
    max: usize,
) -> FieldSpec {
    FieldSpec { name, kind: Kind::Name { length_name, field, min, max } }
}

const fn text(name: &'static str, field: Field, min: usize, max: usize) -> FieldSpec {
    FieldSpec { name, kind: Kind::Text { field, min, max } }
}

/// The type byte of a chat frame, version 2. What version 1 has too has the same code.
///
/// ```
/// use cafewire_core::chat::v2::MessageType;
/// assert_eq!(MessageType::History as u8, 0x0B);
/// assert_eq!(MessageType::History.to_string(), "History");
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
    /// Client: enter a room, from where one left it if that can be.
    JoinRoom = 0x04,
    /// Client: leave a room.
    LeaveRoom = 0x05,
    /// Client: are you there?
    Ping = 0x06,
    /// Client: which rooms are there?
    ListRooms = 0x07,
    /// Client: who is in a room?
    ListMembers = 0x08,
    /// Client: say something to one user.
    DirectMessage = 0x09,
    /// Client: the proof that it has its name's key.
    Authenticate = 0x0A,
    /// Client: what was said in a room before?
    History = 0x0B,
    /// Client: the answer to [`ServerPing`](Self::ServerPing).
    ClientPong = 0x0C,
    /// Server: you are signed in.
    ConnectAck = 0x81,
    /// Server: a user said something.
    MessageBroadcast = 0x82,
    /// Server: a user entered a room.
    UserJoined = 0x83,
    /// Server: a user left a room.
    UserLeft = 0x84,
    /// Server: you are in the room.
    Joined = 0x85,
    /// Server: the answer to [`Ping`](Self::Ping).
    Pong = 0x86,
    /// Server: a room, in a list or because its presence changed.
    RoomInfo = 0x87,
    /// Server: a member, in a list.
    MemberInfo = 0x88,
    /// Server: a user said something to you alone.
    DirectDelivery = 0x89,
    /// Server: prove that you have your name's key.
    Challenge = 0x8A,
    /// Server: a list, a history or a replay ends.
    ListEnd = 0x8B,
    /// Server: are you there?
    ServerPing = 0x8C,
    /// Server: a direct message was queued for its addressee.
    Ack = 0x8D,
    /// Server: what was wrong.
    Error = 0xFF,
}

impl MessageType {
    /// Every type, in the order of their codes.
    pub const ALL: [Self; V2.len()] = {
        let mut all = [Self::Connect; V2.len()];
        let mut index = 0;
        while index < all.len() {
            all[index] = V2[index].message_type;
            index += 1;
        }
        all
    };

    /// The type with this code, if there is one.
    ///
    /// ```
    /// use cafewire_core::chat::v2::MessageType;
    /// assert_eq!(MessageType::from_wire(0x8D), Some(MessageType::Ack));
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
    #[must_use]
    #[inline]
    pub const fn is_sent(self, direction: Direction) -> bool {
        match direction {
            Direction::Either => true,
            Direction::ToServer => (self as u8) & 0x80 == 0,
            Direction::ToClient => (self as u8) & 0x80 != 0,
        }
    }

    /// The lengths that an uncompressed payload of this type can have, in bytes, both included.
    ///
    /// ```
    /// use cafewire_core::chat::v2::MessageType;
    /// assert_eq!(MessageType::Authenticate.payload_range(), (0, 0));
    /// assert_eq!(MessageType::SendMessage.payload_range(), (1, 4161));
    /// ```
    #[must_use]
    #[inline]
    pub const fn payload_range(self) -> (u16, u16) {
        Layout::of(self).payload_range
    }

    /// The same of a payload to a client with [`SMALL`](super::Capabilities::SMALL).
    ///
    /// ```
    /// use cafewire_core::chat::v2::MessageType;
    /// assert_eq!(MessageType::MessageBroadcast.payload_range(), (33, 4225));
    /// assert_eq!(MessageType::MessageBroadcast.small_payload_range(), (33, 641));
    /// ```
    #[must_use]
    pub const fn small_payload_range(self) -> (u16, u16) {
        Layout::of(self).small_payload_range()
    }

    /// The type's name, as the specification spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// This type's row of the table.
    pub(crate) const fn row(self) -> &'static Message<Self> {
        const ROWS: &[Message<MessageType>] = &V2;
        let mut index = 0;
        while index + 1 < ROWS.len() && ROWS[index].message_type as u8 != self as u8 {
            index += 1;
        }
        &ROWS[index]
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
    use crate::chat;

    #[test]
    fn every_type_has_its_code_and_no_other_code_a_type() {
        for code in 0..=u8::MAX {
            match MessageType::from_wire(code) {
                Some(message_type) => assert_eq!(message_type as u8, code),
                None => assert!(MessageType::ALL.iter().all(|&known| known as u8 != code)),
            }
        }
        assert!(MessageType::ALL.is_sorted_by_key(|&known| known as u8));
    }

    #[test]
    fn each_type_is_sent_one_way_the_one_of_its_row() {
        for message_type in MessageType::ALL {
            let row = message_type.row();
            assert_eq!(row.message_type, message_type);
            assert!(row.direction != Direction::Either && message_type.is_sent(row.direction));
            let to_server = message_type.is_sent(Direction::ToServer);
            assert_ne!(to_server, message_type.is_sent(Direction::ToClient));
        }
    }

    #[test]
    fn a_type_that_version_1_has_too_has_its_name_and_code() {
        for old in chat::MessageType::ALL {
            let new = MessageType::from_wire(old as u8).expect("it is still there");
            assert_eq!(new.name(), old.name());
        }
    }
}
