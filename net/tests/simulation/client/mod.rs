//! One simulated client: what it wants to say, what must come of each thing it says, and what it
//! saw of each room.
//!
//! It speaks through the core's client session, as real clients do, and judges without it: the list
//! of its requests is its own, and the session is held against that after every frame.
//!
//! Every chat request has exactly one outcome (its acknowledgement, the own copy of what was said,
//! or an Error), and outcomes come in the order of the requests. So a client knows at each frame
//! what it may be.

mod hear;

use std::collections::{HashSet, VecDeque};

use cafewire_core::chat::MAX_CLIENT_FRAME_SIZE;
use cafewire_core::client::{RequestError, Session, Slot};
use cafewire_core::{
    Direction, ErrorCode, FrameDecoder, HEADER_SIZE, MAX_PAYLOAD_SIZE, Message, MessagePayload,
};

use crate::attack::{Answer, chat_attack, echo_attack, encoded};
use crate::frames::Frames;
use crate::random::Random;
use crate::world::World;

/// Rooms that the witness watches.
pub(crate) const ROOMS: [&str; 6] =
    ["lobby", "naïve", "a", "the room with the rather longer name", "e", "f"];

/// Rooms that come and go, in which no client speaks.
const SIDE_ROOMS: [&str; 3] = ["side room", "nook", "corner"];

