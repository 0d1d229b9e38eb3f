//! The system under the server: its sockets, its poll and its clocks, as the driver sees them. It
//! checks how it is used, and does what a system may do at the worst moment.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::time::Duration;

use cafewire_net::broker::{ConnectionId, Now};
use cafewire_net::driver::{Accepted, Event, Io, Read, Socket, State};
use slotmap::{SlotMap, new_key_type};

use crate::close_log;
use crate::endpoint::Endpoint;
use crate::random::Random;
use crate::work::Work;
use crate::world::{World, address};

new_key_type! { pub(crate) struct EndpointKey; }

/// A socket as the driver holds it.
#[derive(Debug)]
pub(crate) struct SimSocket {
    state: State,
    key: EndpointKey,
}

impl Socket for SimSocket {
    fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

#[derive(Debug, Default)]
struct Listener {
    backlog: VecDeque<EndpointKey>,
    /// A connection came since it was found empty.
    is_ready: bool,
    resting_until_ms: Option<u64>,
}

/// How the system behaves in this world.
#[derive(Clone, Copy, Debug)]
struct Manners {
    events_per_wait: usize,
    /// Edges come also when they are not due, with whatever else is true then, as Linux does it.
    is_generous: bool,
    /// One call in so many fails.
    fails_once_in: usize,
}

pub(crate) struct SimIo {
    pub(crate) endpoints: SlotMap<EndpointKey, Endpoint>,
    /// In the order in which they have something to tell.
    queue: VecDeque<EndpointKey>,
    listeners: Vec<Listener>,
    /// One of the listeners is for proxies.
    has_proxies: bool,
    pub(crate) now: Now,
    manners: Manners,
    random: Random,
    /// Names that connections had.
    past_ids: Vec<ConnectionId>,
    arrivals: usize,
    /// Connections that were closed because no proxy is where they came from.
    pub(crate) untrusted: u64,
    /// No call fails any more, and no time passes for nothing.
    pub(crate) is_calm: bool,
    /// The listeners were looked at: what is written next is another flush.
    has_accepted: Cell<bool>,
    pub(crate) work: Work,
}

impl SimIo {
    pub(crate) fn new(world: &World, random: &mut Random) -> Self {
        let manners = Manners {
            events_per_wait: random.pick(&[1, 3, 8, 1024]) * if world.is_crowd { 64 } else { 1 },
            is_generous: random.one_in(2),
            fails_once_in: random.pick(&[300, 3000, usize::MAX]),
        };
        Self {
            endpoints: SlotMap::with_key(),
            queue: VecDeque::new(),
            listeners: vec![Listener::default(), Listener::default()],
            has_proxies: random.one_in(2),
            now: Now { monotonic_ms: 0, unix_ms: 0 },
            manners,
            random: Random::new(random.next()),
            past_ids: Vec::new(),
            arrivals: 0,
            untrusted: 0,
            is_calm: false,
            has_accepted: Cell::new(false),
            work: Work::default(),
        }
    }

    /// A client comes to one of the listeners.
    pub(crate) fn connect(&mut self, endpoint: Endpoint) -> EndpointKey {
        let key = self.endpoints.insert(endpoint);
        let at = self.random.below(self.listeners.len());
        self.listeners[at].backlog.push_back(key);
        self.listeners[at].is_ready = true;
        key
    }

    /// Connections that wait in a backlog are reset.
    pub(crate) fn stop_listening(&mut self) {
        for key in self.listeners.drain(..).flat_map(|listener| listener.backlog) {
            self.endpoints[key].break_down();
            self.endpoints[key].is_closed = true;
        }
    }

    /// Puts a connection into the poll's queue if it has something to tell.
    pub(crate) fn sync(&mut self, key: EndpointKey) {
        let endpoint = &mut self.endpoints[key];
        let edges = endpoint.edges;
        let is_due = edges.input
            || edges.end
            || (edges.room && (endpoint.is_room_watched || endpoint.is_broken));
        if is_due && endpoint.id.is_some() && !endpoint.is_queued && !endpoint.is_closed {
            endpoint.is_queued = true;
            self.queue.push_back(key);
        }
    }

    /// Readiness that is none.
    pub(crate) fn rouse(&mut self, key: EndpointKey) {
        self.endpoints[key].edges.input = true;
        self.endpoints[key].edges.room = true;
        self.sync(key);
    }

