//! Promises of `ProtocolParser` on a noisy line: no frame that starts after noise is lost, the cost
//! of noise is bounded, and frames inside frames stay inside.

use std::ops::Range;

use cafewire_core::chat::{self, MAX_FRAME_SIZE, MAX_USERNAME_SIZE};
use cafewire_core::{
    Direction, Family, Message, MessagePayload, MessageType, ParseError, ProtocolParser, echo,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

proptest! {
    /// Noise may look like a header, and then hides the bytes after it, until its checksum proves
    /// wrong. A right one comes once in 2³² times.
    #[test]
    fn a_chat_parser_loses_no_frame_to_noise(
        stretches in vec((noise(), vec(chat_frame(), 1..4)), 1..8),
        last_noise in noise(),
        chunk_sizes in chunk_sizes(),
    ) {
        let (mut line, mut places) = (Vec::new(), Vec::new());
        let mut noise_bytes = last_noise.len();
        let mut losses = usize::from(!last_noise.is_empty());
        for (noise, frames) in &stretches {
            noise_bytes += noise.len();
            losses += usize::from(!noise.is_empty());
            line.extend(noise);
            frames.iter().for_each(|frame| places.push(append(&mut line, frame)));
        }
        line.extend(last_noise);
        let mut parser = chat_parser();
        let mut heard = feed(&mut parser, &line, &chunk_sizes);
        heard.extend(silence(&mut parser, line.len()));
        prop_assert_eq!(heard, places);
        prop_assert_eq!(parser.skipped_bytes(), noise_bytes as u64);
        prop_assert_eq!(parser.losses(), losses as u64);
    }

    /// No silence needs to be detected either: no wait outlasts the bytes of the largest frame.
    #[test]
    fn a_chat_parser_needs_no_more_than_a_frame_of_bytes_to_find_its_place(
        noise in noise(),
        frame in chat_frame(),
        whatever_follows in vec(2_u8.., MAX_FRAME_SIZE),
        chunk_sizes in chunk_sizes(),
    ) {
        let mut line = noise;
        let place = append(&mut line, &frame);
        line.extend(whatever_follows);
        prop_assert_eq!(feed(&mut chat_parser(), &line, &chunk_sizes), vec![place]);
    }

    /// An echo header made by noise has no checksum to fail. It takes the bytes that it claims,
    /// within the buffer, and no more.
    #[test]
    fn a_parser_of_both_families_loses_a_buffer_of_bytes_at_most(
        stretches in vec((noise(), vec(any_frame(), 1..4)), 1..8),
        chunk_sizes in chunk_sizes(),
    ) {
        const N: usize = 1024;
        let (mut line, mut places) = (Vec::new(), Vec::new());
        for (noise, frames) in &stretches {
            line.extend(noise);
            frames.iter().for_each(|frame| places.push(append(&mut line, frame)));
        }
        let mut parser = ProtocolParser::<N>::new();
        let mut heard = feed(&mut parser, &line, &chunk_sizes);
        heard.extend(silence(&mut parser, line.len()));
        let heard_bytes: usize = heard.iter().map(Range::len).sum();
        prop_assert_eq!(parser.skipped_bytes() + heard_bytes as u64, line.len() as u64);
        for place in &places {
            let reaches_over =
                |other: &&Range<usize>| other.start < place.start && other.end > place.start;
            let cover = heard.iter().find(reaches_over);
            if let Some(cover) = cover {
                prop_assert!(cover.len() <= N);
            } else {
                prop_assert!(heard.contains(place), "{:?} is not in {:?}", place, heard);
            }
        }
    }

    #[test]
    fn a_frame_inside_another_never_comes_out(
        inner in vec(any_frame(), 1..4),
        (before, after) in (vec(any::<u8>(), 0..9), vec(any::<u8>(), 0..9)),
        chat_type in select(&MessageType::ALL),
        chunk_sizes in chunk_sizes(),
    ) {
        let payload = [before, inner.concat(), after].concat();
        let data = encoded(|buffer| Message::data(&payload).encode_into(buffer));
        // And one deeper.
        let nested = encoded(|buffer| Message::data(&data).encode_into(buffer));
        let mut line = Vec::new();
        let mut places = vec![append(&mut line, &data), append(&mut line, &nested)];
        let (min, max) = chat_type.length_range();
        if (usize::from(min)..=usize::from(max)).contains(&payload.len()) {
            let view =
                chat::ZeroCopyMessage { version: 1, message_type: chat_type, payload: &payload };
            let frame = encoded(|buffer| view.encode_into(buffer));
            places.push(append(&mut line, &frame));
        }
        let mut parser = ProtocolParser::<4096>::new();
        prop_assert_eq!(feed(&mut parser, &line, &chunk_sizes), places);
        prop_assert_eq!((parser.skipped_bytes(), parser.losses()), (0, 0));
    }
}

#[test]
fn a_frame_that_cannot_fit_is_told_with_its_size() {
    let mut parser = ProtocolParser::<16>::new();
    assert_eq!(parser.feed(&[0xCA, 0xFE, 0x04, 0x00, 0x0C]), 5);
    assert_eq!(parser.try_parse(), Err(ParseError::Truncated { needed: 17, available: 16 }));
    parser.reset();
    assert_eq!(parser.feed(&[0xCA, 0xFE, 0x04, 0x00, 0x0B]), 5);
    assert_eq!(parser.try_parse(), Ok(None));
}

#[test]
fn the_smallest_buffer_that_compiles_reads_the_smallest_frame() {
    let disconnect = encoded(|buffer| MessagePayload::Disconnect.encode_into(buffer));
    let line = [&[0x01, 0x01, 0x00], &disconnect[..]].concat();
    assert_eq!(feed(&mut ProtocolParser::<8>::new(), &line, &[1]), vec![3..11]);
}

#[test]
fn giving_up_leaves_alone_what_has_become_whole_meanwhile() {
    let connect = encoded(|buffer| MessagePayload::Connect { username: "ada" }.encode_into(buffer));
    let mut parser = chat_parser();
    assert_eq!(parser.feed(&connect[..6]), 6);
    assert_eq!(parser.try_parse(), Ok(None));
    assert_eq!(parser.feed(&connect[6..]), connect.len() - 6);
    parser.give_up();
    assert_eq!(drain(&mut parser, connect.len()), vec![0..connect.len()]);
}

#[test]
fn a_full_buffer_takes_what_fits_and_says_so() {
    let mut parser = ProtocolParser::<16>::new();
    assert_eq!(parser.feed(&[0; 20]), 16);
    assert_eq!(parser.feed(&[0; 20]), 0);
    assert_eq!(parser.pending_bytes(), 16);
    assert_eq!(
        format!("{parser:?}"),
        "ProtocolParser { pending_bytes: 16, skipped_bytes: 0, losses: 0, .. }"
    );
    assert!(parser.try_parse().is_err());
    assert_eq!(parser.try_parse(), Ok(None));
    assert_eq!(
        format!("{parser:?}"),
        "ProtocolParser { pending_bytes: 0, skipped_bytes: 16, losses: 1, .. }"
    );
    assert_eq!(parser.feed(&[0; 20]), 16);
}

// ---- The line -----------------------------------------------------------------------------------

fn chat_parser() -> ProtocolParser<MAX_FRAME_SIZE> {
    ProtocolParser::for_family(Family::ChatV1, Direction::Either)
}

fn append(line: &mut Vec<u8>, frame: &[u8]) -> Range<usize> {
    let start = line.len();
    line.extend(frame);
    start..line.len()
}

/// Feeds the line in chunks of these sizes, cyclically, and returns the positions of the frames
/// that come out.
fn feed<const N: usize>(
    parser: &mut ProtocolParser<N>,
    line: &[u8],
    chunk_sizes: &[usize],
) -> Vec<Range<usize>> {
    let mut heard = Vec::new();
    let mut fed = 0;
    let mut sizes = chunk_sizes.iter().cycle();
    while fed < line.len() {
        let end = (fed + sizes.next().expect("at least one size")).min(line.len());
        while fed < end {
            let taken = parser.feed(&line[fed..end]);
            assert_ne!(taken, 0, "there is always room for a byte once the frames are out");
            fed += taken;
            heard.extend(drain(parser, fed));
        }
    }
    heard
}

/// The line has fallen silent: gives up until no partial frame is left.
fn silence<const N: usize>(parser: &mut ProtocolParser<N>, fed: usize) -> Vec<Range<usize>> {
    let mut heard = Vec::new();
    while parser.pending_bytes() > 0 {
        parser.give_up();
        heard.extend(drain(parser, fed));
    }
    heard
}

/// Positions of the frames that come out now, `fed` bytes into the line.
fn drain<const N: usize>(parser: &mut ProtocolParser<N>, fed: usize) -> Vec<Range<usize>> {
    let mut heard = Vec::new();
    // One error per stretch of noise: with more, this would not end before the bytes do.
    for _ in 0..=2 * N {
        match parser.try_parse() {
            Ok(None) => return heard,
            Err(_) => {}
            Ok(Some(frame)) => {
                let size_bytes = frame.encoded_len();
                let end = fed - parser.pending_bytes();
                heard.push(end - size_bytes..end);
            }
        }
    }
    panic!("more answers than the buffer has bytes");
}

// ---- What is on it ------------------------------------------------------------------------------

fn chunk_sizes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![1]), Just(vec![usize::MAX / 2]), vec(1_usize..200, 1..20)]
}

