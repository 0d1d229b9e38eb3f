//! What holds before anything is timed: every contender reads all fields of all messages as they
//! were written, and refuses a damaged frame and text that is not UTF-8.

use std::slice;

use crate::contenders::Contender;
use crate::envelope::CHECKSUM_BYTES;
use crate::message::{Broadcast, Digest, Message, SendMessage, Sink};

/// # Panics
/// If a field differs.
pub(crate) fn reads_what_it_wrote(
    name: &str,
    contender: &mut impl Contender,
    stream: &[u8],
    messages: &[Message<'_>],
) {
    let mut comparison = Comparison { name, expected: messages.iter() };
    let mut rest = stream;
    while !rest.is_empty() {
        let consumed = contender.decode(rest, &mut comparison);
        rest = &rest[consumed.unwrap_or_else(|| panic!("{name} refuses what it wrote"))..];
    }
    assert_eq!(comparison.expected.next(), None, "{name}: fewer messages than there are");
}

/// # Panics
/// If a frame is read that has to be refused.
pub(crate) fn refuses_damage<C: Contender>(name: &str, contender: &mut C) {
    let text = "~".repeat(40);
    let username = "ada";
    for message in [
        Message::SendMessage(SendMessage { room: &text, content: "hello" }),
        Message::SendMessage(SendMessage { room: "lobby", content: &text }),
        Message::Broadcast(Broadcast {
            user_id: 7,
            timestamp: 1_700_000_000_000,
            username,
            room: "lobby",
            content: &text,
        }),
    ] {
        let value = C::value(&message);
        let mut frame = vec![0; 1024];
        let frame_bytes = contender.encode(&value, &mut frame).expect("a frame that fits");
        frame.truncate(frame_bytes);
        assert!(reads(contender, &frame), "{name} refuses a good frame");
        for bit in 0..8 * frame.len() {
            frame[bit / 8] ^= 1 << (bit % 8);
            assert!(!reads(contender, &frame), "{name} does not check its checksum");
            frame[bit / 8] ^= 1 << (bit % 8);
        }

        let place = frame.windows(text.len()).position(|window| window == text.as_bytes());
        frame[place.expect("text as it is") + text.len() / 2] = 0xFF;
        let summed_bytes = frame.len() - CHECKSUM_BYTES;
        let checksum = crc32fast::hash(&frame[..summed_bytes]).to_be_bytes();
        frame[summed_bytes..].copy_from_slice(&checksum);
        assert!(!reads(contender, &frame), "{name} does not check that text is UTF-8");
    }
}

fn reads(contender: &mut impl Contender, frame: &[u8]) -> bool {
    contender.decode(frame, &mut Digest::default()).is_some()
}

/// A consumer that knows what has to come.
struct Comparison<'m> {
    name: &'m str,
    expected: slice::Iter<'m, Message<'m>>,
}

impl Comparison<'_> {
    fn compare(&mut self, actual: Message<'_>) {
        assert_eq!(Some(&actual), self.expected.next(), "{}", self.name);
    }
}

impl Sink for Comparison<'_> {
    fn send_message(&mut self, message: SendMessage<'_>) {
        self.compare(Message::SendMessage(message));
    }

    fn broadcast(&mut self, message: Broadcast<'_>) {
        self.compare(Message::Broadcast(message));
    }
}
