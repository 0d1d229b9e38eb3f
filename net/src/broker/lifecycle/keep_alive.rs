//! Whether a silent client of version 2 is still there: it is asked, twice, before its idle time is
//! over, and any frame is answer enough.

use cafewire_core::chat::v2::MessagePayload;
use slotmap::Key as _;

use crate::broker::{Broker, ConnectionId, cx, is_v2, millis};

/// Clients that came together are not asked together: by so many hundredths of the idle time the
/// moments differ.
const SPREAD_PERCENT: u64 = 5;

impl Broker {
    /// After how long a silent client is asked at the earliest.
    pub(in crate::broker) fn until_first_probe_ms(&self) -> u64 {
        millis(self.limits.idle_timeout) / 100 * (50 - SPREAD_PERCENT)
    }

    /// Asks a client whether it is there if it has been silent for half of the idle time, and again
    /// after three quarters. Gives when to look at it next; `None` where it is not asked.
    pub(super) fn probe_if_silent(&mut self, id: ConnectionId, heard_ms: u64) -> Option<u64> {
        let peer = self.peers.get(id).filter(|peer| peer.is_open() && is_v2(peer))?;
        if !self.directory.is_signed_in(id) || self.directory.is_waiting(id) {
            return None;
        }
        let idle_ms = millis(self.limits.idle_timeout);
        let early_ms = idle_ms / 100 * (id.data().as_ffi() % SPREAD_PERCENT);
        let [half_ms, three_quarters_ms] =
            [idle_ms / 2, idle_ms / 4 * 3].map(|after_ms| peer.clock_ms + after_ms - early_ms);
        let next_ms = if heard_ms < half_ms {
            return Some(half_ms);
        } else if heard_ms < three_quarters_ms {
            three_quarters_ms
        } else {
            u64::MAX
        };
        self.directory.answer_v2(id, 0, &MessagePayload::ServerPing { data: b"" }, &mut cx!(self));
        Some(next_ms)
    }
}
