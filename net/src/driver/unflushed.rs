//! Up to when peers are heard while flushes are cut short: a connection with much queued for it is
//! not read from, so what it sent waits for its turn to be flushed. Numbers in, numbers out.

/// Connections that wait for their turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unflushed {
    /// Turns until all are flushed that waited at `polled_ms`.
    turns: usize,
    polled_ms: u64,
    /// Up to when peers are heard until then.
    pub(super) heard_ms: u64,
}

impl Unflushed {
    /// After a flush that was cut short: so many turns are left, the poll has told what there was
    /// at `polled_ms`, and peers are heard up to `heard_ms`.
    pub(super) const fn new(turns: usize, polled_ms: u64, heard_ms: u64) -> Self {
        Self { turns, polled_ms, heard_ms }
    }

    /// The same after more flushes that were cut short, the last of them now: those that waited
    /// first are all flushed, and heard, after as many turns as there were then.
    pub(super) fn followed_by(self, turns_taken: usize, now: Self) -> Self {
        match self.turns.checked_sub(turns_taken) {
            None | Some(0) => Self { heard_ms: self.polled_ms, ..now },
            Some(turns) => Self { turns, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_once_all_that_waited_had_their_turn() {
        let first = Unflushed::new(3, 100, 90);
        let second = first.followed_by(2, Unflushed::new(9, 110, 90));
        assert_eq!((second.turns, second.heard_ms), (1, 90));
        let third = second.followed_by(2, Unflushed::new(8, 120, 90));
        assert_eq!((third.turns, third.heard_ms), (8, 100));
        let fourth = third.followed_by(8, Unflushed::new(4, 130, 100));
        assert_eq!((fourth.turns, fourth.heard_ms), (4, 120));
    }
}
