//! Messages for the benches to work on. Pure: the same arguments give the same messages on every
//! machine.

use crate::owned::OwnedMessage;

/// A branch predictor does not learn a stream of this length by heart: some 10,000 frames.
pub const STREAM_SIZE_BYTES: usize = 1024 * 1024;

/// Share of the frames of a stream, in percent, and their sizes in bytes, envelope included.
const SIZE_MIX: [(u32, usize, usize); 4] =
    [(40, 16, 40), (35, 41, 110), (18, 111, 300), (7, 301, 515)];

/// Bytes of a SendMessage frame around its room and content, and of a MessageBroadcast frame around
/// its texts.
const SEND_MESSAGE_OVERHEAD: usize = 4 + 1 + 4;
const BROADCAST_OVERHEAD: usize = 4 + 12 + 1 + 1 + 4;

/// Whole chat frames of mixed sizes, as many as fit into `size_bytes`. The given percentage, on
/// average, holds text that is not ASCII.
#[must_use]
pub fn stream(seed: u64, non_ascii_percent: u32, size_bytes: usize) -> Vec<OwnedMessage> {
    let mut random = Random(seed);
    let mut messages = Vec::new();
    let mut total_bytes = 0;
    loop {
        let frame_bytes = random_size(&mut random);
        let ascii = random.below(100) >= u64::from(non_ascii_percent);
        let message = message_of_size(&mut random, frame_bytes, ascii);
        total_bytes += frame_bytes;
        if total_bytes > size_bytes {
            return messages;
        }
        messages.push(message);
    }
}

/// The frames of these messages, one behind the other.
///
/// # Panics
/// If a message may not be sent.
#[must_use]
pub fn encode_all(messages: &[OwnedMessage]) -> Vec<u8> {
    messages
        .iter()
        .flat_map(|message| message.encode().expect("a message that may be sent"))
        .collect()
}

/// One message of every chat type with the shortest fields, then one of every type with the
/// longest.
#[must_use]
pub fn of_every_type() -> Vec<OwnedMessage> {
    let mut messages = messages_with(|_| 1);
    messages.extend(messages_with(|max| max));
    messages.dedup();
    messages
}

fn messages_with(length: impl Fn(usize) -> usize) -> Vec<OwnedMessage> {
    let username = || "u".repeat(length(32));
    let room = || "r".repeat(length(64));
    let text = || "t".repeat(length(512));
    vec![
        OwnedMessage::Connect { username: username() },
        OwnedMessage::Disconnect,
        OwnedMessage::SendMessage { room: room(), content: text() },
        OwnedMessage::JoinRoom { room: room() },
        OwnedMessage::LeaveRoom { room: room() },
        OwnedMessage::ConnectAck { user_id: 7, server_info: text() },
        OwnedMessage::MessageBroadcast {
            user_id: 7,
            timestamp: 1_700_000_000_000,
            username: username(),
            room: room(),
            content: text(),
        },
        OwnedMessage::UserJoined { user_id: 7, username: username(), room: room() },
        OwnedMessage::UserLeft { user_id: 7, username: username(), room: room() },
        OwnedMessage::Error { code: 7, message: text() },
    ]
}

fn random_size(random: &mut Random) -> usize {
    let mut percentile = random.below(100);
    for (share, min, max) in SIZE_MIX {
        if percentile < u64::from(share) {
            return random.between(min, max);
        }
        percentile -= u64::from(share);
    }
    unreachable!("the shares of SIZE_MIX add up to 100")
}

/// Half of them are types that a server reads, half types that it writes; among the small ones are
/// also those with nothing but names.
fn message_of_size(random: &mut Random, frame_bytes: usize, ascii: bool) -> OwnedMessage {
    let kind = random.below(8);
    if frame_bytes <= 40 && kind == 0 {
        return OwnedMessage::JoinRoom { room: text(random, frame_bytes - 9, ascii) };
    }
    if (24..=40).contains(&frame_bytes) && kind == 1 {
        let username_bytes = random.between(3, 8);
        let username = text(random, username_bytes, true);
        let room = text(random, frame_bytes - 14 - username_bytes, ascii);
        return OwnedMessage::UserJoined { user_id: 7, username, room };
    }
    let names_bytes = 16;
    if kind.is_multiple_of(2) || frame_bytes <= BROADCAST_OVERHEAD + names_bytes {
        let room_bytes = random.between(3, 8).min(frame_bytes - SEND_MESSAGE_OVERHEAD - 1);
        let room = text(random, room_bytes, true);
        let content = text(random, frame_bytes - SEND_MESSAGE_OVERHEAD - room_bytes, ascii);
        return OwnedMessage::SendMessage { room, content };
    }
    let (username_bytes, room_bytes) = (random.between(3, 8), random.between(3, 8));
    let username = text(random, username_bytes, true);
    let room = text(random, room_bytes, true);
    let content =
        text(random, frame_bytes - BROADCAST_OVERHEAD - username_bytes - room_bytes, ascii);
    OwnedMessage::MessageBroadcast {
        user_id: 7,
        timestamp: 1_700_000_000_000,
        username,
        room,
        content,
    }
}

