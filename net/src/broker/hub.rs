//! Users, rooms, and who gets what. A pure state machine: requests and time in; answers, deliveries
//! and refusals out.
//!
//! A broadcast is encoded once, into its room's log. Its delivery to the members is put off until
//! something could tell the difference (another room speaks, somebody gets an answer, joins, leaves
//! or closes, or the tick ends), so that a burst in one room costs one delivery per member, not one
//! per message; the order that each connection sees is as if it had not been put off.
//! [`Hub::deliver_pending`] does what was put off.
//!
//! Invariants, checked by [`Hub::invariants`]: membership is told the same by rooms and members; a
//! name leads to its member and back; only one room has unsettled bytes, the one noted; a room
//! without members and readers is gone, and one without members does not count.

use std::collections::HashMap;

use cafewire_core::chat::MAX_FRAME_SIZE;
use cafewire_core::{ErrorCode, MessagePayload};
use slotmap::{SecondaryMap, SlotMap};
use thin_vec::ThinVec;

use super::outbox::Outboxes;
use super::room_log::RoomLog;
use super::usernames::{Username, Usernames};
use super::{ConnectionId, RoomId};
use crate::buffers::BufferPool;
use crate::config::Limits;
use crate::metrics::LimitReached;
use crate::metrics::ServerMetrics;

/// A burst longer than this is delivered before it goes on, so that what is put off stays small
/// beside the limits.
const UNSETTLED_BYTES_MAX: u64 = 64 << 10;

const NOT_IN_ROOM: &str = "you are not in this room: join it first";

/// Why a request was not done. Whether that ends the connection follows from the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: ErrorCode,
    pub(super) message: &'static str,
}

const fn refuse<T>(code: ErrorCode, message: &'static str) -> Result<T, Refusal> {
    Err(Refusal { code, message })
}

/// A refusal because of a limit, counted under its name.
fn refuse_at<T>(limit: LimitReached, message: &'static str, cx: &Cx<'_>) -> Result<T, Refusal> {
    cx.metrics.count_limit(limit);
    refuse(ErrorCode::LimitReached, message)
}

/// What the hub needs from its context while it works.
pub(super) struct Cx<'a> {
    pub(super) outboxes: &'a mut Outboxes,
    pub(super) pool: &'a mut BufferPool,
    pub(super) metrics: &'a ServerMetrics,
    pub(super) limits: &'a Limits,
}

#[derive(Debug)]
struct Member {
    user_id: u32,
    username: Username,
    /// As many as there are, without room for more: most members are in one or two.
    rooms: ThinVec<Membership>,
}

#[cfg(test)]
pub(super) const MEMBER_BYTES: usize = super::idle_cost::slot_bytes::<Member>();

impl Member {
    fn enter(&mut self, membership: Membership) {
        self.rooms.reserve_exact(1);
        self.rooms.push(membership);
    }

    fn leave(&mut self, index: usize) -> Membership {
        let left = self.rooms.swap_remove(index);
        self.rooms.shrink_to_fit();
        left
    }
}

#[derive(Clone, Copy, Debug)]
struct Membership {
    room: RoomId,
    /// The member's place in the room's list.
    place: u32,
}

#[derive(Debug, Default)]
struct Room {
    name: Box<str>,
    members: Vec<ConnectionId>,
    log: RoomLog,
    /// Up to here the log's bytes were delivered to the members.
    settled: u64,
}

/// What was appended and not delivered yet.
#[derive(Clone, Copy, Debug)]
struct Unsettled {
    room: RoomId,
    frames: u64,
}

#[derive(Debug, Default)]
pub(super) struct Hub {
    members: SecondaryMap<ConnectionId, Member>,
    by_username: Usernames,
    /// Those with members, and those whose last words somebody has yet to read.
    rooms: SlotMap<RoomId, Room>,
    /// Those with members alone: who leaves a room and does not read holds on to its log, not to
    /// its place.
    occupied: usize,
    by_room_name: HashMap<Box<str>, RoomId>,
    unsettled: Option<Unsettled>,
    last_user_id: u32,
    /// The numbers have begun again, while some who came early may still be here.
    user_ids_wrapped: bool,
}

/// The name of a member. Everybody in the table of names is one.
fn name_of(members: &SecondaryMap<ConnectionId, Member>, id: ConnectionId) -> &str {
    members.get(id).map_or("", |member| member.username.as_str())
}

