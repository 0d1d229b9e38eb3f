//! The session itself: the rules of a chat connection, version 1, seen from the client. Texts, the
//! ring of requests and the clock's arithmetic are in the files beside it.

use core::fmt;

use super::RequestError;
use super::event::{Answer, End, Event};
use super::liveness::{Due, Liveness};
use super::own_name::OwnName;
use super::pending::{Pending, Question, RequestId, Slot};
use crate::chat::{ErrorCode, MessagePayload, MessageType};

/// A frame to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct Encoded<'b> {
    /// The bytes, in the caller's buffer.
    pub frame: &'b [u8],
    /// The number that the answer will have.
    pub id: RequestId,
}

/// The client's end of a chat connection. The [module](super) says what it does and what its caller
/// brings.
///
/// The calls, and when they are made:
///
/// | call | when |
/// |---|---|
/// | [`request`](Self::request) | the client wants something; send what it gives |
/// | [`receive`](Self::receive) | a message has come |
/// | [`due`](Self::due) | [`next_deadline`](Self::next_deadline) has passed, and nothing came |
/// | [`probe`](Self::probe) | `due` says so; send what it gives |
/// | [`end`](Self::end) | the stream ended, or its bytes are no frames |
#[derive(Clone)]
pub struct Session<S> {
    pending: Pending<S>,
    sign_in: SignIn,
    username: OwnName,
    liveness: Liveness,
    ended: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SignIn {
    NotAsked,
    /// Connect is the oldest request.
    Asked,
    Done {
        user_id: u32,
    },
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Session<S> {
    /// A session at the first byte of a connection, which asks for no signs of the server.
    ///
    /// ```
    /// use cafewire_core::client::{Session, Slot};
    /// let mut slots = [Slot::EMPTY; 4]; // by value, or borrowed, or in a Vec
    /// let session = Session::new(&mut slots[..]);
    /// assert_eq!((session.pending(), session.free(), session.user_id()), (0, 4, None));
    /// ```
    #[must_use]
    pub const fn new(slots: S) -> Self {
        Self::with_probes(slots, None)
    }

    /// A session that asks for a sign after each such time without a frame, once it is signed in,
    /// and gives up when as much time passes again. In the unit of the caller's clock.
    #[must_use]
    pub const fn with_probes(slots: S, interval: Option<u64>) -> Self {
        Self {
            pending: Pending::new(slots),
            sign_in: SignIn::NotAsked,
            username: OwnName::EMPTY,
            liveness: Liveness::new(interval),
            ended: None,
        }
    }

    /// Encodes a request into the start of `buffer`, and notes that it waits for its answer. The
    /// caller sends the bytes. [`MAX_CLIENT_FRAME_SIZE`](crate::chat::MAX_CLIENT_FRAME_SIZE) bytes
    /// hold any request.
    ///
    /// Connect comes first; the others may follow without waiting for its answer. Disconnect is
    /// taken even when all slots are, and the last: answers to earlier requests still come. It has
    /// none of its own, unless it was over the server's rate: then it is refused, and may be sent
    /// again.
    ///
    /// # Errors
    /// Why the request was not taken. Then nothing was written and nothing was noted.
    ///
    /// ```
    /// use cafewire_core::MessagePayload;
    /// use cafewire_core::client::{Session, Slot};
    /// let mut session = Session::new([Slot::EMPTY; 2]);
    /// let mut buffer = [0; 64];
    /// let connect = MessagePayload::Connect { username: "ada" };
    /// let encoded = session.request(&connect, &mut buffer)?;
    /// assert_eq!(encoded.frame, b"\x01\x01\x00\x04\x03ada\x9A\xFB\x83\x17");
    /// assert_eq!(session.pending(), 1);
    /// # Ok::<(), cafewire_core::client::RequestError>(())
    /// ```
    pub fn request<'b>(
        &mut self,
        request: &MessagePayload<'_>,
        buffer: &'b mut [u8],
    ) -> Result<Encoded<'b>, RequestError> {
        if let Some(end) = self.ended {
            return Err(RequestError::Ended(end));
        }
        let is_signing_in = match *request {
            MessagePayload::Connect { .. } if self.may_sign_in() => true,
            MessagePayload::Connect { .. } => return Err(RequestError::SignInNotDue),
            MessagePayload::SendMessage { .. }
            | MessagePayload::JoinRoom { .. }
            | MessagePayload::LeaveRoom { .. }
            | MessagePayload::Disconnect
                if self.sign_in == SignIn::NotAsked =>
            {
                return Err(RequestError::NotSignedIn);
            }
            MessagePayload::SendMessage { .. }
            | MessagePayload::JoinRoom { .. }
            | MessagePayload::LeaveRoom { .. }
            | MessagePayload::Disconnect => false,
            _ => return Err(RequestError::NotARequest(request.message_type())),
        };
        let question = Question::of(request);
        if question.is_some() && self.pending.is_full() {
            return Err(RequestError::Full { slots: self.pending.capacity() });
        }
        let id = self.pending.next_id();
        let frame = request.encode_into(buffer)?;
        match question {
            Some(question) => self.pending.push(question),
            None => self.ended = Some(End::Disconnect),
        }
        if let MessagePayload::Connect { username } = *request
            && is_signing_in
        {
            (self.sign_in, self.username) = (SignIn::Asked, OwnName::of(username));
        }
        Ok(Encoded { frame, id })
    }

