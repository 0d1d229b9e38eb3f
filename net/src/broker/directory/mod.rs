//! Users and rooms: who is signed in under which name, and who is in which room. Rooms are shared
//! by the versions of the protocol: what is said goes into a log for each that members speak, which
//! the [`fan-out`](super::fanout) delivers.
//!
//! Invariants, checked by [`Directory::invariants`]: membership is told the same by members and by
//! the logs' subscribers; a name leads to its member and back, and to its room; a room has members,
//! or stands in the list of those that linger; departures that are still to be told stand in rooms
//! that are listed for it; those who wait for a room stand in its list.

pub(super) mod addresses;
mod announce;
pub(super) mod connects;
mod direct;
mod history;
mod linger;
mod lists;
mod name_policy;
mod presence;
pub(super) mod requests;
mod requests_v2;
mod rooms;
mod usernames;
mod waiting;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::RandomState;
use std::sync::Arc;

use cafewire_core::ErrorCode;
use cafewire_core::chat::v2::{Capabilities, Terms};
use slotmap::{SecondaryMap, SlotMap};
use thin_vec::ThinVec;

use self::linger::Lingering;
use self::presence::DueInfos;
use self::rooms::{Membership, Room};
use self::usernames::{Username, Usernames};
use self::waiting::Waiting;
use super::Cx;
use super::ids::{ConnectionId, LogId, ReaderId, RoomId, WireForm};

/// Why a request was not done. Whether that ends the connection follows from the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: ErrorCode,
    pub(super) message: &'static str,
    /// For version 2: when it may go better. 0 says nothing.
    pub(super) retry_after_ms: u32,
    /// It ends the connection although the code alone does not.
    pub(super) closes: bool,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// It cannot be done before this room can take more. The connection is on the room's list.
    Wait,
}

#[derive(Debug)]
struct Member {
    user_id: u32,
    /// What version 2 has granted it.
    granted: Capabilities,
    form: WireForm,
    username: Username,
    /// As many as there are, without storage for more: most members are in one or two.
    rooms: ThinVec<Membership>,
}

#[cfg(test)]
pub(super) const MEMBER_BYTES: usize = super::idle_cost_tests::slot_bytes::<Member>();

#[derive(Debug, Default)]
pub(super) struct Directory {
    members: SecondaryMap<ConnectionId, Member>,
    /// Those of them that speak version 2.
    v2_members: usize,
    by_username: Usernames,
    rooms: SlotMap<RoomId, Room>,
    by_room_name: HashMap<Arc<str>, RoomId>,
    /// Those with members in the order of names, for those who ask for lists.
    rooms_in_order: BTreeMap<Arc<str>, RoomId>,
    /// Rooms without members that keep what was said.
    lingering: Lingering,
    /// Rooms that tell version 2 soon how many members they have.
    due_infos: DueInfos,
    /// What the numbers of rooms' lives are drawn with: keyed at random.
    epochs: RandomState,
    last_epoch: u64,
    /// Rooms with departures to tell, in order. Some may be gone, or may have told them meanwhile.
    departing: VecDeque<RoomId>,
    waiting: Waiting,
    last_user_id: u32,
    /// All numbers have been used once, while some that were used early may still be in use.
    user_ids_wrapped: bool,
}

/// The name of a member. Every connection in the table of names is one.
fn name_of(members: &SecondaryMap<ConnectionId, Member>, id: ConnectionId) -> &str {
    members.get(id).map_or("", |member| member.username.as_str())
}

impl Directory {
    pub(super) fn with_places(places: usize) -> Self {
        Self { members: SecondaryMap::with_capacity(places), ..Self::default() }
    }

    pub(super) fn is_signed_in(&self, id: ConnectionId) -> bool {
        self.members.contains_key(id)
    }

    /// What version 2 holds the frames of a connection to.
    pub(super) fn terms_of(&self, id: ConnectionId) -> Terms {
        let member = self.members.get(id);
        member.map_or(Terms::BEFORE_SIGN_IN, |member| Terms::signed_in(member.granted))
    }

    /// Whether the connection is in a room, and so has a reason to be there and say nothing.
    pub(super) fn is_listening(&self, id: ConnectionId) -> bool {
        self.members.get(id).is_some_and(|member| !member.rooms.is_empty())
    }

    /// The name that a connection signed in with.
    pub(super) fn username_of(&self, id: ConnectionId) -> Option<&str> {
        self.members.get(id).map(|member| member.username.as_str())
    }

    /// The names of the rooms that a connection is in.
    pub(super) fn rooms_of(&self, id: ConnectionId) -> impl ExactSizeIterator<Item = &str> {
        let memberships = self.members.get(id).map_or(&[][..], |member| &member.rooms);
        memberships
            .iter()
            .map(|membership| self.rooms.get(membership.room).map_or("", |room| &*room.name))
    }

