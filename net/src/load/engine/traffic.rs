//! The reads and writes of connections: opening frames, messages that are due, deliveries. Knows
//! neither the poll nor the end of the run.

use super::{Engine, Failed};
use crate::load::connections::{ConnectionStage, ReadOutcome};
use crate::load::workload::{Handshake, Stats, Workload};

/// Bytes of messages gathered for one write.
const WRITE_SIZE: usize = 64 << 10;

impl<W: Workload> Engine<'_, W> {
    /// Handles room to write, or a socket that has just connected.
    pub(super) fn writable(&mut self, connection: usize) {
        if self.connections.get(connection).stage == ConnectionStage::Connecting {
            match self.connections.is_connected(connection) {
                Ok(true) => {
                    let state = self.connections.get_mut(connection);
                    state.stage = ConnectionStage::Handshake;
                    self.workload.open(connection, &mut state.out);
                }
                Ok(false) => return,
                Err(error) => return self.end(connection, &Failed(error.to_string())),
            }
        }
        match self.sender_of[connection] {
            Some(sender) => self.send(sender),
            None => self.flush(connection),
        }
    }

    fn flush(&mut self, connection: usize) {
        if let Err(error) = self.connections.flush(connection) {
            self.end(connection, &Failed(error.to_string()));
        }
    }

    /// Reads once from each connection that has bytes; one that has more is read again in the next
    /// tick.
    pub(super) fn read_all(&mut self) {
        let mut list = std::mem::take(&mut self.reading);
        self.connections.take_readable(&mut list);
        for connection in list.drain(..) {
            let outcome = match self.connections.read(connection) {
                ReadOutcome::Nothing => Ok(()),
                ReadOutcome::Bytes(count) => self.take(connection, count),
                ReadOutcome::Ended(reason) => Err(Failed(reason)),
            };
            match outcome {
                Ok(()) if self.connections.wants_flush(connection) => self.flush(connection),
                Ok(()) => {}
                Err(failed) => self.end(connection, &failed),
            }
        }
        self.reading = list;
    }

    /// Passes bytes that were read to the workload.
    fn take(&mut self, connection: usize, count: usize) -> Result<(), Failed> {
        let now_ns = self.since_began_ns();
        let mut taken = 0;
        if self.connections.get(connection).stage == ConnectionStage::Handshake {
            taken = self.take_handshake(connection, count)?;
        }
        if self.is_ready(connection) {
            let (state, bytes) = self.connections.read_bytes(connection, count);
            let (tally, senders) = (&mut self.tally, &mut self.senders);
            let mut stats = Stats { tally, senders, now_ns, came_back: None };
            let received =
                self.workload.receive(connection, &bytes[taken..], &mut state.input, &mut stats);
            let came_back = stats.came_back;
            self.tally.bytes_received += received.bytes as u64;
            taken += received.bytes;
            if let Some(sender) = came_back {
                self.may_send.push(sender);
            }
            if let Some(reason) = received.broken {
                return Err(Failed(reason));
            }
        }
        self.connections.keep_rest(connection, taken, count);
        Ok(())
    }

    /// Passes frames to the opening handshake of the workload. Returns the number of bytes
    /// consumed.
    fn take_handshake(&mut self, connection: usize, count: usize) -> Result<usize, Failed> {
        use cafewire_core::Framing;
        let mut taken = 0;
        let (state, bytes) = self.connections.read_bytes(connection, count);
        let handshake = loop {
            match state.input.next_frame(&bytes[taken..]) {
                Framing::Frame { frame, consumed } => {
                    taken += consumed;
                    match self.workload.answer(connection, &frame, &mut state.out) {
                        Handshake::NotYet => {}
                        other => break other,
                    }
                }
                Framing::Incomplete { .. } => break Handshake::NotYet,
                Framing::Corrupt { error } => {
                    break Handshake::Refused(format!(
                        "the server sent a malformed frame: {error}"
                    ));
                }
            }
        };
        match handshake {
            Handshake::Refused(reason) => {
                return Err(Failed(format!("the server refused: {reason}")));
            }
            Handshake::Ready => {
                state.stage = ConnectionStage::Ready;
                self.connector.ready();
                self.counts.ready += 1;
            }
            Handshake::NotYet => {}
        }
        Ok(taken)
    }

    /// Sends from every sender that may.
    pub(super) fn send_all(&mut self) {
        let now_ns = self.since_began_ns();
        if let Some(due) = &mut self.due {
            let count = self.sender_connections.len();
            let mut on_list = 0;
            while let Some(number) = due.take(now_ns) {
                // Senders take turns, so after `count` messages all of them are on the list.
                if on_list < count {
                    on_list += 1;
                    self.may_send.push(usize::try_from(number % count as u64).unwrap_or(0));
                }
            }
        }
        let mut list = std::mem::take(&mut self.may_send);
        for &sender in &list {
            self.send(sender);
        }
        list.clear();
        self.may_send = list;
    }

    /// Writes the messages that a sender may send by now, as far as the system takes them.
    fn send(&mut self, sender: usize) {
        let connection = self.sender_connections[sender];
        if !self.is_ready(connection) {
            return;
        }
        loop {
            match self.connections.flush(connection) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return self.end(connection, &Failed(error.to_string())),
            }
            if !self.is_sending {
                return;
            }
            let now_ns = self.since_began_ns();
            let out = &mut self.connections.get_mut(connection).out;
            while out.len() < WRITE_SIZE {
                let Some(stamp) = self.senders.take_due(sender, now_ns) else { break };
                self.workload.write(stamp, out);
                if self.due.is_some() && stamp.at_ns >= self.plan.measured_from_ns {
                    self.send_lag.record(now_ns - stamp.at_ns);
                }
            }
            if out.is_empty() {
                return;
            }
        }
    }
}
