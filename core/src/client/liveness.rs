//! When a silent server is asked for a sign, and when it is taken for gone. Knows no frames: the
//! session says when one came.

/// What is to be done, all that has arrived being received: [`Session::due`](super::Session::due).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Due {
    /// Nothing, until [`Session::next_deadline`](super::Session::next_deadline).
    Nothing,
    /// Send a [`probe`](super::Session::probe).
    Probe,
    /// Close the connection: the probe was not answered in its time.
    GiveUp,
}

/// The signs of one server. Times are of the caller's clock, in its unit. A
/// [`Session`](super::Session) has its own; this is for clients of the echo family, whose probe is
/// a Ping.
///
/// ```
/// use cafewire_core::client::{Due, Liveness};
/// let mut liveness = Liveness::new(Some(25));
/// liveness.heard(10);
/// assert_eq!((liveness.due(34), liveness.due(35)), (Due::Nothing, Due::Probe));
/// liveness.probed(35);
/// assert_eq!((liveness.due(59), liveness.due(60)), (Due::Nothing, Due::GiveUp));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Liveness {
    interval: Option<u64>,
    heard: u64,
    /// When the probe was sent that nothing has come after.
    probed: Option<u64>,
}

impl Liveness {
    /// A server, heard at time 0, that is asked after each `interval` of silence; `None` never.
    #[must_use]
    pub const fn new(interval: Option<u64>) -> Self {
        Self { interval, heard: 0, probed: None }
    }

    /// A frame arrived.
    pub const fn heard(&mut self, now: u64) {
        (self.heard, self.probed) = (now, None);
    }

    /// A probe is on its way.
    pub const fn probed(&mut self, now: u64) {
        self.probed = Some(now);
    }

    /// Whether nothing has come since the probe.
    #[must_use]
    pub const fn is_probed(&self) -> bool {
        self.probed.is_some()
    }

    /// When something may be due; `None` never.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<u64> {
        let Some(interval) = self.interval else { return None };
        let since = match self.probed {
            Some(probed) => probed,
            None => self.heard,
        };
        Some(since.saturating_add(interval))
    }

    /// What is to be done, all that has arrived being received.
    #[must_use]
    pub fn due(&self, now: u64) -> Due {
        match self.next_deadline() {
            Some(deadline) if now >= deadline && self.is_probed() => Due::GiveUp,
            Some(deadline) if now >= deadline => Due::Probe,
            _ => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_server_is_asked_once_and_given_up_an_interval_later() {
        let mut liveness = Liveness::new(Some(30));
        assert_eq!(liveness.due(29), Due::Nothing);
        assert_eq!(liveness.due(30), Due::Probe);
        liveness.probed(30);
        assert_eq!(liveness.due(59), Due::Nothing);
        assert_eq!(liveness.due(60), Due::GiveUp);
    }

    #[test]
    fn what_arrives_is_a_sign() {
        let mut liveness = Liveness::new(Some(30));
        liveness.heard(20);
        assert_eq!((liveness.next_deadline(), liveness.due(49)), (Some(50), Due::Nothing));
        liveness.probed(50);
        liveness.heard(60);
        assert_eq!(liveness.due(89), Due::Nothing);
        assert_eq!(liveness.due(90), Due::Probe);
    }

    #[test]
    fn a_client_that_was_busy_elsewhere_asks_first() {
        let mut liveness = Liveness::new(Some(30));
        assert_eq!(liveness.due(3600), Due::Probe);
        liveness.probed(3600);
        assert_eq!(liveness.due(3629), Due::Nothing);
        assert_eq!(liveness.due(3630), Due::GiveUp);
    }

    #[test]
    fn without_an_interval_it_never_asks_and_at_the_end_of_time_never_wraps() {
        let liveness = Liveness::new(None);
        assert_eq!((liveness.due(u64::MAX), liveness.next_deadline()), (Due::Nothing, None));
        let mut liveness = Liveness::new(Some(30));
        liveness.heard(u64::MAX - 1);
        assert_eq!(liveness.next_deadline(), Some(u64::MAX));
    }
}
