//! The connection as the state knows it: whether it stands, when it is tried again, what is on its
//! way. Pure: it returns what is to be done, and time is an argument. `wire` does it.
//!
//! A message that was written when the connection broke may or may not have arrived: it is
//! reported, not sent again. One that was not written yet waits.

use std::collections::VecDeque;
use std::time::Duration;

use cafewire_net::Address;

use super::backoff::Backoff;
use super::bounds::{ANSWER_TIMEOUT, MAX_UNSENT, STABLE_AFTER};
use super::effect::Effect;
use crate::requests::{MAX_IN_FLIGHT, Request, Requests};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing is tried until the user has chosen a name.
    NeedsName,
    Connecting,
    Online {
        since: Duration,
    },
    /// It is tried again then.
    Waiting {
        until: Duration,
        why: String,
    },
}

#[derive(Debug)]
pub(crate) struct ConnectionState {
    pub(crate) address: Address,
    /// The name to sign in under; chosen, but perhaps not yet taken by the server.
    pub(crate) username: Option<String>,
    pub(crate) phase: Phase,
    /// Numbers the connections, so that what an old one still says is known as such.
    pub(crate) number: u64,
    /// When the server last said anything.
    pub(crate) last_heard: Option<Duration>,
    /// The name that the server has let us have before: if it is refused now, it is probably still
    /// held by our own lost connection.
    held_name: Option<String>,
    requests: Requests,
    /// Since when the oldest request has been waiting.
    asked_at: Duration,
    unsent: VecDeque<Request>,
    backoff: Backoff,
}

/// There are as many unsent lines as are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QueueFull;

impl ConnectionState {
    pub(crate) fn new(address: Address, username: Option<String>, seed: u64) -> Self {
        Self {
            address,
            username,
            phase: Phase::NeedsName,
            number: 0,
            last_heard: None,
            held_name: None,
            requests: Requests::new(0),
            asked_at: Duration::ZERO,
            unsent: VecDeque::new(),
            backoff: Backoff::new(seed),
        }
    }

    pub(crate) const fn is_online(&self) -> bool {
        matches!(self.phase, Phase::Online { .. })
    }

    /// Tries to connect now. Without a name there is nothing to try.
    pub(crate) fn connect(&mut self) -> Vec<Effect> {
        let mut effects = self.hang_up();
        match &self.username {
            Some(username) => {
                self.phase = Phase::Connecting;
                let (number, address, username) =
                    (self.number, self.address.clone(), username.clone());
                effects.push(Effect::Connect { number, address, username });
            }
            None => self.phase = Phase::NeedsName,
        }
        effects
    }

    /// Gives the connection up, standing or not. What it still says is no longer heard.
    fn hang_up(&mut self) -> Vec<Effect> {
        let effects = match self.phase {
            Phase::Online { .. } | Phase::Connecting => {
                vec![Effect::HangUp { number: self.number }]
            }
            Phase::NeedsName | Phase::Waiting { .. } => Vec::new(),
        };
        self.number += 1;
        effects
    }

    /// The server has let us in. The rooms are joined before anything that waits is said.
    pub(crate) fn signed_in(
        &mut self,
        now: Duration,
        user_id: u32,
        rooms: Vec<String>,
    ) -> Vec<Effect> {
        self.phase = Phase::Online { since: now };
        self.held_name.clone_from(&self.username);
        self.last_heard = Some(now);
        self.requests = Requests::new(user_id);
        for room in rooms.into_iter().rev() {
            self.unsent.push_front(Request::Join { room });
        }
        self.send_what_may_be_sent(now)
    }

    /// Asks for something now, or as soon as it can be.
    pub(crate) fn ask(
        &mut self,
        now: Duration,
        request: Request,
    ) -> Result<Vec<Effect>, QueueFull> {
        if self.unsent.len() >= MAX_UNSENT {
            return Err(QueueFull);
        }
        self.unsent.push_back(request);
        Ok(self.send_what_may_be_sent(now))
    }

    /// The server said something: the requests move on.
    pub(crate) fn heard(&mut self, now: Duration) -> Vec<Effect> {
        self.last_heard = Some(now);
        self.asked_at = now;
        self.send_what_may_be_sent(now)
    }