    pub(crate) fn pass(&mut self, elapsed_ms: u64) {
        self.now.monotonic_ms += elapsed_ms;
        self.now.unix_ms = self.now.unix_ms.saturating_add(elapsed_ms);
    }

    /// Whether someone waits at a listener that does not rest.
    pub(crate) fn has_someone_to_accept(&self) -> bool {
        let now_ms = self.now.monotonic_ms;
        let rests = |listener: &Listener| listener.resting_until_ms.is_some_and(|at| at > now_ms);
        self.listeners.iter().any(|listener| !listener.backlog.is_empty() && !rests(listener))
    }

    fn fails(&mut self) -> bool {
        !self.is_calm && self.random.one_in(self.manners.fails_once_in)
    }

    /// A connection that breaks at this very call.
    fn breaks(&mut self, key: EndpointKey) -> bool {
        let spared = self.endpoints[key].client.habit.reads_all();
        if !spared && !self.endpoints[key].is_broken && self.fails() {
            self.endpoints[key].is_timed_out = self.random.one_in(3);
            self.endpoints[key].break_down();
            self.sync(key);
        }
        self.endpoints[key].is_broken
    }

    /// What the system says of a broken connection.
    fn failure(&self, key: EndpointKey) -> io::Error {
        let is_timed_out = self.endpoints[key].is_timed_out;
        if is_timed_out { ErrorKind::TimedOut } else { ErrorKind::ConnectionReset }.into()
    }

    /// Whether this client's proxy misbehaves now, as one in so many does. Those that are to hear
    /// everything have good ones.
    fn has_bad_proxy(&mut self, key: EndpointKey, one_in: usize) -> bool {
        let spared = self.is_calm || self.endpoints[key].client.habit.reads_all();
        !spared && self.random.one_in(one_in)
    }

    fn report(&mut self, key: EndpointKey, events: &mut Vec<Event>) {
        let is_generous = self.manners.is_generous;
        let endpoint = &mut self.endpoints[key];
        endpoint.is_queued = false;
        let Some(id) = endpoint.id else { return };
        let edges = std::mem::take(&mut endpoint.edges);
        let has_ended = endpoint.has_ended || endpoint.is_broken;
        if edges.end || (is_generous && has_ended) {
            events.push(Event::Ended(id));
        } else if edges.input || (is_generous && endpoint.is_readable()) {
            events.push(Event::Readable(id));
        }
        let is_room_due = edges.room || (is_generous && endpoint.has_room());
        if endpoint.is_broken || (endpoint.is_room_watched && is_room_due) {
            events.push(Event::Writable(id));
            self.work.note_room(key);
        }
    }

    /// How long a wait without events takes of the time that it was given.
    fn sleep_ms(&mut self, timeout: Option<Duration>) -> u64 {
        let at_most =
            timeout.map_or(u64::MAX, |at_most| u64::try_from(at_most.as_millis()).unwrap());
        let sleep_ms = if self.is_calm {
            1000
        } else if self.random.one_in(60) {
            self.random.pick(&[1000, 5000, 20_000])
        } else {
            self.random.size(20) as u64
        };
        sleep_ms.min(at_most)
    }
}

impl Io for SimIo {
    type Socket = SimSocket;

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> io::Result<Option<usize>> {
        let may_sleep = timeout != Some(Duration::ZERO);
        let has_events = !self.queue.is_empty() || self.listeners.iter().any(|l| l.is_ready);
        self.work.start_wait(may_sleep && !has_events, has_events, self.now.monotonic_ms);
        if !has_events && may_sleep {
            let sleep_ms = self.sleep_ms(timeout);
            self.pass(sleep_ms);
        }
        if let Some(&id) = self.past_ids.last()
            && self.random.one_in(30)
        {
            events.extend([Event::Readable(id), Event::Ended(id), Event::Writable(id)]);
        }
        let told = self.queue.len().min(self.manners.events_per_wait);
        for _ in 0..told {
            if let Some(key) = self.queue.pop_front() {
                self.report(key, events);
            }
        }
        let is_full = told == self.manners.events_per_wait;
        self.work.note_poll(is_full);
        Ok(is_full.then_some(told))
    }

    fn now(&mut self) -> Now {
        self.now
    }

    fn listeners(&self) -> usize {
        self.has_accepted.set(true);
        self.listeners.len()
    }

    fn is_listener_ready(&self, listener: usize, now_ms: u64) -> bool {
        let listener = &self.listeners[listener];
        listener.is_ready && listener.resting_until_ms.is_none_or(|until_ms| until_ms <= now_ms)
    }

