//! What chat clients ask for, done: sign in, speak, join, leave. Each either is done whole, is
//! refused, or waits until its room can take more. Version 1 asks here; what version 2 asks besides
//! is in `requests_v2`.

use cafewire_core::chat::v2::Capabilities;
use cafewire_core::{ErrorCode, MessagePayload};
use thin_vec::ThinVec;

use super::addresses::AddressId;
use super::announce::{Way, announce};
use super::name_policy::{self, BadName};
use super::rooms::Membership;
use super::{Directory, Member, Outcome, Refusal, name_of};
use crate::broker::ids::{ConnectionId, RoomId, WireForm};
use crate::broker::{Cx, Now};
use crate::metrics::LimitReached;

pub(super) const NOT_IN_ROOM: &str = "you are not in this room: join it first";

/// What the server says of itself.
pub(super) const SERVER_INFO: &str = concat!("cafewire/", env!("CARGO_PKG_VERSION"));

impl Refusal {
    pub(super) const fn new(code: ErrorCode, message: &'static str) -> Self {
        Self { code, message, retry_after_ms: 0, closes: code.closes() }
    }
}

pub(super) const fn refuse<T>(code: ErrorCode, message: &'static str) -> Result<T, Refusal> {
    Err(Refusal::new(code, message))
}

/// A refusal because of a limit, counted under its name.
pub(super) fn refuse_at<T>(
    limit: LimitReached,
    message: &'static str,
    cx: &Cx<'_>,
) -> Result<T, Refusal> {
    cx.metrics.count_limit(limit);
    refuse(ErrorCode::LimitReached, message)
}

/// A refusal of a name that the wire allows and this server does not.
pub(super) const fn refuse_name<T>(code: ErrorCode, why: BadName) -> Result<T, Refusal> {
    refuse(
        code,
        match why {
            BadName::BlankAtAnEnd => "a name does not start or end with a blank here",
            BadName::Invisible => "the name has a character that is not shown: leave it out",
        },
    )
}

/// Who asks, and under which number of its own: version 1 has none, which is 0.
#[derive(Clone, Copy, Debug)]
pub(in crate::broker) struct Asker {
    pub(in crate::broker) id: ConnectionId,
    pub(in crate::broker) address: AddressId,
    pub(in crate::broker) request: u16,
}

