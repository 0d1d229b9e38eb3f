//! One simulated client: what it wants to say, what must come of each thing it says, and what it
//! saw of each room.
//!
//! Every chat request has exactly one outcome (its acknowledgement, the own copy of what was said,
//! or an Error), and outcomes come in the order of the requests. So a client knows at each frame
//! what it may be.

use std::collections::{HashSet, VecDeque};

use cafewire_core::{
    Direction, ErrorCode, Frame, FrameDecoder, Framing, Message, MessagePayload, echo,
};
use cafewire_net::Limits;

use crate::attack::{Answer, chat_attack, echo_attack, encoded};
use crate::frames::{Frames, Kind};
use crate::random::Random;
use crate::world::World;

/// Rooms that the witness watches.
pub(crate) const ROOMS: [&str; 4] = ["lobby", "naïve", "a", "the room with the rather longer name"];

/// Rooms that come and go, in which nobody speaks.
const SIDE_ROOMS: [&str; 3] = ["side room", "nook", "corner"];

/// Bytes on the way to the server from which on a client waits before it says more.
const OUTGOING_MAX: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Habit {
    /// Reads everything, joins every room first, says nothing, stays.
    Witness,
    /// Behaves.
    Polite,
    /// Behaves, but takes few bytes, or none for long.
    Slow,
    /// Speaks, and takes nothing at all.
    Deaf,
    /// Sends rubbish sooner or later.
    Rude,
    /// Speaks the echo family.
    Echo,
    /// Speaks the echo family without pause, and reads little.
    Flood,
    /// Signs in and then says nothing more.
    Lurker,
    /// Connects and says nothing.
    Mute,
}

