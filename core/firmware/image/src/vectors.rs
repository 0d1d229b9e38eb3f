//! The test vectors, from the table that build.rs made of `core/vectors/vectors.json`.
//! `core/vectors/README.md` explains the stages.

use cafewire_core::{
    Direction, ErrorCode, Family, Field, FieldError, Frame, FrameDecoder, Framing, Message,
    MessagePayload, MessageType, ParseError, ParseResult, ProtocolParser, chat, echo,
};
use semihosting::println;

use crate::outcome::{Outcome, ensure};

include!(concat!(env!("OUT_DIR"), "/vectors.rs"));

pub(crate) struct Vector {
    name: &'static str,
    frame: &'static [u8],
    expected: Expected,
}

enum Expected {
    Echo(Message<'static>),
    Chat(MessagePayload<'static>),
    Error { stage: Stage, error: ParseError, code: u16 },
}

enum Stage {
    OneShot(Family),
    Framing(Direction),
    Connection { family: Family, before: &'static [u8] },
    Payload,
}

/// Counts of the vectors that ran.
#[derive(Default)]
pub struct Tally {
    /// Good frames: read in one piece and byte by byte, and encoded.
    pub good: usize,
    /// Good frames that were read but not encoded, for they are larger than RAM.
    pub not_encoded: usize,
    /// Bad frames: refused with the right error at the right place.
    pub bad: usize,
    /// Vectors that were not run: flash has no room for them.
    pub left_out: usize,
}

/// Runs every vector. Prints the name of the first that disagrees.
///
/// # Errors
/// What of it disagrees.
pub fn run() -> Result<Tally, &'static str> {
    let mut tally = Tally { left_out: LEFT_OUT, ..Tally::default() };
    for vector in VECTORS {
        check(vector, &mut tally).inspect_err(|_| println!("vector {}", vector.name))?;
    }
    Ok(tally)
}

fn check(vector: &Vector, tally: &mut Tally) -> Outcome {
    let frame = vector.frame;
    match vector.expected {
        Expected::Echo(_) | Expected::Chat(_) => {
            tally.good += 1;
            read_whole(frame)?;
            let mut buffer = [0xA5; chat::MAX_FRAME_SIZE + 1];
            if frame.len() < buffer.len() {
                read_byte_by_byte(frame)?;
                encode(vector, &mut buffer)?;
            } else {
                tally.not_encoded += 1;
            }
            carries_its_message(vector)
        }
        Expected::Error { ref stage, error, code } => {
            tally.bad += 1;
            ensure(error.code() == ErrorCode::from_wire(code), "its error has another code")?;
            match *stage {
                Stage::OneShot(family) => one_shot(frame, family, error),
                Stage::Framing(direction) => framing(frame, direction, error),
                Stage::Connection { family, before } => connection(before, frame, family, error),
                Stage::Payload => payload(frame, error),
            }
        }
    }
}

fn read_whole(frame: &[u8]) -> Outcome {
    ensure(Framing::of(frame).consumed() == frame.len(), "the frame is not read whole")?;
    let all_but_one = frame.split_last().map_or(&[][..], |(_, before)| before);
    ensure(
        Framing::of(all_but_one) == Framing::Incomplete { needed: 1 },
        "one byte short, it does not wait for it",
    )
}

fn read_byte_by_byte(frame: &[u8]) -> Outcome {
    let mut parser = ProtocolParser::<{ chat::MAX_FRAME_SIZE }>::new();
    for (position, byte) in frame.iter().enumerate() {
        ensure(parser.feed(core::slice::from_ref(byte)) == 1, "the stream parser has no room")?;
        let is_whole = matches!(parser.try_parse(), Ok(Some(_)));
        ensure(
            is_whole == (position + 1 == frame.len()),
            "the stream parser ends the frame elsewhere",
        )?;
    }
    ensure(parser.skipped_bytes() == 0, "the stream parser skipped bytes")
}

fn carries_its_message(vector: &Vector) -> Outcome {
    let same = match (&vector.expected, Framing::of(vector.frame)) {
        (Expected::Echo(expected), Framing::Frame { frame: Frame::Echo(view), .. }) => {
            view.message() == *expected
        }
        (Expected::Chat(expected), Framing::Frame { frame: Frame::Chat(view), .. }) => {
            view.parse_payload() == Ok(*expected)
        }
        _ => false,
    };
    ensure(same, "it carries another message")
}

fn encode(vector: &Vector, buffer: &mut [u8]) -> Outcome {
    let frame = vector.frame;
    let too_small = buffer.get_mut(..frame.len() - 1).unwrap_or_default();
    let encode = |buffer: &mut [u8]| match vector.expected {
        Expected::Echo(message) => message.encode_into(buffer) == Ok(frame),
        Expected::Chat(message) => message.encode_into(buffer) == Ok(frame),
        Expected::Error { .. } => false,
    };
    ensure(!encode(too_small), "it fits into too small a buffer")?;
    ensure(buffer.iter().all(|&byte| byte == 0xA5), "a buffer too small was written to")?;
    ensure(encode(buffer), "it is encoded differently")?;
    ensure(
        buffer.iter().skip(frame.len()).all(|&byte| byte == 0xA5),
        "encoding wrote past the frame",
    )
}

fn one_shot(frame: &[u8], family: Family, error: ParseError) -> Outcome {
    ensure(read_one_shot(frame, family) == Err(error), "the one-shot parser says something else")?;
    let as_stream = match (error, Framing::of(frame)) {
        (ParseError::Truncated { .. }, Framing::Incomplete { needed }) => needed >= 1,
        (ParseError::TrailingBytes { offset, .. }, Framing::Frame { consumed, .. }) => {
            consumed == offset
        }
        _ => false,
    };
    ensure(as_stream, "in a stream it should be no error")
}

fn read_one_shot(frame: &[u8], family: Family) -> ParseResult<Frame<'_>> {
    match family {
        Family::Echo => echo::ZeroCopyMessage::parse_from_bytes(frame).map(Frame::Echo),
        _ => chat::ZeroCopyMessage::parse_from_bytes(frame).map(Frame::Chat),
    }
}

fn framing(frame: &[u8], direction: Direction, error: ParseError) -> Outcome {
    let refused = Framing::Corrupt { error };
    ensure(
        FrameDecoder::new(direction).next_frame(frame) == refused,
        "framing says something else",
    )?;
    let refused_either_way = Framing::of(frame) == refused;
    ensure(
        refused_either_way == (direction == Direction::Either),
        "framing without a direction differs",
    )
}

fn connection(before: &[u8], frame: &[u8], family: Family, error: ParseError) -> Outcome {
    let mut reader = FrameDecoder::new(Direction::Either);
    ensure(
        reader.next_frame(before).consumed() == before.len(),
        "the frame before is not read whole",
    )?;
    ensure(reader.family() == Some(family), "the connection is of another family")?;
    ensure(
        reader.next_frame(frame) == Framing::Corrupt { error },
        "on this connection it is not refused so",
    )?;
    let place = (before.len() + error.offset()) as u64;
    ensure(reader.stream_offset_of(&error) == place, "the error's place in the stream is another")
}

fn payload(frame: &[u8], error: ParseError) -> Outcome {
    let view =
        chat::ZeroCopyMessage::parse_from_bytes(frame).map_err(|_| "the envelope is refused")?;
    ensure(view.parse_payload() == Err(error), "the payload is not refused so")
}

/// Part of a byte string that is stored once.
const fn part(bytes: &'static [u8], start: usize, length: usize) -> &'static [u8] {
    bytes.split_at(start).1.split_at(length).0
}
