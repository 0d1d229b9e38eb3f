//! What clients of version 2 ask for: what version 1 asks, with answers of their own, and more.

use cafewire_core::ErrorCode;
use cafewire_core::chat::v2::{Capabilities, MessagePayload, Resume};

use super::announce::{Way, announce, told};
use super::requests::{Asker, SERVER_INFO, refuse};
use super::{Directory, Outcome, Refusal};
use crate::broker::ids::WireForm;
use crate::broker::{Cx, Now};

/// What this server grants to who asks for it.
const OFFERED: Capabilities = Capabilities::DIRECT;

impl Directory {
    /// Does what a client of version 2 asked for. What needs no user, or ends one, is not done
    /// here: Ping, Pong and Disconnect.
    pub(in crate::broker) fn handle_v2(
        &mut self,
        asker: Asker,
        payload: &MessagePayload<'_>,
        now: Now,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        let Asker { id: from, request, .. } = asker;
        match *payload {
            MessagePayload::Connect { capabilities, username, .. } => {
                let granted = grant(capabilities)?;
                let user_id = self.sign_in(from, username, WireForm::V2, granted, cx)?;
                let (capabilities, server_info) = (granted, SERVER_INFO);
                let ack = MessagePayload::ConnectAck { user_id, capabilities, server_info };
                self.answer_v2(from, request, &ack, cx);
                Ok(Outcome::Done)
            }
            MessagePayload::SendMessage { room, content } => {
                self.publish(asker, room, content, now, cx)
            }
            MessagePayload::JoinRoom { resume, replay, room } => {
                self.join_v2(asker, room, (resume, replay), cx)
            }
            MessagePayload::LeaveRoom { room } => self.leave_v2(asker, room, cx),
            MessagePayload::ListRooms { count, after } => {
                Ok(self.list_rooms(asker, count, after, cx))
            }
            MessagePayload::ListMembers { count, room, after } => {
                self.list_members(asker, count, (room, after), cx)
            }
            MessagePayload::History { before, count, room } => {
                self.tell_history(asker, room, (before, count), cx)
            }
            MessagePayload::DirectMessage { to, content } => {
                self.send_direct(asker, to, content, now, cx)
            }
            // Types of servers do not come this far, and neither does Authenticate: it is always
            // sealed, which is never agreed on here.
            _ => refuse(ErrorCode::UnexpectedMessage, "this was not asked for"),
        }
    }

    fn join_v2(
        &mut self,
        asker: Asker,
        room: &str,
        wanted: (Option<Resume>, u16),
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        let Some(room_id) = self.room_to_join(asker, room, cx)? else { return Ok(Outcome::Wait) };
        self.enter(asker.id, room_id, cx);
        self.tell_joined(asker, room_id, wanted, cx);
        Ok(Outcome::Done)
    }

    fn leave_v2(
        &mut self,
        Asker { id: from, request, .. }: Asker,
        name: &str,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        let Some(room_id) = self.room_to_speak_in(from, name, cx)? else {
            return Ok(Outcome::Wait);
        };
        let members = self.members_of(room_id, cx) - 1;
        // What was said there up to now is for it; that it leaves, it is told apart.
        cx.fanout.deliver_to(from.into(), self.logs_of(from));
        let (Some(room), Some(member)) = (self.rooms.get(room_id), self.members.get(from)) else {
            return Ok(Outcome::Done);
        };
        let (user_id, username) = member.told();
        let left = MessagePayload::UserLeft {
            user_id,
            members: told(members),
            username,
            room: &room.name,
        };
        self.answer_v2(from, request, &left, cx);
        let is_told = room.tells_presence && members > 0;
        self.part(from, room_id, cx);
        if let (true, Some(room), Some(member)) =
            (is_told, self.rooms.get(room_id), self.members.get(from))
        {
            announce(room, Way::Out, member.told(), members, cx);
        }
        Ok(Outcome::Done)
    }
}

/// What is granted of what was asked for. Signing is never left out silently: who asks for it
/// accepts nothing else.
fn grant(asked: Capabilities) -> Result<Capabilities, Refusal> {
    if asked.contains(Capabilities::SIGN) {
        let why = "this server does not sign: ask without SIGN, or connect elsewhere";
        return Err(Refusal { closes: true, ..Refusal::new(ErrorCode::NotSupported, why) });
    }
    Ok(Capabilities::granted(asked, OFFERED))
}
