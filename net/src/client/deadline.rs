//! The end of one call's waiting, however many blocking reads or writes the call makes. Touches no
//! socket.

use std::time::{Duration, Instant};

/// The shortest time-out that sockets take: zero would mean for ever.
const SHORTEST_WAIT: Duration = Duration::from_micros(1);

/// A bound on the sum of a call's waits.
pub(super) struct Deadline {
    timeout: Option<Duration>,
    expires: Option<Instant>,
    waited: bool,
}

impl Deadline {
    /// `None` never expires.
    pub(super) fn after(timeout: Option<Duration>) -> Self {
        // A time-out past the end of the clock never expires.
        let expires = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Self { timeout: timeout.filter(|_| expires.is_some()), expires, waited: false }
    }

    /// A deadline that has passed: the one wait that it still grants takes only what has arrived.
    pub(super) fn now() -> Self {
        Self::after(Some(Duration::ZERO))
    }

    /// A deadline that grants no wait any more.
    pub(super) fn spent() -> Self {
        Self { waited: true, ..Self::now() }
    }

    /// A deadline for the next wait alone, of at most this time; `None` if the time is up.
    pub(super) fn next_part(&mut self, at_most: Option<Duration>) -> Option<Self> {
        let wait = self.next_wait()?;
        let bounds = [wait, at_most];
        Some(Self::after(bounds.into_iter().flatten().min()))
    }

    /// How long the next blocking call may take. The outer `None` says that the time is up, the
    /// inner `None` that there is no bound.
    ///
    /// The first wait is granted the time-out as it was given, even if it was zero. So what has
    /// already arrived is always found, and a socket that has this time-out from the call before
    /// needs no system call to set it.
    pub(super) fn next_wait(&mut self) -> Option<Option<Duration>> {
        let Some(expires) = self.expires else {
            return Some(None);
        };
        if !self.waited {
            self.waited = true;
            return Some(self.timeout.map(|timeout| timeout.max(SHORTEST_WAIT)));
        }
        let remaining = expires.saturating_duration_since(Instant::now());
        if remaining.is_zero() { None } else { Some(Some(remaining.max(SHORTEST_WAIT))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_no_time_at_all_grants_one_wait() {
        let mut deadline = Deadline::now();
        assert_eq!(deadline.next_wait(), Some(Some(SHORTEST_WAIT)));
        assert_eq!(deadline.next_wait(), None);
    }

    #[test]
    fn the_first_wait_is_the_whole_and_later_ones_are_what_remains() {
        let whole = Duration::from_secs(3600);
        let mut deadline = Deadline::after(Some(whole));
        assert_eq!(deadline.next_wait(), Some(Some(whole)));
        let remaining = deadline.next_wait().unwrap().unwrap();
        assert!(remaining <= whole);
    }

    #[test]
    fn a_wait_is_bounded_by_both() {
        let second = Duration::from_secs(1);
        for (whole, at_most, wait) in [
            (Some(second), Some(second * 2), Some(second)),
            (Some(second * 2), Some(second), Some(second)),
            (None, Some(second), Some(second)),
            (Some(second), None, Some(second)),
            (None, None, None),
        ] {
            let mut next = Deadline::after(whole).next_part(at_most).unwrap();
            assert_eq!(next.next_wait(), Some(wait), "{whole:?}, {at_most:?}");
        }
        let mut deadline = Deadline::now();
        assert!(deadline.next_part(Some(second)).is_some());
        assert!(deadline.next_part(Some(second)).is_none());
        assert_eq!(Deadline::spent().next_wait(), None);
    }

    #[test]
    fn for_ever() {
        for timeout in [None, Some(Duration::MAX)] {
            let mut deadline = Deadline::after(timeout);
            assert_eq!(deadline.next_wait(), Some(None));
            assert_eq!(deadline.next_wait(), Some(None));
        }
    }
}
