//! bincode 2 in its standard configuration: little-endian, lengths and integers of variable size.

use bincode::config::{Configuration, standard};
use bincode::{BorrowDecode, Encode};

use crate::envelope::Body;
use crate::message::{Kind, Message, Sink};

const CONFIG: Configuration = standard();

#[derive(Default)]
pub(super) struct Bincode;

impl Body for Bincode {
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
fn put(body: &impl Encode, out: &mut [u8]) -> Option<usize> {
    bincode::encode_into_slice(body, out, CONFIG).ok()
}

#[inline]
fn get<'b, T: BorrowDecode<'b, ()>>(body: &'b [u8]) -> Option<T> {
    let (decoded, consumed) = bincode::borrow_decode_from_slice(body, CONFIG).ok()?;
    (consumed == body.len()).then_some(decoded)
}
