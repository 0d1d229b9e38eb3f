//! What must be true at the end: nothing lost, nothing twice, nothing out of order, every join with
//! its leave as far as presence is told.

use std::collections::HashSet;

use crate::client::{Client, Habit, ROOMS};
use crate::frames::{Frames, Kind};
use crate::network::Network;
use crate::presence::{self, Stay};

/// What the witness saw: all that was told in the rooms, in one order.
pub(crate) struct Told {
    /// The frames of each room, with the place of each in the order of all.
    rooms: [Vec<(u32, usize)>; ROOMS.len()],
    may_hide_presence: bool,
}

impl Told {
    fn by(witness: &Client, may_hide_presence: bool) -> Self {
        let mut rooms: [Vec<(u32, usize)>; ROOMS.len()] = Default::default();
        for (place, &(room, number)) in witness.seen.iter().enumerate() {
            rooms[room].push((number, place));
        }
        Self { rooms, may_hide_presence }
    }
}

impl Network {
    fn clients(&mut self) -> Vec<(&Client, bool)> {
        let Self { driver, order, .. } = self;
        let endpoints = &driver.io_mut().endpoints;
        let here = order.iter().map(|&key| &endpoints[key]);
        here.map(|endpoint| {
            let client = &endpoint.client;
            let is_alive = client.ended_by.is_none()
                && !client.half_closed
                && !endpoint.is_broken
                && !endpoint.server_shut
                && endpoint.id.is_some();
            (client, is_alive && client.habit != Habit::Deaf)
        })
        .collect()
    }

    /// Once all is calm: who is still there has got all that it asked for.
    pub(crate) fn judge_the_living(&mut self) {
        for (client, is_alive) in self.clients() {
            assert!(
                !is_alive || client.is_served(),
                "{} ({:?}) was not answered",
                client.name,
                client.habit
            );
        }
    }

    /// What each client saw of a room is what the witness saw while the client was in it, to the
    /// very end for those who are in it still; and in the order in which the witness saw it, from
    /// one room to the other.
    pub(crate) fn judge_the_rooms(&mut self) {
        let may_hide_presence = self.world.may_hide_presence();
        let said = self.metrics.broadcasts.get();
        let frames = std::mem::take(&mut self.frames);
        let clients = self.clients();
        let witness = clients.iter().find(|(client, _)| client.habit == Habit::Witness);
        let (witness, is_alive) = witness.expect("the witness stays");
        assert!(is_alive, "the witness was closed: {:?}", witness.ended_by);
        let told = Told::by(witness, may_hide_presence);
        let mut stays: [Vec<Stay>; ROOMS.len()] = Default::default();
        for (client, is_alive) in &clients {
            judge_view(client, &told, *is_alive, &frames, &mut stays);
        }
        let here = clients.iter().filter(|(_, is_alive)| !is_alive).count();
        let mut heard = 0;
        for (room, all) in ROOMS.iter().zip(&told.rooms) {
            heard += judge_room(room, all, &frames, may_hide_presence).said;
        }
        assert_eq!(heard, said, "what was said is not what was heard");
        for past in &self.past {
            judge_view(&past.client, &told, false, &frames, &mut stays);
        }
        let strangers = here + self.past.iter().filter(|past| past.is_stranger).count();
        if may_hide_presence && self.world.times_reloaded() == 0 {
            let members_max = self.world.limits().presence_members_max;
            for ((room, all), stays) in ROOMS.iter().zip(&told.rooms).zip(&stays) {
                presence::judge(room, all, stays, strangers, members_max, &frames);
            }
        }
        self.frames = frames;
    }

    /// Once all but the witness have gone, it has heard of everybody's going.
    pub(crate) fn judge_the_departures(&mut self) {
        if self.world.may_hide_presence() {
            return;
        }
        let frames = std::mem::take(&mut self.frames);
        let clients = self.clients();
        let witness = clients.iter().find(|(client, _)| client.habit == Habit::Witness);
        let (witness, _) = witness.expect("the witness stays");
        for (room, all) in ROOMS.iter().zip(&Told::by(witness, false).rooms) {
            let present = judge_room(room, all, &frames, false).present;
            let left: Vec<_> =
                present.into_iter().filter(|&user_id| Some(user_id) != witness.user_id()).collect();
            assert!(left.is_empty(), "users {left:?} joined {room} and never left it");
        }
        self.frames = frames;
    }
}

struct Room {
    said: u64,
    present: HashSet<u32>,
}

/// Joins and leaves alternate for each user, only those present speak, and nothing comes twice.
fn judge_room(name: &str, all: &[(u32, usize)], frames: &Frames, may_hide_presence: bool) -> Room {
    let mut room = Room { said: 0, present: HashSet::new() };
    let mut heard = HashSet::new();
    for &(number, _) in all {
        let (kind, user_id) = frames.kind(number);
        let fits = match kind {
            Kind::Joined => room.present.insert(user_id),
            Kind::Left => room.present.remove(&user_id),
            Kind::Said => room.present.contains(&user_id),
        };
        let is_new = kind != Kind::Said || heard.insert(number);
        assert!(
            is_new && (fits || may_hide_presence),
            "{name}: {kind:?} by user {user_id} out of place or twice: {}",
            frames.show(Some(&number))
        );
        room.said += u64::from(kind == Kind::Said);
    }
    room
}

