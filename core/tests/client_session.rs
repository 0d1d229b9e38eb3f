//! The client's session against a naive model of it: any requests, any messages of the server, any
//! times. The model keeps whole messages in a list and looks through all of it.

use cafewire_core::client::{Answer, Due, End, Event, RequestError, Session, Slot};
use cafewire_core::{ErrorCode, MessagePayload, MessageType};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const ME: u32 = 7;
const ROOMS: [&str; 3] = ["den", "lobby", "naïve"];
const TEXTS: [&str; 2] = ["hi", "olá"];
const INTERVAL: u64 = 25;

type Message = MessagePayload<'static>;

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(Message),
    /// What a server that keeps to the protocol sends next: an answer, refused or not.
    Answer {
        is_refused: bool,
    },
    /// Another user's frame.
    Chatter(Message),
    /// Whatever a server may think of.
    Hear(Message),
    Wait(u64),
    Probe,
    /// More slots.
    Grow,
}

fn room_message(user_id: u32, kind: u8, room: &'static str, content: &'static str) -> Message {
    let username = if user_id == ME { "ada" } else { "bob" };
    match kind {
        0 => Message::UserJoined { user_id, username, room },
        1 => Message::UserLeft { user_id, username, room },
        _ => Message::MessageBroadcast { user_id, timestamp: 1, username, room, content },
    }
}

fn request() -> impl Strategy<Value = Message> {
    (0..12_u8, select(&ROOMS[..]), select(&TEXTS[..])).prop_map(
        |(kind, room, content)| match kind {
            0..=2 => Message::Connect { username: "ada" },
            3..=5 => Message::JoinRoom { room },
            6..=7 => Message::LeaveRoom { room },
            8..=10 => Message::SendMessage { room, content },
            _ => Message::JoinRoom { room: "" },
        },
    )
}

fn any_message() -> impl Strategy<Value = Message> {
    let code = prop_oneof![
        select(ErrorCode::ALL),
        select(&[ErrorCode::AlreadyConnected, ErrorCode::RateLimited, ErrorCode::NotInRoom][..]),
        Just(ErrorCode::from_wire(999)),
    ];
    (0..6_u8, select(&[ME, 8][..]), select(&ROOMS[..]), select(&TEXTS[..]), code).prop_map(
        |(kind, user_id, room, content, code)| match kind {
            0..=2 => room_message(user_id, kind, room, content),
            3 => Message::ConnectAck { user_id, server_info: content },
            4 => Message::Error { code, message: content },
            _ => Message::JoinRoom { room },
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => request().prop_map(Step::Ask),
        1 => Just(Step::Ask(Message::Disconnect)),
        6 => any::<bool>().prop_map(|is_refused| Step::Answer { is_refused }),
        2 => (0..3_u8, select(&ROOMS[..]), select(&TEXTS[..]))
            .prop_map(|(kind, room, content)| Step::Chatter(room_message(8, kind, room, content))),
        2 => any_message().prop_map(Step::Hear),
        2 => (0..40_u64).prop_map(Step::Wait),
        1 => Just(Step::Probe),
        1 => Just(Step::Grow),
    ]
}

/// What was sent and is not answered, in its order.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Request { id: u32, message: Message },
    Probe,
}

#[derive(Debug)]
struct Model {
    slots: usize,
    sent: Vec<Sent>,
    next_id: u32,
    user_id: Option<u32>,
    ended: Option<End>,
    now: u64,
    heard: u64,
    probed: Option<u64>,
}

impl Model {
    fn requests(&self) -> impl Iterator<Item = (usize, u32, Message)> {
        self.sent.iter().enumerate().filter_map(|(place, sent)| match *sent {
            Sent::Request { id, message } => Some((place, id, message)),
            Sent::Probe => None,
        })
    }

    fn is_signing_in(&self) -> bool {
        self.requests().any(|(_, _, message)| matches!(message, Message::Connect { .. }))
    }

