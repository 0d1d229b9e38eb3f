//! The connections of a run: sockets, what came half, what is yet to be written. Knows stages, not
//! messages.

use std::io;

use cafewire_core::{Direction, FrameDecoder};
use mio::{Interest, Poll, Token};

use super::connector::Attempt;
use super::stream::Target;
use crate::transport::Transport;

/// Bytes read from one connection at a time, besides those that it had left.
const READ_SIZE: usize = 128 << 10;

/// The largest frame that can be half there: an Echo.
const LARGEST_FRAME: usize = cafewire_core::HEADER_SIZE + cafewire_core::MAX_PAYLOAD_SIZE;
const _: () = assert!(LARGEST_FRAME > cafewire_core::chat::MAX_FRAME_SIZE);

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is not there: not yet, not any more, or not at all.
    None,
    /// The system is connecting it.
    Connecting,
    /// It stands, and the server has yet to let it in.
    Handshake,
    Ready,
}

#[derive(Debug)]
pub(super) struct Connection {
    stream: Option<Transport>,
    pub(super) stage: Stage,
    pub(super) attempt: u32,
    pub(super) input: FrameDecoder,
    /// The beginning of a frame.
    partial: Vec<u8>,
    pub(super) out: Vec<u8>,
    written: usize,
    /// It is on the list of those to be read.
    listed: bool,
    /// The server's side has ended, whatever is still to be read before that. No further event will
    /// say so.
    ended: bool,
}

#[derive(Debug)]
pub(super) struct Connections {
    all: Vec<Connection>,
    poll: Poll,
    /// Those that may have something to read.
    readable: Vec<usize>,
    buffer: Box<[u8]>,
}

/// What came of reading once.
#[derive(Debug)]
pub(super) enum Read {
    /// So many bytes are in the buffer now, those that were left of earlier reads first.
    Bytes(usize),
    Nothing,
    Ended(String),
}

impl Connections {
    pub(super) fn new(count: usize, poll: Poll) -> Self {
        let connection = || Connection {
            stream: None,
            stage: Stage::None,
            attempt: 0,
            input: FrameDecoder::new(Direction::ToClient),
            partial: Vec::new(),
            out: Vec::new(),
            written: 0,
            listed: false,
            ended: false,
        };
        Self {
            all: std::iter::repeat_with(connection).take(count).collect(),
            poll,
            readable: Vec::new(),
            buffer: vec![0; READ_SIZE + LARGEST_FRAME].into_boxed_slice(),
        }
    }

    pub(super) const fn poll_mut(&mut self) -> &mut Poll {
        &mut self.poll
    }

    pub(super) fn get(&self, index: usize) -> &Connection {
        &self.all[index]
    }

    pub(super) fn get_mut(&mut self, index: usize) -> &mut Connection {
        &mut self.all[index]
    }

    pub(super) fn stages(&self) -> impl Iterator<Item = Stage> {
        self.all.iter().map(|connection| connection.stage)
    }

    /// Begins to connect.
    pub(super) fn begin(&mut self, index: usize, target: &Target) -> io::Result<()> {
        let connection = &mut self.all[index];
        (connection.stage, connection.ended) = (Stage::Connecting, false);
        connection.input = FrameDecoder::new(Direction::ToClient);
        let mut stream = target.connect(index)?;
        // The poll tells edges: with both interests from the start nothing need be registered anew.
        let token = token(Attempt { connection: index, number: connection.attempt });
        self.poll.registry().register(
            &mut stream.as_mut(),
            token,
            Interest::READABLE | Interest::WRITABLE,
        )?;
        connection.stream = Some(stream);
        Ok(())
    }

    /// Whether the system has connected it.
    pub(super) fn is_connected(&self, index: usize) -> io::Result<bool> {
        self.all[index].stream.as_ref().map_or(Ok(false), Transport::is_connected)
    }

    /// Closes it, and forgets what was under way.
    pub(super) fn end(&mut self, index: usize) {
        let connection = &mut self.all[index];
        connection.stage = Stage::None;
        if let Some(mut stream) = connection.stream.take() {
            // Closing takes it off the poll as well; a failure here changes nothing.
            let _ = self.poll.registry().deregister(&mut stream.as_mut());
        }
        (connection.partial, connection.out, connection.written) = (Vec::new(), Vec::new(), 0);
    }

