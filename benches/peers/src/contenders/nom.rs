//! nom over the chat protocol's own bodies. It only parses: the zerocopy structs write its stream.

use nom::combinator::{all_consuming, map_res, rest};
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u32, be_u64};
use nom::{IResult, Parser};

use super::zerocopy;
use crate::envelope::Body;
use crate::message::{Broadcast, Kind, Message, SendMessage, Sink};

type Parsed<'b, T> = IResult<&'b [u8], T, ()>;

#[derive(Default)]
pub(super) struct Nom;

impl Body for Nom {
    type Value<'m> = Message<'m>;

    fn value<'m>(message: &Message<'m>) -> Message<'m> {
        *message
    }

    fn encode_body(&mut self, value: &Message<'_>, out: &mut [u8]) -> Option<(Kind, usize)> {
        zerocopy::encode(value, out)
    }

    #[inline]
    fn decode_body(&mut self, kind: Kind, body: &[u8], sink: &mut impl Sink) -> Option<()> {
        match kind {
            Kind::SendMessage => {
                let (_, (room, content)) = all_consuming((name, text)).parse(body).ok()?;
                sink.send_message(SendMessage { room, content });
            }
            Kind::Broadcast => {
                let (_, (user_id, timestamp, username, room, content)) =
                    all_consuming((be_u32, be_u64, name, name, text)).parse(body).ok()?;
                sink.broadcast(Broadcast { user_id, timestamp, username, room, content });
            }
        }
        Some(())
    }
}

#[inline]
fn name(input: &[u8]) -> Parsed<'_, &str> {
    map_res(length_data(be_u8), str::from_utf8).parse(input)
}

#[inline]
fn text(input: &[u8]) -> Parsed<'_, &str> {
    map_res(rest, str::from_utf8).parse(input)
}
