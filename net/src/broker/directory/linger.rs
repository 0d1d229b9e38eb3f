//! Rooms that everybody has left and that keep what was said, so that who comes back in time can go
//! on where it was: within a time, and only as long as nothing needs their place.

use std::collections::BTreeSet;

use super::Directory;
use crate::broker::ids::RoomId;
use crate::broker::{Cx, millis};

/// Rooms that are dropped in a tick because their time is over; the rest waits for the next.
const DROPPED_PER_TICK_MAX: usize = 256;

/// In the order in which their time is over.
#[derive(Debug, Default)]
pub(super) struct Lingering(BTreeSet<(u64, RoomId)>);

impl Lingering {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn remove(&mut self, until_ms: u64, id: RoomId) {
        self.0.remove(&(until_ms, id));
    }

    fn pop_due(&mut self, now_ms: u64) -> Option<RoomId> {
        let &(until_ms, id) = self.0.first().filter(|(until_ms, _)| *until_ms <= now_ms)?;
        self.remove(until_ms, id);
        Some(id)
    }
}

impl Directory {
    /// The last member has gone.
    pub(super) fn linger(&mut self, id: RoomId, cx: &Cx<'_>) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let linger_ms = millis(cx.limits.room_linger);
        let until_ms = cx.fanout.now_ms().saturating_add(linger_ms);
        room.lingers_until_ms = Some(until_ms);
        room.tells_presence = true;
        // There is no member to tell.
        room.departures.clear();
        // Who has not been there finds it in no list.
        self.rooms_in_order.remove(&room.name);
        self.lingering.0.insert((until_ms, id));
    }

    /// Drops rooms whose time is over, as many as there is time for.
    pub(in crate::broker) fn drop_lingering(&mut self, now_ms: u64, cx: &mut Cx<'_>) {
        for _ in 0..DROPPED_PER_TICK_MAX {
            let Some(id) = self.lingering.pop_due(now_ms) else { return };
            self.drop_room(id, cx);
        }
    }

    /// Their place is needed: the one that would go first goes now.
    pub(super) fn drop_oldest_lingering(&mut self, cx: &mut Cx<'_>) {
        if let Some(id) = self.lingering.pop_due(u64::MAX) {
            self.drop_room(id, cx);
        }
    }

    /// When the next room's time is over.
    pub(in crate::broker) fn next_linger_ms(&self) -> Option<u64> {
        self.lingering.0.first().map(|&(until_ms, _)| until_ms)
    }
}
