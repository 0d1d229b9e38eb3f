//! What chat clients ask for, done: sign in, speak, join, leave. Each either is done whole, is
//! refused, or waits until its room can take more.

use std::collections::VecDeque;

use cafewire_core::chat::MAX_FRAME_SIZE;
use cafewire_core::{ErrorCode, MessagePayload};
use thin_vec::ThinVec;

use super::addresses::AddressId;
use super::name_policy::{self, BadName};
use super::{Directory, Member, Membership, Outcome, Refusal, Room, name_of};
use crate::broker::fanout::LogRoom;
use crate::broker::ids::{ConnectionId, LogId, RoomId};
use crate::broker::{Cx, Now};
use crate::buf::BufferPool;
use crate::metrics::LimitReached;

const NOT_IN_ROOM: &str = "you are not in this room: join it first";

const fn refuse<T>(code: ErrorCode, message: &'static str) -> Result<T, Refusal> {
    Err(Refusal { code, message })
}

/// A refusal because of a limit, counted under its name.
fn refuse_at<T>(limit: LimitReached, message: &'static str, cx: &Cx<'_>) -> Result<T, Refusal> {
    cx.metrics.count_limit(limit);
    refuse(ErrorCode::LimitReached, message)
}

/// A refusal of a name that the wire allows and this server does not.
const fn refuse_name<T>(code: ErrorCode, why: BadName) -> Result<T, Refusal> {
    refuse(
        code,
        match why {
            BadName::BlankAtAnEnd => "a name does not start or end with a blank here",
            BadName::Invisible => "the name has a character that is not shown: leave it out",
        },
    )
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(in crate::broker) struct Asker {
    pub(in crate::broker) id: ConnectionId,
    pub(in crate::broker) address: AddressId,
}

impl Directory {
    /// Does what a client asked for. `Disconnect` is not done here: it ends in
    /// [`remove`](Self::remove).
    pub(in crate::broker) fn handle(
        &mut self,
        asker: Asker,
        request: &MessagePayload<'_>,
        now: Now,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        let from = asker.id;
        match *request {
            MessagePayload::Connect { username } => self.sign_in(from, username, cx),
            _ if !self.is_signed_in(from) => {
                refuse(ErrorCode::NotConnected, "sign in first: the first message must be Connect")
            }
            MessagePayload::SendMessage { room, content } => {
                self.publish(from, room, content, now, cx)
            }
            MessagePayload::JoinRoom { room } => self.join(asker, room, cx),
            MessagePayload::LeaveRoom { room } => self.leave(from, room, cx),
            _ => refuse(ErrorCode::UnexpectedMessage, "only servers send this"),
        }
    }

    fn sign_in(
        &mut self,
        from: ConnectionId,
        username: &str,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        if self.is_signed_in(from) {
            return refuse(ErrorCode::AlreadyConnected, "this connection is signed in already");
        }
        if let Err(why) = name_policy::check(username) {
            return refuse_name(ErrorCode::InvalidUsername, why);
        }
        if self.by_username.find(username, |id| name_of(&self.members, id)).is_some() {
            return refuse(ErrorCode::UsernameTaken, "this name is in use: choose another");
        }
        let user_id = self.next_user_id();
        let member = Member { user_id, username: username.into(), rooms: ThinVec::new() };
        self.members.insert(from, member);
        self.by_username.insert(from, |id| name_of(&self.members, id));
        cx.fanout.set_known(from.into());
        cx.metrics.users.set(self.members.len());
        let server_info = concat!("cafewire/", env!("CARGO_PKG_VERSION"));
        self.answer(from, &MessagePayload::ConnectAck { user_id, server_info }, cx);
        Ok(Outcome::Done)
    }

    fn publish(
        &mut self,
        from: ConnectionId,
        room: &str,
        content: &str,
        now: Now,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        let Some(room_id) = self.joined_room(from, room) else {
            return refuse(ErrorCode::NotInRoom, NOT_IN_ROOM);
        };
        if !self.can_take(room_id, cx) {
            return Ok(self.wait_for(from, room_id));
        }
        if let (Some(member), Some(room)) = (self.members.get(from), self.rooms.get(room_id)) {
            let broadcast = MessagePayload::MessageBroadcast {
                user_id: member.user_id,
                timestamp: now.unix_ms,
                username: member.username.as_str(),
                room: &room.name,
                content,
            };
            append(room.log, &broadcast, cx);
            cx.metrics.broadcasts.add(1);
        }
        Ok(Outcome::Done)
    }

    fn join(
        &mut self,
        Asker { id: from, address }: Asker,
        name: &str,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        let Some(member) = self.members.get(from) else {
            return refuse(ErrorCode::NotConnected, "sign in first");
        };
        let existing = self.by_room_name.get(name).copied();
        if existing.is_some_and(|id| member.rooms.iter().any(|joined| joined.room == id)) {
            return refuse(ErrorCode::AlreadyInRoom, "you are in this room already");
        }
        if member.rooms.len() >= cx.limits.rooms_per_connection {
            let why = "you are in as many rooms as one connection may be: leave one first";
            return refuse_at(LimitReached::RoomsPerConnection, why, cx);
        }
        let room_id = match existing {
            Some(id) if self.members_of(id, cx) >= cx.limits.members_per_room => {
                let why = "the room holds as many members as it may";
                return refuse_at(LimitReached::MembersPerRoom, why, cx);
            }
            Some(id) if !self.can_take(id, cx) => return Ok(self.wait_for(from, id)),
            Some(id) => id,
            None => self.make_room(name, address, cx)?,
        };
        self.enter(from, room_id, cx);
        Ok(Outcome::Done)
    }

    fn make_room(
        &mut self,
        name: &str,
        maker: AddressId,
        cx: &mut Cx<'_>,
    ) -> Result<RoomId, Refusal> {
        if let Err(why) = name_policy::check(name) {
            return refuse_name(ErrorCode::InvalidRoomName, why);
        }
        if self.rooms.len() >= cx.limits.rooms {
            return refuse_at(LimitReached::Rooms, "the server holds as many rooms as it may", cx);
        }
        if cx.addresses.rooms_of(maker) >= cx.limits.rooms_per_address {
            let why = "your address has made as many rooms as it may";
            return refuse_at(LimitReached::RoomsPerAddress, why, cx);
        }
        cx.addresses.add_room(maker);
        let id = self.rooms.insert(Room {
            name: name.into(),
            log: cx.fanout.open_log(),
            maker,
            tells_presence: true,
            departures: VecDeque::new(),
            is_departing: false,
            is_held: false,
            waiters: Vec::new(),
        });
        self.by_room_name.insert(name.into(), id);
        cx.metrics.rooms.set(self.rooms.len());
        Ok(id)
    }

    /// Adds a member to a room, and tells it to those who are to know.
    fn enter(&mut self, from: ConnectionId, room_id: RoomId, cx: &mut Cx<'_>) {
        let Some(log) = self.rooms.get(room_id).map(|room| room.log) else { return };
        cx.fanout.start_late(from.into(), self.logs_of(from), log);
        let place = cx.fanout.subscribe(log, from.into());
        self.update_presence(room_id, cx);
        let (Some(room), Some(member)) = (self.rooms.get(room_id), self.members.get_mut(from))
        else {
            return;
        };
        member.rooms.reserve_exact(1);
        member.rooms.push(Membership { room: room_id, place });
        let joined = MessagePayload::UserJoined {
            user_id: member.user_id,
            username: member.username.as_str(),
            room: &room.name,
        };
        if room.tells_presence {
            append(log, &joined, cx);
        } else {
            queue(from, [].into_iter(), &joined, cx);
        }
    }

    fn leave(
        &mut self,
        from: ConnectionId,
        name: &str,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        let Some(room_id) = self.joined_room(from, name) else {
            return refuse(ErrorCode::NotInRoom, NOT_IN_ROOM);
        };
        if !self.can_take(room_id, cx) {
            return Ok(self.wait_for(from, room_id));
        }
        let (Some(room), Some(member)) = (self.rooms.get(room_id), self.members.get(from)) else {
            return Ok(Outcome::Done);
        };
        let left = MessagePayload::UserLeft {
            user_id: member.user_id,
            username: member.username.as_str(),
            room: &room.name,
        };
        if room.tells_presence {
            // The copy of the one who leaves is its acknowledgement.
            append(room.log, &left, cx);
            cx.fanout.deliver_to(from.into(), self.logs_of(from));
        } else {
            queue(from, self.logs_of(from), &left, cx);
        }
        if let Some(member) = self.members.get_mut(from)
            && let Some(at) = member.rooms.iter().position(|joined| joined.room == room_id)
        {
            let membership = member.rooms.swap_remove(at);
            member.rooms.shrink_to_fit();
            self.take_off(membership, cx);
        }
        self.update_presence(room_id, cx);
        self.drop_room_if_empty(room_id, cx);
        Ok(Outcome::Done)
    }

    /// Queues an answer to one connection, after everything that was said before it.
    pub(in crate::broker) fn answer(
        &self,
        to: ConnectionId,
        message: &MessagePayload<'_>,
        cx: &mut Cx<'_>,
    ) {
        queue(to, self.logs_of(to), message, cx);
    }

    pub(super) fn members_of(&self, id: RoomId, cx: &Cx<'_>) -> usize {
        self.rooms.get(id).map_or(0, |room| cx.fanout.subscribers(room.log).len())
    }

    /// Whether a room can take one frame more: what it is still to say comes first, and those who
    /// read it are given time.
    pub(super) fn can_take(&mut self, id: RoomId, cx: &mut Cx<'_>) -> bool {
        self.tell_departures_of(id, cx);
        let Some(room) = self.rooms.get(id) else { return true };
        room.departures.is_empty() && log_room(room.log, cx) == LogRoom::Ready
    }
}

pub(super) fn log_room(log: LogId, cx: &mut Cx<'_>) -> LogRoom {
    cx.fanout.log_room(log, MAX_FRAME_SIZE, cx.limits, cx.pool)
}

fn queue(
    to: ConnectionId,
    reads: impl Iterator<Item = LogId>,
    message: &MessagePayload<'_>,
    cx: &mut Cx<'_>,
) {
    let mut buffer = [0; MAX_FRAME_SIZE];
    match message.encode_into(&mut buffer) {
        Ok(frame) => cx.fanout.answer(to.into(), reads, &[frame], cx.pool),
        Err(error) => debug_assert!(false, "an answer that breaks the protocol: {error}"),
    }
}

/// Says something in a room.
pub(super) fn append(log: LogId, message: &MessagePayload<'_>, cx: &mut Cx<'_>) {
    let size = message.encoded_len();
    let pool: &mut BufferPool = cx.pool;
    cx.metrics.log_bytes_appended.add(size as u64);
    cx.metrics.deliveries.add(cx.fanout.subscribers(log).len() as u64);
    cx.fanout.publish(log, size, pool, |into| {
        let written = message.encode_into(into);
        debug_assert!(written.is_ok(), "a broadcast that breaks the protocol: {written:?}");
    });
}
