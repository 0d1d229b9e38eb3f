//! What is in flight, and whether each message reached each member once and in order. Pure
//! bookkeeping: bytes and sockets are the generator's.
//!
//! A message is *done* when every member of its room has it and the publisher has its receipt.
//! Message n + window goes out when message n and all before it are done: no more than `window` are
//! ever in flight. This is the same for every server, and the hardest reading of "in flight": the
//! slowest member counts.
//!
//! Each content opens with a stamp of its message's number. As a member gets every message of its
//! rooms in the order in which they were published, its next stamp is known; so one comparison per
//! delivery proves that nothing was lost, repeated or reordered.

use super::fault::Fault;
use super::plan::Plan;

/// Bytes at the start of each content that tell the message's number.
pub const STAMP_BYTES: usize = 8;

/// The stamp as it lies in memory.
pub type Stamp = [u8; STAMP_BYTES];

/// The lower 32 bits of a message's number, as eight hexadecimal digits: chat content must be
/// UTF-8.
#[must_use]
pub fn stamp(number: usize) -> Stamp {
    let mut stamp = [0; STAMP_BYTES];
    for (place, digit) in stamp.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * place)) & 0xF];
    }
    stamp
}

/// What one member gets: its next message, and how far it is from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    next: usize,
    stride: usize,
}

impl Seat {
    /// The seat of a member.
    #[must_use]
    pub fn new(plan: &Plan, member: usize) -> Self {
        let rooms = plan.rooms_of(member);
        let stride = if rooms.len() == plan.rooms { 1 } else { plan.rooms };
        Self { next: rooms.start, stride }
    }

    /// The publisher's, which gets a receipt for every message.
    #[must_use]
    pub const fn of_publisher() -> Self {
        Self { next: 0, stride: 1 }
    }
}

/// A message to be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The room it goes to.
    pub room: usize,
    /// What its content opens with.
    pub stamp: Stamp,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    stamp: Stamp,
    /// Deliveries and the receipt that are still to come.
    missing: u32,
}

/// The messages in flight.
///
/// Invariant: `done ≤ sent ≤ done + limit`, and the slots of `done..sent` are theirs.
#[derive(Debug)]
pub struct Window {
    limit: usize,
    /// For each room, its members.
    audiences: Vec<u32>,
    /// A power of two of them, so that a message's slot is found by a mask.
    slots: Vec<Slot>,
    sent: usize,
    done: usize,
}

