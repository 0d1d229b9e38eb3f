//! Random bytes, the same ones in every run: each peer is refused or served, ends in order, is
//! counted once, and leaves nothing behind.

use cafewire_core::{Direction, ErrorCode, Frame, FrameDecoder, Framing, Message};
use cafewire_net::CloseReason;

use super::neighbours::Neighbours;
use crate::support::{Peer, Random, Received, TestServer, parse, reason_of};

/// The expected outcome of a stream, computed by reading it in one piece.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    answers: usize,
    /// The fault that ends the stream, with its place; or the reason for its end without one.
    end: Result<(ErrorCode, u64), CloseReason>,
}

fn outcome(stream: &[u8]) -> Outcome {
    let mut reader = FrameDecoder::new(Direction::ToServer);
    let (mut rest, mut answers) = (stream, 0);
    loop {
        match reader.next_frame(rest) {
            Framing::Frame { frame: Frame::Echo(view), consumed } => {
                answers +=
                    usize::from(matches!(view.message(), Message::Ping(_) | Message::Echo(_)));
                rest = &rest[consumed..];
            }
            Framing::Frame { frame: Frame::Chat(view), .. } => {
                panic!("random bytes with a good checksum: {view:?}")
            }
            Framing::Incomplete { .. } if rest.is_empty() => {
                return Outcome { answers, end: Err(CloseReason::EndOfInput) };
            }
            Framing::Incomplete { .. } => {
                return Outcome { answers, end: Err(CloseReason::CutFrame) };
            }
            Framing::Corrupt { error } => {
                return Outcome {
                    answers,
                    end: Ok((error.code(), reader.stream_offset_of(&error))),
                };
            }
        }
    }
}

/// Takes all frames until the end, and compares them with the expected outcome. Returns the reason
/// that the connection's end is to be counted under.
fn assert_outcome(peer: &mut Peer, stream: &[u8], seed: u64) -> CloseReason {
    let Outcome { answers, end } = outcome(stream);
    let received: Vec<Received> = std::iter::repeat_with(|| peer.next())
        .take_while(|received| *received != Received::End)
        .collect();
    match end {
        Ok((code, offset)) => {
            assert_eq!(received.len(), answers + 1, "seed {seed}");
            let text = match received.last().unwrap() {
                Received::Chat(frame) => format!("{:?}", parse(frame)),
                Received::Echo(_, text) => String::from_utf8(text.clone()).unwrap(),
                Received::End => unreachable!(),
            };
            assert!(text.contains(&format!("stream offset {offset}:")), "seed {seed}: {text}");
            reason_of(code)
        }
        Err(CloseReason::CutFrame) => {
            assert_eq!(received.len(), answers + 1, "seed {seed}");
            CloseReason::CutFrame
        }
        Err(reason) => {
            assert_eq!(received.len(), answers, "seed {seed}");
            reason
        }
    }
}

fn assert_counted(server: &TestServer, ends: &[CloseReason]) {
    for &reason in CloseReason::ALL {
        server.wait_for_closes(reason, ends.iter().filter(|&&end| end == reason).count() as u64);
    }
}

#[test]
fn random_bytes_of_many_sizes() {
    let server = TestServer::start();
    let mut neighbours = Neighbours::beside(&server);
    let prefixes: [&[u8]; 9] = [
        b"",
        b"\x01",
        b"\x01\x01\x00\x04",
        b"\x01\x03\x00\xFF",
        b"\xCA",
        b"\xCA\xFE",
        b"\xCA\xFE\x04\x00\x20",
        b"\xCA\xFE\x01\x00\x10",
        b"\xCA\xFE\x03\x20\x00",
    ];
    let mut ends = Vec::new();
    for seed in 0..600 {
        let mut random = Random(seed);
        let size = {
            let bits = random.below(18);
            1 + random.below(1 << bits)
        };
        let mut stream = prefixes[random.below(prefixes.len())].to_vec();
        stream.extend_from_slice(&random.bytes(size));
        neighbours.send();
        let mut peer = server.peer();
        peer.send(&stream);
        peer.half_close();
        ends.push(assert_outcome(&mut peer, &stream, seed));
        neighbours.receive();
    }
    assert_counted(&server, &ends);
    neighbours.leave(&server);
}

/// Echo frames with one byte made random: the frames before it are answered, whatever the outcome
/// of the rest.
#[test]
fn good_frames_with_one_random_byte() {
    let server = TestServer::start();
    let mut neighbours = Neighbours::beside(&server);
    let mut buffer = [0; 64];
    let frame = Message::Ping(b"twelve bytes").encode_into(&mut buffer).unwrap().to_vec();
    let mut ends = Vec::new();
    for seed in 0..300 {
        let mut random = Random(1000 + seed);
        let mut stream = frame.repeat(20);
        let at = random.below(stream.len());
        stream[at] = random.bytes(1)[0];
        neighbours.send();
        let mut peer = server.peer();
        peer.send(&stream);
        peer.half_close();
        ends.push(assert_outcome(&mut peer, &stream, seed));
        neighbours.receive();
    }
    assert_counted(&server, &ends);
    neighbours.leave(&server);
}
