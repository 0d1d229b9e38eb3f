//! bitcode, through buffers that are kept. It encodes into a vector of its own, which is copied.

use bitcode::{Buffer, Encode};

use crate::envelope::Body;
use crate::message::{Kind, Message, Sink};

#[derive(Default)]
pub(super) struct Bitcode {
    buffer: Buffer,
}

impl Bitcode {
    #[inline]
    fn put(&mut self, body: &impl Encode, out: &mut [u8]) -> Option<usize> {
        let encoded = self.buffer.encode(body);
        out.get_mut(..encoded.len())?.copy_from_slice(encoded);
        Some(encoded.len())
    }
}

impl Body for Bitcode {
    type Value<'m> = Message<'m>;

    fn value<'m>(message: &Message<'m>) -> Message<'m> {
        *message
    }

    #[inline]
    fn encode_body(&mut self, value: &Message<'_>, out: &mut [u8]) -> Option<(Kind, usize)> {
        Some(match value {
            Message::SendMessage(body) => (Kind::SendMessage, self.put(body, out)?),
            Message::Broadcast(body) => (Kind::Broadcast, self.put(body, out)?),
        })
    }

    #[inline]
    fn decode_body(&mut self, kind: Kind, body: &[u8], sink: &mut impl Sink) -> Option<()> {
        match kind {
            Kind::SendMessage => sink.send_message(self.buffer.decode(body).ok()?),
            Kind::Broadcast => sink.broadcast(self.buffer.decode(body).ok()?),
        }
        Some(())
    }
}
