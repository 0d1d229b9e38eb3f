//! One simulated connection between the system's buffers: what the server wrote and the client has
//! not read, and what stands in the way.

use std::fmt;

use crate::client::{Client, Habit};
use crate::random::Random;

pub(crate) struct Socket {
    pub(crate) client: Client,
    pub(crate) arrived_ms: u64,
    /// Bytes that the server wrote and the client has not read.
    to_client: Vec<u8>,
    /// Bytes that the system takes from the server until the client reads.
    capacity_bytes: usize,
    /// The most that comes to the server in one read.
    pub(crate) segment_bytes_max: usize,
    /// Nothing passes, either way, for so many tries.
    pub(crate) stalled_ticks: usize,
    /// A write was cut short: there will be news when there is room again.
    pub(crate) awaits_room: bool,
    /// There is room again, and the server has not been told yet.
    pub(crate) room_is_news: bool,
    /// The server knows that the client's side has ended.
    pub(crate) told_end: bool,
    /// The server shut its side in order.
    pub(crate) server_shut: bool,
    /// The server wrote all it had before it let go.
    pub(crate) server_flushed_all: bool,
    /// The connection broke under both sides.
    pub(crate) is_broken: bool,
    client_saw_end: bool,
}

impl Socket {
    pub(crate) fn new(client: Client, arrived_ms: u64, random: &mut Random) -> Self {
        let capacity_bytes = match client.habit {
            Habit::Witness => usize::MAX,
            _ => random.pick(&[1, 7, 100, 1000, 10_000, 100_000]),
        };
        Self {
            client,
            arrived_ms,
            to_client: Vec::new(),
            capacity_bytes,
            segment_bytes_max: random.pick(&[1, 3, 50, 2000, 2000, 2000, 64 << 10]),
            stalled_ticks: 0,
            awaits_room: false,
            room_is_news: false,
            told_end: false,
            server_shut: false,
            server_flushed_all: false,
            is_broken: false,
            client_saw_end: false,
        }
    }

    /// The server writes: takes what there is room for.
    pub(crate) fn take(&mut self, chunk: &[u8]) -> usize {
        let count =
            chunk.len().min(self.capacity_bytes - self.to_client.len().min(self.capacity_bytes));
        self.to_client.extend_from_slice(&chunk[..count]);
        count
    }

    pub(crate) fn take_for_client(&mut self, at_most: usize) -> Vec<u8> {
        let count = self.to_client.len().min(at_most);
        self.to_client.drain(..count).collect()
    }

    /// Whether nothing passes now.
    pub(crate) const fn stalls(&mut self) -> bool {
        if self.stalled_ticks > 0 {
            self.stalled_ticks -= 1;
            return true;
        }
        false
    }

    /// How much the client reads now.
    pub(crate) fn appetite(&mut self, random: &mut Random) -> usize {
        if self.stalls() {
            return 0;
        }
        match self.client.habit {
            Habit::Witness => usize::MAX,
            Habit::Deaf => 0,
            Habit::Slow if random.one_in(3) => random.size(3000),
            Habit::Flood if random.one_in(5) => random.size(30_000),
            Habit::Slow | Habit::Flood => 0,
            _ => random.size(20_000),
        }
    }

    /// How much the client reads once all is calm.
    pub(crate) const fn calm_appetite(&self) -> usize {
        if matches!(self.client.habit, Habit::Deaf) { 0 } else { usize::MAX }
    }

    /// All but the deaf have room for everything from now on.
    pub(crate) const fn calm_down(&mut self) {
        self.stalled_ticks = 0;
        if self.calm_appetite() > 0 {
            self.capacity_bytes = usize::MAX;
            self.room_is_news |= self.awaits_room;
        }
    }

    /// True once: the client has read everything, and the server's side is shut.
    pub(crate) const fn sees_end(&mut self) -> bool {
        let sees_end = self.server_shut && self.to_client.is_empty() && !self.client_saw_end;
        self.client_saw_end |= sees_end;
        sees_end
    }

    /// Whether the client is still to say its first word, and nobody but the server could be what
    /// ends that.
    pub(crate) fn is_mute(&self) -> bool {
        let is_ending = self.client.half_closed
            || self.server_shut
            || self.server_flushed_all
            || self.is_broken;
        self.client.habit == Habit::Mute && !is_ending
    }

    /// Whether something is still under way that somebody is there to take. What a deaf one asked
    /// may never be read.
    pub(crate) fn waits(&self, has_backlog: bool) -> bool {
        self.calm_appetite() > 0 && (self.awaits_room || self.has_unread() || has_backlog)
    }

    fn has_unread(&self) -> bool {
        !self.to_client.is_empty() || !self.client.outgoing.is_empty()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("client", &format_args!("{} ({:?})", self.client.name, self.client.habit))
            .field("to_server", &self.client.outgoing.len())
            .field("to_client", &self.to_client.len())
            .field("awaits_room", &self.awaits_room)
            .field("told_end", &self.told_end)
            .field("server_shut", &self.server_shut)
            .finish_non_exhaustive()
    }
}
