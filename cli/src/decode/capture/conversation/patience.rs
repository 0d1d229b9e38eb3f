//! How long a conversation waits with what it has, so that it is told in order: in segments of its
//! own, and in time as the capture's clock counts it, so that one that fell silent is not waited
//! for, whatever the others say.

use super::{Conversation, Shared};
use crate::failure::Failure;

/// A capture may hold packets in another order than they travelled in, an acknowledgement before
/// what it acknowledges: for so many segments of the connection a hole is waited for, and what the
/// other end said meanwhile too, so that both are told in order.
pub(super) const PATIENCE_SEGMENTS: u64 = 16;
/// The same in time: more than interfaces and queues of one system put packets out of order.
pub(super) const PATIENCE_NS: u64 = 100_000_000;

/// When something began to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Since {
    segments: u64,
    passed_ns: u64,
}

impl Since {
    pub(super) const fn at(segments: u64, passed_ns: u64) -> Self {
        Self { segments, passed_ns }
    }

    const fn until_ns(self) -> u64 {
        self.passed_ns.saturating_add(PATIENCE_NS)
    }
}

impl Conversation {
    pub(super) const fn now(&self) -> Since {
        Since::at(self.segments, self.passed_ns)
    }

    pub(super) const fn is_long_ago(&self, since: Since) -> bool {
        self.segments - since.segments >= PATIENCE_SEGMENTS || self.passed_ns >= since.until_ns()
    }

    /// When the next wait is over.
    pub(crate) fn due_ns(&self) -> Option<u64> {
        let of_streams = self.streams.iter().flat_map(|it| [it.hole_since, it.proven_since]);
        let all = of_streams.chain([self.reset_since]).flatten().map(Since::until_ns);
        all.filter(|&until_ns| until_ns > self.passed_ns).min()
    }

    /// Time passed: what has waited for long waits no longer.
    pub(crate) fn settle(&mut self, shared: &mut Shared<'_>) -> Result<(), Failure> {
        self.passed_ns = shared.passed_ns;
        let is_over = self.reset_since.is_some_and(|since| self.is_long_ago(since));
        let is_long = [0, 1].map(|end| {
            let since = self.streams[end].hole_since;
            since.is_some_and(|since| self.is_long_ago(since))
        });
        for (stream, is_long) in self.streams.iter_mut().zip(is_long) {
            if is_over {
                stream.reassembly.finish(false);
            } else if is_long {
                stream.reassembly.start_at_the_earliest();
            }
        }
        self.tell_in_order(false, shared)
    }
}