impl Window {
    /// A window with nothing in flight.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            limit: plan.window,
            audiences: plan.audiences(),
            slots: vec![Slot::default(); plan.window.next_power_of_two()],
            sent: 0,
            done: 0,
        }
    }

    /// Messages sent so far.
    #[must_use]
    pub const fn sent(&self) -> usize {
        self.sent
    }

    /// Messages in flight.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.sent - self.done
    }

    /// Deliveries and receipts of the messages in flight that are still to come.
    #[must_use]
    pub fn missing(&self) -> u64 {
        (self.done..self.sent).map(|number| u64::from(self.slots[self.place(number)].missing)).sum()
    }

    /// The next message, if the window has room for it.
    pub fn send(&mut self) -> Option<Outgoing> {
        if self.in_flight() == self.limit {
            return None;
        }
        let room = self.sent % self.audiences.len();
        let (place, stamp) = (self.place(self.sent), stamp(self.sent));
        self.slots[place] = Slot { stamp, missing: self.audiences[room] + 1 };
        self.sent += 1;
        Some(Outgoing { room, stamp })
    }

    /// A message reached a seat.
    ///
    /// # Errors
    /// It is not the seat's next one.
    #[inline]
    pub fn arrived(&mut self, seat: &mut Seat, content: &[u8]) -> Result<(), Fault> {
        let place = self.place(seat.next);
        let is_next =
            seat.next < self.sent && content.first_chunk() == Some(&self.slots[place].stamp);
        if !is_next {
            return Err(Fault::OutOfOrder { expected: seat.next });
        }
        self.count(seat, place);
        Ok(())
    }

    /// The server's receipt for the publisher's next message came, and told how many it was sent
    /// to.
    ///
    /// # Errors
    /// There is no such message, or it went to another number of members than are in the room.
    pub fn receipt(&mut self, seat: &mut Seat, deliveries: u64) -> Result<(), Fault> {
        let room = seat.next % self.audiences.len();
        let members = self.audiences[room];
        if seat.next >= self.sent || deliveries != u64::from(members) {
            let what = format!("message {} went to {deliveries} of {members} members", seat.next);
            return Err(Fault::Unexpected(what));
        }
        self.count(seat, self.place(seat.next));
        Ok(())
    }

    #[inline]
    fn count(&mut self, seat: &mut Seat, place: usize) {
        // Each seat comes to each slot of `done..sent` once, and what it waits for is never done.
        self.slots[place].missing -= 1;
        if self.slots[place].missing == 0 {
            while self.done < self.sent && self.slots[self.place(self.done)].missing == 0 {
                self.done += 1;
            }
        }
        seat.next += seat.stride;
    }

    const fn place(&self, number: usize) -> usize {
        number & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versus::plan::Spread;

    const PLAN: Plan =
        Plan { rooms: 2, members: 3, spread: Spread::Mixed, window: 3, content_bytes: 64 };

    fn seats() -> [Seat; 3] {
        [0, 1, 2].map(|member| Seat::new(&PLAN, member))
    }

    #[test]
    fn stamps_are_digits() {
        assert_eq!(&stamp(0), b"00000000");
        assert_eq!(&stamp(0x1_89ab_cdef), b"89abcdef");
    }

    #[test]
    fn the_last_member_and_the_receipt_make_room() {
        let mut window = Window::new(&PLAN);
        let mut publisher = Seat::of_publisher();
        let [mut both, mut first_only, mut other_both] = seats();
        let rooms: Vec<usize> = std::iter::from_fn(|| window.send()).map(|out| out.room).collect();
        assert_eq!(rooms, [0, 1, 0]);
        assert_eq!((window.in_flight(), window.missing()), (3, 4 + 3 + 4));
        for number in 0..3 {
            window.arrived(&mut both, &stamp(number)).unwrap();
            window.arrived(&mut other_both, &stamp(number)).unwrap();
        }
        window.arrived(&mut first_only, &stamp(0)).unwrap();
        window.receipt(&mut publisher, 3).unwrap();
        assert_eq!(window.send().map(|out| (out.room, out.stamp)), Some((1, stamp(3))));
        assert_eq!(window.send(), None);
        // The second message's receipt sets it free, the third waits for one member.
        window.receipt(&mut publisher, 2).unwrap();
        assert_eq!(window.in_flight(), 2);
        window.receipt(&mut publisher, 3).unwrap();
        window.arrived(&mut first_only, &stamp(2)).unwrap();
        assert_eq!((window.in_flight(), window.missing()), (1, 3));
    }

    #[test]
    fn what_is_lost_repeated_or_early_is_found() {
        let expected_0 = |outcome| matches!(outcome, Err(Fault::OutOfOrder { expected: 0 }));
        let mut window = Window::new(&PLAN);
        let [mut both, mut first_only, _] = seats();
        assert!(expected_0(window.arrived(&mut both, &stamp(0))), "nothing was sent yet");
        while window.send().is_some() {}
        assert!(expected_0(window.arrived(&mut both, &stamp(1))), "the first was lost");
        assert!(expected_0(window.arrived(&mut both, b"0000000")), "a stamp that is cut short");
        window.arrived(&mut first_only, &stamp(0)).unwrap();
        let other_room = window.arrived(&mut first_only, &stamp(1));
        assert!(matches!(other_room, Err(Fault::OutOfOrder { expected: 2 })));
        let repeated = window.arrived(&mut first_only, &stamp(0));
        assert!(matches!(repeated, Err(Fault::OutOfOrder { expected: 2 })));
    }

    #[test]
    fn a_slot_that_is_free_again_is_no_message() {
        let mut window = Window::new(&Plan { rooms: 1, members: 1, window: 1, ..PLAN });
        let (mut member, mut publisher) = (Seat::of_publisher(), Seat::of_publisher());
        window.send();
        window.arrived(&mut member, &stamp(0)).unwrap();
        window.receipt(&mut publisher, 1).unwrap();
        // The slot of message 1 still holds what message 0 left there.
        let repeated = window.arrived(&mut member, &stamp(0));
        assert!(matches!(repeated, Err(Fault::OutOfOrder { expected: 1 })));
    }

    #[test]
    fn a_receipt_tells_the_whole_audience() {
        let mut window = Window::new(&PLAN);
        let mut publisher = Seat::of_publisher();
        assert!(window.receipt(&mut publisher, 3).is_err(), "nothing was sent yet");
        window.send();
        assert!(window.receipt(&mut publisher, 2).is_err());
        window.receipt(&mut publisher, 3).unwrap();
    }
}