    fn listener_deadline_ms(&self) -> Option<u64> {
        self.listeners.iter().filter_map(|listener| listener.resting_until_ms).min()
    }

    fn accept(&mut self, at: usize, now_ms: u64) -> Accepted<SimSocket> {
        self.work.note_accept(at);
        let fails = self.arrivals > 0 && self.fails();
        let listener = &mut self.listeners[at];
        listener.resting_until_ms = None;
        if fails && self.random.one_in(2) {
            // No descriptors, and none in reserve.
            listener.resting_until_ms = Some(now_ms + 100);
            return Accepted::None;
        }
        let Some(key) = listener.backlog.pop_front() else {
            listener.is_ready = false;
            return Accepted::None;
        };
        if fails {
            self.endpoints[key].break_down();
            self.endpoints[key].is_closed = true;
            return Accepted::Rejected;
        }
        self.arrivals += 1;
        self.endpoints[key].accepted_ms = now_ms;
        let socket = SimSocket { state: State::default(), key };
        let address = address(self.arrivals).into();
        if self.has_proxies && at == 0 {
            if self.has_bad_proxy(key, 12) {
                // It comes from where no proxy is.
                self.untrusted += 1;
                self.endpoints[key].break_down();
                self.endpoints[key].is_closed = true;
                return Accepted::Untrusted(address);
            }
            self.endpoints[key].awaits_origin = true;
            Accepted::Proxy(socket, address)
        } else {
            Accepted::Connection(socket, address)
        }
    }

    fn register(&mut self, socket: &mut SimSocket, id: ConnectionId) -> io::Result<()> {
        self.endpoints[socket.key].id = Some(id);
        self.past_ids.retain(|&past| past != id);
        if self.breaks(socket.key) {
            return Err(ErrorKind::NotConnected.into());
        }
        self.endpoints[socket.key].edges.input = self.endpoints[socket.key].is_readable();
        self.sync(socket.key);
        Ok(())
    }

    fn watch_writable(
        &mut self,
        socket: &mut SimSocket,
        _: ConnectionId,
        is_wanted: bool,
    ) -> io::Result<()> {
        if self.breaks(socket.key) && self.random.one_in(2) {
            return Err(ErrorKind::NotConnected.into());
        }
        let is_generous = self.manners.is_generous;
        let endpoint = &mut self.endpoints[socket.key];
        assert_ne!(endpoint.is_room_watched, is_wanted, "watched already, or not: {endpoint:?}");
        endpoint.is_room_watched = is_wanted;
        // Watching tells of what is true already (epoll_ctl(2), EPOLL_CTL_MOD).
        endpoint.edges.room = is_wanted && endpoint.has_room();
        endpoint.edges.input |= is_generous && endpoint.is_readable();
        self.sync(socket.key);
        Ok(())
    }

    fn is_handshaking(&mut self, socket: &mut SimSocket) -> bool {
        self.endpoints[socket.key].is_handshaking()
    }

    fn read(&mut self, socket: &mut SimSocket, into: &mut [u8]) -> Read {
        let key = socket.key;
        if std::mem::take(&mut self.endpoints[key].awaits_origin) {
            // It came with what made the driver read.
            if self.has_bad_proxy(key, 12) {
                self.endpoints[key].has_bad_header = true;
                return Read::BadOrigin(io::Error::other("byte 0 begins no PROXY header"));
            }
            let tells = !self.random.one_in(4);
            let client = tells.then(|| address(self.random.below(100)).into());
            return Read::Origin { client, header_bytes: 28 };
        }
        self.work.note_read(key, into.len(), self.endpoints[key].is_handshaking());
        let is_broken = self.breaks(key);
        let failure = self.failure(key);
        let Self { endpoints, random, now, work, .. } = self;
        let endpoint = &mut endpoints[key];
        // What came before a reset can often still be read.
        if is_broken && (endpoint.received.is_empty() || random.one_in(2)) {
            return match endpoint.tls {
                Some(_) if endpoint.is_forged => {
                    Read::TlsFailed(io::Error::other("a record that no key has sealed"))
                }
                _ => Read::Failed(failure),
            };
        }
        if endpoint.is_handshaking() {
            return handshake(endpoint);
        }
        if endpoint.received.is_empty() {
            endpoint.await_input();
            if endpoint.has_ended {
                endpoint.end_was_read = true;
                return Read::Eof;
            }
            return Read::Blocked { has_more: false };
        }
        let is_sealed = endpoint.tls.is_some();
        let now_ms = now.monotonic_ms;
        if is_sealed && random.one_in(20) {
            // Records without any bytes in them: it was read from.
            endpoint.unread_since_ms = Some(now_ms);
            endpoint.left_some = false;
            return Read::Blocked { has_more: true };
        }
        let mut count = endpoint.received.len().min(into.len());
        let is_cut = is_sealed && random.one_in(8);
        if is_cut {
            count = 1 + random.below(count);
        }
        endpoint.received.make_contiguous();
        into[..count].copy_from_slice(&endpoint.received.as_slices().0[..count]);
        endpoint.received.drain(..count);
        work.note_read_bytes(count);
        let hit_limit = is_cut || count == into.len();
        // A session keeps the end that it met.
        let keeps_end = is_sealed && endpoint.received.is_empty() && endpoint.has_ended;
        endpoint.left_some = !endpoint.received.is_empty();
        endpoint.unread_since_ms = endpoint.left_some.then_some(now_ms);
        if !hit_limit {
            endpoint.await_input();
        }
        Read::Bytes { count, hit_limit, has_more: is_cut || keeps_end }
    }

