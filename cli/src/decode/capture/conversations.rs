//! The TCP connections of a capture: which are followed, and for how long.
//!
//! If ports were asked for, connections that have one of them at either end are followed. If none
//! were, all are, until their first bytes tell whether they speak the protocol.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::mem;
use std::net::SocketAddr;

use cafewire_net::address::DEFAULT_PORT;

use super::clock::CaptureClock;
use super::conversation::stray::Fit;
use super::conversation::{Conversation, PortKind, Shared, Verdict};
use super::network::Segment;
use super::passed_over::{PassedOver, Why};
use crate::decode::report::{Moment, Report};
use crate::failure::Failure;
use crate::output;

/// What a capture may take of memory. Over it, the connections that were silent for longest are
/// taken to be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections that are followed at a time.
    conversations: usize,
    /// Bytes that wait in all of them together.
    held_bytes: usize,
    /// Those of them that wait for a port to become known.
    parked_bytes: usize,
    /// Ports that became known.
    known_ports: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            conversations: 65_536,
            held_bytes: 256 * 1024 * 1024,
            parked_bytes: 16 * 1024 * 1024,
            // With each the connections that are followed are gone through.
            known_ports: 1024,
        }
    }
}

/// One in so many is given up at once: looking for the oldest costs as much as there are.
const GIVEN_UP_AT_ONCE: usize = 8;

type Key = (SocketAddr, SocketAddr);

#[derive(Debug)]
pub(crate) struct Conversations {
    ports: Ports,
    bounds: Bounds,
    clock: CaptureClock,
    followed: HashMap<Key, Conversation>,
    /// Those of them that are to be looked at when so much time has passed: each once.
    scheduled: BTreeSet<(u64, Key)>,
    held_bytes: usize,
    parked_bytes: usize,
    /// How many were told of.
    pub(crate) numbered: u64,
    pub(crate) passed_over: PassedOver,
}

/// Which ports make a connection likely to be the protocol's.
#[derive(Debug, Default)]
struct Ports {
    /// Those to look for; empty: the usual one, and whatever speaks the protocol.
    asked: HashSet<u16>,
    /// Those of servers that were seen to speak it.
    known: HashSet<u16>,
}

impl Ports {
    fn kind(&self, port: u16) -> PortKind {
        if self.asked.contains(&port) {
            PortKind::Asked
        } else if self.asked.is_empty() && (port == DEFAULT_PORT || self.known.contains(&port)) {
            PortKind::Likely
        } else {
            PortKind::Any
        }
    }
}

impl Conversations {
    pub(crate) fn new(asked: &[u16], bounds: Bounds) -> Self {
        Self {
            ports: Ports { asked: asked.iter().copied().collect(), known: HashSet::new() },
            bounds,
            clock: CaptureClock::default(),
            followed: HashMap::new(),
            scheduled: BTreeSet::new(),
            held_bytes: 0,
            parked_bytes: 0,
            numbered: 0,
            passed_over: PassedOver::default(),
        }
    }

    /// A packet was captured then, of any connection or none: tells what has waited for so long
    /// that nothing comes in front of it any more.
    pub(crate) fn tick(&mut self, time_ns: u64, report: &mut Report) -> Result<(), Failure> {
        self.clock.advance(time_ns);
        while let Some(&(due_ns, key)) = self.scheduled.first()
            && due_ns <= self.clock.passed_ns()
        {
            self.scheduled.pop_first();
            if let Some(known) = self.followed.get_mut(&key) {
                known.scheduled_ns = None;
            }
            self.act(key, report, Conversation::settle)?;
        }
        Ok(())
    }

    /// Takes a segment and tells what it completes.
    pub(crate) fn segment(
        &mut self,
        segment: &Segment<'_>,
        moment: Moment,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let ends =
            [segment.source.min(segment.destination), segment.source.max(segment.destination)];
        let sender = usize::from(segment.source != ends[0]);
        let key = (ends[0], ends[1]);
        if segment.is_syn
            && let Some(known) = self.followed.get_mut(&key)
            && known.is_reopened_by(sender, segment.sequence)
        {
            self.end_of(key, false, report)?;
        }
        if self.followed.get(&key).is_some_and(|known| known.is_far(sender, segment)) {
            let fit = self.act(key, report, |known, _| Ok(known.fit(sender, segment, moment)))?;
            let before = match fit {
                Some(Fit::GoesOn(before)) => before,
                Some(Fit::Reopened(before)) => {
                    self.end_of(key, false, report)?;
                    before
                }
                Some(Fit::Stray) | None => {
                    self.passed_over.stray_segments += 1;
                    return Ok(());
                }
            };
            self.passed_over.stray_segments -= 1;
            self.take(key, &before.segment(), before.moment, report)?;
        }
        self.take(key, segment, moment, report)
    }