/// Bytes on the way to the server from which on a client waits before it says more.
const OUTGOING_MAX: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Habit {
    /// Reads everything, joins every room first, says nothing, stays.
    Witness,
    /// Behaves, and reads everything at once, however much it is.
    Keen,
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

impl Habit {
    /// Whether it takes all that comes as it comes, so that it is never slow.
    pub(crate) const fn reads_all(self) -> bool {
        matches!(self, Self::Witness | Self::Keen)
    }

    /// Whether it is ever a member of a room.
    pub(crate) const fn joins_rooms(self) -> bool {
        !matches!(self, Self::Echo | Self::Flood | Self::Lurker | Self::Mute)
    }
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
    /// The name that no other client ever asks for.
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
    /// It sent what no session would.
    has_bypassed_session: bool,
    /// Drives, and is not asked when a frame is judged.
    session: Session<Vec<Slot>>,
    requests: VecDeque<Request>,
    request_sizes: VecDeque<usize>,
    asked_bytes: usize,
    answered_bytes: usize,
    echoes: VecDeque<Vec<u8>>,
    echoes_dropped: usize,
    echo_errors: usize,
    said: usize,
    user_id: Option<u32>,
    /// The rooms it is in, as far as it was told.
    rooms: Vec<&'static str>,
    incoming: Vec<u8>,
    reader: FrameDecoder,
    /// In which of [`ROOMS`] it speaks next, in a world in which they take turns.
    next_room: usize,
    /// The frames of [`ROOMS`], as they came: the room's place, and the frame's number.
    pub(crate) seen: Vec<(usize, u32)>,
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
            has_bypassed_session: false,
            session: Session::new(vec![Slot::EMPTY; 8]),
            requests: VecDeque::new(),
            request_sizes: VecDeque::new(),
            asked_bytes: 0,
            answered_bytes: 0,
            echoes: VecDeque::new(),
            echoes_dropped: 0,
            echo_errors: 0,
            said: 0,
            user_id: None,
            rooms: Vec::new(),
            incoming: Vec::new(),
            reader: FrameDecoder::new(Direction::ToClient),
            next_room: number,
            seen: Vec::new(),
        }
    }

    pub(crate) const fn user_id(&self) -> Option<u32> {
        self.user_id
    }

    /// The number of rooms that it is in.
    pub(crate) const fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Bytes that the server has of it and has not answered, at the most, if so many have not come
    /// to it yet: of an echo peer the largest frame, and all that one read may bring behind it.
    pub(crate) fn unanswered_bytes(&self, on_the_way: usize, read_bytes_max: usize) -> usize {
        match self.habit {
            Habit::Echo | Habit::Flood => HEADER_SIZE + MAX_PAYLOAD_SIZE + read_bytes_max,
            _ => (self.asked_bytes - self.answered_bytes).saturating_sub(on_the_way),
        }
    }

    pub(crate) const fn has_attacked(&self) -> bool {
        self.has_attacked
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
        (0..times).for_each(|_| self.speak_once(random, world));
    }

    fn speak_once(&mut self, random: &mut Random, world: &World) {
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
            _ if self.user_id.is_none() => self.sign_in(random, world),
            Habit::Lurker | Habit::Witness => {}
            Habit::Rude if random.one_in(30) => {
                let (bytes, answer) = chat_attack(random);
                self.has_attacked = !matches!(answer, Answer::Refused(_));
                self.has_bypassed_session = true;
                self.ask(&bytes, Request::Attack(answer));
            }
            _ => self.speak_chat(random, world),
        }
    }

    fn sign_in(&mut self, random: &mut Random, world: &World) {
        if !self.requests.is_empty() {
            return;
        }
        if self.habit == Habit::Rude && random.one_in(10) {
            (self.has_attacked, self.has_bypassed_session) = (true, true);
            let early = encoded(&MessagePayload::JoinRoom { room: ROOMS[0] });
            return self.ask(&early, Request::Attack(Answer::Closed(ErrorCode::NotConnected)));
        }
        // Sometimes under a name that others want too. Then one should wait for the answer before
        // one goes on.
        let is_contested = self.habit != Habit::Witness && random.one_in(8);
        self.name =
            if is_contested { format!("twin-{}", random.below(3)) } else { self.own_name.clone() };
        let username = &self.name.clone();
        self.request(&MessagePayload::Connect { username }, Request::Connect { is_contested });
        if self.habit == Habit::Witness {
            ROOMS.iter().for_each(|room| self.join(room));
        } else if world.takes_turns && !is_contested && self.habit != Habit::Lurker {
            let mut rooms = ROOMS;
            random.shuffle(&mut rooms);
            rooms[..2 + random.below(ROOMS.len() - 1)].iter().for_each(|room| self.join(room));
        } else if !is_contested && self.habit != Habit::Lurker {
            self.join(ROOMS[0]);
        }
    }

    fn speak_chat(&mut self, random: &mut Random, world: &World) {
        let room = if world.takes_turns { self.take_turn() } else { random.pick(&ROOMS) };
        match random.below(14) {
            0 | 1 => self.join(random.pick(&ROOMS)),
            2 if random.one_in(3) => self.leave(room),
            3 if random.one_in(30) => {
                self.said_disconnect = true;
                let disconnect = self.frame(&MessagePayload::Disconnect);
                self.outgoing.extend(disconnect);
            }
            4 => self.join(random.pick(&SIDE_ROOMS)),
            5 => self.leave(random.pick(&SIDE_ROOMS)),
            _ => {
                self.said += 1;
                let dots = if world.is_loud { 100 + random.below(130) } else { random.size(200) };
                let content = format!("{} says {}{}", self.name, self.said, "·".repeat(dots));
                let message = MessagePayload::SendMessage { room, content: &content };
                self.request(&message, Request::Say { room, content: content.clone() });
            }
        }
    }

    /// The next of the rooms that it is in.
    fn take_turn(&mut self) -> &'static str {
        let rooms = (0..ROOMS.len()).map(|step| ROOMS[(self.next_room + step) % ROOMS.len()]);
        let room = rooms.into_iter().find(|room| self.rooms.contains(room)).unwrap_or(ROOMS[0]);
        self.next_room = ROOMS.iter().position(|&other| other == room).unwrap() + 1;
        room
    }

    fn join(&mut self, room: &'static str) {
        self.request(&MessagePayload::JoinRoom { room }, Request::Join(room));
    }

    fn leave(&mut self, room: &'static str) {
        self.request(&MessagePayload::LeaveRoom { room }, Request::Leave(room));
    }

    fn request(&mut self, message: &MessagePayload<'_>, request: Request) {
        let frame = self.frame(message);
        self.ask(&frame, request);
    }

    /// The frame that the session makes of a request, with as many slots as it wants.
    fn frame(&mut self, message: &MessagePayload<'_>) -> Vec<u8> {
        let mut buffer = [0; MAX_CLIENT_FRAME_SIZE];
        loop {
            match self.session.request(message, &mut buffer) {
                Ok(encoded) => return encoded.frame.to_vec(),
                Err(RequestError::Full { slots }) => {
                    let larger = self.session.with_slots(vec![Slot::EMPTY; 2 * slots]);
                    self.session = larger.expect("twice as many slots");
                }
                // It knows nothing of what was said past it; and a client that has been told of the
                // end may have more to say.
                Err(_) if self.has_bypassed_session || self.ended_by.is_some() => {
                    return encoded(message);
                }
                Err(error) => panic!("{} may not say {message:?}: {error}", self.name),
            }
        }
    }

    fn ask(&mut self, bytes: &[u8], request: Request) {
        self.outgoing.extend(bytes);
        self.requests.push_back(request);
        self.request_sizes.push_back(bytes.len());
        self.asked_bytes += bytes.len();
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
}

fn frame_of(message: &Message<'_>) -> Vec<u8> {
    let mut frame = vec![0; message.encoded_len()];
    message.encode_into(&mut frame).unwrap();
    frame
}
