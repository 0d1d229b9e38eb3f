//! The chat test: publishers send to their rooms, and every member of a room receives all messages,
//! in one order.
//!
//! Members that are in the same rooms are a *group*, which shares its rooms with no other. Message
//! k of each publisher goes to room k mod n of the n rooms of its group. A server does things one
//! after another, and each connection is told of them in that order, across its rooms too: so all
//! members of a group must see one order of all its messages, and one checker holds them to it.

use cafewire_core::chat::MAX_CLIENT_FRAME_SIZE;
use cafewire_core::client::{Event, Session, Slot};
use cafewire_core::{Frame, FrameDecoder, MessagePayload};

use super::checker::{GroupChecker, Verdict};
use super::payload::{MessageKey, Stamp, Template};
use super::schedule::Senders;
use super::workload::{Consumed, Handshake, Stats, Workload, each_frame};

const TOO_FAR_BEHIND: &str = "it fell too far behind the other members of its rooms to be judged";

/// The shape of a chat test, checked by [`LoadConfig`](super::LoadConfig).
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Rooms in all, a multiple of `rooms_each`.
    pub(super) rooms: usize,
    /// Rooms that each member is in.
    pub(super) rooms_each: usize,
    /// Members of each room.
    pub(super) members: usize,
    pub(super) publishers: usize,
    pub(super) size_bytes: usize,
}

#[derive(Debug)]
pub(super) struct Chat {
    run: String,
    template: Template,
    publishers: usize,
    groups: Vec<Group>,
    /// Members group by group; the first ones of a group publish.
    members: Vec<Member>,
    /// The handshake of each connection. What comes after it is the checkers' to judge, and they
    /// do not ask a session.
    handshakes: Vec<HandshakeSession>,
    /// The connection of each sender.
    senders: Vec<usize>,
    expelled: Vec<usize>,
}

/// Members that are in the same rooms, with these rooms.
#[derive(Debug)]
struct Group {
    rooms: Vec<String>,
    /// The number of the group's first sender.
    first_sender: usize,
    checker: GroupChecker,
    /// The connection of each member, by its number in the checker.
    connections: Vec<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Member {
    user_id: Option<u32>,
    /// The number of rooms that it has joined, in their order.
    joined: usize,
    /// The member's number in the group's checker, once sending has begun.
    number: Option<usize>,
    sender: Option<usize>,
}

/// One request at a time: the next one is written when the answer has come.
pub(super) type HandshakeSession = Session<[Slot; 1]>;

pub(super) const NO_HANDSHAKE: HandshakeSession = Session::new([Slot::EMPTY]);

impl Chat {
    /// `run` makes user and room names unique among runs.
    pub(super) fn new(run: &str, shape: Shape) -> Self {
        let Shape { rooms, rooms_each, members, publishers, size_bytes } = shape;
        let groups = rooms / rooms_each;
        let name = |number| format!("bench-{run}-{number}");
        let group = |number| Group {
            rooms: (number * rooms_each..(number + 1) * rooms_each).map(name).collect(),
            first_sender: 0,
            checker: GroupChecker::new(0, 0, 0),
            connections: Vec::new(),
        };
        Self {
            run: run.to_owned(),
            template: Template::new(size_bytes),
            publishers,
            groups: (0..groups).map(group).collect(),
            members: vec![Member::default(); groups * members],
            handshakes: vec![NO_HANDSHAKE; groups * members],
            senders: Vec::new(),
            expelled: Vec::new(),
        }
    }

    fn group_of(&self, connection: usize) -> usize {
        connection * self.groups.len() / self.members.len()
    }

    /// Writes the next join, if a room is left.
    fn join_next(&mut self, connection: usize, out: &mut Vec<u8>) -> Handshake {
        let rooms = &self.groups[self.group_of(connection)].rooms;
        match rooms.get(self.members[connection].joined) {
            Some(room) => {
                ask(&mut self.handshakes[connection], &MessagePayload::JoinRoom { room }, out);
                Handshake::NotYet
            }
            None => Handshake::Ready,
        }
    }

    fn username(&self, connection: usize) -> String {
        format!("bench-{}-{connection}", self.run)
    }
}

impl Workload for Chat {
    fn connections(&self) -> usize {
        self.members.len()
    }

    fn open(&mut self, connection: usize, out: &mut Vec<u8>) {
        self.members[connection] = Member::default();
        self.handshakes[connection] = NO_HANDSHAKE;
        let username = &self.username(connection);
        ask(&mut self.handshakes[connection], &MessagePayload::Connect { username }, out);
    }

