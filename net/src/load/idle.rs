//! The idle test: connections sign in and stay idle; at the end each joins a room of its own, and
//! one confirmation each is expected.

use cafewire_core::client::Event;
use cafewire_core::{Frame, FrameDecoder, MessagePayload};

use super::chat::{HandshakeSession, NO_HANDSHAKE, ask, parsed, unexpected};
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

#[derive(Debug)]
struct IdleUser {
    handshake: HandshakeSession,
    sender: Option<usize>,
    /// When the join was due.
    joined_at_ns: u64,
    checker: SequenceChecker,
}

impl Idle {
    /// `run` makes user and room names unique among runs.
    pub(super) fn new(run: &str, connections: usize) -> Self {
        let user = || IdleUser {
            handshake: NO_HANDSHAKE,
            sender: None,
            joined_at_ns: 0,
            checker: SequenceChecker::default(),
        };
        let connections = std::iter::repeat_with(user).take(connections).collect();
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
        let username = &self.name(connection);
        let handshake = &mut self.connections[connection].handshake;
        *handshake = NO_HANDSHAKE;
        ask(handshake, &MessagePayload::Connect { username }, out);
    }

    fn answer(&mut self, connection: usize, frame: &Frame<'_>, _out: &mut Vec<u8>) -> Handshake {
        let payload = match parsed(frame) {
            Ok(payload) => payload,
            Err(reason) => return Handshake::Refused(reason),
        };
        match self.connections[connection].handshake.receive(&payload, 0) {
            Event::SignedIn { .. } => Handshake::Ready,
            Event::Refused { code, message, .. } | Event::Ended { code, message } => {
                Handshake::Refused(format!("{message} [{code}]"))
            }
            Event::Unexpected { message } => Handshake::Refused(unexpected(&message)),
            _ => Handshake::NotYet,
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
        let room = &self.name(connection);
        let user = &mut self.connections[connection];
        user.joined_at_ns = stamp.at_ns;
        ask(&mut user.handshake, &MessagePayload::JoinRoom { room }, out);
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
                    if connection.handshake.user_id() == Some(user_id) =>
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
