//! The words of the open requests to the server, for what is shown of them. Which of them an event
//! answers, the client's session says: here they are only kept in the same order. Pure.

use std::collections::VecDeque;

use cafewire_net::client::{Answers, Event, Received};

/// How many messages may be under way before more input is taken. These fit the sockets' buffers
/// many times over, so that writing never has to wait for reading and neither side can block the
/// other.
pub(crate) const MAX_IN_FLIGHT: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Join { room: String },
    Leave { room: String },
    Send { room: String, content: String },
}

/// Meaning of an event for the requests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The oldest request was fulfilled.
    Done(Request),
    /// The oldest request was refused; the event has the reason.
    Refused(Request),
    /// The event bears our name, but does not answer the oldest request.
    OutOfOrder,
    /// The event is another member's, or an Error that answers nothing.
    Unrelated,
}

/// Open requests, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    open: VecDeque<Request>,
}

impl Requests {
    pub(crate) fn push(&mut self, request: Request) {
        self.open.push_back(request);
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether the answer to a join of this room is awaited.
    pub(crate) fn is_joining(&self, room: &str) -> bool {
        self.open.iter().any(|request| is_join(request, room))
    }

    /// Removes and returns the unanswered requests, oldest first.
    pub(crate) fn take_open(&mut self) -> VecDeque<Request> {
        std::mem::take(&mut self.open)
    }

    /// Removes the request that the event answers, and those that the server passed over for it.
    pub(crate) fn answer(&mut self, received: &Received) -> Answer {
        let is_error = matches!(received.event, Event::Error { .. });
        let answer = match received.answers {
            Answers::Request(answer) => answer,
            Answers::Unexpected if !is_error => return Answer::OutOfOrder,
            _ => return Answer::Unrelated,
        };
        self.open.drain(..answer.skipped.min(self.open.len()));
        match self.open.pop_front() {
            Some(_) if answer.skipped > 0 => Answer::OutOfOrder,
            Some(request) if is_error => Answer::Refused(request),
            Some(request) => Answer::Done(request),
            None => Answer::Unrelated,
        }
    }
}

/// Whether it is a join of this room.
pub(crate) fn is_join(request: &Request, room_joined: &str) -> bool {
    matches!(request, Request::Join { room } if room == room_joined)
}

/// Whether it is a message to this room.
pub(crate) fn is_send(request: &Request, room_spoken_in: &str) -> bool {
    matches!(request, Request::Send { room, .. } if room == room_spoken_in)
}

/// For tests: the client's session, between a test that plays the server and what the client does
/// with its events.
#[cfg(test)]
pub(crate) mod test_session {
    use cafewire_core::MessagePayload;
    use cafewire_core::client::{Session, Slot};

    use super::*;

    pub(crate) struct TestSession(Session<Vec<Slot>>);

    impl TestSession {
        /// Signed in as this user.
        pub(crate) fn signed_in(user_id: u32) -> Self {
            let mut session = Self(Session::new(vec![Slot::EMPTY; 1024]));
            session.request(&MessagePayload::Connect { username: "ada" });
            let acknowledged = MessagePayload::ConnectAck { user_id, server_info: "" };
            let _ = session.0.receive(&acknowledged, 0);
            session
        }

        pub(crate) fn send(&mut self, request: &Request) {
            self.request(&match request {
                Request::Join { room } => MessagePayload::JoinRoom { room },
                Request::Leave { room } => MessagePayload::LeaveRoom { room },
                Request::Send { room, content } => MessagePayload::SendMessage { room, content },
            });
        }

