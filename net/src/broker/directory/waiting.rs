//! Connections whose request waits until a room can take more. They are not read from meanwhile,
//! and go on when the room's log has space again.

use std::collections::{HashSet, VecDeque};

use super::rooms::{Room, RoomLogs, log_room};
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

    /// The room's departures wait for space in its log.
    pub(super) fn hold(&mut self, id: RoomId, room: &mut Room) {
        if !room.is_held && room.waiters.is_empty() {
            self.rooms.push_back(id);
        }
        room.is_held = true;
    }

    pub(super) fn invariants(&self, room: RoomId, waiters: &[ConnectionId], is_held: bool) {
        let times_listed = self.rooms.iter().filter(|&&listed| listed == room).count();
        let is_waited_for = waiters.iter().any(|id| self.connections.contains(id));
        assert!(
            times_listed == 1 || !(is_waited_for || is_held),
            "a room that is not looked at once in each round, but {times_listed} times"
        );
    }
}

impl Directory {
    /// The connection waits for a room.
    pub(super) fn wait_for(&mut self, id: ConnectionId, room_id: RoomId) -> Outcome {
        if let Some(room) = self.rooms.get_mut(room_id) {
            if room.waiters.is_empty() && !room.is_held {
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

    /// Whether a room that is waited for has space by now: it came after the last look.
    pub(in crate::broker) fn has_waiting(&self, has_space: impl Fn(RoomLogs) -> bool) -> bool {
        self.waiting.rooms.iter().any(|&id| self.rooms.get(id).is_some_and(|it| has_space(it.logs)))
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
            let state = if room.departures.is_empty() || room.is_held {
                log_room(room.logs, cx)
            } else {
                LogRoom::Wait { until_ms: None }
            };
            match state {
                LogRoom::Ready
                    if std::mem::take(&mut room.is_held) && !room.departures.is_empty() =>
                {
                    // They come before what its waiters have to say.
                    if !std::mem::replace(&mut room.is_departing, true) {
                        self.departing.push_back(id);
                    }
                    if room.waiters.is_empty() {
                        continue;
                    }
                }
                LogRoom::Ready => {
                    let waiters = std::mem::take(&mut room.waiters);
                    self.waiting.resume(waiters);
                    continue;
                }
                LogRoom::Wait { until_ms } => {
                    cx.metrics.count_limit(LimitReached::RoomLogBytes);
                    next_ms = [next_ms, until_ms].into_iter().flatten().min();
                }
                LogRoom::Lagging => lagging.extend(cx.fanout.lagging(room.logs.all())),
            }
            self.waiting.rooms.push_back(id);
        }
        next_ms
    }
}
