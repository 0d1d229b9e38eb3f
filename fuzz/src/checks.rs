//! Properties of every stream, whatever it holds. Each function panics with the difference when one
//! does not hold.

use cafewire_core::{Decoded, Frame, FrameDecoder, Framing, ParseError, ProtocolError, chat, echo};

use crate::reference::{self, Direction, Family, Outcome};
use crate::translate;

/// Filler of an encoder's buffer: bytes that were not written keep it.
pub(crate) const UNTOUCHED: u8 = 0xA5;

/// Frame by frame, whatever the family of the frame before: same frames, same faults, and all of
/// the input accounted for.
pub(crate) fn frames_agree(stream: &[u8]) {
    let mut rest = stream;
    let mut consumed_bytes = 0;
    loop {
        let framing = Framing::of(rest);
        assert_eq!(translate::outcome(framing), reference::first_frame(rest, Direction::Either));
        one_shot_agrees(rest, framing);
        assert_eq!(Decoded::of(rest), in_one_step(framing), "one step and two disagree");
        let Framing::Frame { frame, consumed } = framing else { break };
        let (bytes, after) = rest.split_at(consumed);
        borrows_from(bytes, frame);
        encodes_to(bytes, frame);
        consumed_bytes += consumed;
        rest = after;
    }
    assert_eq!(consumed_bytes + rest.len(), stream.len());
}

/// The rules that span the frames of a connection.
pub(crate) fn connections_agree(stream: &[u8], direction: Direction) {
    let mut reader = FrameDecoder::new(translate::direction(direction));
    let mut family = None;
    let mut rest = stream;
    loop {
        let decoded = reader.clone().next_message(rest);
        let framing = reader.next_frame(rest);
        assert_eq!(decoded, in_one_step(framing), "one step and two disagree");
        let expected = reference::frame_of_connection(rest, direction, family);
        let offset_bytes = (stream.len() - rest.len()) as u64;
        assert_eq!(translate::outcome(framing), expected);
        if let Framing::Corrupt { error } = framing {
            assert_eq!(reader.stream_offset_of(&error), offset_bytes + error.offset() as u64);
        }
        let Outcome::Frame { frame, consumed } = expected else { break };
        assert_eq!(reader.family(), Some(family_of(frame.family)));
        family = Some(frame.family);
        rest = &rest[consumed..];
        assert_eq!(reader.stream_offset(), (stream.len() - rest.len()) as u64);
    }
}

/// The same stream in chunks, of these sizes cyclically, gives what it gives in one piece, and no
/// `Incomplete` needs more than the frame takes.
pub(crate) fn chunks_change_nothing(
    stream: &[u8],
    direction: Direction,
    chunk_sizes_bytes: &[usize],
) {
    let new_reader = || FrameDecoder::new(translate::direction(direction));
    let mut whole = new_reader();
    let mut chunked = new_reader();
    let mut chunk_sizes = chunk_sizes_bytes.iter().cycle();
    let mut start = 0;
    let mut end = 0;
    loop {
        let expected = whole.next_frame(&stream[start..]);
        let mut wanted = 0;
        let framing = loop {
            match chunked.next_frame(&stream[start..end]) {
                Framing::Incomplete { needed } => {
                    assert!(needed > 0);
                    wanted = wanted.max(end + needed);
                    if end == stream.len() {
                        break Framing::Incomplete { needed };
                    }
                    let size = chunk_sizes.next().expect("at least one chunk size");
                    end = stream.len().min(end + size);
                }
                Framing::Frame { frame, consumed } => {
                    assert!(
                        start + consumed >= wanted,
                        "Incomplete asked for more than the frame took"
                    );
                    break Framing::Frame { frame, consumed };
                }
                corrupt => break corrupt,
            }
        };
        assert_eq!(framing, expected);
        assert_eq!(chunked.stream_offset(), whole.stream_offset());
        match framing.consumed() {
            0 => break,
            consumed => start += consumed,
        }
    }
}

