//! What stands where in a frame, as tables. The parsers do not read them: tests hold the two
//! against each other.

use crate::chat;

/// One step through a frame.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// Exactly so many bytes, shown as bytes.
    Bytes { name: &'static str, size: usize },
    /// A big-endian integer.
    Unsigned { name: &'static str, size: usize },
    /// The type byte of an echo frame.
    EchoType,
    /// The type byte of a chat frame.
    ChatType,
    /// The code of a chat Error frame.
    Code,
    /// A length byte and so many bytes of UTF-8.
    Name { length_name: &'static str, name: &'static str },
    /// UTF-8 to the end of the body.
    Text { name: &'static str },
    /// Any bytes, to the end of the body.
    Payload,
}

pub(super) const ECHO_HEADER: &[Part] = &[
    Part::Bytes { name: "magic", size: 2 },
    Part::EchoType,
    Part::Unsigned { name: "length", size: 2 },
];

pub(super) const ECHO_BODY: &[Part] = &[Part::Payload];

pub(super) const CHAT_HEADER: &[Part] = &[
    Part::Unsigned { name: "version", size: 1 },
    Part::ChatType,
    Part::Unsigned { name: "length", size: 2 },
];

const USERNAME: Part = Part::Name { length_name: "username_length", name: "username" };
const ROOM: Part = Part::Name { length_name: "room_length", name: "room" };
const USER_ID: Part = Part::Unsigned { name: "user_id", size: 4 };

/// The body of a chat frame.
pub(super) const fn chat_body(message_type: chat::MessageType) -> &'static [Part] {
    use chat::MessageType as Type;
    match message_type {
        Type::Connect => &[USERNAME],
        Type::Disconnect => &[],
        Type::SendMessage => &[ROOM, Part::Text { name: "content" }],
        Type::JoinRoom | Type::LeaveRoom => &[ROOM],
        Type::ConnectAck => &[USER_ID, Part::Text { name: "server_info" }],
        Type::MessageBroadcast => &[
            USER_ID,
            Part::Unsigned { name: "timestamp", size: 8 },
            USERNAME,
            ROOM,
            Part::Text { name: "content" },
        ],
        Type::UserJoined | Type::UserLeft => &[USER_ID, USERNAME, ROOM],
        Type::Error => &[Part::Code, Part::Text { name: "message" }],
    }
}
