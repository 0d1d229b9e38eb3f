//! Open requests to the server. Pure: requests and events in, answers out.
//!
//! A server answers one connection's requests in their order: a join with one's own arrival, a
//! message with one's own broadcast, anything with an Error instead. So an answer must match the
//! oldest request.

use std::collections::VecDeque;

use cafewire_net::client::Event;

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
    /// The event is another member's.
    Unrelated,
}

#[derive(Debug)]
pub(crate) struct Requests {
    own_user_id: u32,
    open: VecDeque<Request>,
}

impl Requests {
    pub(crate) const fn new(own_user_id: u32) -> Self {
        Self { own_user_id, open: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, request: Request) {
        self.open.push_back(request);
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Removes and returns the unanswered requests, oldest first.
    pub(crate) fn take_open(&mut self) -> VecDeque<Request> {
        std::mem::take(&mut self.open)
    }

    /// Matches an event against the oldest request.
    pub(crate) fn answer(&mut self, event: &Event) -> Answer {
        let fits = match (event, self.open.front()) {
            (Event::Error { .. }, _) => {
                return self.open.pop_front().map_or(Answer::Unrelated, Answer::Refused);
            }
            (
                Event::Message { user_id, .. }
                | Event::Joined { user_id, .. }
                | Event::Left { user_id, .. },
                _,
            ) if *user_id != self.own_user_id => {
                return Answer::Unrelated;
            }
            (
                Event::Message { room, content, .. },
                Some(Request::Send { room: asked, content: sent }),
            ) => room == asked && content == sent,
            (Event::Joined { room, .. }, Some(Request::Join { room: asked }))
            | (Event::Left { room, .. }, Some(Request::Leave { room: asked })) => room == asked,
            _ => false,
        };
        match self.open.pop_front() {
            Some(oldest) if fits => Answer::Done(oldest),
            Some(oldest) => {
                self.open.push_front(oldest);
                Answer::OutOfOrder
            }
            None => Answer::OutOfOrder,
        }
    }
}

#[cfg(test)]
mod tests {
    use cafewire_core::ErrorCode;

    use super::*;

    const ME: u32 = 7;

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
        let mut requests = Requests::new(ME);
        for request in [join(), send("one"), send("two")] {
            requests.push(request);
        }
        assert_eq!(requests.answer(&joined(ME)), Answer::Done(join()));
        assert_eq!(requests.answer(&message(ME, "two")), Answer::OutOfOrder);
        assert_eq!(requests.answer(&message(ME, "one")), Answer::Done(send("one")));
        assert_eq!(requests.answer(&error()), Answer::Refused(send("two")));
        assert!(requests.is_empty());
    }

    #[test]
    fn what_others_do_answers_nothing() {
        let mut requests = Requests::new(ME);
        requests.push(join());
        requests.push(send("same"));
        assert_eq!(requests.answer(&joined(8)), Answer::Unrelated);
        assert_eq!(requests.answer(&message(8, "same")), Answer::Unrelated);
        assert_eq!(requests.len(), 2);
    }

    #[test]
    fn a_message_must_come_back_as_it_was() {
        let mut requests = Requests::new(ME);
        requests.push(send("one"));
        assert_eq!(requests.answer(&message(ME, "One")), Answer::OutOfOrder);
        assert_eq!(requests.answer(&joined(ME)), Answer::OutOfOrder);
        assert_eq!(requests.len(), 1);
    }

    #[test]
    fn without_a_request_nothing_is_an_answer() {
        let mut requests = Requests::new(ME);
        assert_eq!(requests.answer(&joined(ME)), Answer::OutOfOrder);
        assert_eq!(requests.answer(&error()), Answer::Unrelated);
    }
}
