//! rkyv: an archive that is checked in place and read where it lies. The low-level API, without
//! shared pointers to keep account of, is the faster one.

use rkyv::api::low::{LowSerializer, access, to_bytes_in_with_alloc};
use rkyv::rancor::Failure;
use rkyv::ser::allocator::SubAllocator;
use rkyv::ser::writer::Buffer;
use rkyv::{Archive, Serialize};

use crate::envelope::Body;
use crate::message::{self, Kind, Message, Sink};

#[derive(Archive, Serialize)]
pub(super) struct SendMessage {
    room: String,
    content: String,
}

#[derive(Archive, Serialize)]
pub(super) struct Broadcast {
    user_id: u32,
    timestamp: u64,
    username: String,
    room: String,
    content: String,
}

pub(super) enum Value {
    SendMessage(SendMessage),
    Broadcast(Broadcast),
}

#[derive(Default)]
pub(super) struct Rkyv;

impl Body for Rkyv {
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
        Some(match value {
            Value::SendMessage(body) => (Kind::SendMessage, put(body, out)?),
            Value::Broadcast(body) => (Kind::Broadcast, put(body, out)?),
        })
    }

    #[inline]
    fn decode_body(&mut self, kind: Kind, body: &[u8], sink: &mut impl Sink) -> Option<()> {
        match kind {
            Kind::SendMessage => {
                let archived = access::<ArchivedSendMessage, Failure>(body).ok()?;
                let (room, content) = (archived.room.as_str(), archived.content.as_str());
                sink.send_message(message::SendMessage { room, content });
            }
            Kind::Broadcast => {
                let archived = access::<ArchivedBroadcast, Failure>(body).ok()?;
                sink.broadcast(message::Broadcast {
                    user_id: archived.user_id.to_native(),
                    timestamp: archived.timestamp.to_native(),
                    username: &archived.username,
                    room: &archived.room,
                    content: &archived.content,
                });
            }
        }
        Some(())
    }
}

#[inline]
fn put<'o, T>(body: &T, out: &'o mut [u8]) -> Option<usize>
where
    T: for<'s> Serialize<LowSerializer<Buffer<'o>, SubAllocator<'s>, Failure>>,
{
    // Strings need no scratch space.
    let allocator = SubAllocator::new(&mut []);
    let written = to_bytes_in_with_alloc::<_, _, Failure>(body, Buffer::from(out), allocator);
    written.ok().map(|written| written.len())
}
