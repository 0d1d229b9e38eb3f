//! Connections whose request waits until a room can take more. They are not read from meanwhile,
//! and go on when the room's log has space again.

use std::collections::{HashSet, VecDeque};

use super::requests::log_room;
use super::{Directory, Outcome};
use crate::broker::Cx;
use crate::broker::fanout::LogRoom;
use crate::broker::ids::{ConnectionId, ReaderId, RoomId};
use crate::metrics::LimitReached;

/// Rooms that are looked at in a tick: each costs a look at all readers.
const CHECKED_PER_TICK_MAX: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Connections that wait.
    connections: HashSet<ConnectionId>,
    /// Rooms that are waited for.
    rooms: VecDeque<RoomId>,
    /// Connections that need not wait any more and have not been told.
    resumed: VecDeque<ConnectionId>,
}

impl Waiting {
    pub(super) fn resume(&mut self, waiters: Vec<ConnectionId>) {
        for id in waiters {
            if self.connections.remove(&id) {
                self.resumed.push_back(id);
            }
        }
    }

    pub(super) fn forget(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
    }

    pub(super) fn invariants(&self, room: RoomId, waiters: &[ConnectionId]) {
        assert!(
            waiters.iter().all(|id| !self.connections.contains(id)) || self.rooms.contains(&room),
            "a room that is never looked at"
        );
    }
}

impl Directory {
    /// The connection waits for a room.
    pub(super) fn wait_for(&mut self, id: ConnectionId, room_id: RoomId) -> Outcome {
        if let Some(room) = self.rooms.get_mut(room_id) {
            if room.waiters.is_empty() {
                self.waiting.rooms.push_back(room_id);
            }
            room.waiters.push(id);
            self.waiting.connections.insert(id);
        }
        Outcome::Wait
    }

    /// Whether this connection waits for a room.
    pub(in crate::broker) fn is_waiting(&self, id: ConnectionId) -> bool {
        !self.waiting.connections.is_empty() && self.waiting.connections.contains(&id)
    }

    /// The next connection that need not wait any more.
    pub(in crate::broker) fn next_resumed(&mut self) -> Option<ConnectionId> {
        self.waiting.resumed.pop_front()
    }

    pub(in crate::broker) fn has_resumed(&self) -> bool {
        !self.waiting.resumed.is_empty()
    }

    /// Looks at rooms that are waited for. Gives when the next is to be looked at, if nothing
    /// happens before; readers that a room waits for no longer are added to `lagging`.
    pub(in crate::broker) fn check_waiting(
        &mut self,
        lagging: &mut Vec<ReaderId>,
        cx: &mut Cx<'_>,
    ) -> Option<u64> {
        let mut next_ms: Option<u64> = None;
        for _ in 0..self.waiting.rooms.len().min(CHECKED_PER_TICK_MAX) {
            let id = self.waiting.rooms.pop_front()?;
            let Some(room) = self.rooms.get_mut(id) else { continue };
            let state = if room.departures.is_empty() {
                log_room(room.log, cx)
            } else {
                LogRoom::Wait { until_ms: None }
            };
            match state {
                LogRoom::Ready => {
                    let waiters = std::mem::take(&mut room.waiters);
                    self.waiting.resume(waiters);
                    continue;
                }
                LogRoom::Wait { until_ms } => {
                    cx.metrics.count_limit(LimitReached::RoomLogBytes);
                    next_ms = [next_ms, until_ms].into_iter().flatten().min();
                }
                LogRoom::Lagging => lagging.extend(cx.fanout.lagging(room.log)),
            }
            self.waiting.rooms.push_back(id);
        }
        next_ms
    }
}
