//! One walk over a stream for each side of a comparison. All return the number of frames, and pass
//! every message to [`black_box`], so that no compiler may leave out what a program would use.

use std::hint::black_box;

use cafewire_core::{Decoded, MessagePayload};

use crate::owned::OwnedMessage;

/// cafewire-core: frame, checksum, every field as a borrowed, checked view.
///
/// # Panics
/// If the stream is not good from end to end; the others panic then too.
#[must_use]
pub fn parse_with_cafewire(stream: &[u8]) -> usize {
    let mut rest = stream;
    let mut frames = 0;
    while !rest.is_empty() {
        let decoded = Decoded::of(rest);
        assert!(matches!(decoded, Decoded::Chat { .. } | Decoded::Echo { .. }), "a bad stream");
        rest = &rest[decoded.consumed()..];
        let _ = black_box(decoded);
        frames += 1;
    }
    frames
}

/// The owned parser: frame, checksum, every field in a string of its own.
#[must_use]
pub fn parse_with_owned(stream: &[u8]) -> usize {
    let mut rest = stream;
    let mut frames = 0;
    while !rest.is_empty() {
        let (message, consumed) = OwnedMessage::parse(rest).expect("a good frame");
        black_box(message);
        rest = &rest[consumed..];
        frames += 1;
    }
    frames
}

/// Nothing but lengths and checksums: a lower bound for any parser of this format with the same
/// checksum code.
#[must_use]
pub fn checksum_alone(stream: &[u8]) -> usize {
    let mut rest = stream;
    let mut frames = 0;
    while let &[_, _, high, low, ..] = rest {
        let (summed, after) = rest.split_at(4 + usize::from(u16::from_be_bytes([high, low])));
        let (checksum, after) = after.split_first_chunk::<4>().expect("a whole frame");
        assert_eq!(crc32fast::hash(summed), u32::from_be_bytes(*checksum));
        rest = after;
        frames += 1;
    }
    frames
}

/// cafewire-core: every message into the caller's buffer, one frame behind the other. Returns the
/// bytes written.
#[must_use]
pub fn encode_with_cafewire(messages: &[MessagePayload<'_>], buffer: &mut [u8]) -> usize {
    let mut written = 0;
    for message in messages {
        written +=
            black_box(message.encode_into(&mut buffer[written..]).expect("a buffer large enough"))
                .len();
    }
    written
}

/// The owned encoder: every frame in a vector of its own. Returns the bytes written.
#[must_use]
pub fn encode_with_owned(messages: &[OwnedMessage]) -> usize {
    messages
        .iter()
        .map(|message| black_box(message.encode().expect("a message that may be sent")).len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload;

    #[test]
    fn all_sides_do_the_whole_of_the_same_work() {
        let messages = workload::stream(3, 20, 100_000);
        let stream = workload::encode_all(&messages);
        assert_eq!(parse_with_cafewire(&stream), messages.len());
        assert_eq!(parse_with_owned(&stream), messages.len());
        assert_eq!(checksum_alone(&stream), messages.len());

        let borrowed: Vec<_> = messages.iter().map(OwnedMessage::as_borrowed).collect();
        let mut buffer = vec![0; stream.len()];
        assert_eq!(encode_with_cafewire(&borrowed, &mut buffer), stream.len());
        assert_eq!(buffer, stream);
        assert_eq!(encode_with_owned(&messages), stream.len());
    }
}