    /// The number that the request is given.
    fn ask(&mut self, message: Message) -> Result<u32, RequestError> {
        if let Some(end) = self.ended {
            return Err(RequestError::Ended(end));
        }
        let waiting = self.requests().count();
        if matches!(message, Message::Connect { .. }) {
            if self.user_id.is_some() || waiting > 0 {
                return Err(RequestError::SignInNotDue);
            }
        } else if self.user_id.is_none() && !self.is_signing_in() {
            return Err(RequestError::NotSignedIn);
        }
        if matches!(message, Message::Disconnect) {
            self.ended = Some(End::Disconnect);
            return Ok(self.next_id);
        }
        if waiting >= self.slots {
            return Err(RequestError::Full { slots: self.slots });
        }
        message.validate().map_err(|error| RequestError::Encode(error.into()))?;
        self.sent.push(Sent::Request { id: self.next_id, message });
        self.next_id += 1;
        Ok(self.next_id - 1)
    }

    /// The first request that fits is answered, and those before it are passed over.
    fn answer(&mut self, fits: impl Fn(Message) -> bool) -> Result<Heard, ()> {
        let first = self.requests().find(|&(_, _, message)| fits(message));
        let (place, id, message) = first.ok_or(())?;
        let skipped = self.requests().take_while(|&(other, ..)| other < place).count();
        let mut index = 0;
        self.sent.retain(|sent| {
            index += 1;
            index > place + 1 || matches!(sent, Sent::Probe)
        });
        Ok(Heard::Answer { id, message_type: message.message_type(), skipped })
    }

    /// What the message answers, if anything; `Err` if it may not come.
    fn hear(&mut self, heard: Message) -> Result<Heard, ()> {
        (self.heard, self.probed) = (self.now, None);
        if matches!(self.ended, Some(End::Error(_))) {
            return Err(());
        }
        match heard {
            Message::ConnectAck { user_id, .. } => {
                self.answer(|asked| matches!(asked, Message::Connect { .. }))?;
                self.user_id = Some(user_id);
                Ok(Heard::SignedIn)
            }
            Message::Error { code, .. } => self.hear_error(code),
            Message::UserJoined { user_id, .. }
            | Message::UserLeft { user_id, .. }
            | Message::MessageBroadcast { user_id, .. } => match self.user_id {
                Some(me) if me == user_id => {
                    self.answer(|asked| acknowledgement_of(asked) == Some(bare(heard)))
                }
                Some(_) => Ok(Heard::OfOthers),
                None => Err(()),
            },
            _ => Err(()),
        }
    }

    fn hear_error(&mut self, code: ErrorCode) -> Result<Heard, ()> {
        if code.closes() {
            self.ended = self.ended.or(Some(End::Error(code)));
            return Ok(Heard::TheEnd);
        }
        let first_probe = self.sent.iter().position(|sent| matches!(sent, Sent::Probe));
        match (code, first_probe) {
            (ErrorCode::AlreadyConnected, None) => return Err(()),
            // Disconnect is not on the list, and was dropped.
            (ErrorCode::RateLimited, None)
                if self.sent.is_empty() && self.ended == Some(End::Disconnect) =>
            {
                self.ended = None;
                let message_type = MessageType::Disconnect;
                return Ok(Heard::Answer { id: self.next_id, message_type, skipped: 0 });
            }
            (ErrorCode::AlreadyConnected, Some(place))
            | (ErrorCode::RateLimited, Some(place @ 0)) => {
                self.sent.remove(place);
                return Ok(Heard::OfProbe);
            }
            _ => {}
        }
        let fits = |asked: Message| {
            use MessageType::{Connect, JoinRoom, LeaveRoom, SendMessage};
            let types: &[MessageType] = match code {
                ErrorCode::InvalidUsername | ErrorCode::UsernameTaken => &[Connect],
                ErrorCode::AlreadyInRoom => &[JoinRoom],
                ErrorCode::NotInRoom => &[LeaveRoom, SendMessage],
                ErrorCode::InvalidContent => &[SendMessage],
                _ => &[Connect, JoinRoom, LeaveRoom, SendMessage],
            };
            types.contains(&asked.message_type())
        };
        self.answer(fits)
    }

    fn due(&self) -> Due {
        let is_watching = self.user_id.is_some() && matches!(self.ended, None | Some(End::Silence));
        match self.probed {
            _ if !is_watching => Due::Nothing,
            Some(probed) if self.now >= probed + INTERVAL => Due::GiveUp,
            None if self.now >= self.heard + INTERVAL => Due::Probe,
            _ => Due::Nothing,
        }
    }

