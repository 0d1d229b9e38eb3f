//! One HTTP connection as a state machine: bytes and time in, bytes out. Owns no socket and reads
//! no clock. Pipelined requests wait in the input until the response before them is written, so
//! that one connection holds one head and one response at most.

use std::time::Duration;

use super::request::{HEAD_MAX_BYTES, Head, Refusal, Request};
use super::response::{Response, Status};

/// Time that a peer has to end its side after a response that closes. Closing earlier could reset
/// the connection and so destroy the response before it is read (RFC 9112, 9.6).
const LINGER_MS: u64 = 2_000;

/// Bytes read and dropped at a time while lingering.
const DROPPED_AT_A_TIME_BYTES: usize = HEAD_MAX_BYTES;

/// The most that [`HttpConnection::wanted_bytes`] returns: a head, and a byte more to detect one
/// that is too large.
pub(super) const READ_MAX_BYTES: usize = HEAD_MAX_BYTES + 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HttpStage {
    /// A head is awaited, or lies in the input.
    Asking,
    /// A response is being written.
    Answering {
        keep_alive: bool,
    },
    /// The last response is written and our side is shut.
    Lingering,
    Finished,
}

/// What the caller is to do after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum AfterWrite {
    Nothing,
    ShutDownSending,
}

#[derive(Debug)]
pub(super) struct HttpConnection {
    stage: HttpStage,
    input: Vec<u8>,
    /// The input holds bytes that [`answer`](Self::answer) has not parsed since they came or since
    /// the response before.
    unseen: bool,
    input_ended: bool,
    output: String,
    written: usize,
    timeout_ms: u64,
    deadline_ms: u64,
}

impl HttpConnection {
    /// A connection that has `timeout` for each head and for each response.
    pub(super) fn new(timeout: Duration, now_ms: u64) -> Self {
        // `Duration::MAX` becomes some hundred million years, which can be added to any time
        // without overflow.
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).min(u64::MAX / 4);
        Self {
            stage: HttpStage::Asking,
            input: Vec::new(),
            unseen: false,
            input_ended: false,
            output: String::new(),
            written: 0,
            timeout_ms,
            deadline_ms: now_ms + timeout_ms,
        }
    }

    /// How many bytes [`handle_input`](Self::handle_input) takes now. 0: leave them to the system.
    pub(super) fn wanted_bytes(&self) -> usize {
        match self.stage {
            HttpStage::Asking if !self.input_ended => READ_MAX_BYTES - self.input.len(),
            HttpStage::Lingering => DROPPED_AT_A_TIME_BYTES,
            _ => 0,
        }
    }

    /// Takes bytes that were read, at most [`wanted_bytes`](Self::wanted_bytes).
    pub(super) fn handle_input(&mut self, bytes: &[u8]) {
        if self.stage == HttpStage::Asking {
            debug_assert!(bytes.len() <= self.wanted_bytes(), "more bytes than were wanted");
            self.input.extend_from_slice(bytes);
            self.unseen = true;
        }
    }

    /// The peer shut its side. Its earlier requests are answered.
    pub(super) fn handle_eof(&mut self) {
        self.input_ended = true;
        match self.stage {
            HttpStage::Asking if !self.unseen => self.finish(),
            HttpStage::Lingering => self.finish(),
            _ => {}
        }
    }

    /// Whether nothing of a request has come since the response before, or since the start.
    pub(super) fn is_idle(&self) -> bool {
        self.stage == HttpStage::Asking && self.input.is_empty()
    }

    /// Whether [`answer`](Self::answer) has something to look at.
    pub(super) fn has_unseen_input(&self) -> bool {
        self.stage == HttpStage::Asking && self.unseen
    }

    /// Makes the response to the next request if its head is complete; returns whether it did.
    /// `respond` appends the response to the text.
    pub(super) fn answer(
        &mut self,
        now_ms: u64,
        respond: impl FnOnce(&Request<'_>, &mut String),
    ) -> bool {
        if !self.has_unseen_input() {
            return false;
        }
        self.unseen = false;
        let (head_len, keep_alive) = match Head::parse(&self.input) {
            Head::Partial => {
                if self.input_ended {
                    self.finish();
                }
                return false;
            }
            Head::Whole(request, len) => {
                respond(&request, &mut self.output);
                (len, request.keep_alive)
            }
            Head::Refused(Refusal { status, wants_body }) => {
                Response::refusal(status).write(wants_body, false, &mut self.output);
                (self.input.len(), false)
            }
        };
        self.input.drain(..head_len);
        self.stage = HttpStage::Answering { keep_alive };
        self.deadline_ms = now_ms + self.timeout_ms;
        true
    }

    /// The bytes to be written.
    pub(super) fn unwritten(&self) -> &[u8] {
        &self.output.as_bytes()[self.written..]
    }

    /// The first `count` bytes of [`unwritten`](Self::unwritten) were written.
    pub(super) fn consume(&mut self, count: usize, now_ms: u64) -> AfterWrite {
        self.written += count;
        let HttpStage::Answering { keep_alive } = self.stage else { return AfterWrite::Nothing };
        if self.written < self.output.len() {
            return AfterWrite::Nothing;
        }
        self.output = String::new();
        self.written = 0;
        if keep_alive && !(self.input_ended && self.input.is_empty()) {
            self.stage = HttpStage::Asking;
            self.unseen = !self.input.is_empty();
            self.deadline_ms = now_ms + self.timeout_ms;
            if !self.unseen {
                self.input = Vec::new();
            }
            return AfterWrite::Nothing;
        }
        self.input = Vec::new();
        self.stage = if self.input_ended { HttpStage::Finished } else { HttpStage::Lingering };
        self.deadline_ms = now_ms + LINGER_MS;
        AfterWrite::ShutDownSending
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if no event comes before.
    pub(super) const fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// Ends a stage whose time is over. A peer that has sent part of a request gets a refusal
    /// first.
    pub(super) fn handle_timeout(&mut self, now_ms: u64) {
        if now_ms < self.deadline_ms {
            return;
        }
        if self.stage == HttpStage::Asking && !self.input.is_empty() {
            Response::refusal(Status::RequestTimeout).write(true, false, &mut self.output);
            self.input = Vec::new();
            self.unseen = false;
            self.stage = HttpStage::Answering { keep_alive: false };
            self.deadline_ms = now_ms + LINGER_MS;
        } else {
            self.finish();
        }
    }

    /// The connection has ended or failed: its socket is to be dropped.
    pub(super) fn finish(&mut self) {
        self.stage = HttpStage::Finished;
        self.unseen = false;
        self.input = Vec::new();
        self.output = String::new();
        self.written = 0;
    }

    pub(super) fn is_finished(&self) -> bool {
        self.stage == HttpStage::Finished
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
