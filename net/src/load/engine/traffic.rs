//! What the connections read and write: the greeting, messages that are due, what comes back. Knows
//! neither the poll nor when the run is over.

use super::{Engine, Failed};
use crate::load::connections::{Read, Stage};
use crate::load::workload::{Handshake, Stats, Workload};

/// Bytes of messages gathered for one write.
const WRITE_SIZE: usize = 64 << 10;

impl<W: Workload> Engine<'_, W> {
    /// There is room to write, or the connection has come to stand.
    pub(super) fn writable(&mut self, connection: usize) {
        if self.connections.get(connection).stage == Stage::Connecting {
            match self.connections.is_connected(connection) {
                Ok(true) => {
                    let state = self.connections.get_mut(connection);
                    state.stage = Stage::Handshake;
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

    /// Each connection that has something is read once; who has more is there again in the next
    /// tick.
    pub(super) fn read_all(&mut self) {
        let mut list = std::mem::take(&mut self.reading);
        self.connections.take_readable(&mut list);
        for connection in list.drain(..) {
            let outcome = match self.connections.read(connection) {
                Read::Nothing => Ok(()),
                Read::Bytes(count) => self.take(connection, count),
                Read::Ended(reason) => Err(Failed(reason)),
            };
            match outcome {
                Ok(()) if self.connections.wants_flush(connection) => self.flush(connection),
                Ok(()) => {}
                Err(failed) => self.end(connection, &failed),
            }
        }
        self.reading = list;
    }

    /// Hands on what was read.
    fn take(&mut self, connection: usize, count: usize) -> Result<(), Failed> {
        let now_ns = self.since_began_ns();
        let mut taken = 0;
        if self.connections.get(connection).stage == Stage::Handshake {
            taken = self.take_opening(connection, count)?;
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

    /// Goes on with signing in. Returns the bytes that it took.
    fn take_opening(&mut self, connection: usize, count: usize) -> Result<usize, Failed> {
        use cafewire_core::Framing;
        let mut taken = 0;
        let (state, bytes) = self.connections.read_bytes(connection, count);
        let opening = loop {
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
                    break Handshake::Refused(format!("the server sent what is no frame: {error}"));
                }
            }
        };
        match opening {
            Handshake::Refused(reason) => {
                return Err(Failed(format!("the server refused: {reason}")));
            }
            Handshake::Ready => {
                state.stage = Stage::Ready;
                self.connector.ready();
                self.counts.ready += 1;
            }
            Handshake::NotYet => {}
        }
        Ok(taken)
    }

    /// Has everybody send who may.
    pub(super) fn send_all(&mut self) {
        let now_ns = self.since_began_ns();
        if let Some(due) = &mut self.due {
            let count = self.sender_connections.len();
            let mut on_list = 0;
            while let Some(number) = due.take(now_ns) {
                // They take turns, so once there is one for each of them all are on the list.
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

    /// Writes what a sender may send by now, as far as the system takes it.
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
