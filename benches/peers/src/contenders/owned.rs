//! The chat protocol's own bodies as most programs would read and write them: a message that owns
//! its strings, a body in a vector of its own. No slower than it has to be for that: text is
//! validated in place before it is copied, and the vector is sized at once.

use crate::envelope::Body;
use crate::message::{Broadcast, Kind, Message, SendMessage, Sink};

#[derive(Default)]
pub(super) struct Owned;

pub(super) enum Value {
    SendMessage { room: String, content: String },
    Broadcast { user_id: u32, timestamp: u64, username: String, room: String, content: String },
}

impl Body for Owned {
    type Value<'m> = Value;

    fn value(message: &Message<'_>) -> Value {
        match *message {
            Message::SendMessage(SendMessage { room, content }) => {
                Value::SendMessage { room: room.to_owned(), content: content.to_owned() }
            }
            Message::Broadcast(message) => Value::Broadcast {
                user_id: message.user_id,
                timestamp: message.timestamp,
                username: message.username.to_owned(),
                room: message.room.to_owned(),
                content: message.content.to_owned(),
            },
        }
    }

    #[inline]
    fn encode_body(&mut self, value: &Value, out: &mut [u8]) -> Option<(Kind, usize)> {
        let (kind, body) = encode(value)?;
        out.get_mut(..body.len())?.copy_from_slice(&body);
        Some((kind, body.len()))
    }

    #[inline]
    fn decode_body(&mut self, kind: Kind, body: &[u8], sink: &mut impl Sink) -> Option<()> {
        match &parse(kind, body)? {
            Value::SendMessage { room, content } => {
                sink.send_message(SendMessage { room, content });
            }
            &Value::Broadcast { user_id, timestamp, ref username, ref room, ref content } => {
                sink.broadcast(Broadcast { user_id, timestamp, username, room, content });
            }
        }
        Some(())
    }
}

fn encode(value: &Value) -> Option<(Kind, Vec<u8>)> {
    match value {
        Value::SendMessage { room, content } => {
            let mut body = Vec::with_capacity(1 + room.len() + content.len());
            put_name(&mut body, room)?;
            body.extend_from_slice(content.as_bytes());
            Some((Kind::SendMessage, body))
        }
        Value::Broadcast { user_id, timestamp, username, room, content } => {
            let texts_bytes = username.len() + room.len() + content.len();
            let mut body = Vec::with_capacity(4 + 8 + 1 + 1 + texts_bytes);
            body.extend_from_slice(&user_id.to_be_bytes());
            body.extend_from_slice(&timestamp.to_be_bytes());
            put_name(&mut body, username)?;
            put_name(&mut body, room)?;
            body.extend_from_slice(content.as_bytes());
            Some((Kind::Broadcast, body))
        }
    }
}

fn parse(kind: Kind, mut body: &[u8]) -> Option<Value> {
    match kind {
        Kind::SendMessage => {
            Some(Value::SendMessage { room: name(&mut body)?, content: text(body)? })
        }
        Kind::Broadcast => Some(Value::Broadcast {
            user_id: u32::from_be_bytes(array(&mut body)?),
            timestamp: u64::from_be_bytes(array(&mut body)?),
            username: name(&mut body)?,
            room: name(&mut body)?,
            content: text(body)?,
        }),
    }
}

fn array<const N: usize>(body: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = body.split_first_chunk()?;
    *body = rest;
    Some(*array)
}

fn name(body: &mut &[u8]) -> Option<String> {
    let [len_bytes] = array(body)?;
    let (name, rest) = body.split_at_checked(usize::from(len_bytes))?;
    *body = rest;
    text(name)
}

fn text(bytes: &[u8]) -> Option<String> {
    str::from_utf8(bytes).ok().map(str::to_owned)
}

fn put_name(body: &mut Vec<u8>, name: &str) -> Option<()> {
    body.push(u8::try_from(name.len()).ok()?);
    body.extend_from_slice(name.as_bytes());
    Some(())
}