    fn write(&mut self, socket: &mut SimSocket, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let key = socket.key;
        if self.has_accepted.take() {
            self.work.start_flush();
        }
        self.work.start_write(key);
        if self.breaks(key) {
            return Err(self.failure(key));
        }
        let Self { endpoints, random, .. } = self;
        let endpoint = &mut endpoints[key];
        assert!(!endpoint.server_shut, "a write behind the end: {endpoint:?}");
        let mut offered = Vec::new();
        for slice in slices {
            offered.extend_from_slice(slice);
        }
        assert!(!offered.is_empty(), "a write of nothing");
        let count = match &endpoint.tls {
            None => endpoint.take(&offered, random),
            Some(_) if endpoint.is_handshaking() => {
                endpoint.pass_on(random);
                0
            }
            Some(_) => endpoint.take_sealed(&offered, random),
        };
        let was_closed = endpoint.id.is_some_and(close_log::has_closed);
        self.work.end_write(key, offered.len(), count, was_closed);
        self.sync(key);
        if count > 0 { Ok(count) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    fn flush(&mut self, socket: &mut SimSocket) -> io::Result<bool> {
        if self.breaks(socket.key) {
            return Err(self.failure(socket.key));
        }
        let is_done = self.endpoints[socket.key].pass_on(&mut self.random);
        self.sync(socket.key);
        Ok(is_done)
    }

    fn wants_flush(&mut self, socket: &mut SimSocket) -> bool {
        self.endpoints[socket.key].wants_flush()
    }

    fn shut_down_sending(&mut self, socket: &mut SimSocket) {
        let endpoint = &mut self.endpoints[socket.key];
        assert!(!endpoint.server_shut, "shut twice: {endpoint:?}");
        endpoint.server_shut = true;
    }

    fn close(&mut self, socket: SimSocket) {
        let endpoint = &mut self.endpoints[socket.key];
        assert!(!endpoint.is_closed, "closed twice: {endpoint:?}");
        endpoint.is_closed = true;
        if let Some(id) = endpoint.id {
            self.past_ids.push(id);
        }
        if !endpoint.received.is_empty() && self.random.one_in(2) {
            // A reset that overtakes what the client has not fetched (RFC 2525, 2.17).
            endpoint.lose_unfetched();
        }
        if endpoint.is_queued {
            self.queue.retain(|&queued| queued != socket.key);
        }
        self.work.closed.push(socket.key);
    }
}

/// Takes a flight of the client's handshake.
fn handshake(endpoint: &mut Endpoint) -> Read {
    let has_ended = endpoint.has_ended;
    let Some(tls) = &mut endpoint.tls else { unreachable!("no handshake without TLS") };
    if tls.flights_here > 0 {
        tls.flights_here -= 1;
        tls.flights_left -= 1;
        tls.has_answer = true;
        endpoint.await_input();
        return Read::Blocked { has_more: has_ended };
    }
    endpoint.await_input();
    if has_ended {
        endpoint.is_forged = true;
        return Read::TlsFailed(ErrorKind::UnexpectedEof.into());
    }
    Read::Blocked { has_more: false }
}
