//! Target `resync`: good frames, between noise and inside each other. Knows the position of each
//! frame, and nothing of the search.

use std::ops::Range;

use arbitrary::Unstructured;
use cafewire_core::{MessageType, echo};

use crate::line::Listening;
use crate::reference::encoder::{echo_frame, raw_chat_frame};
use crate::reference::line::is_sent;
use crate::reference::{Direction, Family, Outcome, first_frame};

/// A limit that keeps the fuzzer fast: nesting doubles the bytes that it nests.
const LINE_SIZE_MAX: usize = 16 << 10;

/// Lines are made of pieces, each of them two bytes and then up to 255 more.
///
/// | byte | bits | meaning |
/// |---|---|---|
/// | 0 | 0..=2 | which piece, see [`Line::add`] |
/// | 0 | 3..=7 | its type, where it has one |
/// | 1 | | how many bytes follow |
pub(crate) fn check(data: &[u8]) -> arbitrary::Result<()> {
    let mut data = Unstructured::new(data);
    let listening = Listening::new(&mut data)?;
    let mut line = Line { bytes: Vec::new(), frames: Vec::new(), last: 0..0 };
    while !data.is_empty() && line.bytes.len() < LINE_SIZE_MAX {
        let [kind, count]: [u8; 2] = data.arbitrary()?;
        let bytes = data.bytes(usize::from(count).min(data.len()))?;
        line.add(kind & 7, usize::from(kind >> 3), bytes);
    }
    for heard in listening.hear(&line.bytes) {
        let heard: Vec<_> =
            heard.frames.iter().map(|(at, frame)| *at..at + frame.size_bytes()).collect();
        line.is_heard(&heard, &listening);
    }
    Ok(())
}

/// A line, and where its frames are.
struct Line {
    bytes: Vec<u8>,
    frames: Vec<Sent>,
    /// Position of the piece before.
    last: Range<usize>,
}

struct Sent {
    place: Range<usize>,
    family: Family,
    to_server: bool,
}

impl Line {
    fn add(&mut self, kind: u8, type_index: usize, bytes: &[u8]) {
        let chat_type = MessageType::ALL[type_index % MessageType::ALL.len()];
        let echo_type = echo::MessageType::ALL[type_index % echo::MessageType::ALL.len()];
        let around_last = [&self.bytes[self.last.clone()], bytes].concat();
        match kind {
            0 => self.add_chat(chat_type, bytes),
            1 => self.add_echo(echo_type, bytes),
            2 => self.add_chat(chat_type, &around_last),
            3 => self.add_echo(echo_type, &around_last),
            4 => self.add_damaged(chat_type, bytes),
            // A chat header without its frame, which claims as many bytes as there are or more.
            5 => {
                let (min, max) = chat_type.length_range();
                let claimed = bytes
                    .iter()
                    .map(|&byte| u16::from(byte))
                    .sum::<u16>()
                    .clamp(min, max)
                    .to_be_bytes();
                self.add_noise(&[&[0x01, chat_type as u8], &claimed[..], bytes].concat());
            }
            _ => self.add_noise(bytes),
        }
    }

    fn add_chat(&mut self, message_type: MessageType, bytes: &[u8]) {
        let frame = chat_frame(message_type, bytes);
        self.push(&frame);
        let to_server = (message_type as u8) < 0x80;
        self.frames.push(Sent { place: self.last.clone(), family: Family::Chat, to_server });
    }

    fn add_echo(&mut self, message_type: echo::MessageType, payload: &[u8]) {
        self.push(&echo_frame(
            message_type as u8,
            &payload[..payload.len().min(echo::MAX_PAYLOAD_SIZE)],
        ));
        self.frames.push(Sent { place: self.last.clone(), family: Family::Echo, to_server: true });
    }

    /// A chat frame with one damaged byte, half of the time in its header.
    fn add_damaged(&mut self, message_type: MessageType, bytes: &[u8]) {
        let mut frame = chat_frame(message_type, bytes);
        let [at, change] = [bytes.first(), bytes.last()].map(|byte| byte.copied().unwrap_or(1));
        let at = usize::from(at) % if at < 0x80 { 4 } else { frame.len() };
        frame[at] ^= change.max(1);
        self.add_noise(&frame);
    }

    fn add_noise(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }

    fn push(&mut self, bytes: &[u8]) {
        self.last = self.bytes.len()..self.bytes.len() + bytes.len();
        self.bytes.extend_from_slice(bytes);
    }

    /// The frames heard are those sent, except for noise that happens to be a frame: it costs the
    /// frames that it covers and no more.
    fn is_heard(&self, heard: &[Range<usize>], listening: &Listening) {
        let mut free_from = 0;
        for place in heard {
            assert!(place.start >= free_from, "a frame inside another one's bytes");
            assert!(place.len() <= listening.frame_size_max());
            free_from = place.end;
        }
        for sent in self.frames.iter().filter(|sent| sent.is_a_frame_to(listening)) {
            let place = &sent.place;
            if self.is_covered(place, heard, listening) {
                continue;
            }
            let is_welcome = listening.direction != Direction::ToServer || sent.to_server;
            assert!(
                !is_welcome || heard.contains(place),
                "a frame was lost: {place:?}, {heard:?}, {listening:?}"
            );
            assert!(
                is_welcome || !heard.contains(place),
                "a frame of the other direction: {place:?}, {heard:?}"
            );
            let inside =
                heard.iter().find(|other| place.start < other.start && other.start < place.end);
            assert_eq!(
                inside, None,
                "a frame from inside another: {place:?}, {heard:?}, {listening:?}"
            );
        }
    }

    /// Whether noise before it happens to be a frame that reaches into this one. A frame of the
    /// other direction is not heard, so it has to be searched for.
    fn is_covered(
        &self,
        place: &Range<usize>,
        heard: &[Range<usize>],
        listening: &Listening,
    ) -> bool {
        if heard.iter().any(|other| other.start < place.start && other.end > place.start) {
            return true;
        }
        if listening.direction == Direction::Either || heard.contains(place) {
            return false;
        }
        let max = listening.frame_size_max();
        (place.start.saturating_sub(max)..place.start).any(|at| {
            matches!(
                first_frame(&self.bytes[at..], Direction::Either),
                Outcome::Frame { frame, consumed }
                    if !is_sent(&frame, listening.direction)
                        && consumed <= max
                        && at + consumed > place.start
            )
        })
    }
}

impl Sent {
    fn is_a_frame_to(&self, listening: &Listening) -> bool {
        self.place.len() <= listening.frame_size_max()
            && listening.family.is_none_or(|family| family == self.family)
    }
}

/// A frame of this type around the bytes, or around as many of them as its type allows, or more if
/// its type needs more.
fn chat_frame(message_type: MessageType, bytes: &[u8]) -> Vec<u8> {
    let (min, max) = message_type.length_range();
    let mut body = bytes.to_vec();
    body.resize(bytes.len().clamp(min.into(), max.into()), 0);
    raw_chat_frame(message_type as u8, &body)
}
