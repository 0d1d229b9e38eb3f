//! One workload: how many rooms and members there are, and which member is in which rooms. Pure
//! arithmetic.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// Which members are in which rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// Every member is in every room.
    All,
    /// Every member is in one room; the rooms are of one size.
    One,
    /// Every other member is in all rooms, the others are in one each.
    Mixed,
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::One => "one",
            Self::Mixed => "all or one",
        })
    }
}

/// One workload. A publisher besides the members speaks in the rooms by turns: message number n
/// goes to room n modulo `rooms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Rooms, at least 1.
    pub rooms: usize,
    /// Members, the publisher not counted.
    pub members: usize,
    /// Which members are in which rooms.
    pub spread: Spread,
    /// Messages in flight at most: see [`Window`](super::window::Window).
    pub window: usize,
    /// Bytes of each message's content, at least [`STAMP_BYTES`](super::window::STAMP_BYTES).
    pub content_bytes: usize,
}

impl Plan {
    /// The rooms that a member is in: all, or one.
    #[must_use]
    pub fn rooms_of(&self, member: usize) -> Range<usize> {
        let one = |number: usize| number % self.rooms..number % self.rooms + 1;
        match self.spread {
            Spread::All => 0..self.rooms,
            Spread::One => one(member),
            Spread::Mixed if member.is_multiple_of(2) => 0..self.rooms,
            Spread::Mixed => one(member / 2),
        }
    }

    /// For each room, the members in it.
    #[must_use]
    pub fn audiences(&self) -> Vec<u32> {
        let mut audiences = vec![0; self.rooms];
        for member in 0..self.members {
            for room in self.rooms_of(member) {
                audiences[room] += 1;
            }
        }
        audiences
    }
}

/// The name of a room, the same for every server.
#[must_use]
pub fn room_name(room: usize) -> String {
    format!("room-{room}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audiences(rooms: usize, members: usize, spread: Spread) -> Vec<u32> {
        Plan { rooms, members, spread, window: 64, content_bytes: 64 }.audiences()
    }

    #[test]
    fn every_spread_fills_every_room() {
        assert_eq!(audiences(1, 100, Spread::All), [100]);
        assert_eq!(audiences(2, 100, Spread::All), [100, 100]);
        assert_eq!(audiences(2, 100, Spread::One), [50, 50]);
        assert_eq!(audiences(3, 100, Spread::One), [34, 33, 33]);
        assert_eq!(audiences(2, 100, Spread::Mixed), [75, 75]);
        assert_eq!(audiences(8, 1000, Spread::Mixed), [563, 563, 563, 563, 562, 562, 562, 562]);
    }
}