    /// What a server sends next that keeps to the protocol.
    fn next_answer(&self, is_refused: bool) -> Option<Message> {
        let code = match self.sent.first()? {
            Sent::Probe => ErrorCode::AlreadyConnected,
            // Behind a Connect that was refused.
            Sent::Request { message, .. }
                if self.user_id.is_none() && !matches!(message, Message::Connect { .. }) =>
            {
                ErrorCode::NotConnected
            }
            Sent::Request { message, .. } if !is_refused => return acknowledgement_of(*message),
            Sent::Request { message: Message::Connect { .. }, .. } => ErrorCode::UsernameTaken,
            Sent::Request { .. } => ErrorCode::LimitReached,
        };
        Some(Message::Error { code, message: "" })
    }
}

/// What a message is to the client.
#[derive(Debug, PartialEq)]
enum Heard {
    SignedIn,
    Answer { id: u32, message_type: MessageType, skipped: usize },
    OfOthers,
    OfProbe,
    TheEnd,
}

/// What a server says to this client when it has done so.
fn acknowledgement_of(request: Message) -> Option<Message> {
    Some(match request {
        Message::Connect { .. } => Message::ConnectAck { user_id: ME, server_info: "" },
        Message::JoinRoom { room } => room_message(ME, 0, room, ""),
        Message::LeaveRoom { room } => room_message(ME, 1, room, ""),
        Message::SendMessage { room, content } => room_message(ME, 2, room, content),
        _ => return None,
    })
}

/// As if it were about user [`ME`].
fn bare(heard: Message) -> Message {
    match heard {
        Message::UserJoined { room, .. } => room_message(ME, 0, room, ""),
        Message::UserLeft { room, .. } => room_message(ME, 1, room, ""),
        Message::MessageBroadcast { room, content, .. } => room_message(ME, 2, room, content),
        other => other,
    }
}

/// The message that the event tells, and what the event says that it is.
fn told(event: Event<'static>, received: Message) -> (Message, Result<Heard, ()>) {
    let of_room = |answers: Option<Answer>| Ok(answers.map_or(Heard::OfOthers, answered));
    match event {
        Event::SignedIn { user_id, server_info } => {
            (Message::ConnectAck { user_id, server_info }, Ok(Heard::SignedIn))
        }
        Event::Said { user_id, timestamp, username, room, content, answers } => {
            let message = Message::MessageBroadcast { user_id, timestamp, username, room, content };
            (message, of_room(answers))
        }
        Event::Joined { user_id, username, room, answers } => {
            (Message::UserJoined { user_id, username, room }, of_room(answers))
        }
        Event::Left { user_id, username, room, answers } => {
            (Message::UserLeft { user_id, username, room }, of_room(answers))
        }
        Event::Refused { answers, code, message } => {
            (Message::Error { code, message }, Ok(answered(answers)))
        }
        Event::Ended { code, message } => (Message::Error { code, message }, Ok(Heard::TheEnd)),
        Event::ProbeAnswered => (received, Ok(Heard::OfProbe)),
        Event::Unexpected { message } => (message, Err(())),
        other => panic!("{other:?} is not in the model"),
    }
}

fn answered(Answer { id, message_type, skipped }: Answer) -> Heard {
    Heard::Answer { id: id.get(), message_type, skipped }
}

struct Conversation {
    session: Session<Vec<Slot>>,
    model: Model,
    /// The server has kept to the protocol so far.
    is_in_order: bool,
}

