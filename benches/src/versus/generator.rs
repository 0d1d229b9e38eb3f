//! The sockets: one thread that publishes, reads everything that members get, and counts it. It
//! knows no protocol; what bytes mean is its dialect's matter.
//!
//! It sleeps while nothing is there to be read, so its own processor time tells whether it was what
//! held up the server. Nothing is allocated once the members are in their rooms.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::dialects::{Arrival, Dialect, Role};
use super::fault::Fault;
use super::plan::Plan;
use super::window::{STAMP_BYTES, Seat, Window};

/// Without a byte for this long, what is missing is lost.
const STALL: Duration = Duration::from_secs(10);
/// The longest wait for the poll: how often time is looked at when nothing arrives.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);
/// From the first connection until every member is in its rooms.
const SET_UP_TIMEOUT: Duration = Duration::from_secs(20);
/// For a number of messages, however slow the server.
const MESSAGES_TIMEOUT: Duration = Duration::from_secs(60);
/// For the messages in flight, after the last one was sent.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Members that sign in at a time: fewer than any server's backlog.
const SET_UP_BATCH: usize = 64;
/// Large enough for what 64 messages are to one member, and still in the second-level cache.
const READ_BYTES: usize = 256 << 10;
/// More of an item that has not arrived whole is none of any dialect here.
const PARTIAL_BYTES_MAX: usize = 64 << 10;
const EVENTS_PER_POLL: usize = 1024;

/// When a run sends no more.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// After this time.
    After(Duration),
    /// After so many messages.
    Messages(usize),
}

/// What a run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Messages published.
    pub messages: usize,
    /// Messages that reached members; the publisher's receipts are not counted.
    pub deliveries: u64,
}

/// What can be run and counted, whatever the protocol.
pub trait Load {
    /// Publishes until it is to stop, and then until nothing is in flight.
    ///
    /// # Errors
    /// A message did not reach a member once and in order, or the server failed. There is no going
    /// on after that.
    fn run(&mut self, stop: Stop) -> Result<Tally, Fault>;
}

/// All connections to one server: the members', and the publisher's as the last.
pub struct Generator<D: Dialect> {
    dialect: D,
    poll: Poll,
    events: Events,
    connections: Vec<Connection<D::Session>>,
    window: Window,
    buffer: Vec<u8>,
    /// The next message's content: a stamp, and the same filling in every message.
    content: Vec<u8>,
    publisher: Outbox,
    deliveries: u64,
}

struct Connection<S> {
    socket: TcpStream,
    session: S,
    seat: Seat,
    /// The start of an item that has not arrived whole.
    partial: Vec<u8>,
    /// Answers of the set-up that are still to come.
    answers: usize,
}

/// What the publisher has to write.
#[derive(Default)]
struct Outbox {
    bytes: Vec<u8>,
    written: usize,
}