/// Any bytes, many of them such as start a frame, and whole headers without their frames.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let header = (select(&MessageType::ALL), any::<proptest::sample::Index>()).prop_map(
        |(message_type, at)| {
            let (min, max) = message_type.length_range();
            let length =
                min + u16::try_from(at.index(usize::from(max - min) + 1)).expect("a length");
            [&[1, message_type as u8], &length.to_be_bytes()[..]].concat()
        },
    );
    let echo_header =
        (select(&echo::MessageType::ALL), 0..1200_u16).prop_map(|(message_type, length)| {
            [&[0xCA, 0xFE, message_type as u8], &length.to_be_bytes()[..]].concat()
        });
    let damaged = (chat_frame(), any::<proptest::sample::Index>(), 1_u8..).prop_map(
        |(mut frame, at, change)| {
            let at = at.index(frame.len());
            frame[at] ^= change;
            frame
        },
    );
    let byte = prop_oneof![4 => any::<u8>(), 1 => select(&[0x00, 0x01, 0x02, 0xCA, 0xFE, 0xFF])];
    let piece = prop_oneof![3 => vec(byte, 0..40), 1 => header, 1 => echo_header, 1 => damaged];
    vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let echo = (select(&echo::MessageType::ALL), vec(any::<u8>(), 0..200)).prop_map(
        |(message_type, payload)| {
            encoded(|buffer| {
                echo::ZeroCopyMessage { message_type, payload: &payload }.encode_into(buffer)
            })
        },
    );
    prop_oneof![chat_frame(), echo]
}

fn chat_frame() -> impl Strategy<Value = Vec<u8>> {
    let short = Just(encoded(|buffer| MessagePayload::Disconnect.encode_into(buffer)));
    let name = "[a-zé]{1,16}";
    let connect = name.prop_map(|username| {
        assert!(username.len() <= MAX_USERNAME_SIZE);
        encoded(|buffer| MessagePayload::Connect { username: &username }.encode_into(buffer))
    });
    let broadcast =
        (any::<u32>(), name, "[\\x00-\\x7F]{1,512}").prop_map(|(user_id, room, content)| {
            let (username, timestamp) = ("ada", u64::from(user_id) << 7);
            let message = MessagePayload::MessageBroadcast {
                user_id,
                timestamp,
                username,
                room: &room,
                content: &content,
            };
            encoded(|buffer| message.encode_into(buffer))
        });
    prop_oneof![short, connect, broadcast]
}

fn encoded<E: std::fmt::Debug>(encode: impl FnOnce(&mut [u8]) -> Result<&[u8], E>) -> Vec<u8> {
    let mut buffer = [0; 4096];
    encode(&mut buffer).expect("a valid message").to_vec()
}
