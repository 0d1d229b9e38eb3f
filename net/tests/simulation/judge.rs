//! What must be true at the end: nothing lost, nothing twice, nothing out of order, every join with
//! its leave.

use std::collections::HashSet;

use crate::client::{Client, Habit, ROOMS};
use crate::frames::{Frames, Kind};
use crate::network::Network;

impl Network {
    fn witness(&self) -> &Client {
        let clients = self.sockets.values().map(|socket| &socket.client);
        let witness = clients.into_iter().find(|client| client.habit == Habit::Witness);
        witness.unwrap_or_else(|| panic!("the witness was closed: {:?}", self.metrics.snapshot()))
    }

    /// Once all is calm: who is still there has got all that it asked for.
    pub(crate) fn judge_the_living(&self) {
        for socket in self.sockets.values() {
            let client = &socket.client;
            if is_alive(client) && !socket.server_shut && client.habit != Habit::Deaf {
                assert!(
                    client.is_served(),
                    "{} ({:?}) was not answered",
                    client.name,
                    client.habit
                );
            }
        }
    }

    /// What each client saw of a room is what the witness saw while the client was in it, to the
    /// very end for those who are in it still.
    pub(crate) fn judge_the_rooms(&self) {
        let witness = self.witness();
        for socket in self.sockets.values() {
            let is_up_to_date = is_alive(&socket.client)
                && !socket.server_shut
                && socket.client.habit != Habit::Deaf;
            judge_view(&socket.client, witness, is_up_to_date, &self.frames);
        }
        for client in &self.past {
            judge_view(client, witness, false, &self.frames);
        }
        let mut said = 0;
        for (room, seen) in ROOMS.iter().zip(&witness.seen) {
            said += judge_room(room, seen, &self.frames).said;
        }
        assert_eq!(said, self.metrics.broadcasts.get(), "what was said is not what was heard");
    }

    /// Once everybody but the witness has gone, it has heard of everybody's going.
    pub(crate) fn judge_the_departures(&self) {
        let witness = self.witness();
        for (room, seen) in ROOMS.iter().zip(&witness.seen) {
            let present = judge_room(room, seen, &self.frames).present;
            let left: Vec<_> =
                present.into_iter().filter(|&user_id| Some(user_id) != witness.user_id()).collect();
            assert!(left.is_empty(), "users {left:?} joined {room} and never left it");
        }
    }
}

fn is_alive(client: &Client) -> bool {
    client.ended_by.is_none() && !client.half_closed
}

struct Room {
    said: u64,
    present: HashSet<u32>,
}

/// Joins and leaves alternate for each user, only those present speak, and nothing comes twice.
fn judge_room(name: &str, seen: &[u32], frames: &Frames) -> Room {
    let mut room = Room { said: 0, present: HashSet::new() };
    let mut heard = HashSet::new();
    for &number in seen {
        let (kind, user_id) = frames.kind(number);
        let fits = match kind {
            Kind::Joined => room.present.insert(user_id),
            Kind::Left => room.present.remove(&user_id),
            Kind::Said => room.present.contains(&user_id) && heard.insert(number),
        };
        assert!(
            fits,
            "{name}: {kind:?} by user {user_id} out of place or twice: {}",
            frames.show(Some(&number))
        );
        room.said += u64::from(kind == Kind::Said);
    }
    room
}

/// What one client saw must be stretches of what the witness saw: each from its own UserJoined to
/// its own UserLeft, the last one as far as it got, or to the end if it is still there.
fn judge_view(client: &Client, witness: &Client, is_up_to_date: bool, frames: &Frames) {
    let Some(user_id) = client.user_id() else { return };
    for (seen, all) in client.seen.iter().zip(&witness.seen) {
        let mut from = 0;
        let mut place = None;
        for number in seen {
            let expected = match place {
                Some(place) => place,
                None => {
                    let joined = all[from..]
                        .iter()
                        .position(|&number| frames.kind(number) == (Kind::Joined, user_id));
                    from + joined.expect("a room's frames begin with one's own UserJoined")
                }
            };
            assert!(
                all.get(expected) == Some(number),
                "{} ({:?}, {:?}) got {} at place {expected}, not {}",
                client.name,
                client.habit,
                client.ended_by,
                frames.show(Some(number)),
                frames.show(all.get(expected)),
            );
            from = expected + 1;
            place = (frames.kind(*number) != (Kind::Left, user_id)).then_some(from);
        }
        if let Some(place) = place
            && is_up_to_date
        {
            assert_eq!(place, all.len(), "{} is behind though everything was flushed", client.name);
        }
    }
}