impl Conversation {
    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Ask(message) => self.ask(message)?,
            Step::Answer { is_refused } => {
                if let Some(message) = self.model.next_answer(is_refused) {
                    self.receive(message)?;
                }
            }
            Step::Chatter(message) if self.model.user_id.is_some() => self.receive(message)?,
            Step::Chatter(_) => {}
            Step::Hear(message) => {
                self.is_in_order = false;
                self.receive(message)?;
            }
            Step::Wait(time) => self.wait(time)?,
            Step::Probe => self.probe()?,
            Step::Grow => self.resize()?,
        }
        self.session.invariants();
        prop_assert_eq!(self.session.pending(), self.model.requests().count());
        prop_assert_eq!(self.session.free(), self.model.slots - self.session.pending());
        prop_assert_eq!(self.session.user_id(), self.model.user_id);
        prop_assert_eq!(self.session.ended(), self.model.ended);
        Ok(())
    }

    fn ask(&mut self, message: Message) -> Result<(), TestCaseError> {
        let mut buffer = [0xA5; 64];
        let asked = self.session.request(&message, &mut buffer);
        let id = asked.map(|encoded| (encoded.id.get(), encoded.frame.to_vec()));
        let mut expected = [0xA5; 64];
        let model = self.model.ask(message);
        let model = model
            .map(|id| (id, message.encode_into(&mut expected).expect("a valid message").to_vec()));
        prop_assert_eq!(id, model);
        prop_assert_eq!(buffer, expected);
        Ok(())
    }

    fn receive(&mut self, message: Message) -> Result<(), TestCaseError> {
        let event = self.session.receive(&message, self.model.now);
        let heard = self.model.hear(message);
        if self.is_in_order && !matches!(self.model.ended, Some(End::Error(_))) {
            let is_good = !matches!(heard, Err(()) | Ok(Heard::Answer { skipped: 1.., .. }));
            prop_assert!(is_good, "{:?} for {:?}", heard, message);
        }
        prop_assert_eq!(told(event, message), (message, heard));
        Ok(())
    }

    fn wait(&mut self, time: u64) -> Result<(), TestCaseError> {
        self.model.now += time;
        let due = self.model.due();
        prop_assert_eq!(self.session.due(self.model.now), due);
        let is_late = self.session.next_deadline().is_some_and(|at| at <= self.model.now);
        prop_assert_eq!(is_late, due != Due::Nothing);
        match due {
            Due::GiveUp => self.model.ended = Some(End::Silence),
            Due::Probe => self.probe()?,
            Due::Nothing => {}
        }
        Ok(())
    }

    fn probe(&mut self) -> Result<(), TestCaseError> {
        let mut buffer = [0; 64];
        let probe = self.session.probe(&mut buffer, self.model.now);
        match (self.model.ended, self.model.user_id) {
            (Some(end), _) => prop_assert_eq!(probe, Err(RequestError::Ended(end))),
            (None, None) => prop_assert_eq!(probe, Err(RequestError::NotSignedIn)),
            (None, Some(_)) => {
                let mut expected = [0; 64];
                let connect = Message::Connect { username: "ada" };
                prop_assert_eq!(
                    probe,
                    Ok(connect.encode_into(&mut expected).expect("a valid message"))
                );
                self.model.sent.push(Sent::Probe);
                self.model.probed = Some(self.model.now);
            }
        }
        Ok(())
    }

    /// One slot more, and then as many as are needed.
    fn resize(&mut self) -> Result<(), TestCaseError> {
        let pending = self.session.pending();
        if pending > 0 {
            let fewer = vec![Slot::EMPTY; pending - 1];
            prop_assert!(self.session.with_slots(fewer).is_none());
        }
        self.model.slots = pending + 1;
        self.session = self.session.with_slots(vec![Slot::EMPTY; pending + 1]).expect("enough");
        Ok(())
    }
}

proptest! {
    #[test]
    fn a_conversation_is_what_a_naive_model_makes_of_it(
        slots in 0..6_usize,
        signs_in in any::<bool>(),
        steps in vec(step(), 0..80),
    ) {
        let session = Session::with_probes(vec![Slot::EMPTY; slots], Some(INTERVAL));
        let model = Model {
            slots,
            sent: Vec::new(),
            next_id: 0,
            user_id: None,
            ended: None,
            now: 0,
            heard: 0,
            probed: None,
        };
        let mut conversation = Conversation { session, model, is_in_order: true };
        if signs_in {
            conversation.take(Step::Ask(Message::Connect { username: "ada" }))?;
            conversation.take(Step::Answer { is_refused: false })?;
        }
        for step in steps {
            conversation.take(step)?;
        }
    }
}
