//! The requests that wait for their answers, in the order in which they were sent, and the probes
//! between them: a ring in slots of the caller's. Keeps no text: of a room and a content it
//! remembers the checksum.

use super::event::Answer;
use crate::chat::{self, ErrorCode, MessagePayload, MessageType};

/// Room for one request that waits for its answer: 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Slot {
    // Not a `Question`, whose padding would make it 12 bytes.
    digest: u32,
    asked: MessageType,
    /// Probes that were sent after this request and before the next one.
    probes_behind: u16,
}

impl Slot {
    /// A free slot.
    pub const EMPTY: Self = Self { digest: 0, asked: MessageType::Disconnect, probes_behind: 0 };

    const fn question(&self) -> Question {
        Question { digest: self.digest, asked: self.asked }
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// The number of a request among those of a session. They count up in the order of the requests,
/// and wrap around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RequestId(u32);

impl RequestId {
    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// What was asked, as far as an answer tells it: an acknowledgement answers the question that is
/// equal to its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Question {
    digest: u32,
    asked: MessageType,
}

impl Question {
    /// Of a request that is answered, or of the acknowledgement of one.
    pub(super) fn of(message: &MessagePayload<'_>) -> Option<Self> {
        let (asked, room, content) = match *message {
            MessagePayload::Connect { .. } | MessagePayload::ConnectAck { .. } => {
                (MessageType::Connect, "", "")
            }
            MessagePayload::JoinRoom { room } | MessagePayload::UserJoined { room, .. } => {
                (MessageType::JoinRoom, room, "")
            }
            MessagePayload::LeaveRoom { room } | MessagePayload::UserLeft { room, .. } => {
                (MessageType::LeaveRoom, room, "")
            }
            MessagePayload::SendMessage { room, content }
            | MessagePayload::MessageBroadcast { room, content, .. } => {
                (MessageType::SendMessage, room, content)
            }
            MessagePayload::Disconnect | MessagePayload::Error { .. } => return None,
        };
        let (room, content) = (room.as_bytes(), content.as_bytes());
        let digest = chat::checksum(room) ^ chat::checksum(content).rotate_left(1);
        Some(Self { digest, asked })
    }

    /// Whether an Error with this code can answer it. What the code of a later server means is not
    /// known, so it can answer anything.
    const fn can_be_refused_with(self, code: ErrorCode) -> bool {
        use MessageType::{Connect, JoinRoom, LeaveRoom, SendMessage};
        match code {
            ErrorCode::AlreadyConnected => false,
            ErrorCode::InvalidUsername | ErrorCode::UsernameTaken => {
                matches!(self.asked, Connect)
            }
            ErrorCode::AlreadyInRoom => matches!(self.asked, JoinRoom),
            ErrorCode::NotInRoom => matches!(self.asked, LeaveRoom | SendMessage),
            ErrorCode::InvalidContent => matches!(self.asked, SendMessage),
            _ => true,
        }
    }
}

/// The ring: `len` slots from `oldest` on, around the end of the slots, are taken.
#[derive(Clone, Debug)]
pub(super) struct Pending<S> {
    slots: S,
    oldest: usize,
    len: usize,
    oldest_id: u32,
    /// Unanswered probes before the oldest request. Those of all places together are no more than a
    /// u16 holds.
    probes_before: u16,
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Pending<S> {
    pub(super) const fn new(slots: S) -> Self {
        Self { slots, oldest: 0, len: 0, oldest_id: 0, probes_before: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn capacity(&self) -> usize {
        self.slots.as_ref().len()
    }

    /// What holds between any two calls.
    pub(super) fn invariants(&self) {
        let capacity = self.capacity();
        debug_assert!(self.len <= capacity, "{} of {capacity} slots", self.len);
        debug_assert!(self.oldest < capacity || self.oldest == 0, "{} of {capacity}", self.oldest);
        debug_assert!(self.probes() <= u16::MAX.into(), "{} probes", self.probes());
        for index in 0..self.len {
            let asked = self.get(index).map(|slot| slot.asked);
            debug_assert!(asked != Some(MessageType::Disconnect), "request {index} is none");
            debug_assert!(index == 0 || asked != Some(MessageType::Connect), "Connect is first");
        }
    }

    /// The number of the request that is pushed next.
    pub(super) fn next_id(&self) -> RequestId {
        self.id_at(self.len)
    }

    pub(super) fn is_full(&self) -> bool {
        self.len >= self.capacity()
    }

    /// Whether the oldest request is of this type.
    pub(super) fn starts_with(&self, asked: MessageType) -> bool {
        self.get(0).is_some_and(|slot| slot.asked == asked)
    }

    /// Behind all others. There must be a free slot.
    pub(super) fn push(&mut self, question: Question) {
        let place = self.place(self.len);
        if let Some(slot) = self.slots.as_mut().get_mut(place) {
            let Question { digest, asked } = question;
            *slot = Slot { digest, asked, probes_behind: 0 };
            self.len += 1;
        }
    }

    pub(super) fn has_room_for_probe(&self) -> bool {
        self.probes() < u16::MAX.into()
    }

    /// A probe goes out behind all requests. There must be room for it.
    pub(super) fn push_probe(&mut self) {
        let newest = self.place(self.len.wrapping_sub(1));
        let probes = match self.slots.as_mut().get_mut(newest) {
            Some(slot) if self.len > 0 => &mut slot.probes_behind,
            _ => &mut self.probes_before,
        };
        *probes = probes.saturating_add(1);
    }

    /// Whether the next answer is due to a probe.
    pub(super) const fn starts_with_probe(&self) -> bool {
        self.probes_before > 0
    }

    /// The first probe is answered, wherever it stands: no request is passed over for it. False if
    /// there is none.
    pub(super) fn take_probe(&mut self) -> bool {
        if self.probes_before > 0 {
            self.probes_before -= 1;
            return true;
        }
        for index in 0..self.len {
            let place = self.place(index);
            if let Some(slot) = self.slots.as_mut().get_mut(place)
                && slot.probes_behind > 0
            {
                slot.probes_behind -= 1;
                return true;
            }
        }
        false
    }

    /// Unanswered probes.
    pub(super) fn probes(&self) -> u32 {
        let behind = |index| self.get(index).map_or(0, |slot| slot.probes_behind.into());
        (0..self.len).map(behind).fold(self.probes_before.into(), u32::wrapping_add)
    }

    /// The first request with this question is answered.
    pub(super) fn acknowledge(&mut self, question: Question) -> Option<Answer> {
        self.answer(|asked| asked == question)
    }

    /// The first request that can be refused with this code is.
    pub(super) fn refuse(&mut self, code: ErrorCode) -> Option<Answer> {
        self.answer(|asked| asked.can_be_refused_with(code))
    }

    /// Answers come in order: those before it are not answered any more.
    fn answer(&mut self, fits: impl Fn(Question) -> bool) -> Option<Answer> {
        let fitting = |index: &usize| self.get(*index).is_some_and(|slot| fits(slot.question()));
        let index = (0..self.len).find(fitting)?;
        let message_type = self.get(index)?.asked;
        let answer = Answer { id: self.id_at(index), message_type, skipped: index };
        for _ in 0..=index {
            self.pop();
        }
        Some(answer)
    }

    /// The probes behind it are still on their way.
    fn pop(&mut self) {
        let probes_behind = self.get(0).map_or(0, |slot| slot.probes_behind);
        self.probes_before = self.probes_before.saturating_add(probes_behind);
        self.oldest = self.place(1);
        self.oldest_id = self.oldest_id.wrapping_add(1);
        self.len -= 1;
    }

    /// The same in other slots; `None` if they are fewer than the requests.
    pub(super) fn moved_to<T: AsRef<[Slot]> + AsMut<[Slot]>>(
        &self,
        slots: T,
    ) -> Option<Pending<T>> {
        let &Self { len, oldest_id, probes_before, .. } = self;
        let mut moved = Pending { slots, oldest: 0, len, oldest_id, probes_before };
        let all = moved.slots.as_mut().get_mut(..len)?;
        for (index, to) in all.iter_mut().enumerate() {
            *to = *self.get(index)?;
        }
        Some(moved)
    }

    /// The oldest but `index`.
    fn get(&self, index: usize) -> Option<&Slot> {
        if index >= self.len {
            return None;
        }
        self.slots.as_ref().get(self.place(index))
    }

    /// Where the oldest but `index` is. Without a division, which could be one by zero.
    fn place(&self, index: usize) -> usize {
        let (place, capacity) = (self.oldest.wrapping_add(index), self.capacity());
        if place < capacity { place } else { place.wrapping_sub(capacity) }
    }

    // No more requests wait than there are numbers.
    #[allow(clippy::cast_possible_truncation)]
    fn id_at(&self, index: usize) -> RequestId {
        RequestId(self.oldest_id.wrapping_add(index as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOIN: MessagePayload<'_> = MessagePayload::JoinRoom { room: "den" };

    fn question(message: &MessagePayload<'_>) -> Question {
        Question::of(message).expect("a question")
    }

    #[test]
    fn a_slot_has_the_size_that_is_promised() {
        assert_eq!(size_of::<Slot>(), 8);
    }

    #[test]
    fn an_acknowledgement_has_the_question_of_its_request_and_no_other() {
        let (user_id, timestamp, username) = (7, 1, "ada");
        let pairs = [
            (
                MessagePayload::Connect { username },
                MessagePayload::ConnectAck { user_id, server_info: "" },
            ),
            (JOIN, MessagePayload::UserJoined { user_id, username, room: "den" }),
            (
                MessagePayload::LeaveRoom { room: "den" },
                MessagePayload::UserLeft { user_id, username, room: "den" },
            ),
            (
                MessagePayload::SendMessage { room: "den", content: "hi" },
                MessagePayload::MessageBroadcast {
                    user_id,
                    timestamp,
                    username,
                    room: "den",
                    content: "hi",
                },
            ),
            (
                MessagePayload::SendMessage { room: "hi", content: "den" },
                MessagePayload::MessageBroadcast {
                    user_id,
                    timestamp,
                    username,
                    room: "hi",
                    content: "den",
                },
            ),
            (
                MessagePayload::JoinRoom { room: "hi" },
                MessagePayload::UserJoined { user_id, username, room: "hi" },
            ),
        ];
        for (at, (request, _)) in pairs.iter().enumerate() {
            for (other, (_, acknowledgement)) in pairs.iter().enumerate() {
                let is_equal = question(request) == question(acknowledgement);
                assert_eq!(is_equal, at == other, "{request:?}, {acknowledgement:?}");
            }
        }
        assert_eq!(Question::of(&MessagePayload::Disconnect), None);
    }

    #[test]
    fn numbers_wrap_around_and_the_ring_turns() {
        let mut pending = Pending { oldest_id: u32::MAX - 1, ..Pending::new([Slot::EMPTY; 3]) };
        for id in [u32::MAX - 1, u32::MAX, 0, 1, 2, 3, 4] {
            assert_eq!(pending.next_id(), RequestId(id));
            pending.push(question(&JOIN));
            pending.invariants();
            let answer = pending.acknowledge(question(&JOIN)).unwrap();
            assert_eq!((answer.id.get(), answer.skipped), (id, 0));
            pending.invariants();
        }
        assert_eq!(pending.acknowledge(question(&JOIN)), None);
    }

    #[test]
    fn without_slots_there_is_room_for_probes_alone() {
        let mut pending = Pending::new([]);
        assert!(pending.is_full() && pending.has_room_for_probe());
        pending.push(question(&JOIN));
        pending.push_probe();
        pending.invariants();
        assert_eq!((pending.len(), pending.probes()), (0, 1));
        assert!(pending.take_probe() && !pending.take_probe());
    }

    #[test]
    fn probes_have_a_bound_wherever_they_stand() {
        let mut pending = Pending::new([Slot::EMPTY; 2]);
        for sent in 0..u16::MAX {
            assert!(pending.has_room_for_probe());
            match sent {
                100 | 1000 => pending.push(question(&JOIN)),
                2000 => assert!(pending.acknowledge(question(&JOIN)).is_some()),
                _ => {}
            }
            pending.push_probe();
        }
        assert!(!pending.has_room_for_probe());
        pending.invariants();
        let mut answered = 0;
        while pending.take_probe() {
            answered += 1;
        }
        assert_eq!((answered, pending.len()), (u16::MAX, 1));
    }
}
