//! minicbor: structs as arrays, text borrowed.

use minicbor::{Decode, Decoder, Encode};

use crate::envelope::Body;
use crate::message::{Kind, Message, Sink};

#[derive(Default)]
pub(super) struct Minicbor;

impl Body for Minicbor {
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
fn put(body: &impl Encode<()>, out: &mut [u8]) -> Option<usize> {
    let available = out.len();
    let mut rest = out;
    minicbor::encode(body, &mut rest).ok()?;
    Some(available - rest.len())
}

#[inline]
fn get<'b, T: Decode<'b, ()>>(body: &'b [u8]) -> Option<T> {
    let mut decoder = Decoder::new(body);
    let decoded = decoder.decode().ok()?;
    (decoder.position() == body.len()).then_some(decoded)
}
