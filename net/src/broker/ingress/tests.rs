//! Frames come out whole and in order, however the bytes were cut and however many were done at a
//! time.

use super::*;
use cafewire_core::{Message, MessagePayload};

#[derive(Default)]
struct Kept {
    partial_frames: PartialFrames,
    pool: BufferPool,
}

impl Kept {
    fn keep(&mut self) -> Keep<'_> {
        let Self { partial_frames, pool } = self;
        Keep { partial_frames, pool }
    }
}

/// What version 2 has agreed on: nothing yet.
fn terms() -> Cell<v2::Terms> {
    Cell::new(v2::Terms::BEFORE_SIGN_IN)
}

fn stream() -> Vec<u8> {
    let mut stream = Vec::new();
    let mut buffer = [0; 1024];
    for payload in [&b""[..], b"x", &[7; 700]] {
        stream.extend_from_slice(Message::Echo(payload).encode_into(&mut buffer).unwrap());
    }
    stream
}

fn frames_of(chunks: &mut dyn Iterator<Item = &[u8]>) -> Vec<usize> {
    let mut kept = Kept::default();
    let mut ingress = Ingress::new();
    let mut payload_sizes = Vec::new();
    for chunk in chunks {
        let received = ingress.receive(chunk, 256, &mut kept.keep(), &terms(), |frame, _| {
            let Frame::Echo(echo) = frame else { panic!("{frame:?}") };
            payload_sizes.push(echo.payload.len());
            ControlFlow::Continue(())
        });
        assert_eq!(received, Received::All);
        ingress.invariants(&kept.partial_frames);
        assert_eq!(
            kept.pool.lent_bytes() > 0,
            ingress.is_within_frame(),
            "a buffer exactly while a frame waits"
        );
    }
    assert!(!ingress.is_within_frame());
    payload_sizes
}

#[test]
fn chunks_of_every_size_give_the_same_frames() {
    let stream = stream();
    for size in 1..=stream.len() {
        assert_eq!(frames_of(&mut stream.chunks(size)), [0, 1, 700], "{size}");
    }
}

#[test]
fn a_budget_leaves_a_backlog_and_no_frame_is_lost_or_moved() {
    let stream = stream().repeat(3);
    for budget in 1..=4 {
        for size in 1..=stream.len() {
            let mut kept = Kept::default();
            let mut ingress = Ingress::new();
            let mut payload_sizes = Vec::new();
            let mut given = 0;
            for mut chunk in stream.chunks(size) {
                given += chunk.len();
                loop {
                    let before = payload_sizes.len();
                    let received =
                        ingress.receive(chunk, budget, &mut kept.keep(), &terms(), |frame, _| {
                            let Frame::Echo(echo) = frame else { panic!("{frame:?}") };
                            payload_sizes.push(echo.payload.len());
                            ControlFlow::Continue(())
                        });
                    assert_eq!(received, Received::All);
                    assert!(payload_sizes.len() - before <= budget);
                    ingress.invariants(&kept.partial_frames);
                    chunk = &[];
                    if !ingress.has_backlog(&kept.partial_frames) {
                        break;
                    }
                }
                let framed: usize = payload_sizes.iter().map(|size| echo::HEADER_SIZE + size).sum();
                let next = [0, 1, 700][payload_sizes.len() % 3];
                assert!(
                    given - framed < echo::HEADER_SIZE + next,
                    "a whole frame waits for more bytes"
                );
            }
            assert_eq!(payload_sizes, [0, 1, 700].repeat(3), "budget {budget}, chunks of {size}");
            assert!(!ingress.is_within_frame());
            assert_eq!(kept.pool.lent_bytes(), 0);
        }
    }
}

#[test]
fn a_stop_drops_the_rest() {
    let mut kept = Kept::default();
    let mut ingress = Ingress::new();
    let mut seen = 0;
    let received = ingress.receive(&stream(), 256, &mut kept.keep(), &terms(), |_, _| {
        seen += 1;
        ControlFlow::Break(Halt::ForGood)
    });
    assert_eq!((received, seen), (Received::Stopped, 1));
}

#[test]
fn a_wrong_header_byte_is_told_at_once() {
    for bytes in [&[0xCA, 0x00][..], &[0xCA, 0xFE, 0x09], &[0x01, 0x77], &[0x01, 0x81]] {
        let mut kept = Kept::default();
        let mut ingress = Ingress::new();
        let (last, before) = bytes.split_last().unwrap();
        for &byte in before {
            assert_eq!(
                ingress.receive(&[byte], 256, &mut kept.keep(), &terms(), |_, _| {
                    ControlFlow::Continue(())
                }),
                Received::All
            );
        }
        let received = ingress
            .receive(&[*last], 256, &mut kept.keep(), &terms(), |_, _| ControlFlow::Continue(()));
        assert!(matches!(received, Received::Corrupt { .. }), "{bytes:x?}: {received:?}");
    }
}

#[test]
fn an_error_is_placed_in_the_stream_however_it_was_cut() {
    let mut buffer = [0; 64];
    let mut stream =
        MessagePayload::Connect { username: "ada" }.encode_into(&mut buffer).unwrap().to_vec();
    let good = stream.len() as u64;
    stream.extend_from_slice(&[0x01, 0x02, 0x00, 0x01]);
    for size in 1..=stream.len() {
        let mut kept = Kept::default();
        let mut ingress = Ingress::new();
        let outcomes: Vec<_> = stream
            .chunks(size)
            .map(|chunk| {
                ingress.receive(chunk, 256, &mut kept.keep(), &terms(), |_, _| {
                    ControlFlow::Continue(())
                })
            })
            .collect();
        let Some(Received::Corrupt { stream_offset, error }) = outcomes.last() else {
            panic!("{outcomes:?}")
        };
        assert!(matches!(error, ParseError::LengthOutOfRange { actual: 1, .. }));
        assert_eq!(*stream_offset, good + 2);
        ingress.release(&mut kept.keep());
        assert_eq!(kept.pool.lent_bytes(), 0);
    }
}

#[test]
fn a_frame_that_cannot_be_done_yet_comes_again_and_nothing_overtakes_it() {
    let stream = stream().repeat(3);
    for size in 1..=stream.len() {
        let mut kept = Kept::default();
        let mut ingress = Ingress::new();
        let (mut payload_sizes, mut asked) = (Vec::new(), 0);
        for mut chunk in stream.chunks(size) {
            loop {
                let received =
                    ingress.receive(chunk, 256, &mut kept.keep(), &terms(), |frame, _| {
                        let Frame::Echo(echo) = frame else { panic!("{frame:?}") };
                        asked += 1;
                        if asked % 3 != 0 {
                            return ControlFlow::Break(Halt::NotYet);
                        }
                        payload_sizes.push(echo.payload.len());
                        ControlFlow::Continue(())
                    });
                assert_eq!(received, Received::All);
                ingress.invariants(&kept.partial_frames);
                chunk = &[];
                if !ingress.has_backlog(&kept.partial_frames) {
                    break;
                }
            }
        }
        assert_eq!(payload_sizes, [0, 1, 700].repeat(3), "chunks of {size}");
        assert!(!ingress.is_within_frame());
        assert_eq!(kept.pool.lent_bytes(), 0);
    }
}
