//! Which packets the bytes of one stream came in, as long as something may be told of them. Pure.

use std::collections::VecDeque;

use crate::decode::report::Moment;

/// Places are in bytes from the start of the stream, as its decoder counts them.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Where the bytes of a packet end, in order; they start where those before end.
    ends: VecDeque<(u64, Moment)>,
    end: u64,
}

impl Carried {
    pub(super) const fn new() -> Self {
        Self { ends: VecDeque::new(), end: 0 }
    }

    /// So many bytes follow, in this packet; or a gap of that size, which it proves.
    pub(super) fn push(&mut self, size: u64, moment: Moment) {
        self.end = self.end.saturating_add(size);
        match self.ends.back_mut() {
            Some((end, last)) if *last == moment => *end = self.end,
            _ => self.ends.push_back((self.end, moment)),
        }
    }

    /// Of the packets that carried these bytes the one captured last.
    pub(super) fn latest(&self, start: u64, size: u64) -> Option<Moment> {
        let first = self.ends.partition_point(|(end, _)| *end <= start);
        let until = start.saturating_add(size);
        let mut from = start;
        let carriers = self.ends.range(first..).take_while(|(end, _)| {
            let is_before = from < until;
            from = *end;
            is_before
        });
        carriers.map(|(_, moment)| *moment).max()
    }

    /// Nothing more is told of the bytes before this place.
    pub(super) fn forget(&mut self, start: u64) {
        let told = self.ends.partition_point(|(end, _)| *end <= start);
        self.ends.drain(..told);
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.ends.capacity() * size_of::<(u64, Moment)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(packet: u64) -> Moment {
        Moment { packet, time_ns: None }
    }

    #[test]
    fn what_several_packets_carried_is_of_the_one_captured_last() {
        let mut carried = Carried::new();
        for (size, packet) in [(10, 3), (5, 9), (5, 9), (10, 4)] {
            carried.push(size, at(packet));
        }
        assert_eq!(carried.ends.len(), 3, "of one packet is told once");
        for (start, size, packet) in
            [(0, 10, 3), (0, 11, 9), (9, 1, 3), (10, 10, 9), (19, 2, 9), (20, 10, 4), (0, 30, 9)]
        {
            assert_eq!(carried.latest(start, size), Some(at(packet)), "{start} {size}");
        }
        assert_eq!(carried.latest(30, 1), None);
        carried.forget(20);
        assert_eq!((carried.ends.len(), carried.latest(20, 10)), (1, Some(at(4))));
        carried.forget(25);
        assert_eq!(carried.latest(25, 5), Some(at(4)), "half of it is told");
        carried.forget(30);
        assert!(carried.ends.is_empty());
    }
}
