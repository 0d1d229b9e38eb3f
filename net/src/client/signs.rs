//! Whether an echo server still gives signs, and the probe that asks for one: a Ping, whose Pong no
//! caller sees. Sends nothing itself.

use std::time::{Duration, Instant};

use cafewire_core::client::{Due, Liveness};
use cafewire_core::{Frame, Message};

/// The signs of the server of one connection, and the answers that it owes.
#[derive(Debug)]
pub(super) struct Signs {
    started: Instant,
    interval: Option<Duration>,
    liveness: Liveness,
    /// Requests of the caller whose answer was not received yet.
    answers_owed: u64,
    /// The probe without an answer: there is one at a time.
    probe: Option<Probe>,
}

#[derive(Debug)]
struct Probe {
    payload: [u8; 8],
    /// Answers to requests of the caller that come first: a server answers in order.
    answers_before: u64,
}

impl Signs {
    pub(super) fn new(interval: Option<Duration>) -> Self {
        Self {
            started: Instant::now(),
            interval,
            liveness: Liveness::new(interval.map(nanoseconds)),
            answers_owed: 0,
            probe: None,
        }
    }

    /// The longest wait after which to ask what is [`due`](Self::due); `None` has no bound.
    pub(super) const fn interval(&self) -> Option<Duration> {
        self.interval
    }

    pub(super) fn due(&self) -> Due {
        self.liveness.due(nanoseconds(self.started.elapsed()))
    }

    /// The caller sent a request.
    pub(super) const fn asked(&mut self) {
        self.answers_owed += 1;
    }

    /// Whether an answer is on its way.
    pub(super) const fn is_owed_any(&self) -> bool {
        self.answers_owed > 0 || self.probe.is_some()
    }

    /// A probe is due. Whether it is to be sent, with this payload: the one before may still be on
    /// its way behind what the caller asked for.
    pub(super) fn probe(&mut self, payload: [u8; 8]) -> bool {
        self.liveness.probed(nanoseconds(self.started.elapsed()));
        let is_new = self.probe.is_none();
        self.probe.get_or_insert(Probe { payload, answers_before: self.answers_owed });
        is_new
    }

    /// A frame came. Whether it is for the caller, and no answer to the probe.
    pub(super) fn heard(&mut self, frame: &Frame<'_>) -> bool {
        self.liveness.heard(nanoseconds(self.started.elapsed()));
        let Frame::Echo(view) = frame else { return true };
        let message = view.message();
        if !matches!(message, Message::Pong(_) | Message::Echo(_)) {
            return true;
        }
        if let Some(Probe { payload, answers_before: 0 }) = &self.probe
            && message == Message::Pong(payload)
        {
            self.probe = None;
            return false;
        }
        self.answers_owed = self.answers_owed.saturating_sub(1);
        if let Some(probe) = &mut self.probe {
            probe.answers_before = probe.answers_before.saturating_sub(1);
        }
        true
    }
}

/// A time past the end of what a u64 holds, 584 years, never comes.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