    /// What a message of the server means. `now` is the time, in any unit, of a clock that does not
    /// run backwards; a session without probes does not look at it.
    ///
    /// ```
    /// use cafewire_core::client::{Event, RequestError, Session, Slot};
    /// use cafewire_core::{ErrorCode, MessagePayload};
    /// let mut session = Session::new([Slot::EMPTY; 4]);
    /// let mut buffer = [0; 64];
    /// session.request(&MessagePayload::Connect { username: "ada" }, &mut buffer)?;
    ///
    /// let message = MessagePayload::Error { code: ErrorCode::UsernameTaken, message: "" };
    /// let Event::Refused { code, .. } = session.receive(&message, 0) else { panic!() };
    /// assert_eq!(code, ErrorCode::UsernameTaken);
    ///
    /// session.request(&MessagePayload::Connect { username: "ada2" }, &mut buffer)?;
    /// let message = MessagePayload::ConnectAck { user_id: 7, server_info: "" };
    /// assert!(matches!(session.receive(&message, 0), Event::SignedIn { user_id: 7, .. }));
    /// assert_eq!((session.user_id(), session.username()), (Some(7), "ada2"));
    /// # Ok::<(), RequestError>(())
    /// ```
    pub fn receive<'a>(&mut self, message: &MessagePayload<'a>, now: u64) -> Event<'a> {
        self.liveness.heard(now);
        self.meaning_of(message).unwrap_or(Event::Unexpected { message: *message })
    }

    /// When [`due`](Self::due) may have something; `None` never.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.is_watching().then(|| self.liveness.next_deadline()).flatten()
    }

    /// What is to be done about a silent server at this time. Receive first what has arrived: a
    /// client that was busy elsewhere for an hour must not take its server for gone.
    ///
    /// ```
    /// use cafewire_core::MessagePayload;
    /// use cafewire_core::client::{Due, End, Session, Slot};
    /// let mut session = Session::with_probes([Slot::EMPTY; 4], Some(25));
    /// let mut buffer = [0; 64];
    /// session.request(&MessagePayload::Connect { username: "ada" }, &mut buffer)?;
    /// let ack = MessagePayload::ConnectAck { user_id: 7, server_info: "" };
    /// let _signed_in = session.receive(&ack, 100);
    /// assert_eq!((session.due(124), session.next_deadline()), (Due::Nothing, Some(125)));
    ///
    /// assert_eq!(session.due(125), Due::Probe);
    /// let frame = session.probe(&mut buffer, 125)?;
    /// assert_eq!(frame, b"\x01\x01\x00\x04\x03ada\x9A\xFB\x83\x17"); // a second Connect
    /// assert_eq!(session.due(149), Due::Nothing);
    /// assert_eq!(session.due(150), Due::GiveUp);
    /// assert_eq!(session.ended(), Some(End::Silence));
    /// # Ok::<(), cafewire_core::client::RequestError>(())
    /// ```
    pub fn due(&mut self, now: u64) -> Due {
        if !self.is_watching() {
            return Due::Nothing;
        }
        let due = self.liveness.due(now);
        if due == Due::GiveUp {
            self.ended = Some(End::Silence);
        }
        due
    }

    /// Encodes a probe, and notes that its answer is to come: a second Connect, which changes
    /// nothing, and which each server answers. Takes no slot.
    ///
    /// # Errors
    /// As [`request`](Self::request). [`RequestError::Full`] when 65,535 probes have no
    /// answer.
    pub fn probe<'b>(&mut self, buffer: &'b mut [u8], now: u64) -> Result<&'b [u8], RequestError> {
        if let Some(end) = self.ended {
            return Err(RequestError::Ended(end));
        }
        let SignIn::Done { .. } = self.sign_in else { return Err(RequestError::NotSignedIn) };
        if !self.pending.has_room_for_probe() {
            return Err(RequestError::Full { slots: self.pending.capacity() });
        }
        let username = self.username.as_str();
        let frame = MessagePayload::Connect { username }.encode_into(buffer)?;
        self.pending.push_probe();
        self.liveness.probed(now);
        Ok(frame)
    }

    /// The connection is over, for a reason that the session can't see. Gives the reason that
    /// stands: the first one.
    ///
    /// ```
    /// use cafewire_core::client::{End, Session, Slot};
    /// let mut session = Session::new([Slot::EMPTY; 4]);
    /// assert_eq!(session.end(End::Violation), End::Violation);
    /// assert_eq!(session.end(End::Closed), End::Violation);
    /// ```
    pub fn end(&mut self, why: End) -> End {
        *self.ended.get_or_insert(why)
    }

    /// What ended the session, if it is over.
    #[must_use]
    pub const fn ended(&self) -> Option<End> {
        self.ended
    }

    /// The client's own, once it is signed in.
    #[must_use]
    pub const fn user_id(&self) -> Option<u32> {
        match self.sign_in {
            SignIn::Done { user_id } => Some(user_id),
            SignIn::NotAsked | SignIn::Asked => None,
        }
    }

    /// The name that the client asked to be let in under last; empty before that.
    #[must_use]
    pub fn username(&self) -> &str {
        self.username.as_str()
    }

    /// Requests that wait for their answers.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Requests that can be sent before an answer comes.
    #[must_use]
    pub fn free(&self) -> usize {
        self.pending.capacity() - self.pending.len()
    }

    /// The same session with other slots; `None` if they are fewer than the requests that wait.
    ///
    /// ```
    /// use cafewire_core::client::{Session, Slot};
    /// let session = Session::new(vec![Slot::EMPTY; 4]);
    /// let larger = session.with_slots(vec![Slot::EMPTY; 8]).expect("enough");
    /// assert_eq!(larger.free(), 8);
    /// ```
    #[must_use]
    pub fn with_slots<T: AsRef<[Slot]> + AsMut<[Slot]>>(&self, slots: T) -> Option<Session<T>> {
        Some(Session {
            pending: self.pending.moved_to(slots)?,
            sign_in: self.sign_in,
            username: self.username,
            liveness: self.liveness,
            ended: self.ended,
        })
    }

    /// What holds between any two calls. Checked in builds with debug assertions, and nothing else
    /// than that: for tests and fuzzers.
    pub fn invariants(&self) {
        self.pending.invariants();
        let signs_in = self.pending.starts_with(MessageType::Connect);
        debug_assert_eq!(self.sign_in == SignIn::Asked, signs_in);
        debug_assert!(self.user_id().is_none() || !self.username().is_empty());
        // Nothing has come since the last probe, so its answer has not.
        debug_assert!(!self.liveness.is_probed() || self.pending.probes() > 0);
        debug_assert!(self.user_id().is_some() || self.pending.probes() == 0);
    }

    fn may_sign_in(&self) -> bool {
        self.sign_in == SignIn::NotAsked && self.pending.len() == 0
    }

    /// Whether the server's signs matter.
    fn is_watching(&self) -> bool {
        self.user_id().is_some() && matches!(self.ended, None | Some(End::Silence))
    }

    /// `None` if no server may send it now.
    fn meaning_of<'a>(&mut self, message: &MessagePayload<'a>) -> Option<Event<'a>> {
        if let Some(End::Error(_)) = self.ended {
            return None;
        }
        match *message {
            MessagePayload::ConnectAck { user_id, server_info } => {
                self.pending.acknowledge(Question::of(message)?)?;
                self.sign_in = SignIn::Done { user_id };
                Some(Event::SignedIn { user_id, server_info })
            }
            MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content } => {
                let answers = self.answered_by(user_id, message)?;
                Some(Event::Said { user_id, timestamp, username, room, content, answers })
            }
            MessagePayload::UserJoined { user_id, username, room } => {
                let answers = self.answered_by(user_id, message)?;
                Some(Event::Joined { user_id, username, room, answers })
            }
            MessagePayload::UserLeft { user_id, username, room } => {
                let answers = self.answered_by(user_id, message)?;
                Some(Event::Left { user_id, username, room, answers })
            }
            MessagePayload::Error { code, message } => self.meaning_of_error(code, message),
            _ => None,
        }
    }

    /// What a room's frame about this user answers: nothing if it is another one. The outer `None`
    /// says that it should answer something and does not.
    fn answered_by(
        &mut self,
        user_id: u32,
        message: &MessagePayload<'_>,
    ) -> Option<Option<Answer>> {
        if user_id != self.user_id()? {
            return Some(None);
        }
        self.pending.acknowledge(Question::of(message)?).map(Some)
    }

    fn meaning_of_error<'a>(&mut self, code: ErrorCode, message: &'a str) -> Option<Event<'a>> {
        if code.closes() {
            self.ended.get_or_insert(End::Error(code));
            return Some(Event::Ended { code, message });
        }
        // A probe over the limit is dropped like any frame.
        let may_answer_probe = match code {
            ErrorCode::AlreadyConnected => true,
            ErrorCode::RateLimited => self.pending.starts_with_probe(),
            _ => false,
        };
        if may_answer_probe && self.pending.take_probe() {
            return Some(Event::ProbeAnswered);
        }
        if code == ErrorCode::RateLimited
            && self.ended == Some(End::Disconnect)
            && self.pending.len() == 0
        {
            // All before it is answered: it was Disconnect that was dropped.
            self.ended = None;
            let (id, message_type) = (self.pending.next_id(), MessageType::Disconnect);
            let answers = Answer { id, message_type, skipped: 0 };
            return Some(Event::Refused { answers, code, message });
        }
        let answers = self.pending.refuse(code)?;
        if self.sign_in == SignIn::Asked {
            // Connect was the oldest: it is refused or passed over.
            self.sign_in = SignIn::NotAsked;
        }
        Some(Event::Refused { answers, code, message })
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("username", &self.username())
            .field("user_id", &self.user_id())
            .field("pending", &self.pending())
            .field("free", &self.free())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
