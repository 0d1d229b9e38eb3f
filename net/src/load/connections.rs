//! The connections of a run: sockets, partial frames, bytes yet to be written. Knows stages, not
//! messages.

use std::io;

use cafewire_core::{Direction, FrameDecoder};
use mio::{Interest, Poll, Token};

use super::connector::Attempt;
use super::stream::Target;
use crate::transport::Transport;

/// Bytes read from one connection at a time, besides its partial frame.
const READ_SIZE: usize = 128 << 10;

/// The largest frame that can be partial: an Echo.
const LARGEST_FRAME: usize = cafewire_core::HEADER_SIZE + cafewire_core::MAX_PAYLOAD_SIZE;
const _: () = assert!(LARGEST_FRAME > cafewire_core::chat::MAX_FRAME_SIZE);

/// The stage of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionStage {
    /// There is no connection: not yet, no longer, or never.
    None,
    /// The system is connecting the socket.
    Connecting,
    /// The socket is connected, and the workload's opening frames are not all answered.
    Handshake,
    Ready,
}

#[derive(Debug)]
pub(super) struct LoadConnection {
    stream: Option<Transport>,
    pub(super) stage: ConnectionStage,
    pub(super) attempt: u32,
    pub(super) input: FrameDecoder,
    /// The first bytes of a frame whose rest has not come.
    partial: Vec<u8>,
    pub(super) out: Vec<u8>,
    written: usize,
    /// The connection is on the list of those to be read.
    listed: bool,
    /// The server's side has ended, though bytes before the end may be unread. No further event
    /// will announce them.
    ended: bool,
}

#[derive(Debug)]
pub(super) struct ConnectionSet {
    all: Vec<LoadConnection>,
    poll: Poll,
    /// The connections that may have bytes to read.
    readable: Vec<usize>,
    buffer: Box<[u8]>,
}

/// The outcome of reading once.
#[derive(Debug)]
pub(super) enum ReadOutcome {
    /// The number of bytes in the buffer now, the partial frame of earlier reads first.
    Bytes(usize),
    Nothing,
    Ended(String),
}

impl ConnectionSet {
    pub(super) fn new(count: usize, poll: Poll) -> Self {
        let connection = || LoadConnection {
            stream: None,
            stage: ConnectionStage::None,
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

    pub(super) fn get(&self, index: usize) -> &LoadConnection {
        &self.all[index]
    }

    pub(super) fn get_mut(&mut self, index: usize) -> &mut LoadConnection {
        &mut self.all[index]
    }

    pub(super) fn stages(&self) -> impl Iterator<Item = ConnectionStage> {
        self.all.iter().map(|connection| connection.stage)
    }

    /// Starts to connect.
    pub(super) fn start(&mut self, index: usize, target: &Target) -> io::Result<()> {
        let connection = &mut self.all[index];
        (connection.stage, connection.ended) = (ConnectionStage::Connecting, false);
        connection.input = FrameDecoder::new(Direction::ToClient);
        let mut stream = target.connect(index)?;
        // The poll reports edges, so both interests are registered once and never changed.
        let token = token(Attempt { connection: index, number: connection.attempt });
        self.poll.registry().register(
            &mut stream.as_mut(),
            token,
            Interest::READABLE | Interest::WRITABLE,
        )?;
        connection.stream = Some(stream);
        Ok(())
    }

    /// Whether the system has connected the socket.
    pub(super) fn is_connected(&self, index: usize) -> io::Result<bool> {
        self.all[index].stream.as_ref().map_or(Ok(false), Transport::is_connected)
    }

    /// Closes a connection and drops its buffers.
    pub(super) fn end(&mut self, index: usize) {
        let connection = &mut self.all[index];
        connection.stage = ConnectionStage::None;
        if let Some(mut stream) = connection.stream.take() {
            // Closing the socket takes it off the poll as well; a failure here changes nothing.
            let _ = self.poll.registry().deregister(&mut stream.as_mut());
        }
        (connection.partial, connection.out, connection.written) = (Vec::new(), Vec::new(), 0);
    }

    /// Whether an event belongs to the present attempt and not to an earlier one.
    pub(super) fn is_current(&self, attempt: Attempt) -> bool {
        self.all.get(attempt.connection).is_some_and(|connection| {
            connection.attempt == attempt.number && connection.stage != ConnectionStage::None
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

    /// Swaps the list of connections to be read with `list`, which is empty and reused.
    pub(super) fn take_readable(&mut self, list: &mut Vec<usize>) {
        std::mem::swap(list, &mut self.readable);
        for &index in &*list {
            self.all[index].listed = false;
        }
    }

    /// Reads once. If more bytes may be there, the connection is on the list again.
    pub(super) fn read(&mut self, index: usize) -> ReadOutcome {
        let connection = &mut self.all[index];
        let Some(mut stream) = connection.stream.as_mut().map(Transport::as_mut) else {
            return ReadOutcome::Nothing;
        };
        let left = connection.partial.len();
        self.buffer[..left].copy_from_slice(&connection.partial);
        match stream.read(&mut self.buffer[left..]) {
            Ok(0) => ReadOutcome::Ended("the server closed the connection".to_owned()),
            Ok(count) => {
                // A short read means that no more bytes are there (epoll(7), Q9); but an end that
                // came with these bytes has had its event.
                if connection.ended
                    || left + count == self.buffer.len()
                    || stream.has_buffered_input()
                {
                    self.mark_readable(index, false);
                }
                ReadOutcome::Bytes(left + count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if stream.has_buffered_input() {
                    self.mark_readable(index, false);
                }
                ReadOutcome::Nothing
            }
            Err(error) => ReadOutcome::Ended(error.to_string()),
        }
    }

    /// The connection of the last read, and the bytes that the read left in the buffer.
    pub(super) fn read_bytes(
        &mut self,
        index: usize,
        count: usize,
    ) -> (&mut LoadConnection, &[u8]) {
        (&mut self.all[index], &self.buffer[..count])
    }

    /// Keeps the bytes behind the whole frames until their rest comes.
    pub(super) fn keep_rest(&mut self, index: usize, taken: usize, count: usize) {
        let (partial, rest) = (&mut self.all[index].partial, &self.buffer[taken..count]);
        debug_assert!(rest.len() < LARGEST_FRAME, "less than a frame is left");
        partial.clear();
        partial.extend_from_slice(rest);
    }

    /// Whether reading has left bytes to write: TLS records, or frames that waited for the TLS
    /// handshake.
    pub(super) fn wants_flush(&mut self, index: usize) -> bool {
        let connection = &mut self.all[index];
        let waits = connection.stage == ConnectionStage::Handshake && !connection.out.is_empty();
        connection.stream.as_mut().is_some_and(|stream| waits || stream.as_mut().wants_flush())
    }

    /// Writes the pending bytes. True if all of them are written.
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

/// The attempt that an event belongs to.
#[allow(clippy::cast_possible_truncation)] // the upper half of 64 bits
pub(super) const fn attempt_of(token: Token) -> Attempt {
    Attempt { connection: token.0 & 0xFFFF_FFFF, number: (token.0 >> 32) as u32 }
}

const _: () = assert!(usize::BITS >= 64, "a connection and its attempt must fit a token");
