//! State of the connection: its phase, the time of the next attempt, requests under way. Pure:
//! methods return effects, and time is an argument. `connection_task` carries the effects out.
//!
//! A message that was written when the connection broke may or may not have arrived: it is
//! reported, not sent again. A message that was not written yet waits until its room is joined.

use std::collections::VecDeque;
use std::time::Duration;

use cafewire_net::Address;

use super::bounds::{ANSWER_TIMEOUT, MAX_UNSENT};
use super::effect::Effect;
use crate::backoff::Backoff;
use crate::requests::{MAX_IN_FLIGHT, Request, Requests, is_join, is_send};
use crate::retry::STABLE_AFTER;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No attempt is made until the user has chosen a name.
    NeedsName,
    Connecting,
    Online {
        since: Duration,
    },
    /// The next attempt is due at `until`.
    Waiting {
        until: Duration,
        why: String,
    },
}

#[derive(Debug)]
pub(crate) struct ConnectionState {
    pub(crate) address: Address,
    /// The name to sign in under; chosen, but perhaps not yet accepted by the server.
    pub(crate) username: Option<String>,
    pub(crate) phase: Phase,
    /// Number of the latest connection, so that late events of earlier ones are recognised.
    pub(crate) number: u64,
    /// Time of the server's last event.
    pub(crate) last_heard: Option<Duration>,
    /// The name that the server accepted before: if it is refused now, it is probably still held by
    /// our own lost connection.
    held_name: Option<String>,
    requests: Requests,
    /// Time since which the oldest request has been waiting.
    asked_at: Duration,
    unsent: VecDeque<Request>,
    backoff: Backoff,
}

/// The queue of unsent lines is full.
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
            requests: Requests::default(),
            asked_at: Duration::ZERO,
            unsent: VecDeque::new(),
            backoff: Backoff::new(seed),
        }
    }

    pub(crate) const fn is_online(&self) -> bool {
        matches!(self.phase, Phase::Online { .. })
    }

    /// Connects now. Without a name no attempt is made.
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

    /// Gives up the connection, established or not. Its later events are ignored.
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

    /// Sign-in has succeeded. Joins of the rooms go before the lines that wait.
    pub(crate) fn signed_in(&mut self, now: Duration, rooms: Vec<String>) -> Vec<Effect> {
        self.phase = Phase::Online { since: now };
        self.held_name.clone_from(&self.username);
        self.last_heard = Some(now);
        self.requests = Requests::default();
        for room in rooms.into_iter().rev() {
            self.unsent.push_front(Request::Join { room });
        }
        self.send_what_may_be_sent(now)
    }

    /// Queues a request, and sends it if the connection allows it now.
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

    /// An event of the server arrived: more requests may be sent.
    pub(crate) fn heard(&mut self, now: Duration) -> Vec<Effect> {
        self.last_heard = Some(now);
        self.asked_at = now;
        self.send_what_may_be_sent(now)
    }

    pub(crate) const fn requests(&mut self) -> &mut Requests {
        &mut self.requests
    }

    /// How many lines wait to be said in a room.
    pub(crate) fn unsent_in(&self, room_waiting: &str) -> usize {
        self.unsent.iter().filter(|request| is_send(request, room_waiting)).count()
    }

    /// Drops the unsent lines of a room and returns their number.
    pub(crate) fn drop_unsent(&mut self, room_left: &str) -> usize {
        let before = self.unsent.len();
        self.unsent.retain(|request| !is_send(request, room_left));
        before - self.unsent.len()
    }

    /// The connection broke, or could not be made. Returns the messages whose fate is unknown.
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

    /// The name was refused. A name that was accepted before is tried again; the user may choose
    /// another in any case.
    pub(crate) fn name_refused(&mut self, now: Duration, why: String) {
        if self.held_name.is_some() && self.held_name == self.username {
            self.lost(now, why);
        } else {
            self.number += 1;
            self.phase = Phase::NeedsName;
        }
    }

    /// The user chose another name or another server. Returns the messages whose fate is unknown.
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

    /// Actions that are due at this time: connecting again, or giving up a connection that has gone
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

    /// Time at which [`tick`](Self::tick) or the status line next has work.
    pub(crate) fn next_wake_up(&self, now: Duration) -> Option<Duration> {
        let next_second = Duration::from_secs(now.as_secs() + 1);
        match self.phase {
            Phase::Waiting { until, .. } => Some(until.min(next_second)),
            Phase::Online { .. } if !self.requests.is_empty() => Some(next_second),
            Phase::Connecting | Phase::Online { .. } | Phase::NeedsName => None,
        }
    }

    /// Time for which the oldest request has been waiting.
    pub(crate) fn unanswered_for(&self, now: Duration) -> Option<Duration> {
        (!self.requests.is_empty()).then(|| now.saturating_sub(self.asked_at))
    }

    /// Number of messages and requests that are not known to have arrived.
    pub(crate) fn undelivered(&self) -> usize {
        self.unsent.len() + self.requests.len()
    }

    /// Number of further lines that can wait to be sent.
    pub(crate) fn free(&self) -> usize {
        MAX_UNSENT - self.unsent.len().min(MAX_UNSENT)
    }

    /// Number of attempts that have failed in a row.
    pub(crate) const fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    fn send_what_may_be_sent(&mut self, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        while self.is_online()
            && self.requests.len() < MAX_IN_FLIGHT
            && let Some(request) = self.take_sendable()
        {
            if self.requests.is_empty() {
                self.asked_at = now;
            }
            self.requests.push(request.clone());
            effects.push(Effect::Send { number: self.number, request });
        }
        effects
    }

    /// The first request that waits for nothing but its turn. A message waits for the answer to the
    /// join of its room: behind a join that is refused it would be refused too, and if it is taken,
    /// the user has not seen by then who is there.
    fn take_sendable(&mut self) -> Option<Request> {
        let is_sendable = |at: &usize| match &self.unsent[*at] {
            Request::Send { room, .. } => {
                let mut earlier = self.unsent.range(..*at);
                !self.requests.is_joining(room) && !earlier.any(|request| is_join(request, room))
            }
            Request::Join { .. } | Request::Leave { .. } => true,
        };
        let at = (0..self.unsent.len()).find(is_sendable)?;
        self.unsent.remove(at)
    }

    /// Drops requests of the lost connection: joins and leaves are derived from the rooms again;
    /// messages that were not written stay.
    fn forget_requests(&mut self) -> Vec<Request> {
        self.unsent.retain(|request| matches!(request, Request::Send { .. }));
        let uncertain = self.requests.take_open();
        uncertain.into_iter().filter(|request| matches!(request, Request::Send { .. })).collect()
    }
}
