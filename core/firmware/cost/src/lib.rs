//! The measured functions: reading and writing one frame, and a frame of every type to do it with.
//!
//! The functions are not inlined, so that each has a size, a stack and a count of instructions of
//! its own.

#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod features;
pub mod harness;

use core::hint::black_box;

use cafewire_core::chat::{self, ErrorCode, MessagePayload};
use cafewire_core::echo::{self, Message};
use cafewire_core::{Frame, ParseResult, ProtocolError, ProtocolParser};

/// A stream parser that holds every chat frame.
pub type StreamParser = ProtocolParser<{ chat::MAX_FRAME_SIZE }>;

/// The longest frame among the samples, in bytes.
pub const MAX_SAMPLE_SIZE: usize = 128;

/// A message of one type, of a size that a device would send or receive.
pub struct Sample {
    /// The family and the type.
    pub name: &'static str,
    /// The message.
    pub message: SampleMessage,
}

/// A message of either family.
#[derive(Clone, Copy)]
pub enum SampleMessage {
    /// Of the echo family.
    Echo(Message<'static>),
    /// Of the chat family.
    Chat(MessagePayload<'static>),
}

const USERNAME: &str = "device07";
const ROOM: &str = "workshop";
const TEXT: &str = "21.5 degrees, window still open.";

const fn echo(name: &'static str, message: Message<'static>) -> Sample {
    Sample { name, message: SampleMessage::Echo(message) }
}

const fn chat(name: &'static str, message: MessagePayload<'static>) -> Sample {
    Sample { name, message: SampleMessage::Chat(message) }
}

/// One message of every type: names of 8 bytes, texts and payloads of 32.
pub static SAMPLES: [Sample; 15] = [
    echo("echo Ping", Message::Ping(TEXT.as_bytes())),
    echo("echo Pong", Message::Pong(TEXT.as_bytes())),
    echo("echo Echo", Message::Echo(TEXT.as_bytes())),
    echo("echo Data", Message::Data(TEXT.as_bytes())),
    echo("echo Error", Message::Error(TEXT.as_bytes())),
    chat("chat Connect", MessagePayload::Connect { username: USERNAME }),
    chat("chat Disconnect", MessagePayload::Disconnect),
    chat("chat SendMessage", MessagePayload::SendMessage { room: ROOM, content: TEXT }),
    chat("chat JoinRoom", MessagePayload::JoinRoom { room: ROOM }),
    chat("chat LeaveRoom", MessagePayload::LeaveRoom { room: ROOM }),
    chat("chat ConnectAck", MessagePayload::ConnectAck { user_id: 7, server_info: TEXT }),
    chat(
        "chat MessageBroadcast",
        MessagePayload::MessageBroadcast {
            user_id: 7,
            timestamp: 1_700_000_000_000,
            username: USERNAME,
            room: ROOM,
            content: TEXT,
        },
    ),
    chat(
        "chat UserJoined",
        MessagePayload::UserJoined { user_id: 7, username: USERNAME, room: ROOM },
    ),
    chat("chat UserLeft", MessagePayload::UserLeft { user_id: 7, username: USERNAME, room: ROOM }),
    chat("chat Error", MessagePayload::Error { code: ErrorCode::RateLimited, message: TEXT }),
];

/// Reads one echo frame.
///
/// # Errors
/// Why it is none.
#[inline(never)]
pub fn parse_echo(bytes: &[u8]) -> ParseResult<Message<'_>> {
    Ok(echo::ZeroCopyMessage::parse_from_bytes(bytes)?.message())
}

/// Writes one echo frame.
///
/// # Errors
/// Why it cannot be written.
#[inline(never)]
pub fn encode_echo<'b>(
    message: &Message<'_>,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], ProtocolError> {
    message.encode_into(buffer)
}

/// Reads one chat frame, down to its fields.
///
/// # Errors
/// Why it is none.
#[inline(never)]
pub fn parse_chat(bytes: &[u8]) -> ParseResult<MessagePayload<'_>> {
    chat::ZeroCopyMessage::parse_from_bytes(bytes)?.parse_payload()
}

/// Writes one chat frame.
///
/// # Errors
/// Why it cannot be written.
#[inline(never)]
pub fn encode_chat<'b>(
    message: &MessagePayload<'_>,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], ProtocolError> {
    message.encode_into(buffer)
}

/// Reads the next frame off a line, down to its fields. `None` waits for more bytes.
///
/// # Errors
/// Why the bytes are no frame, or the frame no message.
#[inline(never)]
pub fn parse_stream<'p>(
    parser: &'p mut StreamParser,
    bytes: &[u8],
) -> ParseResult<Option<Heard<'p>>> {
    black_box(parser.feed(bytes));
    parser.try_parse()?.map(heard).transpose()
}

/// A frame, down to its fields.
fn heard(frame: Frame<'_>) -> ParseResult<Heard<'_>> {
    Ok(match frame {
        Frame::Echo(view) => Heard::Echo(view.message()),
        Frame::Chat(view) => Heard::Chat(view.parse_payload()?),
    })
}

/// A message off a line.
pub enum Heard<'p> {
    /// Of the echo family.
    Echo(Message<'p>),
    /// Of the chat family.
    Chat(MessagePayload<'p>),
}

impl Sample {
    /// Encodes the sample.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], ProtocolError> {
        match &self.message {
            SampleMessage::Echo(message) => encode_echo(message, buffer),
            SampleMessage::Chat(message) => encode_chat(message, buffer),
        }
    }
}