    fn answer(&mut self, connection: usize, frame: &Frame<'_>, out: &mut Vec<u8>) -> Handshake {
        let payload = match parsed(frame) {
            Ok(payload) => payload,
            Err(reason) => return Handshake::Refused(reason),
        };
        let member = &mut self.members[connection];
        match self.handshakes[connection].receive(&payload, 0) {
            Event::SignedIn { user_id, .. } => {
                member.user_id = Some(user_id);
                self.join_next(connection, out)
            }
            Event::Joined { answers: Some(_), .. } => {
                member.joined += 1;
                self.join_next(connection, out)
            }
            Event::Refused { code, message, .. } | Event::Ended { code, message } => {
                Handshake::Refused(format!("{message} [{code}]"))
            }
            Event::Unexpected { message } => Handshake::Refused(unexpected(&message)),
            _ => Handshake::NotYet,
        }
    }

    fn begin(&mut self, ready: &[bool]) -> Vec<usize> {
        for number in 0..self.groups.len() {
            let members = self.members.len() / self.groups.len();
            let connections: Vec<usize> = (number * members..(number + 1) * members)
                .filter(|&connection| ready[connection])
                .collect();
            let (publishers, first_sender) =
                (self.publishers.min(connections.len()), self.senders.len());
            self.senders.extend(&connections[..publishers]);
            for (place, &connection) in connections.iter().enumerate() {
                let member = &mut self.members[connection];
                member.number = Some(place);
                member.sender = (place < publishers).then_some(first_sender + place);
            }
            let checker = GroupChecker::new(first_sender, publishers, connections.len());
            let group = &mut self.groups[number];
            (group.first_sender, group.checker, group.connections) =
                (first_sender, checker, connections);
        }
        self.senders.clone()
    }

    #[inline]
    fn write(&mut self, stamp: Stamp, out: &mut Vec<u8>) {
        let group = self.group_of(self.senders[stamp.key.sender()]);
        // A stamp is ASCII, and so is what stands behind it.
        let content = str::from_utf8(self.template.stamped(stamp)).unwrap_or_default();
        let room = self.groups[group].room_of(stamp.key);
        append(&MessagePayload::SendMessage { room, content }, out);
    }

    fn receive(
        &mut self,
        connection: usize,
        bytes: &[u8],
        input: &mut FrameDecoder,
        stats: &mut Stats<'_>,
    ) -> Consumed {
        let group_number = self.group_of(connection);
        let group = &mut self.groups[group_number];
        let Some(member) = self.members[connection].number else {
            return receive_early(bytes, input, stats);
        };
        let recipient = Recipient { member, sender: self.members[connection].sender };
        let mut came_back = 0;
        // Frames that other members have already received are recognised by their bytes; the rest
        // is parsed frame by frame.
        let known = group.take_known(recipient, bytes, stats, &mut came_back);
        let mut judge =
            FrameJudge { group, recipient, members: &self.members, senders: &self.senders };
        let template = &self.template;
        let mut consumed = each_frame(&bytes[known..], input, |frame, frame_bytes| {
            came_back += u64::from(judge.judge(frame, frame_bytes, template, stats)?);
            Ok(())
        });
        consumed.bytes += known;
        let group = judge.group;
        if let Some(sender) = recipient.sender
            && came_back > 0
        {
            stats.senders.came_back(sender, came_back);
            stats.came_back = Some(sender);
        }
        if let Some(lagging) = group.checker.take_lagging() {
            self.expelled.push(group.connections[lagging]);
        }
        consumed
    }

    fn leave(&mut self, connection: usize) {
        let group = self.group_of(connection);
        if let Some(member) = self.members[connection].number {
            self.groups[group].checker.leave(member);
        }
    }

    fn take_expelled(&mut self) -> Option<(usize, &'static str)> {
        self.expelled.pop().map(|connection| (connection, TOO_FAR_BEHIND))
    }

    fn expected(&self, senders: &Senders) -> u64 {
        let deliveries = |group: &Group| {
            let publishers = self.publishers.min(group.connections.len());
            let sent: u64 = (group.first_sender..group.first_sender + publishers)
                .map(|sender| senders.sent(sender))
                .sum();
            sent * group.connections.len() as u64
        };
        self.groups.iter().map(deliveries).sum()
    }
}

/// A member that receives, by its number in the group, and by its number as a sender if it is one.
#[derive(Clone, Copy)]
struct Recipient {
    member: usize,
    sender: Option<usize>,
}

impl Group {
    /// The room that a message goes to: each sender takes them by turns.
    #[inline]
    fn room_of(&self, key: MessageKey) -> &str {
        // A sequence has 40 bits, and what is left of it is less than the number of rooms.
        #[allow(clippy::cast_possible_truncation)]
        let place = (key.sequence() % self.rooms.len() as u64) as usize;
        &self.rooms[place]
    }