#[derive(Debug)]
enum Request {
    Connect { is_contested: bool },
    Join(&'static str),
    Leave(&'static str),
    Say { room: &'static str, content: String },
    Attack(Answer),
}

/// What a client must know of the world to judge what it is told.
pub(crate) struct Cx<'a> {
    pub(crate) world: &'a World,
    pub(crate) frames: &'a mut Frames,
    /// Every time that the wall clock has shown.
    pub(crate) times_shown: &'a HashSet<u64>,
}

pub(crate) struct Client {
    pub(crate) habit: Habit,
    pub(crate) name: String,
    /// The name that nobody else ever asks for.
    own_name: String,
    /// Bytes on their way to the server.
    pub(crate) outgoing: VecDeque<u8>,
    /// It says nothing more.
    pub(crate) half_closed: bool,
    /// What it said last, at its half-close, may be half a frame.
    pub(crate) is_cut: bool,
    /// The Error that the server ended with.
    pub(crate) ended_by: Option<ErrorCode>,
    /// It asked for the end.
    pub(crate) said_disconnect: bool,
    pub(crate) was_rate_limited: bool,
    /// It sent what may never be answered.
    has_attacked: bool,
    requests: VecDeque<Request>,
    echoes: VecDeque<Vec<u8>>,
    echoes_dropped: usize,
    echo_errors: usize,
    said: usize,
    user_id: Option<u32>,
    /// The rooms it is in, as far as it was told.
    rooms: Vec<&'static str>,
    incoming: Vec<u8>,
    reader: FrameDecoder,
    /// The frames of each of [`ROOMS`], as they came.
    pub(crate) seen: [Vec<u32>; ROOMS.len()],
}

impl Client {
    pub(crate) fn new(habit: Habit, number: usize) -> Self {
        Self {
            habit,
            name: format!("user-{number}"),
            own_name: format!("user-{number}"),
            outgoing: VecDeque::new(),
            half_closed: false,
            is_cut: false,
            ended_by: None,
            said_disconnect: false,
            was_rate_limited: false,
            has_attacked: false,
            requests: VecDeque::new(),
            echoes: VecDeque::new(),
            echoes_dropped: 0,
            echo_errors: 0,
            said: 0,
            user_id: None,
            rooms: Vec::new(),
            incoming: Vec::new(),
            reader: FrameDecoder::new(Direction::ToClient),
            seen: Default::default(),
        }
    }

    pub(crate) const fn user_id(&self) -> Option<u32> {
        self.user_id
    }

    /// Whether everything it asked was answered and nothing is half received.
    pub(crate) fn is_served(&self) -> bool {
        let waits = !self.requests.is_empty() || !self.echoes.is_empty();
        self.incoming.is_empty()
            && (!waits || self.has_attacked || self.said_disconnect || self.was_rate_limited)
    }

    // ---- What it says ---------------------------------------------------------------------------

    /// Queues the next thing that this client says, according to its habit.
    pub(crate) fn speak(&mut self, random: &mut Random, world: &World) {
        let times = if world.is_loud { 1 + random.below(6) } else { 1 };
        (0..times).for_each(|_| self.speak_once(random, world.is_loud));
    }

    fn speak_once(&mut self, random: &mut Random, is_loud: bool) {
        if self.half_closed
            || self.said_disconnect
            || self.has_attacked
            || self.outgoing.len() > OUTGOING_MAX
        {
            return;
        }
        match self.habit {
            Habit::Mute => {}
            Habit::Echo | Habit::Flood => self.speak_echo(random),
            _ if self.user_id.is_none() => self.sign_in(random),
            Habit::Lurker | Habit::Witness => {}
            Habit::Rude if random.one_in(30) => {
                let (bytes, answer) = chat_attack(random);
                self.has_attacked = !matches!(answer, Answer::Refused(_));
                self.ask(&bytes, Request::Attack(answer));
            }
            _ => self.speak_chat(random, is_loud),
        }
    }

    fn sign_in(&mut self, random: &mut Random) {
        if !self.requests.is_empty() {
            return;
        }
        if self.habit == Habit::Rude && random.one_in(10) {
            self.has_attacked = true;
            let early = encoded(&MessagePayload::JoinRoom { room: ROOMS[0] });
            return self.ask(&early, Request::Attack(Answer::Closed(ErrorCode::NotConnected)));
        }
        // Sometimes under a name that others want too. Then one should wait for the answer before
        // one goes on.
        let is_contested = self.habit != Habit::Witness && random.one_in(8);
        self.name =
            if is_contested { format!("twin-{}", random.below(3)) } else { self.own_name.clone() };
        let request = encoded(&MessagePayload::Connect { username: &self.name });
        self.ask(&request, Request::Connect { is_contested });
        if self.habit == Habit::Witness {
            ROOMS.iter().for_each(|room| self.join(room));
        } else if !is_contested && self.habit != Habit::Lurker {
            self.join(ROOMS[0]);
        }
    }

    fn speak_chat(&mut self, random: &mut Random, is_loud: bool) {
        let room = random.pick(&ROOMS);
        match random.below(14) {
            0 | 1 => self.join(room),
            2 if random.one_in(3) => self.leave(room),
            3 if random.one_in(30) => {
                self.said_disconnect = true;
                self.outgoing.extend(encoded(&MessagePayload::Disconnect));
            }
            4 => self.join(random.pick(&SIDE_ROOMS)),
            5 => self.leave(random.pick(&SIDE_ROOMS)),
            _ => {
                self.said += 1;
                let dots = if is_loud { 100 + random.below(130) } else { random.size(200) };
                let content = format!("{} says {}{}", self.name, self.said, "·".repeat(dots));
                let request = encoded(&MessagePayload::SendMessage { room, content: &content });
                self.ask(&request, Request::Say { room, content });
            }
        }
    }

    fn join(&mut self, room: &'static str) {
        self.ask(&encoded(&MessagePayload::JoinRoom { room }), Request::Join(room));
    }

    fn leave(&mut self, room: &'static str) {
        self.ask(&encoded(&MessagePayload::LeaveRoom { room }), Request::Leave(room));
    }

    fn ask(&mut self, bytes: &[u8], request: Request) {
        self.outgoing.extend(bytes);
        self.requests.push_back(request);
    }

    fn speak_echo(&mut self, random: &mut Random) {
        if random.one_in(100) {
            self.has_attacked = true;
            return self.outgoing.extend(echo_attack(random));
        }
        if self.habit == Habit::Flood && random.one_in(8) {
            // More frames than are done in one tick.
            let (ping, pong) = (frame_of(&Message::ping()), frame_of(&Message::pong()));
            let count = 200 + random.below(600);
            self.outgoing.extend(ping.repeat(count));
            return self.echoes.extend(std::iter::repeat_n(pong, count));
        }
        let size = random.size(if self.habit == Habit::Flood { 65_535 } else { 3000 });
        let payload = random.bytes(size);
        let (message, answer) = match random.below(6) {
            0 => (Message::Ping(&payload), Some(Message::Pong(&payload))),
            1 => (Message::Pong(&payload), None),
            2 => (Message::Data(&payload), None),
            3 => (Message::Error(b"dear me"), None),
            _ => (Message::Echo(&payload), Some(Message::Echo(&payload))),
        };
        self.outgoing.extend(frame_of(&message));
        self.echoes.extend(answer.map(|answer| frame_of(&answer)));
    }

    /// It says no more: all of what is still on its way may go through, or a part of it.
    pub(crate) fn half_close(&mut self, random: &mut Random) {
        self.half_closed = true;
        if random.one_in(2) {
            self.outgoing.truncate(random.size(self.outgoing.len() + 1));
            self.is_cut = true;
        }
    }

    // ---- What it hears --------------------------------------------------------------------------

    /// Takes bytes from the server, and judges every whole frame.
    pub(crate) fn hear(&mut self, bytes: &[u8], around: &mut Cx<'_>) {
        self.incoming.extend_from_slice(bytes);
        let incoming = std::mem::take(&mut self.incoming);
        let mut rest = incoming.as_slice();
        loop {
            match self.reader.next_frame(rest) {
                Framing::Frame { frame, consumed } => {
                    assert_eq!(self.ended_by, None, "{} got a frame after the last one", self.name);
                    match frame {
                        Frame::Chat(view) => {
                            let message =
                                view.parse_payload().expect("the server sends valid frames");
                            self.judge_chat(&message, &rest[..consumed], around);
                        }
                        Frame::Echo(view) => {
                            self.judge_echo(view.message_type, &rest[..consumed], around.world)
                        }
                    }
                    rest = &rest[consumed..];
                }
                Framing::Incomplete { .. } => break,
                Framing::Corrupt { error } => {
                    panic!("{} ({:?}) got damaged bytes: {error}", self.name, self.habit)
                }
            }
        }
        self.incoming = rest.to_vec();
    }

    fn judge_chat(&mut self, message: &MessagePayload<'_>, frame: &[u8], around: &mut Cx<'_>) {
        match *message {
            MessagePayload::ConnectAck { user_id, .. } => {
                assert!(
                    matches!(self.requests.pop_front(), Some(Request::Connect { .. })),
                    "{} signed in",
                    self.name
                );
                self.user_id = Some(user_id);
            }
            MessagePayload::UserJoined { user_id, username, room } => {
                if self.is_me(user_id, username) {
                    let Some(Request::Join(asked)) = self.requests.pop_front() else {
                        panic!("joined unasked")
                    };
                    assert_eq!(asked, room);
                    self.rooms.push(asked);
                }
                self.see(room, around.frames, frame, Kind::Joined, user_id);
            }
            MessagePayload::UserLeft { user_id, username, room } => {
                self.see(room, around.frames, frame, Kind::Left, user_id);
                if self.is_me(user_id, username) {
                    let Some(Request::Leave(asked)) = self.requests.pop_front() else {
                        panic!("left unasked")
                    };
                    assert_eq!(asked, room);
                    self.rooms.retain(|&other| other != asked);
                }
            }
            MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content } => {
                assert!(
                    around.times_shown.contains(&timestamp),
                    "{timestamp} is a time that never was"
                );
                if self.is_me(user_id, username) {
                    let Some(Request::Say { room: asked, content: said }) =
                        self.requests.pop_front()
                    else {
                        panic!("{}: words that were not its own: {content}", self.name)
                    };
                    assert_eq!((asked, said.as_str()), (room, content));
                }
                self.see(room, around.frames, frame, Kind::Said, user_id);
            }
            MessagePayload::Error { code, message } => {
                self.judge_error(code, message, around.world)
            }
            other => panic!("{} got {other:?}", self.name),
        }
    }

    fn is_me(&self, user_id: u32, username: &str) -> bool {
        let is_me = self.user_id == Some(user_id);
        assert!(!is_me || username == self.name, "{} is called {username}", self.name);
        is_me
    }

    fn see(&mut self, room: &str, frames: &mut Frames, frame: &[u8], kind: Kind, user_id: u32) {
        assert!(self.rooms.contains(&room), "{} hears of {room} and is not in it", self.name);
        if let Some(place) = ROOMS.iter().position(|&watched| watched == room) {
            self.seen[place].push(frames.number(frame, kind, user_id));
        }
    }

    fn judge_error(&mut self, code: ErrorCode, message: &str, world: &World) {
        if code == ErrorCode::RateLimited {
            assert!(world.is_rate_limited());
            self.was_rate_limited = true;
            self.requests.pop_front();
        } else if code.closes() {
            self.ended_by = Some(code);
            self.judge_closing(code, message, world);
        } else {
            let request = self.requests.pop_front();
            let fits = match &request {
                Some(Request::Connect { is_contested }) => {
                    *is_contested && code == ErrorCode::UsernameTaken
                }
                Some(Request::Join(room)) => self.join_may_fail(room, code, world),
                Some(Request::Leave(room) | Request::Say { room, .. }) => {
                    code == ErrorCode::NotInRoom && !self.rooms.contains(room)
                }
                Some(Request::Attack(answer)) => *answer == Answer::Refused(code),
                None => false,
            };
            assert!(
                fits,
                "{} in {:?} got {code} ({message}) for {request:?}",
                self.name, self.rooms
            );
        }
    }

    fn join_may_fail(&self, room: &str, code: ErrorCode, world: &World) -> bool {
        let is_bounded = |limit: usize| limit != 0 && limit < 65_536;
        match code {
            ErrorCode::AlreadyInRoom => self.rooms.contains(&room),
            ErrorCode::LimitReached => world.ever(|limits| {
                let full = limits.rooms_per_connection != 0
                    && self.rooms.len() >= limits.rooms_per_connection;
                full || is_bounded(limits.rooms) || is_bounded(limits.members_per_room)
            }),
            _ => false,
        }
    }

    fn judge_closing(&self, code: ErrorCode, message: &str, world: &World) {
        let answers_attack = match self.requests.front() {
            Some(Request::Attack(Answer::Any)) => true,
            Some(Request::Attack(answer)) => *answer == Answer::Closed(code),
            Some(_) => false,
            // An echo peer that began with a wrong first byte is answered as a chat peer.
            None => self.has_attacked,
        };
        let fits = answers_attack
            || match code {
                ErrorCode::SlowConsumer => self.habit != Habit::Witness,
                ErrorCode::ShuttingDown => world.ends_by_shutting_down,
                ErrorCode::ServerFull => self.user_id.is_none() && self.requests.len() <= 2,
                ErrorCode::IdleTimeout => {
                    let is_signed_in = self.user_id.is_some();
                    let is_timed = |limits: &Limits| {
                        !if is_signed_in { limits.idle_timeout } else { limits.sign_in_timeout }
                            .is_zero()
                    };
                    self.rooms.is_empty() && world.ever(is_timed)
                }
                ErrorCode::MalformedFrame => self.is_cut,
                // The rate left no room for its Connect.
                ErrorCode::NotConnected => self.user_id.is_none() && self.was_rate_limited,
                _ => false,
            };
        assert!(
            fits,
            "{} ({:?}) was closed: {code}: {message}; {:?}",
            self.name,
            self.habit,
            self.requests.front()
        );
    }

    fn judge_echo(&mut self, message_type: echo::MessageType, frame: &[u8], world: &World) {
        if message_type == echo::MessageType::Error {
            self.echo_errors += 1;
            self.was_rate_limited |= world.is_rate_limited();
            return;
        }
        while let Some(expected) = self.echoes.pop_front() {
            if expected == frame {
                return;
            }
            self.echoes_dropped += 1;
            assert!(
                self.echoes_dropped <= self.echo_errors && world.is_rate_limited(),
                "{} lost an echo",
                self.name
            );
        }
        panic!("{} got an echo of what it did not say", self.name);
    }

    /// Whether the server ended before it had answered everything, and said so; or let go in the
    /// middle of a frame, for want of memory or time.
    pub(crate) fn was_cut_off(&self) -> bool {
        self.was_told() || !self.incoming.is_empty()
    }

    fn was_told(&self) -> bool {
        self.ended_by.is_some() || self.echo_errors > 0 || self.was_rate_limited
    }

    /// The server shut its side in order. That must have been asked for, or explained.
    pub(crate) fn end(&self) {
        let is_asked_for = self.half_closed || self.said_disconnect;
        assert!(
            is_asked_for || self.was_told(),
            "{} ({:?}) was closed without a word",
            self.name,
            self.habit
        );
    }
}

fn frame_of(message: &Message<'_>) -> Vec<u8> {
    let mut frame = vec![0; message.encoded_len()];
    message.encode_into(&mut frame).unwrap();
    frame
}