impl Directory {
    /// Does what a client of version 1 asked for. `Disconnect` is not done here: it ends in
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
            MessagePayload::Connect { username } => {
                let user_id = self.sign_in(from, username, WireForm::V1, Capabilities::NONE, cx)?;
                let ack = MessagePayload::ConnectAck { user_id, server_info: SERVER_INFO };
                self.answer(from, &ack, cx);
                Ok(Outcome::Done)
            }
            _ if !self.is_signed_in(from) => {
                refuse(ErrorCode::NotConnected, "sign in first: the first message must be Connect")
            }
            MessagePayload::SendMessage { room, content } => {
                self.publish(asker, room, content, now, cx)
            }
            MessagePayload::JoinRoom { room } => match self.room_to_join(asker, room, cx)? {
                Some(room_id) => {
                    self.enter(from, room_id, cx);
                    Ok(Outcome::Done)
                }
                None => Ok(Outcome::Wait),
            },
            MessagePayload::LeaveRoom { room } => self.leave(from, room, cx),
            _ => refuse(ErrorCode::UnexpectedMessage, "only servers send this"),
        }
    }

    /// Gives the number of the user.
    pub(super) fn sign_in(
        &mut self,
        from: ConnectionId,
        username: &str,
        form: WireForm,
        granted: Capabilities,
        cx: &mut Cx<'_>,
    ) -> Result<u32, Refusal> {
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
        let (username, rooms) = (username.into(), ThinVec::new());
        self.members.insert(from, Member { user_id, granted, form, username, rooms });
        self.v2_members += usize::from(form == WireForm::V2);
        self.by_username.insert(from, |id| name_of(&self.members, id));
        cx.fanout.set_known(from.into());
        self.count_users(cx);
        Ok(user_id)
    }

    pub(super) fn publish(
        &mut self,
        Asker { id: from, request, .. }: Asker,
        room: &str,
        content: &str,
        now: Now,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        let Some(room_id) = self.room_to_speak_in(from, room, cx)? else {
            return Ok(Outcome::Wait);
        };
        self.say(from, room_id, (content, request), now.unix_ms, cx);
        Ok(Outcome::Done)
    }

    /// The room of this name, if the connection is in it. `None`: the connection has to wait for
    /// it.
    pub(super) fn room_to_speak_in(
        &mut self,
        from: ConnectionId,
        name: &str,
        cx: &mut Cx<'_>,
    ) -> Result<Option<RoomId>, Refusal> {
        let Some(room_id) = self.joined_room(from, name) else {
            return refuse(ErrorCode::NotInRoom, NOT_IN_ROOM);
        };
        if self.can_take(room_id, cx) {
            return Ok(Some(room_id));
        }
        self.wait_for(from, room_id);
        Ok(None)
    }

    /// The room to enter, made if need be. `None`: the connection has to wait for it.
    pub(super) fn room_to_join(
        &mut self,
        Asker { id: from, address, .. }: Asker,
        name: &str,
        cx: &mut Cx<'_>,
    ) -> Result<Option<RoomId>, Refusal> {
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
        let Some(id) = existing else { return self.make_room(name, address, cx).map(Some) };
        if self.members_of(id, cx) >= cx.limits.members_per_room {
            let why = "the room holds as many members as it may";
            return refuse_at(LimitReached::MembersPerRoom, why, cx);
        }
        if !self.can_take(id, cx) {
            self.wait_for(from, id);
            return Ok(None);
        }
        self.revive(id, address, cx)?;
        Ok(Some(id))
    }

    /// Adds a member to a room, and tells it to those who are to know. In version 1 that is the
    /// member's own acknowledgement; in version 2 it is told apart.
    pub(super) fn enter(&mut self, from: ConnectionId, room_id: RoomId, cx: &mut Cx<'_>) {
        let Some(form) = self.members.get(from).map(|member| member.form) else { return };
        let Some(log) = self.log_for(room_id, form, cx) else { return };
        let members = self.members_of(room_id, cx) + 1;
        self.update_presence(room_id, members, cx);
        if form == WireForm::V2 {
            self.announce_join(from, room_id, members, cx);
        }
        cx.fanout.start_late(from.into(), self.logs_of(from), log);
        let place = cx.fanout.subscribe(log, from.into());
        let Some(member) = self.members.get_mut(from) else { return };
        member.rooms.reserve_exact(1);
        member.rooms.push(Membership { room: room_id, place });
        if form == WireForm::V1 && !self.announce_join(from, room_id, members, cx) {
            let (Some(member), Some(room)) = (self.members.get(from), self.rooms.get(room_id))
            else {
                return;
            };
            let (user_id, username) = member.told();
            let joined = MessagePayload::UserJoined { user_id, username, room: &room.name };
            self.answer(from, &joined, cx);
        }
    }

    /// False: the room is too large for that.
    fn announce_join(
        &self,
        from: ConnectionId,
        room_id: RoomId,
        members: usize,
        cx: &mut Cx<'_>,
    ) -> bool {
        let (Some(member), Some(room)) = (self.members.get(from), self.rooms.get(room_id)) else {
            return false;
        };
        if room.tells_presence {
            announce(room, Way::In, member.told(), members, cx);
        }
        room.tells_presence
    }

    fn leave(
        &mut self,
        from: ConnectionId,
        name: &str,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        let Some(room_id) = self.room_to_speak_in(from, name, cx)? else {
            return Ok(Outcome::Wait);
        };
        let members = self.members_of(room_id, cx) - 1;
        let (Some(room), Some(member)) = (self.rooms.get(room_id), self.members.get(from)) else {
            return Ok(Outcome::Done);
        };
        if room.tells_presence {
            // The copy of the one who leaves is its acknowledgement.
            announce(room, Way::Out, member.told(), members, cx);
            cx.fanout.deliver_to(from.into(), self.logs_of(from));
        } else {
            let (user_id, username) = member.told();
            let left = MessagePayload::UserLeft { user_id, username, room: &room.name };
            self.answer(from, &left, cx);
        }
        self.part(from, room_id, cx);
        Ok(Outcome::Done)
    }

    /// Takes a member out of a room, which may be gone then. What is to be told of it was told, or
    /// the caller tells it.
    pub(super) fn part(&mut self, from: ConnectionId, room_id: RoomId, cx: &mut Cx<'_>) {
        if let Some(member) = self.members.get_mut(from)
            && let Some(at) = member.rooms.iter().position(|joined| joined.room == room_id)
        {
            let form = member.form;
            let membership = member.rooms.swap_remove(at);
            member.rooms.shrink_to_fit();
            self.take_off(membership, form, cx);
        }
        self.update_presence(room_id, self.members_of(room_id, cx), cx);
        self.drop_room_if_empty(room_id, cx);
    }
}
