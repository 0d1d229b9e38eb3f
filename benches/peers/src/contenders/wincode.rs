//! wincode with lengths of two bytes instead of eight, so that it sums no more than it has to.

use wincode::config::{Configuration, DEFAULT_PREALLOCATION_SIZE_LIMIT};
use wincode::len::FixIntLen;
use wincode::{SchemaRead, SchemaWrite};

use crate::envelope::Body;
use crate::message::{Kind, Message, Sink};

type Config = Configuration<true, DEFAULT_PREALLOCATION_SIZE_LIMIT, FixIntLen<u16>>;

const CONFIG: Config = Configuration::default().with_length_encoding();

#[derive(Default)]
pub(super) struct Wincode;

impl Body for Wincode {
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
fn put<T: SchemaWrite<Config, Src = T>>(body: &T, out: &mut [u8]) -> Option<usize> {
    let available = out.len();
    let mut rest = out;
    wincode::config::serialize_into(&mut rest, body, CONFIG).ok()?;
    Some(available - rest.len())
}

#[inline]
fn get<'b, T: SchemaRead<'b, Config, Dst = T>>(body: &'b [u8]) -> Option<T> {
    wincode::config::deserialize_exact(body, CONFIG).ok()
}
