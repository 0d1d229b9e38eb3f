//! The form of a refusal: an Error frame of the right family and code whose text names the place in
//! the stream, then the end in order, and the counters raised by one.

use cafewire_core::ErrorCode;
use cafewire_net::{CloseReason, MetricsSnapshot};

use super::neighbours::Neighbours;
use crate::support::{Peer, TestServer, reason_of};

/// Bytes that are to be refused, and how.
pub(super) struct BadInput {
    pub(super) what: String,
    pub(super) bytes: Vec<u8>,
    pub(super) answer: Answer,
    /// The fault's place in the stream, if the fault is in an envelope.
    pub(super) stream_offset: Option<usize>,
    /// Frames that are answered before the fault.
    pub(super) answers_before: usize,
}

/// The family of the Error frame. An echo Error has no code, but is counted by one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Chat(ErrorCode),
    Echo(ErrorCode),
}

impl Answer {
    const fn code(self) -> ErrorCode {
        match self {
            Self::Chat(code) | Self::Echo(code) => code,
        }
    }

    /// Receives the Error frame and returns its text.
    fn take_from(self, peer: &mut Peer) -> String {
        match self {
            Self::Chat(code) => peer.expect_error(code),
            Self::Echo(_) => peer.expect_echo_error(),
        }
    }
}

/// How the bytes are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pieces {
    One,
    Bytes,
}

/// Sends the bad bytes in both ways, between messages of the neighbours, and checks the server's
/// refusal.
pub(super) fn assert_refused(server: &TestServer, neighbours: &mut Neighbours, bad: &BadInput) {
    for pieces in [Pieces::One, Pieces::Bytes] {
        let before = server.metrics();
        let received_before = before.bytes_received + neighbours.send();
        let mut peer = server.peer();
        match pieces {
            Pieces::One => peer.send(&bad.bytes),
            Pieces::Bytes => server.send_byte_by_byte(&mut peer, &bad.bytes, received_before),
        }
        assert_refused_and_ended(&mut peer, bad, pieces);
        neighbours.receive();
        assert_counted(&before, &server.metrics(), bad.answer, &bad.what);
    }
}

fn assert_refused_and_ended(peer: &mut Peer, bad: &BadInput, pieces: Pieces) {
    let what = &bad.what;
    for _ in 0..bad.answers_before {
        peer.next();
    }
    let text = bad.answer.take_from(peer);
    assert!(!text.is_empty(), "{what}, {pieces:?}: refused without a sentence");
    if let Some(offset) = bad.stream_offset {
        let place = format!("stream offset {offset}:");
        assert!(text.contains(&place), "{what}, {pieces:?}: {text:?} does not say {place:?}");
    }
    peer.expect_end();
}

fn assert_counted(before: &MetricsSnapshot, after: &MetricsSnapshot, answer: Answer, what: &str) {
    let code = answer.code();
    let reason = reason_of(code);
    for &each in CloseReason::ALL {
        let expected = before.closes(each) + u64::from(each == reason);
        assert_eq!(after.closes(each), expected, "{what}: connections closed for {each}");
    }
    for &each in ErrorCode::ALL {
        let is_it = matches!(answer, Answer::Chat(_)) && each == code;
        assert_eq!(
            after.errors_sent(each),
            before.errors_sent(each) + u64::from(is_it),
            "{what}: Errors {each} sent"
        );
    }
    let counts_as_fault = code != ErrorCode::NotConnected;
    assert_eq!(
        after.parse_errors,
        before.parse_errors + u64::from(counts_as_fault),
        "{what}: parse errors"
    );
}
