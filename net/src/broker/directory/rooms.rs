//! Rooms: how they come and go, and who is in them.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;
use std::num::NonZeroU32;
use std::sync::Arc;

use cafewire_core::ErrorCode;
use cafewire_core::chat::{self, v2};

use super::addresses::AddressId;
use super::name_policy;
use super::presence::Departure;
use super::requests::{NOT_IN_ROOM, refuse, refuse_at, refuse_name};
use super::{Directory, Refusal};
use crate::broker::Cx;
use crate::broker::fanout::LogRoom;
use crate::broker::ids::{ConnectionId, LogId, RoomId, WireForm};
use crate::metrics::LimitReached;

/// Broadcasts of version 1 that the longest content of version 2 makes: each is as full as the cut
/// between characters lets it be, which leaves three bytes at most.
pub(super) const PARTS_MAX: usize = v2::MAX_CONTENT_SIZE.div_ceil(chat::MAX_CONTENT_SIZE - 3);

#[derive(Clone, Copy, Debug)]
pub(super) struct Membership {
    pub(super) room: RoomId,
    /// The member's place among the subscribers of the room's log.
    pub(super) place: u32,
}

/// The logs of a room: one for each version that a member has spoken there.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::broker) struct RoomLogs {
    v1: Option<LogId>,
    v2: Option<LogId>,
}

const _: () = assert!(
    PARTS_MAX * chat::MAX_FRAME_SIZE + v2::MAX_FRAME_SIZE <= 16 * chat::MAX_FRAME_SIZE,
    "the smallest room_log_bytes must have space for a message"
);

impl RoomLogs {
    pub(super) const fn of(self, form: WireForm) -> Option<LogId> {
        match form {
            WireForm::V1 => self.v1,
            WireForm::V2 => self.v2,
        }
    }

    pub(super) const fn v1(self) -> Option<LogId> {
        self.v1
    }

    pub(super) const fn v2(self) -> Option<LogId> {
        self.v2
    }

    /// What one message takes at most of these logs together. One of version 1 is always short.
    pub(in crate::broker) const fn message_bytes_max(self) -> usize {
        match (self.v1, self.v2) {
            (_, None) => chat::MAX_FRAME_SIZE,
            (None, Some(_)) => v2::MAX_FRAME_SIZE,
            (Some(_), Some(_)) => PARTS_MAX * chat::MAX_FRAME_SIZE + v2::MAX_FRAME_SIZE,
        }
    }

    pub(in crate::broker) fn all(self) -> impl Iterator<Item = LogId> + Clone {
        self.v1.into_iter().chain(self.v2)
    }
}

/// Where a room's messages are in their order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbering {
    /// Names this life of the numbering: another one that starts at 1 has another.
    pub(super) epoch: NonZeroU32,
    /// Of the last message, 0 before the first.
    pub(super) sequence: u64,
}

#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: Arc<str>,
    pub(super) logs: RoomLogs,
    pub(super) numbering: Numbering,
    /// Where its maker came from.
    maker: AddressId,
    /// Joins and leaves are told to all members.
    pub(super) tells_presence: bool,
    /// When version 2 is to be told how many members there are.
    pub(super) info_at_ms: Option<u64>,
    /// It has no members, and keeps what was said until then.
    pub(super) lingers_until_ms: Option<u64>,
    /// Members that are gone and whose going is still to be told, in order.
    pub(super) departures: VecDeque<Departure>,
    /// It stands in the list of rooms with departures to tell, which it may need no more.
    pub(super) is_departing: bool,
    /// Departures wait until its log has space: it stands in the list of rooms that are waited for.
    pub(super) is_held: bool,
    /// Connections with a request that the room cannot take yet.
    pub(super) waiters: Vec<ConnectionId>,
}

impl Directory {
    /// The room of this name, if the connection is in it.
    pub(super) fn joined_room(&self, id: ConnectionId, name: &str) -> Option<RoomId> {
        let room = *self.by_room_name.get(name)?;
        let memberships = &self.members.get(id)?.rooms;
        memberships.iter().any(|membership| membership.room == room).then_some(room)
    }

    pub(super) fn make_room(
        &mut self,
        name: &str,
        maker: AddressId,
        cx: &mut Cx<'_>,
    ) -> Result<RoomId, Refusal> {
        if let Err(why) = name_policy::check(name) {
            return refuse_name(ErrorCode::InvalidRoomName, why);
        }
        if self.rooms.len() >= cx.limits.rooms {
            self.drop_oldest_lingering(cx);
        }
        if self.rooms.len() >= cx.limits.rooms {
            return refuse_at(LimitReached::Rooms, "the server holds as many rooms as it may", cx);
        }
        self.charge_room_to(maker, cx)?;
        let name: Arc<str> = name.into();
        let numbering = Numbering { epoch: self.next_epoch(), sequence: 0 };
        let id = self.rooms.insert(Room {
            name: Arc::clone(&name),
            logs: RoomLogs::default(),
            numbering,
            maker,
            tells_presence: true,
            info_at_ms: None,
            lingers_until_ms: None,
            departures: VecDeque::new(),
            is_departing: false,
            is_held: false,
            waiters: Vec::new(),
        });
        self.rooms_in_order.insert(Arc::clone(&name), id);
        self.by_room_name.insert(name, id);
        cx.metrics.rooms.set(self.rooms.len() - self.lingering.len());
        Ok(id)
    }