impl Hub {
    pub(super) fn with_places(places: usize) -> Self {
        Self { members: SecondaryMap::with_capacity(places), ..Self::default() }
    }

    pub(super) fn is_signed_in(&self, id: ConnectionId) -> bool {
        self.members.contains_key(id)
    }

    /// Whether the connection is in a room, and so has a reason to be there and publish nothing.
    pub(super) fn is_listening(&self, id: ConnectionId) -> bool {
        self.members.get(id).is_some_and(|member| !member.rooms.is_empty())
    }

    /// Does what a client asked for. `Disconnect` is not the hub's: it ends in
    /// [`remove`](Self::remove).
    pub(super) fn handle(
        &mut self,
        from: ConnectionId,
        request: &MessagePayload<'_>,
        unix_ms: u64,
        cx: &mut Cx<'_>,
    ) -> Result<(), Refusal> {
        match *request {
            MessagePayload::Connect { username } => self.sign_in(from, username, cx),
            _ if !self.is_signed_in(from) => {
                refuse(ErrorCode::NotConnected, "sign in first: the first message must be Connect")
            }
            MessagePayload::SendMessage { room, content } => {
                self.publish(from, room, content, unix_ms, cx)
            }
            MessagePayload::JoinRoom { room } => self.join(from, room, cx),
            MessagePayload::LeaveRoom { room } => self.leave(from, room, cx),
            _ => refuse(ErrorCode::UnexpectedMessage, "only servers send this"),
        }
    }

    fn sign_in(
        &mut self,
        from: ConnectionId,
        username: &str,
        cx: &mut Cx<'_>,
    ) -> Result<(), Refusal> {
        if self.is_signed_in(from) {
            return refuse(ErrorCode::AlreadyConnected, "this connection is signed in already");
        }
        if self.by_username.find(username, |id| name_of(&self.members, id)).is_some() {
            return refuse(
                ErrorCode::UsernameTaken,
                "somebody is signed in under this name: choose another",
            );
        }
        let user_id = self.next_user_id();
        self.members
            .insert(from, Member { user_id, username: username.into(), rooms: ThinVec::new() });
        self.by_username.insert(from, |id| name_of(&self.members, id));
        cx.outboxes.sign_in(from);
        cx.metrics.users.set(self.members.len());
        let server_info = concat!("cafewire/", env!("CARGO_PKG_VERSION"));
        self.answer(from, &MessagePayload::ConnectAck { user_id, server_info }, cx);
        Ok(())
    }

    /// The next number that nobody has. After some four thousand million sign-ins each one more
    /// looks at everybody: a table of the numbers would cost every member memory from the first one
    /// on.
    fn next_user_id(&mut self) -> u32 {
        loop {
            (self.last_user_id, self.user_ids_wrapped) = self
                .last_user_id
                .checked_add(1)
                .map_or((1, true), |next| (next, self.user_ids_wrapped));
            let user_id = self.last_user_id;
            if !self.user_ids_wrapped
                || self.members.values().all(|member| member.user_id != user_id)
            {
                return user_id;
            }
        }
    }

    fn publish(
        &mut self,
        from: ConnectionId,
        room: &str,
        content: &str,
        unix_ms: u64,
        cx: &mut Cx<'_>,
    ) -> Result<(), Refusal> {
        let room_id = self.room_of(from, room)?;
        self.reserve(room_id, cx);
        let (Some(member), Some(room)) = (self.members.get(from), self.rooms.get_mut(room_id))
        else {
            return refuse(ErrorCode::NotInRoom, NOT_IN_ROOM);
        };
        let broadcast = MessagePayload::MessageBroadcast {
            user_id: member.user_id,
            timestamp: unix_ms,
            username: member.username.as_str(),
            room: &room.name,
            content,
        };
        append(&mut room.log, &broadcast, cx);
        cx.metrics.broadcasts.add(1);
        self.note_unsettled(room_id, cx);
        Ok(())
    }