    /// Whether an event is of the connection that is there now, and not of an attempt before.
    pub(super) fn is_current(&self, attempt: Attempt) -> bool {
        self.all.get(attempt.connection).is_some_and(|connection| {
            connection.attempt == attempt.number && connection.stage != Stage::None
        })
    }

    pub(super) fn mark_readable(&mut self, index: usize, has_ended: bool) {
        let connection = &mut self.all[index];
        connection.ended |= has_ended;
        if !connection.listed {
            connection.listed = true;
            self.readable.push(index);
        }
    }

    pub(super) const fn has_readable(&self) -> bool {
        !self.readable.is_empty()
    }

    /// Those to be read now. Give the list back when done: it is used again.
    pub(super) fn take_readable(&mut self, list: &mut Vec<usize>) {
        std::mem::swap(list, &mut self.readable);
        for &index in &*list {
            self.all[index].listed = false;
        }
    }

    /// Reads once. When there may be more, the connection is on the list again.
    pub(super) fn read(&mut self, index: usize) -> Read {
        let connection = &mut self.all[index];
        let Some(mut stream) = connection.stream.as_mut().map(Transport::as_mut) else {
            return Read::Nothing;
        };
        let left = connection.partial.len();
        self.buffer[..left].copy_from_slice(&connection.partial);
        match stream.read(&mut self.buffer[left..]) {
            Ok(0) => Read::Ended("the server closed the connection".to_owned()),
            Ok(count) => {
                // A short read means that there is no more for now (epoll(7), Q9); but an end that
                // came with these bytes has had its event.
                if connection.ended
                    || left + count == self.buffer.len()
                    || stream.has_buffered_input()
                {
                    self.mark_readable(index, false);
                }
                Read::Bytes(left + count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if stream.has_buffered_input() {
                    self.mark_readable(index, false);
                }
                Read::Nothing
            }
            Err(error) => Read::Ended(error.to_string()),
        }
    }

    /// What the last read left in the buffer, and the connection that it is of.
    pub(super) fn read_bytes(&mut self, index: usize, count: usize) -> (&mut Connection, &[u8]) {
        (&mut self.all[index], &self.buffer[..count])
    }

    /// Of the bytes in the buffer only the first were whole frames; the rest waits for more.
    pub(super) fn keep_rest(&mut self, index: usize, taken: usize, count: usize) {
        let (partial, rest) = (&mut self.all[index].partial, &self.buffer[taken..count]);
        debug_assert!(rest.len() < LARGEST_FRAME, "less than a frame is left");
        partial.clear();
        partial.extend_from_slice(rest);
    }

    /// Whether reading has left something to write: what TLS answers, or what waited for its
    /// handshake.
    pub(super) fn wants_flush(&mut self, index: usize) -> bool {
        let connection = &mut self.all[index];
        let waits = connection.stage == Stage::Handshake && !connection.out.is_empty();
        connection.stream.as_mut().is_some_and(|stream| waits || stream.as_mut().wants_flush())
    }

    /// Writes what is to be written. True if all of it has gone.
    pub(super) fn flush(&mut self, index: usize) -> io::Result<bool> {
        let connection = &mut self.all[index];
        let Some(mut stream) = connection.stream.as_mut().map(Transport::as_mut) else {
            return Ok(false);
        };
        if !stream.flush()? {
            return Ok(false);
        }
        while connection.written < connection.out.len() {
            match stream.write(&connection.out[connection.written..]) {
                Ok(count) => connection.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        connection.out.clear();
        connection.written = 0;
        stream.flush()
    }
}

/// A connection's token names the attempt as well, so that a late event does not reach the next
/// one.
fn token(attempt: Attempt) -> Token {
    Token((attempt.number as usize) << 32 | attempt.connection)
}

/// Whose event it is.
#[allow(clippy::cast_possible_truncation)] // the upper half of 64 bits
pub(super) const fn attempt_of(token: Token) -> Attempt {
    Attempt { connection: token.0 & 0xFFFF_FFFF, number: (token.0 >> 32) as u32 }
}

const _: () = assert!(usize::BITS >= 64, "a connection and its attempt must fit a token");