    /// Takes the frames that equal, byte by byte, those that other members have received. Returns
    /// their number of bytes.
    fn take_known(
        &mut self,
        recipient: Recipient,
        bytes: &[u8],
        stats: &mut Stats<'_>,
        came_back: &mut u64,
    ) -> usize {
        let Some(run) = self.checker.receive_bytes(recipient.member, bytes) else { return 0 };
        for stamp in self.checker.stamps(&run) {
            stats.tally.deliver(Verdict::InOrder, stamp.at_ns, stats.now_ns);
            *came_back += u64::from(recipient.sender == Some(stamp.key.sender()));
        }
        run.bytes
    }
}

/// Judges the frames of one member, one by one.
struct FrameJudge<'a> {
    group: &'a mut Group,
    recipient: Recipient,
    members: &'a [Member],
    senders: &'a [usize],
}

impl FrameJudge<'_> {
    /// Judges a frame. True if it is the member's own message that has come back.
    fn judge(
        &mut self,
        frame: &Frame<'_>,
        bytes: &[u8],
        template: &Template,
        stats: &mut Stats<'_>,
    ) -> Result<bool, String> {
        match parsed(frame)? {
            MessagePayload::MessageBroadcast { user_id, room, content, .. } => {
                let stamp = template.read(content.as_bytes());
                let stamp = stamp.filter(|stamp| {
                    room == self.group.room_of(stamp.key) && self.is_said_by(stamp, user_id)
                });
                let Some(stamp) = stamp else {
                    stats.tally.unexpected += 1;
                    return Ok(false);
                };
                let sender = stamp.key.sender();
                let sent = stats.senders.sent(sender);
                let verdict = self.group.checker.receive(self.recipient.member, stamp, sent, bytes);
                let is_first = stats.tally.deliver(verdict, stamp.at_ns, stats.now_ns);
                Ok(is_first && self.recipient.sender == Some(sender))
            }
            MessagePayload::Error { code, message } => {
                stats.tally.server_errors.add(&format!("{message} [{code}]"));
                Ok(false)
            }
            MessagePayload::UserJoined { .. } | MessagePayload::UserLeft { .. } => Ok(false),
            _ => {
                stats.tally.unexpected += 1;
                Ok(false)
            }
        }
    }

    fn is_said_by(&self, stamp: &Stamp, user_id: u32) -> bool {
        self.senders
            .get(stamp.key.sender())
            .is_some_and(|&connection| self.members[connection].user_id == Some(user_id))
    }
}

/// Takes the frames of a member before sending begins: only joins and leaves are expected.
fn receive_early(bytes: &[u8], input: &mut FrameDecoder, stats: &mut Stats<'_>) -> Consumed {
    each_frame(bytes, input, |frame, _| {
        match parsed(frame)? {
            MessagePayload::UserJoined { .. } | MessagePayload::UserLeft { .. } => {}
            MessagePayload::Error { code, message } => {
                stats.tally.server_errors.add(&format!("{message} [{code}]"));
            }
            _ => stats.tally.unexpected += 1,
        }
        Ok(())
    })
}

pub(super) fn parsed<'a>(frame: &Frame<'a>) -> Result<MessagePayload<'a>, String> {
    match frame {
        Frame::Chat(view) => view
            .parse_payload()
            .map_err(|error| format!("the server sent a malformed message: {error}")),
        Frame::Echo(_) => Err("the server spoke the echo family on a chat connection".to_owned()),
    }
}

/// Why a handshake ends that a server answers with this.
pub(super) fn unexpected(message: &MessagePayload<'_>) -> String {
    match *message {
        MessagePayload::UserJoined { room, .. } => {
            format!("the server let it into {room}, unasked")
        }
        MessagePayload::Error { code, message } => format!("{message} [{code}]"),
        other => format!("the server sent {}, unasked", other.message_type()),
    }
}

/// Writes a request of a handshake, whose answer is waited for.
pub(super) fn ask(
    handshake: &mut HandshakeSession,
    request: &MessagePayload<'_>,
    out: &mut Vec<u8>,
) {
    let before = out.len();
    out.resize(before + request.encoded_len(), 0);
    // As below.
    let written = handshake.request(request, &mut out[before..]);
    debug_assert!(written.is_ok(), "{written:?}");
}

#[inline]
pub(super) fn append(payload: &MessagePayload<'_>, out: &mut Vec<u8>) {
    debug_assert!(payload.encoded_len() <= MAX_CLIENT_FRAME_SIZE);
    let before = out.len();
    out.resize(before + payload.encoded_len(), 0);
    // Encoding cannot fail: names and sizes were checked before the test began.
    let written = payload.encode_into(&mut out[before..]);
    debug_assert!(written.is_ok());
}