    fn join(&mut self, from: ConnectionId, name: &str, cx: &mut Cx<'_>) -> Result<(), Refusal> {
        self.deliver_pending(cx);
        let existing = self.by_room_name.get(name).copied();
        let Some(member) = self.members.get(from) else {
            return refuse(ErrorCode::NotConnected, "sign in first");
        };
        if existing
            .is_some_and(|room| member.rooms.iter().any(|membership| membership.room == room))
        {
            return refuse(ErrorCode::AlreadyInRoom, "you are in this room already");
        }
        if member.rooms.len() >= cx.limits.rooms_per_connection {
            let why = "you are in as many rooms as one connection may be: leave one first";
            return refuse_at(LimitReached::RoomsPerConnection, why, cx);
        }
        let members =
            existing.and_then(|room| self.rooms.get(room)).map_or(0, |room| room.members.len());
        if members >= cx.limits.members_per_room {
            return refuse_at(
                LimitReached::MembersPerRoom,
                "the room holds as many members as it may",
                cx,
            );
        }
        if members == 0 && self.occupied >= cx.limits.rooms {
            return refuse_at(LimitReached::Rooms, "the server holds as many rooms as it may", cx);
        }
        let Ok(place) = u32::try_from(members) else {
            return refuse_at(
                LimitReached::MembersPerRoom,
                "the room holds as many members as can be counted",
                cx,
            );
        };
        let room_id = existing.unwrap_or_else(|| self.make_room(name));
        self.reserve(room_id, cx);
        let (Some(room), Some(member)) = (self.rooms.get_mut(room_id), self.members.get_mut(from))
        else {
            return refuse(ErrorCode::NotConnected, "sign in first");
        };
        member.enter(Membership { room: room_id, place });
        room.members.push(from);
        if members == 0 {
            self.occupied += 1;
            cx.metrics.rooms.set(self.occupied);
        }
        let joined = MessagePayload::UserJoined {
            user_id: member.user_id,
            username: member.username.as_str(),
            room: name,
        };
        append(&mut room.log, &joined, cx);
        self.note_unsettled(room_id, cx);
        Ok(())
    }

    fn make_room(&mut self, name: &str) -> RoomId {
        let id = self.rooms.insert(Room { name: name.into(), ..Room::default() });
        self.by_room_name.insert(name.into(), id);
        id
    }

    fn leave(&mut self, from: ConnectionId, name: &str, cx: &mut Cx<'_>) -> Result<(), Refusal> {
        let room_id = self.room_of(from, name)?;
        self.reserve(room_id, cx);
        self.announce_departure(from, room_id, cx);
        // The one who leaves gets its own copy, so it is taken off the list only after the
        // delivery.
        self.deliver_pending(cx);
        self.take_out(from, room_id, cx.metrics);
        self.free_room(room_id, cx.pool);
        Ok(())
    }

    /// The connection is gone, or as good as gone: it leaves every room, the others are told, its
    /// name is free.
    pub(super) fn remove(&mut self, id: ConnectionId, cx: &mut Cx<'_>) {
        self.deliver_pending(cx);
        while let Some(membership) =
            self.members.get(id).and_then(|member| member.rooms.last().copied())
        {
            let room_id = membership.room;
            self.reserve(room_id, cx);
            self.take_out(id, room_id, cx.metrics);
            if self.rooms.get(room_id).is_some_and(|room| !room.members.is_empty()) {
                self.announce_departure(id, room_id, cx);
            }
            self.free_room(room_id, cx.pool);
        }
        if let Some(member) = self.members.remove(id) {
            self.by_username.remove(id, member.username.as_str());
            cx.metrics.users.set(self.members.len());
        }
    }

    fn announce_departure(&mut self, id: ConnectionId, room_id: RoomId, cx: &mut Cx<'_>) {
        if let (Some(member), Some(room)) = (self.members.get(id), self.rooms.get_mut(room_id)) {
            let Room { name, log, .. } = room;
            let left = MessagePayload::UserLeft {
                user_id: member.user_id,
                username: member.username.as_str(),
                room: name,
            };
            append(log, &left, cx);
            self.note_unsettled(room_id, cx);
        }
    }

    /// Takes a member off a room's list; the last one on the list takes its place.
    fn take_out(&mut self, id: ConnectionId, room_id: RoomId, metrics: &ServerMetrics) {
        let Some(member) = self.members.get_mut(id) else { return };
        let Some(index) = member.rooms.iter().position(|membership| membership.room == room_id)
        else {
            return;
        };
        let place = member.leave(index).place;
        let Some(room) = self.rooms.get_mut(room_id) else { return };
        room.members.swap_remove(place as usize);
        if room.members.is_empty() {
            self.occupied -= 1;
            metrics.rooms.set(self.occupied);
        }
        if let Some(&moved) = room.members.get(place as usize)
            && let Some(moved) = self.members.get_mut(moved)
            && let Some(membership) =
                moved.rooms.iter_mut().find(|membership| membership.room == room_id)
        {
            membership.place = place;
        }
    }