    /// A room counts as made by an address for as long as it has members.
    fn charge_room_to(&self, maker: AddressId, cx: &mut Cx<'_>) -> Result<(), Refusal> {
        if cx.addresses.rooms_of(maker) >= cx.limits.rooms_per_address {
            let why = "your address has made as many rooms as it may";
            return refuse_at(LimitReached::RoomsPerAddress, why, cx);
        }
        cx.addresses.add_room(maker);
        Ok(())
    }

    /// A member comes into a room that had none: it counts as made from there.
    pub(super) fn revive(
        &mut self,
        id: RoomId,
        maker: AddressId,
        cx: &mut Cx<'_>,
    ) -> Result<(), Refusal> {
        let Some(until_ms) = self.rooms.get(id).and_then(|room| room.lingers_until_ms) else {
            return Ok(());
        };
        self.charge_room_to(maker, cx)?;
        self.lingering.remove(until_ms, id);
        if let Some(room) = self.rooms.get_mut(id) {
            room.lingers_until_ms = None;
            room.maker = maker;
            self.rooms_in_order.insert(Arc::clone(&room.name), id);
        }
        cx.metrics.rooms.set(self.rooms.len() - self.lingering.len());
        Ok(())
    }

    /// It cannot be guessed, and comes again once in four thousand million lives: a client that
    /// asks to go on where another life left off is told that it can't.
    fn next_epoch(&mut self) -> NonZeroU32 {
        loop {
            self.last_epoch += 1;
            #[allow(clippy::cast_possible_truncation)] // any half of a hash is as good
            let drawn = self.epochs.hash_one(self.last_epoch) as u32;
            if let Some(epoch) = NonZeroU32::new(drawn) {
                return epoch;
            }
        }
    }

    /// The log of a room in this form, made if its first reader comes.
    pub(super) fn log_for(&mut self, id: RoomId, form: WireForm, cx: &mut Cx<'_>) -> Option<LogId> {
        let logs = &mut self.rooms.get_mut(id)?.logs;
        let (log, may_keep) = match form {
            WireForm::V1 => (&mut logs.v1, false),
            WireForm::V2 => (&mut logs.v2, true),
        };
        Some(*log.get_or_insert_with(|| cx.fanout.open_log(may_keep)))
    }

    /// Takes a member off the list of a room's log; the last one on the list takes its place.
    pub(super) fn take_off(&mut self, membership: Membership, form: WireForm, cx: &mut Cx<'_>) {
        let Membership { room, place } = membership;
        let Some(log) = self.rooms.get(room).and_then(|room| room.logs.of(form)) else { return };
        if let Some(moved) = cx.fanout.unsubscribe(log, place)
            && let Some(moved) = self.members.get_mut(moved.into())
            && let Some(membership) = moved.rooms.iter_mut().find(|other| other.room == room)
        {
            membership.place = place;
        }
    }

    /// A room without members is gone, at once or when it has lingered. What it said last stays in
    /// its logs for those who are still to read it.
    pub(super) fn drop_room_if_empty(&mut self, id: RoomId, cx: &mut Cx<'_>) {
        if self.members_of(id, cx) > 0 {
            return;
        }
        let Some(room) = self.rooms.get_mut(id) else { return };
        if room.lingers_until_ms.is_some() {
            return;
        }
        cx.addresses.remove_room(room.maker);
        self.waiting.resume(std::mem::take(&mut room.waiters));
        let keeps_any = room.logs.v2.is_some() && room.numbering.sequence > 0;
        if keeps_any {
            self.linger(id, cx);
        } else {
            self.drop_room(id, cx);
        }
        cx.metrics.rooms.set(self.rooms.len() - self.lingering.len());
    }

    /// Its members are gone, and it counts as no address's.
    pub(super) fn drop_room(&mut self, id: RoomId, cx: &mut Cx<'_>) {
        let Some(room) = self.rooms.remove(id) else { return };
        self.by_room_name.remove(&room.name);
        self.rooms_in_order.remove(&room.name);
        self.forget_info(id, &room);
        for log in room.logs.all() {
            cx.fanout.close_log(log, cx.pool);
        }
    }

    pub(super) fn members_of(&self, id: RoomId, cx: &Cx<'_>) -> usize {
        let logs = self.rooms.get(id).map(|room| room.logs).unwrap_or_default();
        logs.all().map(|log| cx.fanout.subscribers(log).len()).sum()
    }

    /// Whether a room can take one message more: what it is still to say comes first, and those who
    /// read it are given time.
    pub(super) fn can_take(&mut self, id: RoomId, cx: &mut Cx<'_>) -> bool {
        self.tell_departures_of(id, cx);
        let Some(room) = self.rooms.get(id) else { return true };
        room.departures.is_empty() && log_room(room.logs, cx) == LogRoom::Ready
    }

    /// The room that a member asks about.
    pub(super) fn named_room(&self, id: ConnectionId, name: &str) -> Result<RoomId, Refusal> {
        match self.joined_room(id, name) {
            Some(room) => Ok(room),
            None if self.by_room_name.contains_key(name) => {
                refuse(ErrorCode::NotInRoom, NOT_IN_ROOM)
            }
            None => refuse(ErrorCode::NoSuchRoom, "there is no such room"),
        }
    }
}

pub(super) fn log_room(logs: RoomLogs, cx: &mut Cx<'_>) -> LogRoom {
    cx.fanout.log_room(logs.all(), logs.message_bytes_max(), cx.limits, cx.pool)
}
