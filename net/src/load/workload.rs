//! What differs between the kinds of load test: what is said, to whom, and how what comes is
//! judged. Does no I/O: bytes in, bytes out.

use cafewire_core::{Frame, FrameDecoder, Framing};

use super::payload::Stamp;
use super::schedule::Senders;
use super::tally::Tally;

/// One kind of load test.
pub(super) trait Workload {
    /// How many connections it wants.
    fn connections(&self) -> usize;

    /// Writes what a new connection says first.
    fn open(&mut self, connection: usize, out: &mut Vec<u8>);

    /// Takes an answer of a connection that is not ready yet, and may write what it says next.
    fn answer(&mut self, connection: usize, frame: &Frame<'_>, out: &mut Vec<u8>) -> Handshake;

    /// Those that are ready are all there will be. Gives the connections of the senders, which are
    /// numbered in that order.
    fn begin(&mut self, ready: &[bool]) -> Vec<usize>;

    /// Writes a sender's message.
    fn write(&mut self, stamp: Stamp, out: &mut Vec<u8>);

    /// Takes the whole frames at the start of `bytes`, and says how many bytes they are.
    fn receive(
        &mut self,
        connection: usize,
        bytes: &[u8],
        input: &mut FrameDecoder,
        stats: &mut Stats<'_>,
    ) -> Consumed;

    /// The connection has ended.
    fn leave(&mut self, connection: usize);

    /// A connection that should be ended, and why.
    fn take_outcast(&mut self) -> Option<(usize, &'static str)> {
        None
    }

    /// How many deliveries there must be of what was sent.
    fn expected(&self, senders: &Senders) -> u64;
}

/// How far a connection is on the way to being ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Handshake {
    NotYet,
    Ready,
    Refused(String),
}

/// What is kept about deliveries, at this moment.
pub(super) struct Stats<'a> {
    pub(super) tally: &'a mut Tally,
    pub(super) senders: &'a mut Senders,
    /// Since sending began.
    pub(super) now_ns: u64,
    /// The sender whose messages have come back, so that it may send again.
    pub(super) came_back: Option<usize>,
}

/// What came of some bytes.
#[derive(Debug, Default)]
pub(super) struct Consumed {
    /// Bytes of whole frames.
    pub(super) bytes: usize,
    /// The connection is of no use any more, and why.
    pub(super) broken: Option<String>,
}

/// Calls `take` for each whole frame at the start of `bytes`, with its bytes.
#[inline]
pub(super) fn each_frame(
    bytes: &[u8],
    input: &mut FrameDecoder,
    mut take: impl FnMut(&Frame<'_>, &[u8]) -> Result<(), String>,
) -> Consumed {
    let mut taken = Consumed::default();
    loop {
        let rest = &bytes[taken.bytes..];
        match input.next_frame(rest) {
            Framing::Frame { frame, consumed } => {
                taken.bytes += consumed;
                if let Err(reason) = take(&frame, &rest[..consumed]) {
                    taken.broken = Some(reason);
                    return taken;
                }
            }
            Framing::Incomplete { .. } => return taken,
            Framing::Corrupt { error } => {
                taken.broken = Some(format!("the server sent what is no frame: {error}"));
                return taken;
            }
        }
    }
}
