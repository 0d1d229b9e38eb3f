//! winnow over the chat protocol's own bodies. It only parses: the zerocopy structs write its
//! stream.

use winnow::Parser;
use winnow::binary::{be_u8, be_u32, be_u64, length_take};
use winnow::error::EmptyError;
use winnow::token::rest;

use super::zerocopy;
use crate::envelope::Body;
use crate::message::{Broadcast, Kind, Message, SendMessage, Sink};

#[derive(Default)]
pub(super) struct Winnow;

impl Body for Winnow {
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
                let (room, content) = (name, text).parse(body).ok()?;
                sink.send_message(SendMessage { room, content });
            }
            Kind::Broadcast => {
                let (user_id, timestamp, username, room, content) =
                    (be_u32, be_u64, name, name, text).parse(body).ok()?;
                sink.broadcast(Broadcast { user_id, timestamp, username, room, content });
            }
        }
        Some(())
    }
}

#[inline]
fn name<'b>(input: &mut &'b [u8]) -> Result<&'b str, EmptyError> {
    length_take(be_u8).try_map(str::from_utf8).parse_next(input)
}

#[inline]
fn text<'b>(input: &mut &'b [u8]) -> Result<&'b str, EmptyError> {
    rest.try_map(str::from_utf8).parse_next(input)
}