impl<D: Dialect> Generator<D> {
    /// Connects all members and the publisher, and waits until each is in its rooms.
    ///
    /// # Errors
    /// A connection or a request was refused, or it all took too long.
    pub fn connect(dialect: D, server: SocketAddr, plan: &Plan) -> Result<Self, Fault> {
        assert!(plan.content_bytes >= STAMP_BYTES, "a content holds at least its stamp");
        let mut generator = Self {
            dialect,
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_PER_POLL),
            connections: Vec::with_capacity(plan.members + 1),
            window: Window::new(plan),
            buffer: vec![0; READ_BYTES],
            content: vec![b'.'; plan.content_bytes],
            publisher: Outbox::default(),
            deliveries: 0,
        };
        let deadline = Instant::now() + SET_UP_TIMEOUT;
        for member in 0..plan.members {
            generator.open(server, plan, Role::Member(member))?;
            if (member + 1).is_multiple_of(SET_UP_BATCH) {
                generator.wait_for_answers(deadline)?;
            }
        }
        generator.wait_for_answers(deadline)?;
        generator.open(server, plan, Role::Publisher)?;
        generator.wait_for_answers(deadline)?;
        Ok(generator)
    }

    fn open(&mut self, server: SocketAddr, plan: &Plan, role: Role) -> Result<(), Fault> {
        let (rooms, seat) = match role {
            Role::Publisher => (0..plan.rooms, Seat::of_publisher()),
            Role::Member(member) => (plan.rooms_of(member), Seat::new(plan, member)),
        };
        let mut socket = std::net::TcpStream::connect_timeout(&server, STALL)?;
        socket.set_nodelay(true)?;
        // A few hundred bytes fit into any socket's buffer.
        let mut request = Vec::new();
        let answers = self.dialect.open(role, rooms, &mut request)?;
        socket.write_all(&request)?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        let interest = match role {
            Role::Publisher => Interest::READABLE | Interest::WRITABLE,
            Role::Member(_) => Interest::READABLE,
        };
        let token = Token(self.connections.len());
        self.poll.registry().register(&mut socket, token, interest)?;
        let (session, partial) = (D::Session::default(), Vec::new());
        self.connections.push(Connection { socket, session, seat, partial, answers });
        Ok(())
    }

    fn wait_for_answers(&mut self, deadline: Instant) -> Result<(), Fault> {
        while self.connections.iter().any(|connection| connection.answers > 0) {
            if Instant::now() > deadline {
                return Err(Fault::TooSlow("joining the rooms"));
            }
            self.tick()?;
        }
        Ok(())
    }

    /// Waits until something is there, and reads all of it.
    fn tick(&mut self) -> Result<(), Fault> {
        let deadline = Instant::now() + STALL;
        loop {
            match self.poll.poll(&mut self.events, Some(POLL_TIMEOUT)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
                Ok(()) if !self.events.is_empty() => break,
                Ok(()) => {}
            }
            if Instant::now() > deadline {
                let (missing, in_flight) = (self.window.missing(), self.window.in_flight());
                return Err(Fault::Lost { missing, in_flight });
            }
        }
        let publisher = self.connections.len() - 1;
        for event in &self.events {
            let Token(number) = event.token();
            let connection = &mut self.connections[number];
            if event.is_writable() {
                self.publisher.flush(&mut connection.socket)?;
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                let arrived = connection.read(&self.dialect, &mut self.window, &mut self.buffer)?;
                if number != publisher {
                    self.deliveries += arrived;
                }
            }
        }
        Ok(())
    }

    /// Publishes as many messages as the window has room for, `most` at most, in one write.
    fn publish(&mut self, most: usize) -> Result<(), Fault> {
        for _ in 0..most {
            let Some(outgoing) = self.window.send() else { break };
            self.content[..STAMP_BYTES].copy_from_slice(&outgoing.stamp);
            self.dialect.publish(outgoing.room, &self.content, &mut self.publisher.bytes)?;
        }
        match self.connections.last_mut() {
            Some(connection) => Ok(self.publisher.flush(&mut connection.socket)?),
            None => Ok(()),
        }
    }
}

impl<D: Dialect> Load for Generator<D> {
    fn run(&mut self, stop: Stop) -> Result<Tally, Fault> {
        let (start, sent, deliveries) = (Instant::now(), self.window.sent(), self.deliveries);
        let (time, messages) = match stop {
            Stop::After(time) => (time, usize::MAX),
            Stop::Messages(messages) => (MESSAGES_TIMEOUT, messages),
        };
        loop {
            let elapsed = start.elapsed();
            let left = messages - (self.window.sent() - sent);
            let is_sending = elapsed < time && left > 0;
            if is_sending {
                self.publish(left)?;
            } else if self.window.in_flight() == 0 {
                break;
            } else if elapsed > time + DRAIN_TIMEOUT {
                return Err(Fault::TooSlow("what was in flight at the end"));
            }
            self.tick()?;
        }
        Ok(Tally { messages: self.window.sent() - sent, deliveries: self.deliveries - deliveries })
    }
}

impl<S> Connection<S> {
    /// Reads all that is there and returns how many messages that were.
    ///
    /// It ends: the window bounds what a server has to send.
    fn read<D: Dialect<Session = S>>(
        &mut self,
        dialect: &D,
        window: &mut Window,
        buffer: &mut [u8],
    ) -> Result<u64, Fault> {
        let mut messages = 0;
        loop {
            let kept = self.partial.len();
            buffer[..kept].copy_from_slice(&self.partial);
            let space = buffer.len() - kept;
            let read = match self.socket.read(&mut buffer[kept..]) {
                Ok(0) => return Err(Fault::Closed),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(messages),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let bytes = &buffer[..kept + read];
            let (seat, answers) = (&mut self.seat, &mut self.answers);
            let consumed = dialect.scan(&mut self.session, bytes, |arrival| match arrival {
                Arrival::Message(content) => {
                    messages += 1;
                    window.arrived(seat, content)
                }
                Arrival::Receipt(deliveries) => window.receipt(seat, deliveries),
                Arrival::Answer => {
                    *answers = answers.saturating_sub(1);
                    Ok(())
                }
                Arrival::Notice => Ok(()),
            })?;
            self.partial.clear();
            self.partial.extend_from_slice(&bytes[consumed..]);
            if self.partial.len() > PARTIAL_BYTES_MAX {
                return Err(Fault::Unexpected("an item longer than any message".to_owned()));
            }
            // A read that does not fill the buffer has emptied the socket: epoll(7), question 9.
            if read < space {
                return Ok(messages);
            }
        }
    }
}

impl Outbox {
    fn flush(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        while self.written < self.bytes.len() {
            match socket.write(&self.bytes[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The poll tells when there is room again.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.written = 0;
        Ok(())
    }
}
