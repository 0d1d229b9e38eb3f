//! Reads a stream in pieces of one size and prints the number of frames in it. `.ci/linear` counts
//! the instructions that this takes, and checks that twice the bytes cost twice as many.
//!
//! ```text
//! count_chunks reader|parser|canary chat|echo|noise PIECE_BYTES STREAM_BYTES
//! ```
//!
//! `reader` is [`FrameDecoder`], called again after every piece, as by a caller that ignores
//! `needed`; `parser` is [`ProtocolParser`]. `canary` reads all bytes of a frame after every piece,
//! which neither of the two may do.

use std::process::ExitCode;

use cafewire_core::{
    Direction, Frame, FrameDecoder, Framing, Message, MessagePayload, ProtocolParser,
};

/// Size of the stream before it is cut to the requested size: always built in full, so that
/// building it costs the same each time.
const FULL_STREAM_BYTES: usize = 65_540;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [subject, stream, piece, len] = &arguments[..] else {
        return usage();
    };
    let (Some(stream), Ok(piece @ 1..), Ok(len @ 0..=FULL_STREAM_BYTES)) =
        (full_stream(stream), piece.parse(), len.parse())
    else {
        return usage();
    };
    let stream = &stream[..len];
    let frames = match &subject[..] {
        "reader" => read(stream, piece),
        "parser" => parse(stream, piece),
        "canary" => look_at_everything(stream, piece),
        _ => return usage(),
    };
    println!("{frames}");
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: count_chunks reader|parser|canary chat|echo|noise PIECE_BYTES STREAM_BYTES");
    ExitCode::from(2)
}

fn full_stream(kind: &str) -> Option<Vec<u8>> {
    let mut frame = vec![0; FULL_STREAM_BYTES];
    let repeated = match kind {
        // The largest frames of a client.
        "chat" => MessagePayload::SendMessage { room: &"r".repeat(64), content: &"c".repeat(512) }
            .encode_into(&mut frame),
        // One frame, the largest there is.
        "echo" => Message::data(&vec![0x55; 65_535]).encode_into(&mut frame),
        // The most expensive input of the parser: every second byte starts a header of 394 bytes
        // whose checksum then fails.
        "noise" => Ok(&b"\x01\x82"[..]),
        _ => return None,
    };
    Some(repeated.ok()?.iter().copied().cycle().take(FULL_STREAM_BYTES).collect())
}

fn read(stream: &[u8], piece: usize) -> usize {
    let mut reader = FrameDecoder::new(Direction::Either);
    let (mut frames, mut used, mut arrived) = (0, 0, 0);
    while arrived < stream.len() {
        arrived = stream.len().min(arrived + piece);
        loop {
            match reader.next_frame(&stream[used..arrived]) {
                Framing::Frame { consumed, .. } => (frames, used) = (frames + 1, used + consumed),
                Framing::Incomplete { .. } => break,
                Framing::Corrupt { .. } => return frames,
            }
        }
    }
    frames
}

fn parse(stream: &[u8], piece: usize) -> usize {
    let mut parser = Box::new(ProtocolParser::<FULL_STREAM_BYTES>::new());
    let mut frames = 0;
    for mut piece in stream.chunks(piece) {
        while !piece.is_empty() {
            piece = &piece[parser.feed(piece)..];
            loop {
                match parser.try_parse() {
                    Ok(Some(Frame::Chat(_) | Frame::Echo(_))) => frames += 1,
                    Ok(None) => break,
                    Err(_) => {}
                }
            }
        }
    }
    frames
}

fn look_at_everything(stream: &[u8], piece: usize) -> usize {
    let mut arrived = 0;
    let mut sum = 0_usize;
    while arrived < stream.len() {
        arrived = stream.len().min(arrived + piece);
        sum = stream[..arrived]
            .iter()
            .fold(sum, |sum, &byte| std::hint::black_box(sum.wrapping_add(byte.into())));
    }
    sum
}