    fn room_of(&self, from: ConnectionId, name: &str) -> Result<RoomId, Refusal> {
        match (self.by_room_name.get(name), self.members.get(from)) {
            (Some(&room), Some(member))
                if member.rooms.iter().any(|membership| membership.room == room) =>
            {
                Ok(room)
            }
            _ => refuse(ErrorCode::NotInRoom, NOT_IN_ROOM),
        }
    }

    /// Queues an answer to one connection, after everything that was said before it.
    pub(super) fn answer(
        &mut self,
        to: ConnectionId,
        message: &MessagePayload<'_>,
        cx: &mut Cx<'_>,
    ) {
        self.deliver_pending(cx);
        let mut buffer = [0; MAX_FRAME_SIZE];
        match message.encode_into(&mut buffer) {
            Ok(frame) => cx.outboxes.answer(to, &[frame], cx.pool),
            Err(error) => debug_assert!(false, "an answer that breaks the protocol: {error}"),
        }
    }

    /// A room is about to speak: what was put off for a different one is done first, and its log is
    /// made to have room for one more frame.
    fn reserve(&mut self, room_id: RoomId, cx: &mut Cx<'_>) {
        if self.unsettled.is_some_and(|unsettled| unsettled.room != room_id) {
            self.deliver_pending(cx);
        }
        if self
            .rooms
            .get(room_id)
            .is_some_and(|room| room.log.len() + MAX_FRAME_SIZE > cx.limits.room_log_bytes)
        {
            self.deliver_pending(cx);
            self.drop_oldest(room_id, cx);
        }
    }

    /// One more frame was appended to this room's log, [`way made for it`](Self::reserve) before.
    fn note_unsettled(&mut self, room_id: RoomId, cx: &mut Cx<'_>) {
        self.unsettled.get_or_insert(Unsettled { room: room_id, frames: 0 }).frames += 1;
        if self
            .rooms
            .get(room_id)
            .is_some_and(|room| room.log.head() - room.settled > UNSETTLED_BYTES_MAX)
        {
            self.deliver_pending(cx);
        }
    }

    /// Drops the oldest quarter of a room's log, so that this is rare. Whoever still needs it is a
    /// slow consumer: all that is queued for it is given up.
    fn drop_oldest(&mut self, room_id: RoomId, cx: &mut Cx<'_>) {
        let Some(room) = self.rooms.get(room_id) else { return };
        let position = room.log.base() + (room.log.len() / 4) as u64;
        for lagging in cx.outboxes.readers_before(room_id, position) {
            self.give_up(lagging, cx);
            cx.outboxes.note_lagged(lagging);
        }
        if let Some(room) = self.rooms.get_mut(room_id) {
            room.log.drop_before(position, cx.pool);
        }
    }

    /// Gives up all that is queued for a connection but the rest of a half-sent frame. False if
    /// that rest cannot be told, so that nothing sensible can follow.
    pub(super) fn give_up(&mut self, id: ConnectionId, cx: &mut Cx<'_>) -> bool {
        let mut released = Vec::new();
        let rooms = &self.rooms;
        let bytes =
            |room: RoomId, start, end| rooms.get(room).and_then(|room| room.log.bytes(start..end));
        let can_follow = cx.outboxes.cut(id, cx.pool, bytes, &mut released);
        for room in released {
            self.release_reader(room, cx.pool);
        }
        can_follow
    }

    /// Bytes that were put off: they are still to be queued for whoever spoke last, and others.
    pub(super) fn unsettled_bytes(&self) -> usize {
        let room = self.unsettled.and_then(|unsettled| self.rooms.get(unsettled.room));
        #[allow(clippy::cast_possible_truncation)] // bounded by the room log's limit
        room.map_or(0, |room| (room.log.head() - room.settled) as usize)
    }

    /// Delivers what was put off.
    pub(super) fn deliver_pending(&mut self, cx: &mut Cx<'_>) {
        let Some(Unsettled { room: room_id, frames }) = self.unsettled.take() else { return };
        let Some(room) = self.rooms.get_mut(room_id) else { return };
        let (start, end) = (room.settled, room.log.head());
        room.settled = end;
        for &member in &room.members {
            if cx.outboxes.deliver(member, room_id, start, end) {
                room.log.add_reader();
            }
        }
        cx.metrics.deliveries.add(frames * room.members.len() as u64);
        room.log.drop_unread(end, cx.pool);
    }

