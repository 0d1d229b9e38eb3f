//! One simulated connection in the system under the server: the bytes that came and were not read,
//! those that were written and are not fetched, and the edges that the poll will tell of.
//!
//! Edges are those of epoll(7) with `EPOLLET`, and no more than the driver may count on: one when
//! something becomes possible that was tried and found impossible.

use std::collections::VecDeque;
use std::fmt;

use cafewire_net::broker::ConnectionId;

use crate::client::{Client, Habit};
use crate::random::Random;

/// What one record of TLS carries, and so the most that waits within a session.
const RECORD_BYTES_MAX: usize = 16 << 10;

/// A session of TLS around a connection, as far as it shows from outside.
#[derive(Debug)]
pub(crate) struct Tls {
    /// Flights of the client's handshake that the server has not read.
    pub(crate) flights_left: usize,
    /// Of those, the ones that came.
    pub(crate) flights_here: usize,
    /// The handshake has an answer that was not passed on.
    pub(crate) has_answer: bool,
    /// Bytes that the server wrote and the system did not take.
    sealed: Vec<u8>,
}

pub(crate) struct Endpoint {
    pub(crate) client: Client,
    /// Its name at the server, once it is watched.
    pub(crate) id: Option<ConnectionId>,
    pub(crate) accepted_ms: u64,
    /// A proxy is to tell first whose connection it is.
    pub(crate) awaits_origin: bool,
    /// What it told is no header.
    pub(crate) has_bad_header: bool,
    pub(crate) tls: Option<Tls>,

    /// Bytes that came to the server and were not read.
    pub(crate) received: VecDeque<u8>,
    /// Since when the first of them is there.
    pub(crate) unread_since_ms: Option<u64>,
    /// The last read left bytes that were there before it.
    pub(crate) left_some: bool,
    /// The client's side has ended, behind those bytes.
    pub(crate) has_ended: bool,
    /// The server knows it.
    pub(crate) end_was_read: bool,
    /// A read found that nothing more was there: the next byte makes an edge.
    is_input_awaited: bool,
    /// The most that comes to the server at once.
    pub(crate) segment_bytes_max: usize,

    /// Bytes that the server wrote and the client has not fetched.
    to_client: Vec<u8>,
    /// Bytes that the system takes from the server until the client fetches some.
    capacity_bytes: usize,
    /// The server offered more than was taken: there will be an edge.
    pub(crate) is_room_awaited: bool,
    /// The poll watches for room.
    pub(crate) is_room_watched: bool,

    pub(crate) edges: Edges,
    /// It stands in the poll's queue.
    pub(crate) is_queued: bool,

    /// Nothing passes, either way, for so many tries.
    pub(crate) stalled_ticks: usize,
    /// The connection broke under both sides.
    pub(crate) is_broken: bool,
    /// The system has given it up, which is how it broke.
    pub(crate) is_timed_out: bool,
    /// It did so by a record that no session accepts.
    pub(crate) is_forged: bool,
    /// The server shut its side in order.
    pub(crate) server_shut: bool,
    /// The server let go of it.
    pub(crate) is_closed: bool,
    /// A reset has overtaken what the client was still to fetch.
    pub(crate) was_overtaken: bool,
    client_saw_end: bool,
}

/// What the poll has to tell.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Edges {
    pub(crate) input: bool,
    pub(crate) end: bool,
    pub(crate) room: bool,
}

