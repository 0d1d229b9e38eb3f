//! Who is told of joins and leaves, and when. A crowd that goes at once costs each remaining member
//! one notice for each of them: n²/2 for all together. So members are removed at once, and the
//! notices are spread over ticks, in order; and in a large room joins and leaves are told only to
//! the member concerned, and members of version 2 from time to time how many there are.

use std::collections::BTreeSet;

use cafewire_core::chat::v2;

use super::announce::{Way, announce, append_v2, told};
use super::rooms::{Room, log_room};
use super::usernames::Username;
use super::{Directory, Member};
use crate::broker::Cx;
use crate::broker::fanout::LogRoom;
use crate::broker::ids::RoomId;
use crate::metrics::LimitReached;

/// How often members of a large room are told how many there are, at the most.
const INFO_EVERY_MS: u64 = 1000;

/// Rooms that have something to tell of their size, in the order in which it is due.
#[derive(Debug, Default)]
pub(super) struct DueInfos(BTreeSet<(u64, RoomId)>);

/// A member that is gone.
#[derive(Debug)]
pub(super) struct Departure {
    user_id: u32,
    username: Username,
}

impl Directory {
    /// Presence goes off when a room has more members than its limit, and on again at half of that.
    /// So many are there now, or are about to be.
    pub(super) fn update_presence(&mut self, id: RoomId, members: usize, cx: &mut Cx<'_>) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let told_before = room.tells_presence;
        let most = cx.limits.presence_members_max;
        if members > most {
            room.tells_presence = false;
        } else if members <= most / 2 {
            room.tells_presence = true;
        }
        let now_ms = cx.fanout.now_ms();
        if room.tells_presence != told_before {
            self.tell_info_at(id, now_ms);
        } else if !room.tells_presence {
            self.tell_info_at(id, now_ms.saturating_add(INFO_EVERY_MS));
        }
    }

    /// Members of version 2 are told the size of the room then, or earlier if that is planned.
    fn tell_info_at(&mut self, id: RoomId, at_ms: u64) {
        let Some(room) = self.rooms.get_mut(id).filter(|room| room.logs.v2().is_some()) else {
            return;
        };
        if room.info_at_ms.is_none_or(|planned_ms| planned_ms > at_ms) {
            if let Some(planned_ms) = room.info_at_ms.replace(at_ms) {
                self.due_infos.0.remove(&(planned_ms, id));
            }
            self.due_infos.0.insert((at_ms, id));
        }
    }

    /// Tells the sizes that are due. A room whose log is full has its turn later.
    pub(in crate::broker) fn tell_infos(&mut self, cx: &mut Cx<'_>) {
        let now_ms = cx.fanout.now_ms();
        while let Some(&(at_ms, id)) = self.due_infos.0.first().filter(|due| due.0 <= now_ms) {
            self.due_infos.0.remove(&(at_ms, id));
            if let Some(room) = self.rooms.get_mut(id) {
                room.info_at_ms = None;
            }
            if !self.can_take(id, cx) {
                self.tell_info_at(id, now_ms.saturating_add(INFO_EVERY_MS));
            } else if let Some(room) = self.rooms.get(id) {
                append_v2(room.logs.v2(), &info_of(room, self.members_of(id, cx)), cx);
            }
        }
    }

    /// When the next size is due.
    pub(in crate::broker) fn next_info_ms(&self) -> Option<u64> {
        self.due_infos.0.first().map(|&(at_ms, _)| at_ms)
    }

    /// A room is gone, and has nothing to tell.
    pub(super) fn forget_info(&mut self, id: RoomId, room: &Room) {
        if let Some(at_ms) = room.info_at_ms {
            self.due_infos.0.remove(&(at_ms, id));
        }
    }

    /// A member is gone from a room without a word. It is told later.
    pub(super) fn note_departure(&mut self, id: RoomId, member: &Member) {
        let Some(room) = self.rooms.get_mut(id).filter(|room| room.tells_presence) else { return };
        if !std::mem::replace(&mut room.is_departing, true) {
            self.departing.push_back(id);
        }
        let Member { user_id, username, .. } = member;
        room.departures.push_back(Departure { user_id: *user_id, username: username.clone() });
    }

    /// Whether departures are still to be told.
    pub(in crate::broker) fn has_departures(&self) -> bool {
        !self.departing.is_empty()
    }

    /// Tells the departures that there is time for in this tick. At least one, so that there is an
    /// end to them.
    pub(in crate::broker) fn tell_departures(&mut self, cx: &mut Cx<'_>) {
        for _ in 0..self.departing.len() {
            let Some(id) = self.departing.pop_front() else { return };
            self.tell_departures_of(id, cx);
            if let Some(room) = self.rooms.get_mut(id) {
                room.is_departing = !room.departures.is_empty();
                if room.is_departing && *cx.departures_left == 0 {
                    // Its time is over for now: the others come first.
                    self.departing.push_back(id);
                } else if room.is_departing {
                    // Its log is full. Listed here, the loop would turn until there is space.
                    room.is_departing = false;
                    self.waiting.hold(id, room);
                }
            }
            if *cx.departures_left == 0 {
                return;
            }
        }
    }

    /// Tells the departures from one room that there is time for.
    pub(super) fn tell_departures_of(&mut self, id: RoomId, cx: &mut Cx<'_>) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        if room.departures.is_empty() {
            return;
        }
        while *cx.departures_left > 0 && log_room(room.logs, cx) == LogRoom::Ready {
            let Some(Departure { user_id, username }) = room.departures.pop_front() else { break };
            // Those whose departures are told next were there until now.
            let subscribers = room.logs.all().map(|log| cx.fanout.subscribers(log).len());
            let members = subscribers.sum::<usize>() + room.departures.len();
            announce(room, Way::Out, (user_id, username.as_str()), members, cx);
            cx.metrics.departures_told.add(1);
            *cx.departures_left -= 1;
            if cx.fanout.deliveries() >= cx.limits.deliveries_per_tick {
                *cx.departures_left = 0;
            }
        }
        if room.departures.is_empty() {
            room.departures.shrink_to_fit();
        } else if *cx.departures_left == 0 {
            cx.metrics.count_limit(LimitReached::DeparturesPerTick);
        }
    }
}

/// What is told of a room's size.
pub(super) fn info_of(room: &Room, members: usize) -> v2::MessagePayload<'_> {
    v2::MessagePayload::RoomInfo {
        members: told(members),
        presence: room.tells_presence,
        room: &room.name,
    }
}