        pub(crate) fn receive(&mut self, event: Event) -> Received {
            let message = match &event {
                Event::Message { user_id, timestamp_ms, username, room, content } => {
                    MessagePayload::MessageBroadcast {
                        user_id: *user_id,
                        timestamp: *timestamp_ms,
                        username,
                        room,
                        content,
                    }
                }
                Event::Joined { user_id, username, room } => {
                    MessagePayload::UserJoined { user_id: *user_id, username, room }
                }
                Event::Left { user_id, username, room } => {
                    MessagePayload::UserLeft { user_id: *user_id, username, room }
                }
                Event::Error { code, message } => MessagePayload::Error { code: *code, message },
                other => panic!("{other:?} is no message"),
            };
            let answers = Answers::of(&self.0.receive(&message, 0));
            Received { event, answers }
        }

        fn request(&mut self, request: &MessagePayload<'_>) {
            let mut buffer = [0; 1024];
            let encoded = self.0.request(request, &mut buffer);
            assert!(encoded.is_ok(), "{encoded:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use cafewire_core::ErrorCode;

    use super::test_session::TestSession;
    use super::*;

    const ME: u32 = 7;

    /// Open requests, as the session has them and as their words are kept.
    struct Open {
        session: TestSession,
        requests: Requests,
    }

    impl Open {
        fn new(requests: &[Request]) -> Self {
            let mut open =
                Self { session: TestSession::signed_in(ME), requests: Requests::default() };
            for request in requests {
                open.session.send(request);
                open.requests.push(request.clone());
            }
            open
        }

        fn answer(&mut self, event: Event) -> Answer {
            let received = self.session.receive(event);
            self.requests.answer(&received)
        }
    }

    fn message(user_id: u32, content: &str) -> Event {
        let (username, room) = ("ada".to_owned(), "lobby".to_owned());
        Event::Message { user_id, timestamp_ms: 0, username, room, content: content.to_owned() }
    }

    fn joined(user_id: u32) -> Event {
        Event::Joined { user_id, username: "ada".to_owned(), room: "lobby".to_owned() }
    }

    fn error() -> Event {
        Event::Error { code: ErrorCode::NotInRoom, message: String::new() }
    }

    fn join() -> Request {
        Request::Join { room: "lobby".to_owned() }
    }

    fn send(content: &str) -> Request {
        Request::Send { room: "lobby".to_owned(), content: content.to_owned() }
    }

    #[test]
    fn answers_come_in_the_order_of_the_requests() {
        let mut open = Open::new(&[join(), send("one"), send("two")]);
        assert_eq!(open.answer(joined(ME)), Answer::Done(join()));
        assert_eq!(open.answer(message(ME, "one")), Answer::Done(send("one")));
        assert_eq!(open.answer(error()), Answer::Refused(send("two")));
        assert!(open.requests.is_empty());
    }

    #[test]
    fn what_the_server_passes_over_is_open_no_more() {
        let mut open = Open::new(&[join(), send("one"), send("two"), send("three")]);
        assert_eq!(open.answer(message(ME, "two")), Answer::OutOfOrder);
        assert_eq!(open.answer(message(ME, "one")), Answer::OutOfOrder);
        assert_eq!(open.requests.take_open(), [send("three")]);
    }

    #[test]
    fn what_others_do_answers_nothing() {
        let mut open = Open::new(&[join(), send("same")]);
        assert_eq!(open.answer(joined(8)), Answer::Unrelated);
        assert_eq!(open.answer(message(8, "same")), Answer::Unrelated);
        assert_eq!(open.requests.len(), 2);
    }

    #[test]
    fn a_message_must_come_back_as_it_was() {
        let mut open = Open::new(&[send("one")]);
        assert_eq!(open.answer(message(ME, "One")), Answer::OutOfOrder);
        assert_eq!(open.answer(joined(ME)), Answer::OutOfOrder);
        assert_eq!(open.requests.len(), 1);
    }

    #[test]
    fn without_a_request_nothing_is_an_answer() {
        let mut open = Open::new(&[]);
        assert_eq!(open.answer(joined(ME)), Answer::OutOfOrder);
        assert_eq!(open.answer(error()), Answer::Unrelated);
    }
}