impl Endpoint {
    pub(crate) fn new(client: Client, random: &mut Random) -> Self {
        let capacity_bytes = if client.habit.reads_all() {
            usize::MAX
        } else {
            random.pick(&[1, 7, 100, 1000, 10_000, 100_000])
        };
        let tls = random.one_in(3).then(|| Tls {
            flights_left: 1 + random.below(2),
            flights_here: 0,
            has_answer: false,
            sealed: Vec::new(),
        });
        Self {
            client,
            id: None,
            accepted_ms: 0,
            awaits_origin: false,
            has_bad_header: false,
            tls,
            received: VecDeque::new(),
            unread_since_ms: None,
            left_some: false,
            has_ended: false,
            end_was_read: false,
            is_input_awaited: true,
            segment_bytes_max: random.pick(&[1, 3, 50, 2000, 2000, 2000, 64 << 10]),
            to_client: Vec::new(),
            capacity_bytes,
            is_room_awaited: false,
            is_room_watched: false,
            edges: Edges::default(),
            is_queued: false,
            stalled_ticks: 0,
            is_broken: false,
            is_timed_out: false,
            is_forged: false,
            server_shut: false,
            is_closed: false,
            was_overtaken: false,
            client_saw_end: false,
        }
    }

    // ---- The network's side ---------------------------------------------------------------------

    /// Up to so many bytes of the client's come to the server, or a flight of its handshake; behind
    /// its last byte, its end. An edge that is not due comes as well if it `repeats`.
    pub(crate) fn arrive(&mut self, at_most: usize, now_ms: u64, repeats: bool) {
        if self.is_broken || self.is_closed || self.has_ended {
            return;
        }
        let mut came = false;
        match &mut self.tls {
            Some(tls) if tls.flights_left > 0 => {
                // The next flight answers what the server said to the one before.
                if tls.flights_here == 0 && !tls.has_answer {
                    tls.flights_here += 1;
                    came = true;
                }
            }
            _ => {
                let count = self.client.outgoing.len().min(at_most);
                self.received.extend(self.client.outgoing.drain(..count));
                came = count > 0;
            }
        }
        if came {
            self.unread_since_ms.get_or_insert(now_ms);
            self.edges.input |= self.is_input_awaited || repeats;
            self.is_input_awaited = false;
        }
        if self.client.half_closed && self.client.outgoing.is_empty() {
            self.has_ended = true;
            self.edges.end = true;
        }
    }

    pub(crate) fn break_down(&mut self) {
        self.is_broken = true;
        self.edges.end = true;
        self.edges.room = true;
    }

    /// The client fetches what is there, up to so many bytes.
    pub(crate) fn fetch(&mut self, at_most: usize) -> Vec<u8> {
        let count = self.to_client.len().min(at_most);
        let bytes = self.to_client.drain(..count).collect();
        self.note_room();
        bytes
    }

    /// There may be room for what the server offered before.
    fn note_room(&mut self) {
        if self.is_room_awaited && self.has_room() {
            self.is_room_awaited = false;
            self.edges.room = true;
        }
    }

    pub(crate) const fn has_room(&self) -> bool {
        self.is_broken || self.to_client.len() < self.capacity_bytes
    }

    /// What came and was not read is lost, and what was written and not fetched with it: the
    /// server closed a connection that it had not read to its end.
    pub(crate) fn lose_unfetched(&mut self) {
        self.was_overtaken = !self.to_client.is_empty();
        self.to_client.clear();
    }

    // ---- The server's side ----------------------------------------------------------------------

