//! When joins and leaves are told: to all members of a room that has no more members than
//! `presence_members_max`; in a larger one to the member concerned alone, until half as many are
//! left.
//!
//! How many members a room had when is known within bounds. A client that saw a frame was a member
//! then; one that was told of its own leave was none afterwards; of one whose last bytes were lost
//! nothing is certain.

use crate::frames::{Frames, Kind};

/// A time that one client spent in a room, in places among the frames that were told there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stay {
    pub(crate) user_id: u32,
    /// The first frame that it saw; its own join, if that was told.
    pub(crate) start: usize,
    /// Behind the last frame that it saw.
    pub(crate) end: usize,
    pub(crate) join_was_told: bool,
    /// It was told that it left.
    pub(crate) has_left: bool,
    /// It cannot have been at another time.
    pub(crate) is_certain: bool,
}

/// The members of a room at each frame, at the least and at the most.
struct Members {
    least: Vec<usize>,
    /// Between a frame and the one before.
    least_before: Vec<usize>,
    most_before: Vec<usize>,
}

/// Judges a room whose limit was the same all the time. `strangers` are clients of which it is not
/// known where they were.
pub(crate) fn judge(
    room: &str,
    all: &[(u32, usize)],
    stays: &[Stay],
    strangers: usize,
    members_max: usize,
    frames: &Frames,
) {
    let members = Members::of(all, stays, strangers, frames);
    let is_over = |at: &usize| members.least[*at] > members_max;
    for stay in stays.iter().filter(|stay| stay.is_certain) {
        let Stay { start, user_id, .. } = *stay;
        if stay.join_was_told {
            assert!(!is_over(&start), "{room}: the join of user {user_id} was told to too many");
            let over = (0..start).rev().find(is_over);
            let was_over_since = over.is_some_and(|over| {
                members.least_before[over + 1..=start].iter().all(|&n| n > members_max / 2)
            });
            assert!(!was_over_since, "{room}: the join of user {user_id} was told too early");
        } else {
            assert!(
                members.most_before[start] > members_max / 2,
                "{room}: the join of user {user_id} was not told to {} others at the most",
                members.most_before[start]
            );
        }
    }
}

impl Members {
    fn of(all: &[(u32, usize)], stays: &[Stay], strangers: usize, frames: &Frames) -> Self {
        let places = all.len() + 1;
        let mut members = Self {
            least: vec![0; places],
            least_before: vec![0; places],
            most_before: vec![strangers; places],
        };
        for stay in stays {
            let Stay { start, end, user_id, .. } = *stay;
            if stay.is_certain {
                members.least[start..end].iter_mut().for_each(|n| *n += 1);
                if start + 1 < end {
                    members.least_before[start + 1..end].iter_mut().for_each(|n| *n += 1);
                }
            }
            let left_at = if stay.has_left && stay.is_certain {
                end
            } else {
                let is_left = |&(number, _): &_| frames.kind(number) == (Kind::Left, user_id);
                all[end..].iter().position(is_left).map_or(all.len(), |at| end + at)
            };
            let from = if stay.is_certain { start } else { 0 };
            members.most_before[from..=left_at].iter_mut().for_each(|n| *n += 1);
        }
        members
    }
}
