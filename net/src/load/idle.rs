//! The idle test: connections sign in and stay idle; at the end each joins a room of its own, and
//! one confirmation each is expected.

use cafewire_core::{Frame, FrameDecoder, MessagePayload};

use super::chat::{append, parsed};
use super::checker::SequenceChecker;
use super::payload::Stamp;
use super::schedule::Senders;
use super::workload::{Consumed, Handshake, Stats, Workload, each_frame};

#[derive(Debug)]
pub(super) struct Idle {
    run: String,
    connections: Vec<IdleUser>,
    senders: Vec<usize>,
}

#[derive(Debug, Default)]
struct IdleUser {
    user_id: Option<u32>,
    sender: Option<usize>,
    /// When the join was due.
    joined_at_ns: u64,
    checker: SequenceChecker,
}

impl Idle {
    /// `run` makes user and room names unique among runs.
    pub(super) fn new(run: &str, connections: usize) -> Self {
        let connections = std::iter::repeat_with(IdleUser::default).take(connections).collect();
        Self { run: run.to_owned(), connections, senders: Vec::new() }
    }

    fn name(&self, connection: usize) -> String {
        format!("bench-{}-{connection}", self.run)
    }
}

impl Workload for Idle {
    fn connections(&self) -> usize {
        self.connections.len()
    }

    fn open(&mut self, connection: usize, out: &mut Vec<u8>) {
        append(&MessagePayload::Connect { username: &self.name(connection) }, out);
    }

    fn answer(&mut self, connection: usize, frame: &Frame<'_>, _out: &mut Vec<u8>) -> Handshake {
        match parsed(frame) {
            Ok(MessagePayload::ConnectAck { user_id, .. }) => {
                self.connections[connection].user_id = Some(user_id);
                Handshake::Ready
            }
            Ok(MessagePayload::Error { code, message }) => {
                Handshake::Refused(format!("{message} [{code}]"))
            }
            Ok(_) => Handshake::NotYet,
            Err(reason) => Handshake::Refused(reason),
        }
    }

    fn begin(&mut self, ready: &[bool]) -> Vec<usize> {
        self.senders = (0..ready.len()).filter(|&connection| ready[connection]).collect();
        for (sender, &connection) in self.senders.iter().enumerate() {
            self.connections[connection].sender = Some(sender);
        }
        self.senders.clone()
    }

    fn write(&mut self, stamp: Stamp, out: &mut Vec<u8>) {
        let connection = self.senders[stamp.key.sender()];
        self.connections[connection].joined_at_ns = stamp.at_ns;
        append(&MessagePayload::JoinRoom { room: &self.name(connection) }, out);
    }

    fn receive(
        &mut self,
        connection: usize,
        bytes: &[u8],
        input: &mut FrameDecoder,
        stats: &mut Stats<'_>,
    ) -> Consumed {
        let connection = &mut self.connections[connection];
        each_frame(bytes, input, |frame, _| {
            match parsed(frame)? {
                MessagePayload::UserJoined { user_id, .. }
                    if connection.user_id == Some(user_id) =>
                {
                    let sent = connection.sender.map_or(0, |sender| stats.senders.sent(sender));
                    // Joins have no numbers: a second answer to the one join is a duplicate.
                    let verdict = connection.checker.receive(0, sent);
                    stats.tally.deliver(verdict, connection.joined_at_ns, stats.now_ns);
                }
                MessagePayload::Error { code, message } => {
                    stats.tally.server_errors.add(&format!("{message} [{code}]"));
                }
                _ => stats.tally.unexpected += 1,
            }
            Ok(())
        })
    }

    fn leave(&mut self, _connection: usize) {}

    fn expected(&self, senders: &Senders) -> u64 {
        senders.sent_in_all()
    }
}
