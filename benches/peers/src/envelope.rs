//! The envelope of the chat protocol around any peer's body, so that every frame is delimited,
//! dispatched and summed by the same code.
//!
//! ```text
//!  0        1        2        3        4                 4 + length
//! ┌────────┬────────┬────────┬────────┬─────────────────┬────────┬────────┬────────┬────────┐
//! │version │  type  │      length     │      body…      │              CRC-32               │
//! └────────┴────────┴────────┴────────┴─────────────────┴────────┴────────┴────────┴────────┘
//! ```

use crate::contenders::Contender;
use crate::message::{Kind, Message, Sink};

const VERSION: u8 = 1;
pub(crate) const HEADER_BYTES: usize = 4;
pub(crate) const CHECKSUM_BYTES: usize = 4;

/// The largest body of any contender: JSON needs 612 bytes of text, and keys and quotes around it.
const BODY_BYTES_MAX: usize = 1024;

/// A format of bodies.
pub(crate) trait Body {
    /// A message as a program that uses this format holds it.
    type Value<'m>;

    fn value<'m>(message: &Message<'m>) -> Self::Value<'m>;

    /// The body at the start of `out`: its type and its length in bytes.
    fn encode_body(&mut self, value: &Self::Value<'_>, out: &mut [u8]) -> Option<(Kind, usize)>;

    /// The fields of a body to `sink`; `None` if it is not a good one. Text is checked to be UTF-8.
    fn decode_body(&mut self, kind: Kind, body: &[u8], sink: &mut impl Sink) -> Option<()>;
}

/// A format of bodies in the envelope.
#[derive(Debug, Default)]
pub(crate) struct Enveloped<B>(B);

impl<B: Body> Contender for Enveloped<B> {
    type Value<'m> = B::Value<'m>;

    fn value<'m>(message: &Message<'m>) -> Self::Value<'m> {
        B::value(message)
    }

    #[inline]
    fn encode(&mut self, value: &Self::Value<'_>, buffer: &mut [u8]) -> Option<usize> {
        let (header, body) = buffer.split_first_chunk_mut::<HEADER_BYTES>()?;
        let (kind, length) = self.0.encode_body(value, body)?;
        let [high, low] = u16::try_from(length).ok()?.to_be_bytes();
        *header = [VERSION, kind as u8, high, low];
        let (summed, rest) = buffer.split_at_mut_checked(HEADER_BYTES + length)?;
        *rest.first_chunk_mut()? = crc32fast::hash(summed).to_be_bytes();
        Some(HEADER_BYTES + length + CHECKSUM_BYTES)
    }

    #[inline]
    fn decode(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Option<usize> {
        let (kind, body, consumed) = open(bytes)?;
        self.0.decode_body(kind, body, sink)?;
        Some(consumed)
    }
}

/// The type and body of the frame at the start of `bytes`, its checksum good, and the length of the
/// whole frame.
#[inline]
fn open(bytes: &[u8]) -> Option<(Kind, &[u8], usize)> {
    let (&[version, code, high, low], _) = bytes.split_first_chunk()?;
    let kind = Kind::from_code(code)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if version != VERSION || length > BODY_BYTES_MAX {
        return None;
    }
    let (summed, rest) = bytes.split_at_checked(HEADER_BYTES + length)?;
    let checksum = rest.first_chunk()?;
    if crc32fast::hash(summed) != u32::from_be_bytes(*checksum) {
        return None;
    }
    Some((kind, &summed[HEADER_BYTES..], HEADER_BYTES + length + CHECKSUM_BYTES))
}

/// The bytes that the checksum of the frame at the start of `bytes` covers, and the checksum.
#[inline]
pub(crate) fn split(bytes: &[u8]) -> Option<(&[u8], u32)> {
    let &[_, _, high, low] = bytes.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (summed, rest) = bytes.split_at_checked(HEADER_BYTES + length)?;
    Some((summed, u32::from_be_bytes(*rest.first_chunk()?)))
}
