//! Which rooms there are, and who is in one: pages in the byte order of names, each true at the
//! place where it stands in the stream.

use std::ops::Bound;
use std::sync::Arc;

use cafewire_core::chat::v2;

use super::presence::info_of;
use super::requests::{Asker, refuse_at};
use super::{Directory, Outcome, Refusal};
use crate::broker::Cx;
use crate::broker::ids::ConnectionId;
use crate::metrics::LimitReached;

/// Entries of a page, however many are asked for.
pub(super) const PAGE_MAX: usize = 256;

/// So many entries looked at are as much work as a delivery.
pub(super) const LOOKED_AT_PER_DELIVERY: usize = 16;

/// How many are asked for: 0 leaves it to the server.
pub(super) fn page_size(count: u16, max: usize) -> usize {
    if count == 0 { max } else { usize::from(count).min(max) }
}

impl Directory {
    pub(super) fn list_rooms(
        &self,
        Asker { id: from, request, .. }: Asker,
        count: u16,
        after: &str,
        cx: &mut Cx<'_>,
    ) -> Outcome {
        let size = page_size(count, PAGE_MAX);
        let behind = (Bound::Excluded(after), Bound::Unbounded);
        let rooms = self.rooms_in_order.range::<str, _>(behind);
        let mut listed = 0;
        for (id, room) in rooms.filter_map(|(_, &id)| Some((id, self.rooms.get(id)?))) {
            if listed == size {
                self.end_list(from, request, listed, true, cx);
                return Outcome::Done;
            }
            let info = info_of(room, self.members_of(id, cx));
            self.answer_v2(from, request, &info, cx);
            listed += 1;
        }
        self.end_list(from, request, listed, false, cx);
        Outcome::Done
    }

    pub(super) fn list_members(
        &self,
        Asker { id: from, request, .. }: Asker,
        count: u16,
        (room, after): (&str, &str),
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        let room_id = self.named_room(from, room)?;
        let Some(room) = self.rooms.get(room_id) else { return Ok(Outcome::Done) };
        if !room.tells_presence {
            let why = "the room has too many members to list them";
            return refuse_at(LimitReached::PresenceMembersMax, why, cx);
        }
        let room_name = Arc::clone(&room.name);
        // All of them are looked at for each page.
        cx.fanout.add_deliveries(self.members_of(room_id, cx) / LOOKED_AT_PER_DELIVERY);
        let subscribers = room.logs.all().flat_map(|log| cx.fanout.subscribers(log));
        let members = subscribers.filter_map(|&reader| self.members.get(reader.into()));
        let mut members: Vec<(&str, u32)> = members
            .map(|member| (member.username.as_str(), member.user_id))
            .filter(|&(username, _)| username > after)
            .collect();
        members.sort_unstable();
        let listed = members.len().min(page_size(count, PAGE_MAX));
        for &(username, user_id) in &members[..listed] {
            let info = v2::MessagePayload::MemberInfo { user_id, username, room: &room_name };
            self.answer_v2(from, request, &info, cx);
        }
        self.end_list(from, request, listed, listed < members.len(), cx);
        Ok(Outcome::Done)
    }

    /// The end of a list or of a replay, which counts as work like so many deliveries.
    pub(super) fn end_list(
        &self,
        to: ConnectionId,
        request: u16,
        listed: usize,
        more: bool,
        cx: &mut Cx<'_>,
    ) {
        let count = u16::try_from(listed).unwrap_or(u16::MAX);
        self.answer_v2(to, request, &v2::MessagePayload::ListEnd { count, more }, cx);
        cx.fanout.add_deliveries(listed + 1);
    }
}
