//! One message of every type, encoded on the chip and read back.

use cafewire_core::chat::{self, ErrorCode, MessagePayload};
use cafewire_core::echo::{self, Message};
use cafewire_core::{Frame, Framing};

use crate::outcome::{Outcome, ensure};

const ECHO: [Message<'static>; 5] = [
    Message::Ping(b"are you there?"),
    Message::Pong(b"yes"),
    Message::Echo(&[0x00, 0xFF, 0xCA, 0xFE]),
    Message::Data(b""),
    Message::Error(b"too warm"),
];

const CHAT: [MessagePayload<'static>; 10] = [
    MessagePayload::Connect { username: "device" },
    MessagePayload::Disconnect,
    MessagePayload::SendMessage { room: "lab", content: "21.5 °C" },
    MessagePayload::JoinRoom { room: "lab" },
    MessagePayload::LeaveRoom { room: "lab" },
    MessagePayload::ConnectAck { user_id: 7, server_info: "cafewire" },
    MessagePayload::MessageBroadcast {
        user_id: u32::MAX,
        timestamp: u64::MAX,
        username: "ada",
        room: "lab",
        content: "日本",
    },
    MessagePayload::UserJoined { user_id: 8, username: "grace", room: "lab" },
    MessagePayload::UserLeft { user_id: 8, username: "grace", room: "lab" },
    MessagePayload::Error { code: ErrorCode::RateLimited, message: "slower, please" },
];

/// Runs them all and returns their number.
///
/// # Errors
/// What did not hold.
pub fn run() -> Result<usize, &'static str> {
    let mut buffer = [0; 64];
    for (message, message_type) in ECHO.iter().zip(echo::MessageType::ALL) {
        ensure(message.frame().message_type == message_type, "an echo type is missing here")?;
        let encoded =
            message.encode_into(&mut buffer).map_err(|_| "an echo message is not encoded")?;
        let Framing::Frame { frame: Frame::Echo(view), .. } = Framing::of(encoded) else {
            return Err("an echo message is not read back");
        };
        ensure(view.message() == *message, "an echo message comes back changed")?;
    }
    for (message, message_type) in CHAT.iter().zip(chat::MessageType::ALL) {
        ensure(message.message_type() == message_type, "a chat type is missing here")?;
        let encoded =
            message.encode_into(&mut buffer).map_err(|_| "a chat message is not encoded")?;
        let Framing::Frame { frame: Frame::Chat(view), .. } = Framing::of(encoded) else {
            return Err("a chat message is not read back");
        };
        ensure(view.parse_payload() == Ok(*message), "a chat message comes back changed")?;
    }
    every_type_is_there()?;
    Ok(ECHO.len() + CHAT.len())
}

/// A type that the core has and this file has not would be left out by `zip`.
fn every_type_is_there() -> Outcome {
    ensure(ECHO.len() == echo::MessageType::ALL.len(), "an echo type is missing here")?;
    ensure(CHAT.len() == chat::MessageType::ALL.len(), "a chat type is missing here")
}
