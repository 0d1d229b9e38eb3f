//! One simulated client: what it wants to say, what the server sent it, and what it saw of each room.

use std::collections::HashMap;

use cafewire_core::{Direction, Frame, FrameReader, Framing, MessagePayload};

use crate::random::Random;

pub(crate) const ROOMS: [&str; 4] = ["lobby", "naïve", "a", "the room with the rather longer name"];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Habit {
    /// Reads everything, joins every room first, says nothing, stays.
    Witness,
    /// Behaves.
    Polite,
    /// Behaves, but takes few bytes, or none for long.
    Slow,
    /// Takes nothing at all.
    Deaf,
    /// Sends rubbish sooner or later.
    Rude,
    /// Speaks the echo family.
    Echo,
}

pub(crate) struct Client {
    pub(crate) habit: Habit,
    pub(crate) name: String,
    /// Bytes on their way to the server.
    pub(crate) outgoing: Vec<u8>,
    /// The server shut its side, or the connection is gone.
    pub(crate) ended: bool,
    pub(crate) half_closed: bool,
    said: usize,
    signing_in: bool,
    user_id: Option<u32>,
    incoming: Vec<u8>,
    reader: FrameReader,
    /// Whole frames per room, as they came.
    pub(crate) seen: HashMap<String, Vec<Vec<u8>>>,
    pub(crate) last_error: Option<String>,
    pub(crate) echoes_expected: Vec<u8>,
    pub(crate) echoes_seen: Vec<u8>,
}

impl Client {
    pub(crate) fn new(habit: Habit, number: usize) -> Self {
        Self {
            habit,
            name: format!("user-{number}"),
            outgoing: Vec::new(),
            ended: false,
            half_closed: false,
            said: 0,
            signing_in: false,
            user_id: None,
            incoming: Vec::new(),
            reader: FrameReader::new(Direction::ToClient),
            seen: HashMap::new(),
            last_error: None,
            echoes_expected: Vec::new(),
            echoes_seen: Vec::new(),
        }
    }

    pub(crate) fn user_id(&self) -> Option<u32> {
        self.user_id
    }

    /// Queues the next thing that this client says, according to its habit.
    pub(crate) fn speak(&mut self, random: &mut Random) {
        if self.half_closed || self.outgoing.len() > 4096 {
            return;
        }
        match self.habit {
            Habit::Echo => self.speak_echo(random),
            _ if !self.signing_in => {
                self.signing_in = true;
                let name = self.name.clone();
                self.say(&MessagePayload::Connect { username: &name });
                if self.habit == Habit::Witness {
                    ROOMS.iter().for_each(|room| self.say(&MessagePayload::JoinRoom { room }));
                }
            }
            Habit::Witness => {}
            Habit::Rude if random.one_in(40) => {
                let rubbish = random.size(64) + 1;
                self.outgoing.extend((0..rubbish).map(|_| random.next().to_le_bytes()[0]));
            }
            _ => self.speak_chat(random),
        }
    }

    fn speak_chat(&mut self, random: &mut Random) {
        let room = ROOMS[random.below(ROOMS.len())];
        match random.below(12) {
            0 | 1 => self.say(&MessagePayload::JoinRoom { room }),
            2 if random.one_in(3) => self.say(&MessagePayload::LeaveRoom { room }),
            3 if random.one_in(30) => self.say(&MessagePayload::Disconnect),
            _ => {
                self.said += 1;
                let content = format!("{} says {}{}", self.name, self.said, "·".repeat(random.size(200)));
                self.say(&MessagePayload::SendMessage { room, content: &content });
            }
        }
    }

    fn speak_echo(&mut self, random: &mut Random) {
        let payload: Vec<u8> = (0..random.size(3000)).map(|_| random.next().to_le_bytes()[0]).collect();
        let mut buffer = [0; 4096];
        let frame = cafewire_core::Message::Echo(&payload).encode_into(&mut buffer).unwrap();
        self.outgoing.extend_from_slice(frame);
        self.echoes_expected.extend_from_slice(frame);
    }

    fn say(&mut self, message: &MessagePayload<'_>) {
        let mut buffer = [0; 1024];
        self.outgoing.extend_from_slice(message.encode_into(&mut buffer).unwrap());
    }

    /// Takes bytes from the server and sorts its frames by room.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        if self.habit == Habit::Echo {
            self.echoes_seen.extend_from_slice(bytes);
            return;
        }
        self.incoming.extend_from_slice(bytes);
        let incoming = std::mem::take(&mut self.incoming);
        let mut rest = incoming.as_slice();
        loop {
            match self.reader.next_frame(rest) {
                Framing::Frame { frame: Frame::Chat(view), consumed } => {
                    self.sort(&view.parse_payload().expect("the server sends valid frames"), &rest[..consumed]);
                    rest = &rest[consumed..];
                }
                Framing::NeedMore { .. } => break,
                other => panic!("{} got {other:?}", self.name),
            }
        }
        self.incoming = rest.to_vec();
    }

    fn sort(&mut self, message: &MessagePayload<'_>, frame: &[u8]) {
        assert_eq!(self.last_error.as_deref().filter(|error| error.ends_with('!')), None, "a frame after the last one");
        match *message {
            MessagePayload::ConnectAck { user_id, .. } => self.user_id = Some(user_id),
            MessagePayload::MessageBroadcast { room, .. }
            | MessagePayload::UserJoined { room, .. }
            | MessagePayload::UserLeft { room, .. } => {
                self.seen.entry(room.to_owned()).or_default().push(frame.to_vec());
            }
            MessagePayload::Error { code, message } => {
                let last = if code.closes() { "!" } else { "" };
                self.last_error = Some(format!("{code}: {message}{last}"));
            }
            other => panic!("{} got {other:?}", self.name),
        }
    }

    /// What the server echoed, up to the Error that it may have ended with, whole or cut.
    pub(crate) fn echoes_before_error(&self) -> &[u8] {
        let mut rest = self.echoes_seen.as_slice();
        while let Some(&message_type) = rest.get(2) {
            let Framing::Frame { consumed, .. } = Framing::of(rest) else { break };
            if message_type == cafewire_core::echo::MessageType::Error as u8 {
                break;
            }
            rest = &rest[consumed..];
        }
        &self.echoes_seen[..self.echoes_seen.len() - rest.len()]
    }

    /// Whether nothing is half received.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.incoming.is_empty()
    }
}
