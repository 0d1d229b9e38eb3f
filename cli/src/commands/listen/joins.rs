//! The rooms that are to be joined on one connection: which are asked for, and which answer is for
//! which. Several are asked for at a time, and answered in that order. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use cafewire_net::client::{Answers, Event, Received};

use crate::pace::Pace;
use crate::requests::MAX_IN_FLIGHT;

pub(super) struct Joins<'a> {
    to_ask: VecDeque<&'a str>,
    /// Those that the server found too fast, in that order; they come before `to_ask`.
    refused: VecDeque<&'a str>,
    /// Those without an answer, oldest first.
    open: VecDeque<&'a str>,
    joined: usize,
    pace: Pace,
    /// When the server last gave a sign, or was asked while no answer was open.
    heard_at: Option<Instant>,
}

/// A room whose answer came.
pub(super) struct Asked<'a> {
    pub(super) room: &'a str,
    /// How many were joined before.
    pub(super) at: usize,
}

impl<'a> Joins<'a> {
    pub(super) fn new(rooms: impl Iterator<Item = &'a str>) -> Self {
        Self {
            to_ask: rooms.collect(),
            refused: VecDeque::new(),
            open: VecDeque::new(),
            joined: 0,
            pace: Pace::default(),
            heard_at: None,
        }
    }

    pub(super) fn are_done(&self) -> bool {
        self.to_ask.is_empty() && self.refused.is_empty() && self.open.is_empty()
    }

    pub(super) const fn joined(&self) -> usize {
        self.joined
    }

    /// The next room to ask for; from here on its answer is open.
    pub(super) fn next_to_ask(&mut self, now: Instant) -> Option<&'a str> {
        let window = if self.pace.is_slow() { 1 } else { MAX_IN_FLIGHT };
        if self.open.len() >= window || self.to_ask.is_empty() || !self.pace.may_go_on(now) {
            return None;
        }
        let room = self.to_ask.pop_front()?;
        if self.open.is_empty() {
            self.heard_at = Some(now);
        }
        self.open.push_back(room);
        Some(room)
    }

    /// The room that this answers.
    pub(super) fn take(&mut self, received: &Received, now: Instant) -> Option<Asked<'a>> {
        self.heard_at = Some(now);
        let Answers::Request(answer) = received.answers else { return None };
        // A server that passes over a request is asked again.
        self.refused.extend(self.open.drain(..answer.skipped.min(self.open.len())));
        let asked = Asked { room: self.open.pop_front()?, at: self.joined };
        if !matches!(received.event, Event::Error { .. }) {
            self.joined += 1;
            self.pace.done();
            self.take_up_refused();
        }
        Some(asked)
    }

    /// The server dropped the request since it came too fast. Gives the time for which it has
    /// refused all.
    pub(super) fn ask_again(&mut self, asked: &Asked<'a>, now: Instant) -> Duration {
        self.refused.push_back(asked.room);
        self.take_up_refused();
        self.pace.refused(now)
    }

    fn take_up_refused(&mut self) {
        while self.open.is_empty()
            && let Some(room) = self.refused.pop_back()
        {
            self.to_ask.push_front(room);
        }
    }

    /// When something is due without a sign of the server: the end of a pause, or of the time for
    /// an answer.
    pub(super) fn wait_until(&self, answer_timeout: Duration) -> Option<Instant> {
        if self.open.is_empty() {
            self.pace.resume_at()
        } else {
            self.heard_at?.checked_add(answer_timeout)
        }
    }

    pub(super) fn is_overdue(&self, now: Instant, answer_timeout: Duration) -> bool {
        let until = self.wait_until(answer_timeout);
        !self.open.is_empty() && until.is_some_and(|until| until <= now)
    }
}
