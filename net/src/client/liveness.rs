//! When a waiting client asks for a sign of its server, and when it gives it up. Touches no socket
//! and no clock: each call is told the time.
//!
//! What arrives while the client does not wait is read before the time is looked at, so a client
//! that was busy elsewhere for an hour takes no server for gone.

use std::time::{Duration, Instant};

/// What is to be done after a wait that brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Send a probe.
    Probe,
    /// The probe was not answered in its time.
    GiveUp,
}

/// One connection's signs of life.
#[derive(Debug)]
pub(super) struct Liveness {
    interval: Option<Duration>,
    heard: Instant,
    probed: Option<Instant>,
    answers_owed: u32,
}

impl Liveness {
    /// A server just heard, probed after each `interval` of silence; `None` never.
    pub(super) const fn new(interval: Option<Duration>, now: Instant) -> Self {
        Self { interval, heard: now, probed: None, answers_owed: 0 }
    }

    /// The longest wait after which to call [`due`](Self::due); `None` has no bound.
    pub(super) const fn longest_wait(&self) -> Option<Duration> {
        self.interval
    }

    /// A frame arrived.
    pub(super) const fn heard(&mut self, now: Instant) {
        (self.heard, self.probed) = (now, None);
    }

    /// What to do, all that has arrived being read.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let Some(interval) = self.interval else { return Due::Nothing };
        let since = self.probed.unwrap_or(self.heard);
        if now.saturating_duration_since(since) < interval {
            return Due::Nothing;
        }
        if self.probed.is_some() {
            return Due::GiveUp;
        }
        self.probed = Some(now);
        self.answers_owed += 1;
        Due::Probe
    }

    /// Whether what looks like the answer to a probe is one. Each probe has one answer.
    pub(super) const fn take_answer(&mut self) -> bool {
        let is_owed = self.answers_owed > 0;
        self.answers_owed = self.answers_owed.saturating_sub(1);
        is_owed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    fn liveness() -> (Liveness, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        (Liveness::new(Some(INTERVAL), start), move |s| start + Duration::from_secs(s))
    }

    #[test]
    fn a_silent_server_is_asked_once_and_given_up_an_interval_later() {
        let (mut liveness, at) = liveness();
        assert_eq!(liveness.due(at(29)), Due::Nothing);
        assert_eq!(liveness.due(at(30)), Due::Probe);
        assert_eq!(liveness.due(at(59)), Due::Nothing);
        assert_eq!(liveness.due(at(60)), Due::GiveUp);
    }

    #[test]
    fn whatever_arrives_is_a_sign() {
        let (mut liveness, at) = liveness();
        liveness.heard(at(20));
        assert_eq!(liveness.due(at(49)), Due::Nothing);
        assert_eq!(liveness.due(at(50)), Due::Probe);
        // Not the answer, which is still on its way.
        liveness.heard(at(60));
        assert_eq!(liveness.due(at(89)), Due::Nothing);
        assert_eq!(liveness.due(at(90)), Due::Probe);
        assert_eq!([(); 3].map(|()| liveness.take_answer()), [true, true, false]);
    }

    #[test]
    fn a_client_that_was_busy_elsewhere_asks_first() {
        let (mut liveness, at) = liveness();
        assert_eq!(liveness.due(at(3600)), Due::Probe);
        assert_eq!(liveness.due(at(3629)), Due::Nothing);
        assert_eq!(liveness.due(at(3630)), Due::GiveUp);
    }

    #[test]
    fn without_an_interval_it_never_asks() {
        let start = Instant::now();
        let mut liveness = Liveness::new(None, start);
        assert_eq!(liveness.due(start + INTERVAL * 1000), Due::Nothing);
        assert_eq!(liveness.longest_wait(), None);
    }
}
