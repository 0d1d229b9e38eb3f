//! What is read and written: two streams of mixed frames, and single frames. The same seed gives
//! the same messages on every machine.

use fastrand::Rng;

use crate::message::{Broadcast, Message, SendMessage};

/// More than a branch predictor learns by heart: some 9,000 frames.
const STREAM_BYTES: usize = 1024 * 1024;

const SEED: u64 = 1;

/// Shares of a stream in percent, and the sizes of their frames in bytes. A size is that of the
/// whole frame as the chat protocol has it, envelope included; peers' bodies, and so their frames,
/// have other sizes.
const SIZE_MIX: [(usize, usize, usize); 4] =
    [(40, 16, 40), (35, 41, 110), (18, 111, 300), (7, 301, 515)];

/// Bytes around the texts of each type: envelope, integers, lengths of names.
const SEND_MESSAGE_OVERHEAD_BYTES: usize = 8 + 1;
const BROADCAST_OVERHEAD_BYTES: usize = 8 + 12 + 2;

const NAME_BYTES_MIN: usize = 3;
const NAME_BYTES_MAX: usize = 8;

const USER_ID: u32 = 7;
const TIMESTAMP: u64 = 1_700_000_000_000;

/// A message that owns its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnedMessage {
    /// Of the member that spoke; without one it is a SendMessage.
    username: Option<String>,
    room: String,
    content: String,
}

impl OwnedMessage {
    pub(crate) fn as_borrowed(&self) -> Message<'_> {
        let Self { username, room, content } = self;
        match username {
            None => Message::SendMessage(SendMessage { room, content }),
            Some(username) => Message::Broadcast(Broadcast {
                user_id: USER_ID,
                timestamp: TIMESTAMP,
                username,
                room,
                content,
            }),
        }
    }
}

/// Mixed frames, as many as fit into 1 MiB. So many of a hundred, on average, hold text that is not
/// ASCII; half of those large enough are broadcasts.
pub(crate) fn stream(non_ascii_percent: usize) -> Vec<OwnedMessage> {
    let mut rng = Rng::with_seed(SEED);
    let mut messages = Vec::new();
    let mut total_bytes = 0;
    loop {
        let frame_bytes = frame_size(&mut rng);
        let ascii = rng.usize(0..100) >= non_ascii_percent;
        total_bytes += frame_bytes;
        if total_bytes > STREAM_BYTES {
            return messages;
        }
        messages.push(message_of_size(&mut rng, frame_bytes, ascii));
    }
}

/// One broadcast with so many bytes of content.
pub(crate) fn single(content_bytes: usize) -> OwnedMessage {
    let content = text(&mut Rng::with_seed(SEED), content_bytes, true);
    OwnedMessage { username: Some("grace".to_owned()), room: "lobby".to_owned(), content }
}

fn frame_size(rng: &mut Rng) -> usize {
    let mut percentile = rng.usize(0..100);
    for (share, min, max) in SIZE_MIX {
        if percentile < share {
            return rng.usize(min..=max);
        }
        percentile -= share;
    }
    unreachable!("the shares of SIZE_MIX add up to 100")
}

fn message_of_size(rng: &mut Rng, frame_bytes: usize, ascii: bool) -> OwnedMessage {
    let mut name = |bytes_max: usize| {
        let name_bytes = rng.usize(NAME_BYTES_MIN..=bytes_max.min(NAME_BYTES_MAX));
        text(rng, name_bytes, true)
    };
    let room = name(frame_bytes - SEND_MESSAGE_OVERHEAD_BYTES - 1);
    let username = name(NAME_BYTES_MAX);
    let broadcast_bytes = BROADCAST_OVERHEAD_BYTES + username.len() + room.len();
    let is_broadcast = frame_bytes > broadcast_bytes && rng.bool();
    let around_bytes =
        if is_broadcast { broadcast_bytes } else { SEND_MESSAGE_OVERHEAD_BYTES + room.len() };
    let content = text(rng, frame_bytes - around_bytes, ascii);
    OwnedMessage { username: is_broadcast.then_some(username), room, content }
}

/// So many bytes of words; with `ascii` unset, about one character in three takes two to four of
/// them, the first one wherever it fits.
fn text(rng: &mut Rng, len_bytes: usize, ascii: bool) -> String {
    const OTHERS: [char; 8] = ['é', 'ü', 'ж', 'λ', '日', '語', '–', '🦀'];
    let mut text = String::with_capacity(len_bytes);
    while text.len() < len_bytes {
        let other = OTHERS[rng.usize(0..OTHERS.len())];
        let fits = other.len_utf8() <= len_bytes - text.len();
        if !ascii && fits && (text.is_empty() || rng.usize(0..3) == 0) {
            text.push(other);
        } else if rng.usize(0..6) == 0 {
            text.push(' ');
        } else {
            text.push(rng.lowercase());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame_bytes(message: &OwnedMessage) -> usize {
        match message.as_borrowed() {
            Message::SendMessage(SendMessage { room, content }) => {
                SEND_MESSAGE_OVERHEAD_BYTES + room.len() + content.len()
            }
            Message::Broadcast(Broadcast { username, room, content, .. }) => {
                BROADCAST_OVERHEAD_BYTES + username.len() + room.len() + content.len()
            }
        }
    }

    #[test]
    fn the_stream_is_long_and_its_sizes_are_mixed() {
        let sizes: Vec<_> = stream(0).iter().map(frame_bytes).collect();
        assert!(sizes.len() >= 9_000, "{} frames", sizes.len());
        let total: usize = sizes.iter().sum();
        assert!((STREAM_BYTES - 515..=STREAM_BYTES).contains(&total), "{total} bytes");
        for (share, min, max) in SIZE_MIX {
            let found = sizes.iter().filter(|&size| (min..=max).contains(size)).count();
            let percent = 100.0 * found as f64 / sizes.len() as f64;
            assert!((percent - share as f64).abs() < 2.0, "{percent} % have {min} to {max} bytes");
        }
    }

    #[test]
    fn as_many_frames_as_asked_for_are_not_ascii() {
        let share = |percent| {
            let messages = stream(percent);
            let others = messages.iter().filter(|message| !message.content.is_ascii()).count();
            100.0 * others as f64 / messages.len() as f64
        };
        assert_eq!(share(0), 0.0);
        // Contents of one byte have no room for another character.
        let found = share(20);
        assert!((18.0..=21.0).contains(&found), "{found} %");
    }

    #[test]
    fn the_same_stream_every_time() {
        assert_eq!(stream(20), stream(20));
    }

    #[test]
    fn a_single_frame_has_the_content_asked_for() {
        assert_eq!(single(512).content.len(), 512);
    }
}
