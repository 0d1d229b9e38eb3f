//! Checks one stream, whose messages come back one by one in the order in which they were sent.

use std::collections::BTreeSet;

use super::{MISSING_MAX, Verdict};

#[derive(Debug, Default)]
pub(crate) struct SequenceChecker {
    /// The number after the highest one that came.
    next: u64,
    /// The numbers below `next` that have not come.
    missing: BTreeSet<u64>,
}

impl SequenceChecker {
    /// Judges the arrival of a number, of which `sent` were sent.
    #[inline]
    pub(crate) fn receive(&mut self, number: u64, sent: u64) -> Verdict {
        if number == self.next && number < sent {
            self.next += 1;
            return Verdict::InOrder;
        }
        self.receive_irregular(number, sent)
    }

    #[cold]
    fn receive_irregular(&mut self, number: u64, sent: u64) -> Verdict {
        if number >= sent {
            return Verdict::Unexpected;
        }
        if number >= self.next {
            self.missing.extend((self.next..number).rev().take(MISSING_MAX));
            while self.missing.len() > MISSING_MAX {
                self.missing.pop_first();
            }
            self.next = number + 1;
            return Verdict::InOrder;
        }
        if self.missing.remove(&number) { Verdict::Reordered } else { Verdict::Duplicated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Duplicated, InOrder, Reordered, Unexpected};

    fn verdicts(numbers: &[u64], sent: u64) -> Vec<Verdict> {
        let mut checker = SequenceChecker::default();
        numbers.iter().map(|&number| checker.receive(number, sent)).collect()
    }

    #[test]
    fn messages_in_order_are_in_order() {
        assert_eq!(verdicts(&[0, 1, 2], 3), [InOrder; 3]);
    }

    #[test]
    fn a_lost_message_gets_no_verdict() {
        // Two of four were received, so the count shows two lost.
        assert_eq!(verdicts(&[0, 3], 4), [InOrder, InOrder]);
    }

    #[test]
    fn a_duplicate_is_noticed() {
        assert_eq!(verdicts(&[0, 1, 1, 0], 2), [InOrder, InOrder, Duplicated, Duplicated]);
        assert_eq!(verdicts(&[1, 0, 0], 2), [InOrder, Reordered, Duplicated]);
    }

    #[test]
    fn a_reordering_is_blamed_on_the_late_message() {
        assert_eq!(verdicts(&[0, 2, 1, 3], 4), [InOrder, InOrder, Reordered, InOrder]);
        assert_eq!(verdicts(&[3, 1, 0, 2], 4), [InOrder, Reordered, Reordered, Reordered]);
    }

    #[test]
    fn a_message_that_was_not_sent_is_unexpected() {
        assert_eq!(verdicts(&[0, 1, 2], 2), [InOrder, InOrder, Unexpected]);
        assert_eq!(verdicts(&[u64::MAX], 2), [Unexpected]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut checker = SequenceChecker::default();
        assert_eq!(checker.receive(10_000_000, u64::MAX), InOrder);
        assert_eq!(checker.missing.len(), MISSING_MAX);
        assert_eq!(checker.receive(9_999_999, u64::MAX), Reordered);
        assert_eq!(checker.receive(20_000_000, u64::MAX), InOrder);
        assert_eq!(checker.missing.len(), MISSING_MAX);
        assert_eq!(checker.receive(5, u64::MAX), Duplicated, "the number was given up before");
    }
}