    pub(crate) const fn requests(&mut self) -> &mut Requests {
        &mut self.requests
    }

    /// Drops what waits to be said in a room, and says how many lines that were.
    pub(crate) fn drop_unsent(&mut self, room_left: &str) -> usize {
        let before = self.unsent.len();
        self.unsent
            .retain(|request| !matches!(request, Request::Send { room, .. } if room == room_left));
        before - self.unsent.len()
    }

    /// The connection broke, or could not be made. Returns the messages whose fate is not known.
    pub(crate) fn lost(&mut self, now: Duration, why: String) -> Vec<Request> {
        if let Phase::Online { since } = self.phase
            && now.saturating_sub(since) >= STABLE_AFTER
        {
            self.backoff.reset();
        }
        self.number += 1;
        self.phase = Phase::Waiting { until: now + self.backoff.next_delay(), why };
        self.forget_requests()
    }

    /// The name was refused. If it was ours before, it is tried again; the user may choose another
    /// in any case.
    pub(crate) fn name_refused(&mut self, now: Duration, why: String) {
        if self.held_name.is_some() && self.held_name == self.username {
            self.lost(now, why);
        } else {
            self.number += 1;
            self.phase = Phase::NeedsName;
        }
    }

    /// Another name or another server is chosen. Returns the messages whose fate is not known.
    pub(crate) fn choose(
        &mut self,
        address: Option<Address>,
        username: Option<String>,
    ) -> (Vec<Request>, Vec<Effect>) {
        if let Some(address) = address {
            self.address = address;
            self.held_name = None;
        }
        if username.is_some() {
            self.username = username;
        }
        self.backoff.reset();
        let uncertain = self.forget_requests();
        (uncertain, self.connect())
    }

    /// What the passing of time calls for: connecting anew, or giving up a connection that has gone
    /// silent. `Err` has the reason for the latter.
    pub(crate) fn tick(&mut self, now: Duration) -> Result<Vec<Effect>, String> {
        match self.phase {
            Phase::Waiting { until, .. } if until <= now => Ok(self.connect()),
            Phase::Online { .. }
                if !self.requests.is_empty() && now >= self.asked_at + ANSWER_TIMEOUT =>
            {
                Err(format!("the server has not answered for {} s", ANSWER_TIMEOUT.as_secs()))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// When [`tick`](Self::tick) or the status line next has something to do.
    pub(crate) fn next_wake_up(&self, now: Duration) -> Option<Duration> {
        let next_second = Duration::from_secs(now.as_secs() + 1);
        match self.phase {
            Phase::Waiting { until, .. } => Some(until.min(next_second)),
            Phase::Online { .. } if !self.requests.is_empty() => Some(next_second),
            Phase::Connecting | Phase::Online { .. } | Phase::NeedsName => None,
        }
    }

    /// How long the oldest request has been waiting.
    pub(crate) fn unanswered_for(&self, now: Duration) -> Option<Duration> {
        (!self.requests.is_empty()).then(|| now.saturating_sub(self.asked_at))
    }

    /// Messages and requests that are not known to have arrived.
    pub(crate) fn undelivered(&self) -> usize {
        self.unsent.len() + self.requests.len()
    }

    /// How many more lines can wait to be sent.
    pub(crate) fn free(&self) -> usize {
        MAX_UNSENT - self.unsent.len().min(MAX_UNSENT)
    }

    /// How many attempts have failed in a row.
    pub(crate) const fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    fn send_what_may_be_sent(&mut self, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        while self.is_online()
            && self.requests.len() < MAX_IN_FLIGHT
            && let Some(request) = self.unsent.pop_front()
        {
            if self.requests.is_empty() {
                self.asked_at = now;
            }
            self.requests.push(request.clone());
            effects.push(Effect::Send { number: self.number, request });
        }
        effects
    }

    /// Joins and leaves are made anew from the rooms; messages that were not written stay.
    fn forget_requests(&mut self) -> Vec<Request> {
        self.unsent.retain(|request| matches!(request, Request::Send { .. }));
        let uncertain = self.requests.take_open();
        uncertain.into_iter().filter(|request| matches!(request, Request::Send { .. })).collect()
    }
}