/// What one client saw must be stretches of what was told: each from its own UserJoined to its own
/// UserLeft, the last one as far as it got, or to the end if it is still there. Where presence may
/// be hidden, those two may have been told to the client alone.
fn judge_view(
    client: &Client,
    told: &Told,
    is_up_to_date: bool,
    frames: &Frames,
    stays: &mut [Vec<Stay>; ROOMS.len()],
) {
    let Some(user_id) = client.user_id() else { return };
    // The place in the order of all of each frame that the client saw, where that is certain.
    let mut places: Vec<Option<usize>> = vec![None; client.seen.len()];
    for (room, all) in told.rooms.iter().enumerate() {
        let mut from = 0;
        // A join that was told before may be that of a stretch of which nothing else was.
        let mut is_join_certain = true;
        for stretch in stretches(client, room, user_id, frames) {
            let numbers: Vec<u32> = stretch.iter().map(|&at| client.seen[at].1).collect();
            let Some(found) = find(&numbers, all, from, told.may_hide_presence, frames) else {
                let known: Vec<String> =
                    numbers.iter().map(|number| frames.show(Some(number))).collect();
                panic!(
                    "{} ({:?}, {:?}) saw in {} what was not told in this order: {known:#?}",
                    client.name, client.habit, client.ended_by, ROOMS[room]
                );
            };
            let end = found.start + found.len;
            let seen = stretch[found.skipped..].iter().zip(&all[found.start..end]);
            let joins = usize::from(!is_join_certain && found.skipped == 0);
            for (&at, &(_, place)) in seen.skip(joins) {
                places[at] = Some(place);
            }
            let has_left = frames.kind(*numbers.last().unwrap()) == (Kind::Left, user_id);
            from = end;
            let is_certain = found.len > 0;
            stays[room].push(Stay {
                user_id,
                start: found.start,
                end,
                join_was_told: found.skipped == 0,
                has_left,
                is_certain: is_certain && is_join_certain,
            });
            is_join_certain &= is_certain;
            assert!(
                !is_up_to_date || has_left || end == all.len() || !is_certain,
                "{} ({:?}) is behind in {} though all was flushed: {end} of {}, {} is next",
                client.name,
                client.habit,
                ROOMS[room],
                all.len(),
                frames.show(all.get(end).map(|(number, _)| number)),
            );
        }
    }
    let known: Vec<usize> = places.into_iter().flatten().collect();
    assert!(
        known.is_sorted_by(|one, other| one < other),
        "{} ({:?}) saw rooms in another order than they spoke: {known:?}",
        client.name,
        client.habit
    );
}

/// The places in `client.seen` of a room's frames, a stretch for each time that it was in there.
fn stretches(client: &Client, room: usize, user_id: u32, frames: &Frames) -> Vec<Vec<usize>> {
    let mut stretches: Vec<Vec<usize>> = Vec::new();
    for (at, &(_, number)) in client.seen.iter().enumerate().filter(|(_, seen)| seen.0 == room) {
        if frames.kind(number) == (Kind::Joined, user_id) {
            stretches.push(Vec::new());
        }
        let stretch = stretches.last_mut().expect("a room's frames start with one's own join");
        stretch.push(at);
    }
    stretches
}

/// Where a stretch is among the frames of its room.
struct Found {
    /// Frames at its start that were told to the client alone.
    skipped: usize,
    start: usize,
    /// Frames that were told to all; 0 if it is not known where.
    len: usize,
}

fn find(
    numbers: &[u32],
    all: &[(u32, usize)],
    from: usize,
    may_hide_presence: bool,
    frames: &Frames,
) -> Option<Found> {
    let is_there = |start: usize, wanted: &[u32]| {
        let there = all.get(start..start + wanted.len());
        let is_same = |((number, _), wanted): (&(u32, usize), &u32)| number == wanted;
        start >= from && there.is_some_and(|there| there.iter().zip(wanted).all(is_same))
    };
    if !may_hide_presence {
        let start = (from..all.len()).find(|&start| is_there(start, numbers))?;
        return Some(Found { skipped: 0, start, len: numbers.len() });
    }
    // Only what was said is certain to have been told once.
    let is_said = |number: &u32| frames.kind(*number).0 == Kind::Said;
    let Some(anchor) = numbers.iter().position(is_said) else {
        return Some(Found { skipped: 0, start: from, len: 0 });
    };
    let place = all.iter().position(|(number, _)| *number == numbers[anchor])?;
    [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().find_map(|(skipped, dropped)| {
        let start = (place + skipped).checked_sub(anchor)?;
        let wanted = &numbers[skipped..numbers.len() - dropped];
        // Only one's own leave is told to oneself alone.
        let is_allowed = dropped == 0 || {
            let (kind, user_id) = frames.kind(numbers[numbers.len() - 1]);
            kind == Kind::Left && user_id == frames.kind(numbers[0]).1
        };
        (is_allowed && is_there(start, wanted)).then_some(Found {
            skipped,
            start,
            len: wanted.len(),
        })
    })
}
