//! One group: members that are in the same rooms, one or several, many of them publishers, and one
//! order that all of them must see, across the rooms.
//!
//! The order is learnt: the first member to receive a message appends it to the known order, and
//! all other members are held to that, one comparison per delivery. A number that a publisher sent
//! and the first member did not receive is inserted before its successor, as inferred, and moves to
//! where the next member sees it, so that only the member that missed it is blamed. Among one
//! publisher's messages the late one is blamed, whichever member sees it. Between publishers the
//! messages carry no order: where members disagree, the order that the first member saw counts, and
//! the others are late. A vote of the members would have to keep every member's order until all
//! have seen it, and to take verdicts back, for no gain: the finding is that they disagree.
//!
//! As long as a group shows nothing irregular, and the server sends all members the same bytes, as
//! this one does, deliveries are compared as bytes, many at a time: equal bytes are equal messages
//! in equal order, without parsing them again.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::ops::Range;

use super::{MISSING_MAX, Verdict};
use crate::load::payload::{MessageKey, Stamp};

/// The most messages between the first member and the last. A member further behind is reported by
/// [`take_lagging`](GroupChecker::take_lagging).
const WINDOW_MAX: usize = 1 << 20;

/// The most bytes kept for comparing. Beyond it, messages are compared one by one.
const BYTES_MAX: usize = 64 << 20;

/// The window is trimmed when it has grown to this length, and then whenever it has doubled.
const FIRST_TRIM: usize = 1024;

#[derive(Debug)]
pub(crate) struct GroupChecker {
    /// The global number of the group's first publisher.
    first_sender: usize,
    /// For each publisher, the number after the highest one in the order.
    next_sequence: Vec<u64>,
    members: Vec<MemberProgress>,
    /// The order, from the position `first` on.
    order: VecDeque<OrderEntry>,
    first: u64,
    /// Messages in the order that no member has received yet, or none at that place.
    inferred: HashSet<MessageKey>,
    /// The frames of the order, from byte `bytes_first` of the group on. `None` once messages are
    /// compared one by one.
    bytes: Option<Vec<u8>>,
    bytes_first: u64,
    trim_at: usize,
    window_max: usize,
    lagging: Option<usize>,
}

#[derive(Debug, Default)]
struct MemberProgress {
    /// All messages before this position have come or are missing.
    position: u64,
    missing: BTreeSet<MessageKey>,
    gone: bool,
}

#[derive(Clone, Copy, Debug)]
struct OrderEntry {
    stamp: Stamp,
    /// The end of its frame in the group's bytes.
    end: u64,
}

/// A run of deliveries that were recognised by their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The bytes of the run's whole frames.
    pub(crate) bytes: usize,
    /// The run's places in the window, for [`GroupChecker::stamps`].
    places: Range<usize>,
}

impl GroupChecker {
    /// A group whose publishers are the senders from `first_sender` on.
    pub(crate) fn new(first_sender: usize, publishers: usize, members: usize) -> Self {
        Self {
            first_sender,
            next_sequence: vec![0; publishers],
            members: std::iter::repeat_with(MemberProgress::default).take(members).collect(),
            order: VecDeque::new(),
            first: 0,
            inferred: HashSet::new(),
            bytes: Some(Vec::new()),
            bytes_first: 0,
            trim_at: FIRST_TRIM,
            window_max: WINDOW_MAX,
            lagging: None,
        }
    }

    /// Removes a member whose connection has ended, so that the window no longer waits for it.
    pub(crate) fn leave(&mut self, member: usize) {
        self.members[member].gone = true;
    }

    /// Takes a member so far behind that the messages it has yet to receive can no longer be kept.
    /// Its connection should be ended.
    pub(crate) const fn take_lagging(&mut self) -> Option<usize> {
        self.lagging.take()
    }

    /// Takes the whole frames at the start of `bytes` that equal, byte by byte, those that this
    /// member should receive next. `None` if they differ: then each frame must be parsed and
    /// judged.
    #[inline]
    pub(crate) fn receive_bytes(&mut self, member: usize, bytes: &[u8]) -> Option<Run> {
        let kept = self.bytes.as_ref()?;
        let state = &mut self.members[member];
        let place = place_of(self.first, state.position);
        let start = match place.checked_sub(1) {
            None => self.bytes_first,
            Some(before) => self.order.get(before)?.end,
        };
        let known = &kept[offset(start - self.bytes_first)..];
        let common = known.len().min(bytes.len());
        if known[..common] != bytes[..common] {
            return None;
        }
        let end_max = start + common as u64;
        let (mut end, mut behind) = (start, place);
        while let Some(entry) = self.order.get(behind)
            && entry.end <= end_max
        {
            (end, behind) = (entry.end, behind + 1);
        }
        state.position += (behind - place) as u64;
        Some(Run { bytes: offset(end - start), places: place..behind })
    }

    /// The stamps of a run's deliveries. Valid until the next delivery of the group is taken.
    pub(crate) fn stamps(&self, run: &Run) -> impl Iterator<Item = Stamp> {
        self.order.range(run.places.clone()).map(|entry| entry.stamp)
    }