    /// Whether a read would find something.
    pub(crate) fn is_readable(&self) -> bool {
        let has_flight = self.tls.as_ref().is_some_and(|tls| tls.flights_here > 0);
        let has_end = self.has_ended && !self.end_was_read;
        !self.received.is_empty() || has_flight || has_end || self.is_broken
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.flights_left > 0)
    }

    /// A read found nothing more.
    pub(crate) const fn await_input(&mut self) {
        self.is_input_awaited = true;
        self.unread_since_ms = None;
        self.left_some = false;
    }

    /// The server offers this much: takes what there is room for, or less.
    pub(crate) fn take(&mut self, offered: &[u8], random: &mut Random) -> usize {
        let room = self.capacity_bytes - self.to_client.len().min(self.capacity_bytes);
        let mut count = offered.len().min(room);
        // The system may take less: the client's system has told of room since.
        let cuts = self.capacity_bytes < usize::MAX && count > 0 && random.one_in(8);
        if cuts {
            count = random.below(count);
        }
        self.to_client.extend_from_slice(&offered[..count]);
        if count < offered.len() {
            self.is_room_awaited = true;
            self.note_room();
        }
        count
    }

    /// The same through a session of TLS, which takes a record before the system does.
    pub(crate) fn take_sealed(&mut self, offered: &[u8], random: &mut Random) -> usize {
        let mut taken = 0;
        while self.pass_on(random) && taken < offered.len() {
            let record = &offered[taken..offered.len().min(taken + RECORD_BYTES_MAX)];
            if let Some(tls) = &mut self.tls {
                tls.sealed.extend_from_slice(record);
            }
            taken += record.len();
        }
        taken
    }

    /// Passes on what the session holds; true when nothing of it is left.
    pub(crate) fn pass_on(&mut self, random: &mut Random) -> bool {
        let Some(mut tls) = self.tls.take() else { return true };
        if tls.has_answer && random.one_in(3) {
            self.is_room_awaited = true;
            self.note_room();
        } else {
            tls.has_answer = false;
            if !tls.sealed.is_empty() {
                let count = self.take(&tls.sealed, random);
                tls.sealed.drain(..count);
            }
        }
        let is_done = !tls.has_answer && tls.sealed.is_empty();
        self.tls = Some(tls);
        is_done
    }

    /// Whether the session holds what was not passed on.
    pub(crate) fn wants_flush(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_answer || !tls.sealed.is_empty())
    }

    // ---- The client's side ----------------------------------------------------------------------

    /// Whether nothing passes now.
    pub(crate) const fn stalls(&mut self) -> bool {
        if self.stalled_ticks > 0 {
            self.stalled_ticks -= 1;
            return true;
        }
        false
    }

    /// How much the client fetches now.
    pub(crate) fn appetite(&self, random: &mut Random) -> usize {
        match self.client.habit {
            Habit::Witness | Habit::Keen => usize::MAX,
            Habit::Deaf => 0,
            Habit::Slow if random.one_in(3) => random.size(3000),
            Habit::Flood if random.one_in(5) => random.size(30_000),
            Habit::Slow | Habit::Flood => 0,
            _ => random.size(20_000),
        }
    }

    /// How much the client fetches once all is calm.
    pub(crate) const fn calm_appetite(&self) -> usize {
        if matches!(self.client.habit, Habit::Deaf) { 0 } else { usize::MAX }
    }

    /// All but the deaf have room for everything from now on.
    pub(crate) fn calm_down(&mut self) {
        self.stalled_ticks = 0;
        if self.calm_appetite() > 0 {
            self.capacity_bytes = usize::MAX;
            self.note_room();
        }
    }

    /// True once: the client has fetched everything, and the server's side is shut.
    pub(crate) const fn sees_end(&mut self) -> bool {
        let sees_end = self.server_shut && self.to_client.is_empty() && !self.client_saw_end;
        self.client_saw_end |= sees_end;
        sees_end
    }

    /// Whether the client is still to say its first word, and only the server can end that.
    pub(crate) fn is_mute(&self) -> bool {
        let is_ending = self.client.half_closed || self.server_shut || self.is_broken;
        self.client.habit == Habit::Mute && !is_ending
    }

    pub(crate) fn has_unfetched(&self) -> bool {
        !self.to_client.is_empty()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("client", &format_args!("{} ({:?})", self.client.name, self.client.habit))
            .field("id", &self.id)
            .field("outgoing", &self.client.outgoing.len())
            .field("received", &self.received.len())
            .field("to_client", &self.to_client.len())
            .field("tls", &self.tls.as_ref().map(|tls| (tls.flights_left, tls.sealed.len())))
            .field("edges", &self.edges)
            .field("is_room_awaited", &self.is_room_awaited)
            .field("is_room_watched", &self.is_room_watched)
            .field("has_ended", &self.has_ended)
            .field("is_broken", &self.is_broken)
            .field("has_bad_header", &self.has_bad_header)
            .field("server_shut", &self.server_shut)
            .finish_non_exhaustive()
    }
}
