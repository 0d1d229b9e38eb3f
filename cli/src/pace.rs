//! The pace of a client that its server has told to be slower (RateLimited): how long it pauses
//! before it asks again, and when it gives up. Pure: time is an argument.

use std::time::{Duration, Instant};

/// What a server allows is saved up for a second at the most: after a pause of more than that all
/// of it is there again, and the server has forgotten that it refused.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(1100);

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a server may refuse one request after the other, where no time is given for it.
pub(crate) const REFUSED_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Pace {
    is_slow: bool,
    pause: Duration,
    resume_at: Option<Instant>,
    /// When the first request was refused since one was last done.
    refused_since: Option<Instant>,
}

impl Pace {
    /// Whether the server has ever refused. From then on one request is sent at a time: of several
    /// under way a later one could be done although an earlier one was refused.
    pub(crate) const fn is_slow(&self) -> bool {
        self.is_slow
    }

    /// A request was done.
    pub(crate) const fn done(&mut self) {
        self.refused_since = None;
    }

    /// A request was refused; several that were under way together are one refusal. Gives the time
    /// for which nothing was done.
    pub(crate) fn refused(&mut self, now: Instant) -> Duration {
        if self.resume_at.is_none() {
            let longer = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
            self.pause = if self.refused_since.is_some() { longer } else { FIRST_PAUSE };
        }
        self.is_slow = true;
        self.resume_at = now.checked_add(self.pause);
        now.saturating_duration_since(*self.refused_since.get_or_insert(now))
    }

    /// When the pause ends that there is now.
    pub(crate) const fn resume_at(&self) -> Option<Instant> {
        self.resume_at
    }

    /// Whether a request may be sent, and thereby ends the pause.
    pub(crate) fn may_go_on(&mut self, now: Instant) -> bool {
        let may = self.resume_at.is_none_or(|at| at <= now);
        if may {
            self.resume_at = None;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_one_burst_are_one_pause_and_those_after_it_a_longer_one() {
        let start = Instant::now();
        let mut pace = Pace::default();
        assert!(pace.may_go_on(start) && !pace.is_slow());
        for _ in 0..32 {
            assert_eq!(pace.refused(start), Duration::ZERO);
        }
        assert!(pace.is_slow() && !pace.may_go_on(start));
        assert_eq!(pace.resume_at(), Some(start + FIRST_PAUSE));
        let mut now = start + FIRST_PAUSE;
        for times in [2, 4, 8, 16] {
            assert!(pace.may_go_on(now));
            assert_eq!(pace.refused(now), now - start);
            assert_eq!(pace.resume_at(), Some(now + FIRST_PAUSE * times));
            now += FIRST_PAUSE * times;
        }
        for _ in 0..3 {
            assert!(pace.may_go_on(now));
            pace.refused(now);
            assert_eq!(pace.resume_at(), Some(now + LONGEST_PAUSE));
            now += LONGEST_PAUSE;
        }
        assert!(pace.may_go_on(now));
        pace.done();
        assert_eq!(pace.refused(now), Duration::ZERO);
        assert_eq!(pace.resume_at(), Some(now + FIRST_PAUSE));
        assert!(pace.is_slow());
    }
}
