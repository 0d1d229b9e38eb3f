//! The chat protocol's own bodies, read by hand with zerocopy structs for the fixed parts.

use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::envelope::Body;
use crate::message::{Broadcast, Kind, Message, SendMessage, Sink};

#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct BroadcastFixed {
    user_id: U32,
    timestamp: U64,
}

#[derive(Default)]
pub(super) struct Zerocopy;

impl Body for Zerocopy {
    type Value<'m> = Message<'m>;

    fn value<'m>(message: &Message<'m>) -> Message<'m> {
        *message
    }

    #[inline]
    fn encode_body(&mut self, value: &Message<'_>, out: &mut [u8]) -> Option<(Kind, usize)> {
        encode(value, out)
    }

    #[inline]
    fn decode_body(&mut self, kind: Kind, body: &[u8], sink: &mut impl Sink) -> Option<()> {
        match kind {
            Kind::SendMessage => {
                let (room, content) = name(body)?;
                let content = str::from_utf8(content).ok()?;
                sink.send_message(SendMessage { room, content });
            }
            Kind::Broadcast => {
                let (fixed, rest) = BroadcastFixed::ref_from_prefix(body).ok()?;
                let (username, rest) = name(rest)?;
                let (room, content) = name(rest)?;
                let content = str::from_utf8(content).ok()?;
                let (user_id, timestamp) = (fixed.user_id.get(), fixed.timestamp.get());
                sink.broadcast(Broadcast { user_id, timestamp, username, room, content });
            }
        }
        Some(())
    }
}

/// The body of the chat protocol, also for contenders that only parse it.
#[inline]
pub(super) fn encode(message: &Message<'_>, out: &mut [u8]) -> Option<(Kind, usize)> {
    let available = out.len();
    let (kind, rest) = match *message {
        Message::SendMessage(SendMessage { room, content }) => {
            (Kind::SendMessage, put(content.as_bytes(), put_name(room, out)?)?)
        }
        Message::Broadcast(Broadcast { user_id, timestamp, username, room, content }) => {
            let fixed = BroadcastFixed { user_id: user_id.into(), timestamp: timestamp.into() };
            let rest = put(fixed.as_bytes(), out)?;
            let rest = put_name(room, put_name(username, rest)?)?;
            (Kind::Broadcast, put(content.as_bytes(), rest)?)
        }
    };
    Some((kind, available - rest.len()))
}

#[inline]
fn name(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (&len_bytes, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(len_bytes))?;
    Some((str::from_utf8(name).ok()?, rest))
}

#[inline]
fn put<'o>(bytes: &[u8], out: &'o mut [u8]) -> Option<&'o mut [u8]> {
    let (place, rest) = out.split_at_mut_checked(bytes.len())?;
    place.copy_from_slice(bytes);
    Some(rest)
}

#[inline]
fn put_name<'o>(name: &str, out: &'o mut [u8]) -> Option<&'o mut [u8]> {
    let (len_bytes, rest) = out.split_first_mut()?;
    *len_bytes = u8::try_from(name.len()).ok()?;
    put(name.as_bytes(), rest)
}
