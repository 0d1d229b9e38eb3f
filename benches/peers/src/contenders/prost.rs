//! prost: Protocol Buffers. Its messages own their strings, and integers have fixed sizes here,
//! which is its faster form.

use prost::Message as _;

use crate::envelope::Body;
use crate::message::{self, Kind, Message, Sink};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SendMessage {
    #[prost(string, tag = "1")]
    room: String,
    #[prost(string, tag = "2")]
    content: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Broadcast {
    #[prost(fixed32, tag = "1")]
    user_id: u32,
    #[prost(fixed64, tag = "2")]
    timestamp: u64,
    #[prost(string, tag = "3")]
    username: String,
    #[prost(string, tag = "4")]
    room: String,
    #[prost(string, tag = "5")]
    content: String,
}

pub(super) enum Value {
    SendMessage(SendMessage),
    Broadcast(Broadcast),
}

#[derive(Default)]
pub(super) struct Prost;

impl Body for Prost {
    type Value<'m> = Value;

    fn value(message: &Message<'_>) -> Value {
        match *message {
            Message::SendMessage(message::SendMessage { room, content }) => {
                let (room, content) = (room.to_owned(), content.to_owned());
                Value::SendMessage(SendMessage { room, content })
            }
            Message::Broadcast(message) => Value::Broadcast(Broadcast {
                user_id: message.user_id,
                timestamp: message.timestamp,
                username: message.username.to_owned(),
                room: message.room.to_owned(),
                content: message.content.to_owned(),
            }),
        }
    }

    #[inline]
    fn encode_body(&mut self, value: &Value, out: &mut [u8]) -> Option<(Kind, usize)> {
        let available = out.len();
        let mut rest = out;
        let kind = match value {
            Value::SendMessage(body) => {
                body.encode(&mut rest).ok()?;
                Kind::SendMessage
            }
            Value::Broadcast(body) => {
                body.encode(&mut rest).ok()?;
                Kind::Broadcast
            }
        };
        Some((kind, available - rest.len()))
    }

    #[inline]
    fn decode_body(&mut self, kind: Kind, body: &[u8], sink: &mut impl Sink) -> Option<()> {
        match kind {
            Kind::SendMessage => {
                let SendMessage { room, content } = &SendMessage::decode(body).ok()?;
                sink.send_message(message::SendMessage { room, content });
            }
            Kind::Broadcast => {
                let &Broadcast { user_id, timestamp, ref username, ref room, ref content } =
                    &Broadcast::decode(body).ok()?;
                sink.broadcast(message::Broadcast { user_id, timestamp, username, room, content });
            }
        }
        Some(())
    }
}