/// So many bytes of words; with `ascii` unset, about one character in three takes two to four of
/// them, the first one wherever it fits.
fn text(random: &mut Random, len_bytes: usize, ascii: bool) -> String {
    const LETTERS: &[u8] = b"etaoinshrdlucmfwypvbgkjqxz";
    const OTHERS: [char; 8] = ['é', 'ü', 'ж', 'λ', '日', '語', '–', '🦀'];
    let mut text = String::with_capacity(len_bytes);
    while text.len() < len_bytes {
        let room_bytes = len_bytes - text.len();
        let other = OTHERS[random.between(0, OTHERS.len() - 1)];
        if !ascii && (text.is_empty() || random.below(3) == 0) && other.len_utf8() <= room_bytes {
            text.push(other);
        } else if random.below(6) == 0 {
            text.push(' ');
        } else {
            text.push(char::from(LETTERS[random.between(0, LETTERS.len() - 1)]));
        }
    }
    text
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `bound` - 1. The bias of the remainder is far below what the mix notices.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Both included.
    #[allow(clippy::cast_possible_truncation)] // the result is below a usize
    fn between(&mut self, min: usize, max: usize) -> usize {
        min + self.below((max - min) as u64 + 1) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        assert_eq!(stream(1, 20, 10_000), stream(1, 20, 10_000));
        assert_ne!(stream(1, 20, 10_000), stream(2, 20, 10_000));
    }

    #[test]
    fn the_sizes_are_mixed_as_they_should_be() {
        let messages = stream(1, 0, STREAM_SIZE_BYTES);
        assert!(messages.len() >= 9_000, "{} frames", messages.len());
        let sizes: Vec<usize> =
            messages.iter().map(|message| message.as_borrowed().encoded_len()).collect();
        for (share, min, max) in SIZE_MIX {
            let found = sizes.iter().filter(|&size| (min..=max).contains(size)).count() as f64;
            let percent = 100.0 * found / messages.len() as f64;
            assert!(
                (percent - f64::from(share)).abs() < 2.0,
                "{percent} % of the frames have {min} to {max} bytes"
            );
        }
        let total: usize = sizes.iter().sum();
        assert_eq!(encode_all(&messages).len(), total);
        assert!(total > STREAM_SIZE_BYTES - 515 && total <= STREAM_SIZE_BYTES);
    }

    #[test]
    fn as_many_frames_as_asked_for_are_not_ascii() {
        let share = |percent| {
            let messages = stream(1, percent, STREAM_SIZE_BYTES);
            let is_ascii = |message: &&OwnedMessage| format!("{message:?}").is_ascii();
            let others = messages.iter().filter(|message| !is_ascii(message)).count();
            100.0 * others as f64 / messages.len() as f64
        };
        assert_eq!(share(0), 0.0);
        let found = share(20);
        assert!((19.0..=21.0).contains(&found), "{found} %");
    }

    #[test]
    fn every_type_is_there_at_both_ends() {
        let messages = of_every_type();
        for message_type in cafewire_core::MessageType::ALL {
            let of_this_type =
                |message: &&OwnedMessage| message.as_borrowed().message_type() == message_type;
            assert!(messages.iter().any(|message| of_this_type(&message)), "no {message_type}");
            let largest = messages
                .iter()
                .filter(of_this_type)
                .map(|message| message.as_borrowed().encoded_len());
            assert_eq!(
                largest.max(),
                Some(8 + usize::from(message_type.length_range().1)),
                "{message_type}"
            );
        }
    }
}
