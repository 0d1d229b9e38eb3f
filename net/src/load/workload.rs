//! The interface of the kinds of load test: the messages to send and the judgement of those
//! received. Does no I/O: bytes in, bytes out.

use cafewire_core::{Frame, FrameDecoder, Framing};

use super::payload::Stamp;
use super::schedule::Senders;
use super::tally::Tally;

/// One kind of load test.
pub(super) trait Workload {
    /// The number of connections.
    fn connections(&self) -> usize;

    /// Writes the first frame of a new connection.
    fn open(&mut self, connection: usize, out: &mut Vec<u8>);

    /// Takes a frame for a connection that is not ready yet, and may write its next frame.
    fn answer(&mut self, connection: usize, frame: &Frame<'_>, out: &mut Vec<u8>) -> Handshake;

    /// Starts the sending phase with the connections that are ready. Returns the connections of the
    /// senders, which are numbered in that order.
    fn begin(&mut self, ready: &[bool]) -> Vec<usize>;

    /// Writes a sender's message.
    fn write(&mut self, stamp: Stamp, out: &mut Vec<u8>);

    /// Takes the whole frames at the start of `bytes` and returns their number of bytes.
    fn receive(
        &mut self,
        connection: usize,
        bytes: &[u8],
        input: &mut FrameDecoder,
        stats: &mut Stats<'_>,
    ) -> Consumed;

    /// Notes that a connection has ended.
    fn leave(&mut self, connection: usize);

    /// Takes a connection that should be ended, with the reason.
    fn take_expelled(&mut self) -> Option<(usize, &'static str)> {
        None
    }

    /// The number of deliveries due for the messages sent.
    fn expected(&self, senders: &Senders) -> u64;
}

/// The state of a connection's opening handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Handshake {
    NotYet,
    Ready,
    Refused(String),
}

/// The counters that a workload updates, and the time.
pub(super) struct Stats<'a> {
    pub(super) tally: &'a mut Tally,
    pub(super) senders: &'a mut Senders,
    /// The time since sending began.
    pub(super) now_ns: u64,
    /// The sender whose messages have come back, so that it may send again.
    pub(super) came_back: Option<usize>,
}

/// The outcome of taking bytes.
#[derive(Debug, Default)]
pub(super) struct Consumed {
    /// The bytes of whole frames.
    pub(super) bytes: usize,
    /// The reason why the connection must end, if it must.
    pub(super) broken: Option<String>,
}

/// Calls `take` for each whole frame at the start of `bytes`, with its bytes.
#[inline]
pub(super) fn each_frame(
    bytes: &[u8],
    input: &mut FrameDecoder,
    mut take: impl FnMut(&Frame<'_>, &[u8]) -> Result<(), String>,
) -> Consumed {
    let mut total = Consumed::default();
    loop {
        let rest = &bytes[total.bytes..];
        match input.next_frame(rest) {
            Framing::Frame { frame, consumed } => {
                total.bytes += consumed;
                if let Err(reason) = take(&frame, &rest[..consumed]) {
                    total.broken = Some(reason);
                    return total;
                }
            }
            Framing::Incomplete { .. } => return total,
            Framing::Corrupt { error } => {
                total.broken = Some(format!("the server sent a malformed frame: {error}"));
                return total;
            }
        }
    }
}
