//! postcard through serde: integers and lengths of variable size, text borrowed.

use serde::{Deserialize, Serialize};

use crate::envelope::Body;
use crate::message::{Kind, Message, Sink};

#[derive(Default)]
pub(super) struct Postcard;

impl Body for Postcard {
    type Value<'m> = Message<'m>;

    fn value<'m>(message: &Message<'m>) -> Message<'m> {
        *message
    }

    #[inline]
    fn encode_body(&mut self, value: &Message<'_>, out: &mut [u8]) -> Option<(Kind, usize)> {
        Some(match value {
            Message::SendMessage(body) => (Kind::SendMessage, put(body, out)?),
            Message::Broadcast(body) => (Kind::Broadcast, put(body, out)?),
        })
    }

    #[inline]
    fn decode_body(&mut self, kind: Kind, body: &[u8], sink: &mut impl Sink) -> Option<()> {
        match kind {
            Kind::SendMessage => sink.send_message(get(body)?),
            Kind::Broadcast => sink.broadcast(get(body)?),
        }
        Some(())
    }
}

#[inline]
fn put(body: &impl Serialize, out: &mut [u8]) -> Option<usize> {
    postcard::to_slice(body, out).ok().map(|written| written.len())
}

#[inline]
fn get<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Option<T> {
    let (decoded, rest) = postcard::take_from_bytes(body).ok()?;
    rest.is_empty().then_some(decoded)
}
