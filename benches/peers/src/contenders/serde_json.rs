//! serde_json, text borrowed: there is nothing in these texts that JSON escapes.

use serde::{Deserialize, Serialize};

use crate::envelope::Body;
use crate::message::{Kind, Message, Sink};

#[derive(Default)]
pub(super) struct SerdeJson;

impl Body for SerdeJson {
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
    let available = out.len();
    let mut rest = out;
    serde_json::to_writer(&mut rest, body).ok()?;
    Some(available - rest.len())
}

#[inline]
fn get<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}