/// What framing and then reading the payload give, as decoding in one step should say it.
fn in_one_step(framing: Framing<'_>) -> Decoded<'_> {
    match framing {
        Framing::Frame { frame: Frame::Echo(view), consumed } => {
            Decoded::Echo { message: view.message(), consumed }
        }
        Framing::Frame { frame: Frame::Chat(view), consumed } => match view.parse_payload() {
            Ok(message) => Decoded::Chat { message, consumed },
            Err(error) => Decoded::Refused { error, consumed },
        },
        Framing::Incomplete { needed } => Decoded::Incomplete { needed },
        Framing::Corrupt { error } => Decoded::Corrupt { error },
    }
}

/// `parse_from_bytes` takes exactly one frame.
fn one_shot_agrees(bytes: &[u8], framing: Framing<'_>) {
    let result = match bytes.first() {
        Some(&byte) if byte == echo::MAGIC_BYTES[0] => {
            echo::ZeroCopyMessage::parse_from_bytes(bytes).map(Frame::Echo)
        }
        _ => chat::ZeroCopyMessage::parse_from_bytes(bytes).map(Frame::Chat),
    };
    let expected = match framing {
        Framing::Frame { frame, consumed } if consumed == bytes.len() => Ok(frame),
        Framing::Frame { consumed, .. } => {
            Err(ParseError::TrailingBytes { offset: consumed, extra: bytes.len() - consumed })
        }
        Framing::Incomplete { needed } => {
            Err(ParseError::Truncated { needed: bytes.len() + needed, available: bytes.len() })
        }
        Framing::Corrupt { error } => Err(error),
    };
    if bytes.is_empty() {
        // Without a byte the family is unknown, and so is the size of the header.
        assert!(matches!(result, Err(ParseError::Truncated { available: 0, .. })));
    } else {
        assert_eq!(result, expected);
    }
}

fn borrows_from(bytes: &[u8], frame: Frame<'_>) {
    let payload = match frame {
        Frame::Echo(view) => view.payload,
        Frame::Chat(view) => view.payload,
    };
    let (inside, outside) = (payload.as_ptr_range(), bytes.as_ptr_range());
    assert!(inside.start >= outside.start && inside.end <= outside.end, "the payload was copied");
}

/// A parsed message, encoded again, is the bytes that it came from: one message, one byte string.
fn encodes_to(bytes: &[u8], frame: Frame<'_>) {
    match frame {
        Frame::Echo(view) => {
            assert_eq!(view.encoded_len(), bytes.len());
            writes_exactly(bytes, |buffer| view.encode_into(buffer));
            writes_exactly(bytes, |buffer| view.message().encode_into(buffer));
            assert_eq!(view.header().unwrap(), bytes[..echo::HEADER_SIZE]);
        }
        Frame::Chat(view) => {
            assert_eq!(view.encoded_len(), bytes.len());
            writes_exactly(bytes, |buffer| view.encode_into(buffer));
            if let Ok(payload) = view.parse_payload() {
                assert_eq!(payload.validate(), Ok(()));
                assert_eq!(payload.message_type(), view.message_type);
                assert_eq!(payload.encoded_len(), bytes.len());
                writes_exactly(bytes, |buffer| payload.encode_into(buffer));
                let valid = chat::ValidMessage::new(payload).unwrap();
                writes_exactly(bytes, |buffer| valid.encode_into(buffer));
            }
        }
    }
}

pub(crate) fn writes_exactly(
    bytes: &[u8],
    encode: impl for<'b> Fn(&'b mut [u8]) -> Result<&'b [u8], ProtocolError>,
) {
    let (needed, spare) = (bytes.len(), 3);
    let mut buffer = vec![UNTOUCHED; needed + spare];
    assert_eq!(encode(&mut buffer), Ok(bytes), "other bytes were encoded");
    assert_eq!(buffer[needed..], [UNTOUCHED; 3], "wrote past the frame");

    let available = needed - 1;
    let mut short = vec![UNTOUCHED; available];
    assert_eq!(encode(&mut short), Err(ProtocolError::BufferTooSmall { needed, available }));
    assert!(short.iter().all(|&byte| byte == UNTOUCHED), "wrote before it refused");
}

fn family_of(family: Family) -> cafewire_core::Family {
    match family {
        Family::Echo => cafewire_core::Family::Echo,
        Family::Chat => cafewire_core::Family::ChatV1,
    }
}
