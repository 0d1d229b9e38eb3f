//! Who is closed for silence: a peer that did not sign in in time, or one that is idle. When that
//! is looked at, the timers say.

use super::Peer;
use crate::broker::dispatch::ErrorText;
use crate::broker::{Broker, ConnectionId, Now, is_signing_in, is_v2};
use crate::metrics::CloseReason;

impl Broker {
    /// Whether a peer whose idle time is over may have taken bytes all the same: systems tell of
    /// room when a good part of the send buffer is free (a third on Linux), and a peer may need
    /// longer than the idle time to make that. A try to write finds any room. Of a client of
    /// version 2 its answers count instead.
    pub(super) fn may_have_taken(&self, id: ConnectionId, peer: &Peer) -> bool {
        self.fanout.queued_bytes(id.into()) > 0
            && !is_signing_in(id, peer, &self.directory)
            && !is_v2(peer)
    }

    /// The try did not take all: one that took nothing since its idle time started is idle.
    pub(super) fn judge_idle(&mut self, id: ConnectionId, now: Now) {
        let heard_ms = self.heard_ms;
        let is_over = |peer: &Peer| {
            peer.is_open()
                && !is_signing_in(id, peer, &self.directory)
                && self.deadline_ms(id, peer, heard_ms) <= heard_ms
        };
        if self.peers.get(id).is_some_and(is_over) {
            self.close_for_silence(id, now);
        }
    }

    pub(super) fn close_for_silence(&mut self, id: ConnectionId, now: Now) {
        if self.peers.get(id).is_some_and(|peer| is_signing_in(id, peer, &self.directory)) {
            let text = ErrorText::new("no complete frame, or no sign-in, came in time");
            self.close(id, CloseReason::SignInTimeout, &text, now);
        } else {
            let text = ErrorText::new("nothing was heard from you for too long");
            self.close(id, CloseReason::IdleTimeout, &text, now);
        }
    }
}