    /// Judges one delivery, `frame`, whose sender has sent `sent` messages.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        member: usize,
        stamp: Stamp,
        sent: u64,
        frame: &[u8],
    ) -> Verdict {
        let state = &mut self.members[member];
        let place = place_of(self.first, state.position);
        match self.order.get(place) {
            Some(entry) if entry.stamp.key == stamp.key => {
                state.position += 1;
                if !self.inferred.is_empty() {
                    self.inferred.remove(&stamp.key);
                }
                Verdict::InOrder
            }
            _ => self.receive_other(member, place, stamp, sent, frame),
        }
    }

    /// Judges a delivery that is not the next one in the known order for this member.
    fn receive_other(
        &mut self,
        member: usize,
        place: usize,
        stamp: Stamp,
        sent: u64,
        frame: &[u8],
    ) -> Verdict {
        let key = stamp.key;
        let Some(publisher) =
            key.sender().checked_sub(self.first_sender).filter(|&at| at < self.next_sequence.len())
        else {
            return Verdict::Unexpected;
        };
        if key.sequence() >= sent {
            return Verdict::Unexpected;
        }
        let next = self.next_sequence[publisher];
        if key.sequence() == next && place == self.order.len() {
            self.append(publisher, stamp, frame);
            self.members[member].position += 1;
            return Verdict::InOrder;
        }
        self.compare_one_by_one();
        if self.members[member].missing.remove(&key) {
            return Verdict::Reordered;
        }
        if key.sequence() < next {
            return match (place..self.order.len()).find(|&later| self.order[later].stamp.key == key)
            {
                Some(later) => self.receive_early(member, place, later),
                None => Verdict::Duplicated,
            };
        }
        for skipped in next..key.sequence() {
            // The skipped message's due time is not known, and its own delivery, if there is one,
            // carries it.
            let inferred =
                Stamp { key: MessageKey::new(key.sender(), skipped), at_ns: stamp.at_ns };
            self.inferred.insert(inferred.key);
            self.insert(member, inferred);
            self.miss(member, inferred.key);
        }
        self.insert(member, stamp);
        self.next_sequence[publisher] = key.sequence() + 1;
        Verdict::InOrder
    }

    /// Judges a message whose place is later in the order: either that place is wrong, or the
    /// messages before it are late.
    fn receive_early(&mut self, member: usize, place: usize, later: usize) -> Verdict {
        let key = self.order[later].stamp.key;
        if self.inferred.remove(&key) {
            // Members between the two places have not received it either.
            let until = self.first + later as u64;
            let entry = self.order.remove(later);
            let position = self.members[member].position;
            for state in self
                .members
                .iter_mut()
                .filter(|state| position < state.position && state.position <= until)
            {
                state.position += 1;
                state.missing.insert(key);
            }
            if let Some(entry) = entry {
                self.order.insert(place, entry);
            }
            self.members[member].position += 1;
        } else {
            for skipped in place..later {
                self.miss(member, self.order[skipped].stamp.key);
            }
            self.members[member].position = self.first + later as u64 + 1;
        }
        Verdict::InOrder
    }

    fn miss(&mut self, member: usize, key: MessageKey) {
        let missing = &mut self.members[member].missing;
        missing.insert(key);
        if missing.len() > MISSING_MAX {
            missing.pop_first();
        }
    }

    /// Inserts a message at this member's position and moves the member behind it. Members past
    /// this position miss the message.
    fn insert(&mut self, member: usize, stamp: Stamp) {
        let position = self.members[member].position;
        self.order.insert(place_of(self.first, position), OrderEntry { stamp, end: 0 });
        for state in self.members.iter_mut().filter(|state| state.position > position) {
            state.position += 1;
            state.missing.insert(stamp.key);
        }
        self.members[member].position += 1;
        self.trim_if_large();
    }

    /// The usual case: the next message of a publisher, at the end of the order.
    fn append(&mut self, publisher: usize, stamp: Stamp, frame: &[u8]) {
        self.next_sequence[publisher] += 1;
        let mut end = 0;
        if let Some(bytes) = &mut self.bytes {
            bytes.extend_from_slice(frame);
            end = self.bytes_first + bytes.len() as u64;
            if bytes.len() > BYTES_MAX {
                self.compare_one_by_one();
            }
        }
        self.order.push_back(OrderEntry { stamp, end });
        self.trim_if_large();
    }

    fn compare_one_by_one(&mut self) {
        self.bytes = None;
    }

    /// Drops the part of the order that all members are past.
    fn trim_if_large(&mut self) {
        if self.order.len() < self.trim_at {
            return;
        }
        let last = self
            .members
            .iter()
            .enumerate()
            .filter(|(_, state)| !state.gone)
            .min_by_key(|(_, state)| state.position);
        let all = self.first + self.order.len() as u64;
        let forgotten = place_of(self.first, last.map_or(all, |(_, state)| state.position));
        if let Some(entry) = forgotten.checked_sub(1).and_then(|before| self.order.get(before))
            && let Some(bytes) = &mut self.bytes
        {
            bytes.drain(..offset(entry.end - self.bytes_first));
            self.bytes_first = entry.end;
        }
        for entry in self.order.drain(..forgotten) {
            if !self.inferred.is_empty() {
                self.inferred.remove(&entry.stamp.key);
            }
        }
        self.first += forgotten as u64;
        self.trim_at = FIRST_TRIM.max(2 * self.order.len());
        if self.order.len() >= self.window_max {
            self.lagging = last.map(|(member, _)| member);
            self.trim_at = self.order.len() + FIRST_TRIM;
        }
    }
}

/// The index of a position in the window.
#[inline]
fn place_of(first: u64, position: u64) -> usize {
    offset(position - first)
}

/// A distance within memory.
#[inline]
#[allow(clippy::cast_possible_truncation)] // it is within a buffer, and so fits
const fn offset(distance: u64) -> usize {
    distance as usize
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
