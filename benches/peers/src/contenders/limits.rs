//! Parts of the work alone, over the chat protocol's own frames: what a contender that does that
//! part with the same code cannot be faster than. They give no fields.

use cafewire_kernel::Level;

use super::Contender;
use super::cafewire::Cafewire;
use crate::envelope::{CHECKSUM_BYTES, HEADER_BYTES, split};
use crate::message::{Broadcast, Kind, Message, SendMessage, Sink};

const FRAME_BYTES_MAX: usize = cafewire_core::chat::MAX_FRAME_SIZE;

/// Lengths and checksums.
pub(super) struct ChecksumAlone;

impl Contender for ChecksumAlone {
    type Value<'m> = Message<'m>;

    fn value<'m>(message: &Message<'m>) -> Message<'m> {
        *message
    }

    fn stream(&mut self, messages: &[Message<'_>]) -> Option<Vec<u8>> {
        stream(messages)
    }

    #[inline]
    fn decode(&mut self, bytes: &[u8], _: &mut impl Sink) -> Option<usize> {
        let (summed, checksum) = split(bytes)?;
        (crc32fast::hash(summed) == checksum).then_some(summed.len() + CHECKSUM_BYTES)
    }
}

/// Lengths, and texts that are UTF-8 as this function says.
pub(super) struct Utf8Alone<F>(pub(super) F);

impl<F: Fn(&[u8]) -> bool> Contender for Utf8Alone<F> {
    type Value<'m> = Message<'m>;

    fn value<'m>(message: &Message<'m>) -> Message<'m> {
        *message
    }

    fn stream(&mut self, messages: &[Message<'_>]) -> Option<Vec<u8>> {
        stream(messages)
    }

    #[inline]
    fn decode(&mut self, bytes: &[u8], _: &mut impl Sink) -> Option<usize> {
        let (summed, _) = split(bytes)?;
        let (integers_bytes, names) = match Kind::from_code(summed[1])? {
            Kind::SendMessage => (0, 1),
            Kind::Broadcast => (12, 2),
        };
        let mut rest = summed.get(HEADER_BYTES + integers_bytes..)?;
        let mut valid = true;
        for _ in 0..names {
            let (&len_bytes, after) = rest.split_first()?;
            let (name, after) = after.split_at_checked(usize::from(len_bytes))?;
            valid &= self.0(name);
            rest = after;
        }
        (valid && self.0(rest)).then_some(summed.len() + CHECKSUM_BYTES)
    }
}

/// Parsing: lengths, and every frame copied. Encoding: every text copied behind the one before.
pub(super) struct CopyAlone {
    copy: Box<[u8; FRAME_BYTES_MAX]>,
}

impl Default for CopyAlone {
    fn default() -> Self {
        Self { copy: Box::new([0; FRAME_BYTES_MAX]) }
    }
}

impl Contender for CopyAlone {
    type Value<'m> = Message<'m>;

    fn value<'m>(message: &Message<'m>) -> Message<'m> {
        *message
    }

    #[inline]
    fn encode(&mut self, message: &Message<'_>, buffer: &mut [u8]) -> Option<usize> {
        match *message {
            Message::SendMessage(SendMessage { room, content }) => copy([room, content], buffer),
            Message::Broadcast(Broadcast { username, room, content, .. }) => {
                copy([username, room, content], buffer)
            }
        }
    }

    fn stream(&mut self, messages: &[Message<'_>]) -> Option<Vec<u8>> {
        stream(messages)
    }

    #[inline]
    fn decode(&mut self, bytes: &[u8], _: &mut impl Sink) -> Option<usize> {
        let (summed, _) = split(bytes)?;
        let frame_bytes = summed.len() + CHECKSUM_BYTES;
        self.copy.get_mut(..frame_bytes)?.copy_from_slice(&bytes[..frame_bytes]);
        Some(frame_bytes)
    }
}

#[inline]
fn copy<const N: usize>(texts: [&str; N], buffer: &mut [u8]) -> Option<usize> {
    let mut copied_bytes = 0;
    for text in texts {
        let place = buffer.get_mut(copied_bytes..copied_bytes + text.len())?;
        place.copy_from_slice(text.as_bytes());
        copied_bytes += text.len();
    }
    Some(copied_bytes)
}

fn stream(messages: &[Message<'_>]) -> Option<Vec<u8>> {
    let values: Vec<_> = messages.iter().map(Cafewire::value).collect();
    Cafewire { level: Level::detect() }.stream(&values)
}