    fn take(
        &mut self,
        key: Key,
        segment: &Segment<'_>,
        moment: Moment,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let ends = [key.0, key.1];
        if !self.followed.contains_key(&key) && self.followed.len() >= self.bounds.conversations {
            self.give_up_the_oldest(|_| true, report)?;
        }
        let ports = &self.ports;
        self.followed.entry(key).or_insert_with(|| {
            let mut conversation = Conversation::new(ends, moment);
            if !ports.asked.is_empty()
                && ends.iter().all(|end| ports.kind(end.port()) == PortKind::Any)
            {
                conversation.verdict = Verdict::Other(Why::NotAsked);
            }
            conversation
        });
        let proven = self.act(key, report, |conversation, shared| {
            conversation.segment(segment, moment, shared)?;
            Ok(conversation.proven_server_port())
        })?;
        if let Some(port) = proven.flatten() {
            self.learn(port, report)?;
        }
        if self.held_bytes > self.bounds.held_bytes {
            // Those that hold nothing stay, so that what is known of them is not forgotten.
            self.give_up_the_oldest(|known| known.held_bytes() > 0, report)?;
        }
        Ok(())
    }

    /// Has a conversation do something, and counts what it holds then.
    fn act<T>(
        &mut self,
        key: Key,
        report: &mut Report,
        act: impl FnOnce(&mut Conversation, &mut Shared<'_>) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let Some(conversation) = self.followed.get_mut(&key) else { return Ok(None) };
        let before = [conversation.held_bytes(), conversation.parked_bytes()];
        let kind = |port| self.ports.kind(port);
        let may_park = self.parked_bytes < self.bounds.parked_bytes;
        let passed_ns = self.clock.passed_ns();
        let numbered = &mut self.numbered;
        let mut shared = Shared { ports: &kind, may_park, passed_ns, numbered, report };
        let done = act(conversation, &mut shared)?;
        let due_ns = conversation.due_ns();
        if conversation.scheduled_ns != due_ns {
            if let Some(before_ns) = mem::replace(&mut conversation.scheduled_ns, due_ns) {
                self.scheduled.remove(&(before_ns, key));
            }
            self.scheduled.extend(due_ns.map(|due_ns| (due_ns, key)));
        }
        let [held, parked] = before;
        self.held_bytes = (self.held_bytes + conversation.held_bytes()).saturating_sub(held);
        self.parked_bytes =
            (self.parked_bytes + conversation.parked_bytes()).saturating_sub(parked);
        Ok(Some(done))
    }

    /// A server of this port speaks the protocol: connections to it that were held back are looked
    /// at again.
    fn learn(&mut self, port: u16, report: &mut Report) -> Result<(), Failure> {
        if self.ports.kind(port) != PortKind::Any
            || self.ports.known.len() >= self.bounds.known_ports
        {
            return Ok(());
        }
        self.ports.known.insert(port);
        if self.ports.asked.is_empty() {
            for key in self
                .oldest_first(|known| known.verdict == Verdict::Undecided && known.has_port(port))
            {
                self.act(key, report, Conversation::reconsider)?;
            }
        }
        Ok(())
    }

    /// No packets will come for now: tells what waits for others only to be in order.
    pub(crate) fn idle(&mut self, report: &mut Report) -> Result<(), Failure> {
        for key in self.oldest_first(|_| true) {
            self.act(key, report, Conversation::idle)?;
        }
        Ok(())
    }

    /// The capture ends here: tells what is left of all.
    pub(crate) fn finish(&mut self, report: &mut Report) -> Result<(), Failure> {
        for key in self.oldest_first(|_| true) {
            self.end_of(key, false, report)?;
        }
        Ok(())
    }

    /// Nothing more is told of it. `is_given_up`: more may follow nevertheless.
    fn end_of(&mut self, key: Key, is_given_up: bool, report: &mut Report) -> Result<(), Failure> {
        self.act(key, report, Conversation::finish)?;
        let Some(conversation) = self.followed.remove(&key) else { return Ok(()) };
        if let Some(due_ns) = conversation.scheduled_ns {
            self.scheduled.remove(&(due_ns, key));
        }
        self.held_bytes = self.held_bytes.saturating_sub(conversation.held_bytes());
        self.parked_bytes = self.parked_bytes.saturating_sub(conversation.parked_bytes());
        self.passed_over.late_segments += conversation.late_segments();
        let ends @ [client, server] = conversation.client_and_server();
        if let Verdict::Ours(Some(number)) = conversation.verdict {
            output::detail(format_args!(
                "conversation {number}, {client} to {server}: {}",
                conversation.found.summary()
            ));
        }
        if is_given_up {
            self.passed_over.connection(Why::GivenUp, ends);
        } else if let Verdict::Other(why) = conversation.verdict {
            self.passed_over.connection(why, ends);
        }
        Ok(())
    }

    fn give_up_the_oldest(
        &mut self,
        is_meant: impl Fn(&Conversation) -> bool,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let keys = self.oldest_first(is_meant);
        let count = keys.len().div_ceil(GIVEN_UP_AT_ONCE);
        for key in keys.into_iter().take(count) {
            let is_given_up = self.followed.get(&key).is_some_and(|known| {
                !known.is_over() && known.has_spoken() && known.parked_bytes() == 0
            });
            self.end_of(key, is_given_up, report)?;
        }
        Ok(())
    }

    fn oldest_first(&self, is_meant: impl Fn(&Conversation) -> bool) -> Vec<Key> {
        let meant = self.followed.iter().filter(|(_, known)| is_meant(known));
        let mut keys: Vec<_> = meant.map(|(key, known)| (known.last.packet, *key)).collect();
        keys.sort_unstable();
        keys.into_iter().map(|(_, key)| key).collect()
    }
}

#[cfg(test)]
#[path = "conversations_tests.rs"]
mod tests;