    /// The logs that a connection reads.
    pub(super) fn logs_of(&self, id: ConnectionId) -> impl Iterator<Item = LogId> {
        let member = self.members.get(id);
        let form = member.map_or(WireForm::V1, |member| member.form);
        let memberships = member.map_or(&[][..], |member| &member.rooms);
        memberships
            .iter()
            .filter_map(move |membership| self.rooms.get(membership.room)?.logs.of(form))
    }

    fn count_users(&self, cx: &Cx<'_>) {
        cx.metrics.users.set(self.members.len());
        cx.metrics.v2_users.set(self.v2_members);
    }

    /// The next number that no user has. After some four thousand million sign-ins each one more
    /// looks at all users: a table of the numbers would cost every member memory from the first on.
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

    /// The connection is gone, or as good as gone: it leaves every room, and its name is free. What
    /// was said before is still queued for it; its departure is told to the others when there is
    /// time for that.
    pub(super) fn remove(&mut self, id: ConnectionId, cx: &mut Cx<'_>) {
        self.waiting.forget(id);
        cx.fanout.deliver_to(id.into(), self.logs_of(id));
        let Some(mut member) = self.members.remove(id) else { return };
        for membership in std::mem::take(&mut member.rooms) {
            self.take_off(membership, member.form, cx);
            self.note_departure(membership.room, &member);
            let members = self.members_of(membership.room, cx);
            self.update_presence(membership.room, members, cx);
            self.drop_room_if_empty(membership.room, cx);
        }
        self.by_username.remove(id, member.username.as_str());
        self.v2_members -= usize::from(member.form == WireForm::V2);
        self.count_users(cx);
    }

    /// Checks what the module's head promises.
    pub(super) fn invariants(&self, subscribers: impl Fn(LogId) -> Vec<ReaderId>) {
        let mut places = 0;
        let v2_members = self.members.values().filter(|member| member.form == WireForm::V2);
        assert_eq!(v2_members.count(), self.v2_members);
        for (id, member) in &self.members {
            let found =
                self.by_username.find(member.username.as_str(), |id| name_of(&self.members, id));
            assert_eq!(found, Some(id), "a name that leads elsewhere");
            for membership in &member.rooms {
                let log = self.rooms[membership.room].logs.of(member.form);
                let readers = subscribers(log.expect("a member without a log"));
                assert_eq!(readers[membership.place as usize], id.into(), "a place of another");
                places += 1;
            }
        }
        assert_eq!(self.members.len(), self.by_username.len());
        assert_eq!(self.rooms.len(), self.by_room_name.len());
        assert_eq!(self.rooms.len(), self.rooms_in_order.len() + self.lingering.len());
        let lingering = self.rooms.values().filter(|room| room.lingers_until_ms.is_some()).count();
        assert_eq!(self.lingering.len(), lingering);
        let mut subscribed = 0;
        for (id, room) in &self.rooms {
            assert_eq!(self.by_room_name.get(&room.name), Some(&id));
            let listed = self.rooms_in_order.get(&room.name).copied();
            assert_eq!(listed, room.lingers_until_ms.is_none().then_some(id));
            let readers: usize = room.logs.all().map(|log| subscribers(log).len()).sum();
            assert!(readers > 0 || room.lingers_until_ms.is_some(), "an empty room stays");
            assert!(readers == 0 || room.lingers_until_ms.is_none(), "a room with members lingers");
            subscribed += readers;
            let times_listed = self.departing.iter().filter(|&&listed| listed == id).count();
            assert_eq!(times_listed, usize::from(room.is_departing));
            assert!(
                room.departures.is_empty() || room.is_departing || room.is_held,
                "departures that are never told"
            );
            self.waiting.invariants(id, &room.waiters, room.is_held);
        }
        assert_eq!(places, subscribed, "a subscriber that is no member");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use crate::broker::{Broker, Now};
    use crate::config::Limits;
    use cafewire_core::MessagePayload;

    #[test]
    fn a_user_id_is_unique_when_the_numbers_come_again() {
        let now = Now { monotonic_ms: 0, unix_ms: 0 };
        let mut broker = Broker::new(Limits::default(), Arc::default());
        let mut user_id_of = |username: &str, last_user_id: Option<u32>| {
            broker.directory.last_user_id = last_user_id.unwrap_or(broker.directory.last_user_id);
            let id = broker.accept(SocketAddr::from(([127, 0, 0, 1], 1)), now).unwrap();
            let mut buffer = [0; 64];
            let connect = MessagePayload::Connect { username }.encode_into(&mut buffer).unwrap();
            broker.handle_input(id, connect, now);
            broker.directory.members[id].user_id
        };
        assert_eq!((user_id_of("ada", None), user_id_of("bob", None)), (1, 2));
        assert_eq!(user_id_of("carl", Some(u32::MAX - 1)), u32::MAX);
        assert_eq!((user_id_of("dora", None), user_id_of("eve", None)), (3, 4));
    }
}
