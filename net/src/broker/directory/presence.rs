//! Who is told of joins and leaves, and when. A crowd that goes at once costs each remaining member
//! one notice for each of them: n²/2 for all together. So members are removed at once, and the
//! notices are spread over ticks, in order; and in a large room joins and leaves are told only to
//! the member concerned.

use cafewire_core::MessagePayload;

use super::requests::{append, log_room};
use super::usernames::Username;
use super::{Directory, Member};
use crate::broker::Cx;
use crate::broker::fanout::LogRoom;
use crate::broker::ids::RoomId;
use crate::metrics::LimitReached;

/// A member that is gone.
#[derive(Debug)]
pub(super) struct Departure {
    user_id: u32,
    username: Username,
}

impl Directory {
    /// Presence goes off when a room has more members than its limit, and on again at half of that.
    pub(super) fn update_presence(&mut self, id: RoomId, cx: &mut Cx<'_>) {
        let members = self.members_of(id, cx);
        let Some(room) = self.rooms.get_mut(id) else { return };
        let most = cx.limits.presence_members_max;
        if members > most {
            room.tells_presence = false;
        } else if members <= most / 2 {
            room.tells_presence = true;
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
        while *cx.departures_left > 0 && log_room(room.log, cx) == LogRoom::Ready {
            let Some(Departure { user_id, username }) = room.departures.pop_front() else { break };
            let left =
                MessagePayload::UserLeft { user_id, username: username.as_str(), room: &room.name };
            append(room.log, &left, cx);
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