    /// The bytes of a range that stands in an outbox. Never `None` for such a one: a log drops
    /// nothing that is in one.
    pub(super) fn bytes(&self, room: RoomId, start: u64, end: u64) -> Option<&[u8]> {
        self.rooms.get(room)?.log.bytes(start..end)
    }

    /// Bytes of storage that the rooms' logs hold.
    pub(super) fn held_bytes(&self) -> usize {
        self.rooms.values().map(|room| room.log.capacity()).sum()
    }

    /// A range of this room's log left an outbox.
    pub(super) fn release_reader(&mut self, room_id: RoomId, pool: &mut BufferPool) {
        if let Some(room) = self.rooms.get_mut(room_id) {
            room.log.remove_reader(room.settled, pool);
            self.free_room(room_id, pool);
        }
    }

    /// An empty room goes, once nobody has to read its last words any more.
    fn free_room(&mut self, room_id: RoomId, pool: &mut BufferPool) {
        if self
            .rooms
            .get(room_id)
            .is_some_and(|room| room.members.is_empty() && room.log.readers() == 0)
            && let Some(mut room) = self.rooms.remove(room_id)
        {
            room.log.drop_before(u64::MAX, pool);
            self.by_room_name.remove(&room.name);
            if self.unsettled.is_some_and(|unsettled| unsettled.room == room_id) {
                self.unsettled = None;
            }
        }
    }

    /// Checks what the module's head promises; `readers` counts the ranges of a room that stand in
    /// outboxes.
    pub(super) fn invariants(&self, readers: impl Fn(RoomId) -> usize) {
        for (id, member) in &self.members {
            let found =
                self.by_username.find(member.username.as_str(), |id| name_of(&self.members, id));
            assert_eq!(found, Some(id), "a name that leads elsewhere");
            for membership in &member.rooms {
                assert_eq!(
                    self.rooms[membership.room].members[membership.place as usize], id,
                    "a place that is another's"
                );
            }
        }
        assert_eq!(self.members.len(), self.by_username.len());
        assert_eq!(self.rooms.len(), self.by_room_name.len());
        assert_eq!(
            self.occupied,
            self.rooms.values().filter(|room| !room.members.is_empty()).count()
        );
        let places: usize = self.rooms.values().map(|room| room.members.len()).sum();
        assert_eq!(places, self.members.values().map(|member| member.rooms.len()).sum::<usize>());
        for (id, room) in &self.rooms {
            room.log.invariants();
            assert_eq!(self.by_room_name.get(&room.name), Some(&id));
            assert_eq!(room.log.readers(), readers(id), "readers miscounted");
            assert!(!room.members.is_empty() || room.log.readers() > 0, "an empty room stays");
            assert!(
                room.settled == room.log.head()
                    || self.unsettled.is_some_and(|unsettled| unsettled.room == id),
                "bytes that nobody delivers"
            );
        }
    }
}

fn append(log: &mut RoomLog, message: &MessagePayload<'_>, cx: &mut Cx<'_>) {
    let size = message.encoded_len();
    cx.metrics.log_bytes_appended.add(size as u64);
    log.append(size, cx.pool, |into| {
        let written = message.encode_into(into);
        debug_assert!(written.is_ok(), "a broadcast that breaks the protocol: {written:?}");
    });
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use crate::broker::{Broker, Now};
    use crate::config::Limits;
    use cafewire_core::MessagePayload;

    #[test]
    fn a_user_id_is_nobody_elses_when_the_numbers_begin_again() {
        let now = Now { monotonic_ms: 0, unix_ms: 0 };
        let mut broker = Broker::new(Limits::default(), Arc::default());
        let mut user_id_of = |username: &str, last_user_id: Option<u32>| {
            broker.hub.last_user_id = last_user_id.unwrap_or(broker.hub.last_user_id);
            let id = broker.accept(SocketAddr::from(([127, 0, 0, 1], 1)), now).unwrap();
            broker.handle_input(
                id,
                MessagePayload::Connect { username }.encode_into(&mut [0; 64]).unwrap(),
                now,
            );
            broker.hub.members[id].user_id
        };
        assert_eq!((user_id_of("ada", None), user_id_of("bob", None)), (1, 2));
        assert_eq!(user_id_of("carl", Some(u32::MAX - 1)), u32::MAX);
        assert_eq!((user_id_of("dora", None), user_id_of("eve", None)), (3, 4));
    }
}
