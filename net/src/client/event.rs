//! The events that a chat server sends, owned, what they answer, and the iterator over them.

use cafewire_core::client::{self, Answer};
use cafewire_core::{ErrorCode, MessagePayload};

use super::{ChatClient, ClientError};

/// An event, as the server reported it.
///
/// ```
/// use cafewire_net::Event;
/// fn line(event: &Event) -> String {
///     match event {
///         Event::Message { username, content, .. } => {
///             format!("{username}: {}", content.escape_debug())
///         }
///         Event::Joined { username, room, .. } => format!("{username} joined {room}"),
///         Event::Left { username, room, .. } => format!("{username} left {room}"),
///         Event::Error { code, message } => format!("{code}: {}", message.escape_debug()),
///         _ => "something new".to_owned(),
///     }
/// }
/// let left = Event::Left { user_id: 7, username: "ada".to_owned(), room: "lobby".to_owned() };
/// assert_eq!(line(&left), "ada left lobby");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A member sent a message to a room. The client's own messages come back too, as receipts.
    Message {
        /// The sender's user id.
        user_id: u32,
        /// The time at which the server took the message, in milliseconds since 1970-01-01 UTC.
        timestamp_ms: u64,
        /// The sender's name.
        username: String,
        /// The room.
        room: String,
        /// The text. May hold control characters: escape them before showing them on a terminal.
        content: String,
    },
    /// A member entered a room.
    Joined {
        /// The member's user id.
        user_id: u32,
        /// The member's name.
        username: String,
        /// The room.
        room: String,
    },
    /// A member left a room, on request or by losing the connection.
    Left {
        /// The member's user id.
        user_id: u32,
        /// The member's name.
        username: String,
        /// The room.
        room: String,
    },
    /// A fault in a frame that this client sent, or the reason why the server is about to close.
    Error {
        /// The reason, for programs. [`ErrorCode::closes`] says whether the connection goes on.
        code: ErrorCode,
        /// The reason, for people. May hold control characters: escape them before showing them on
        /// a terminal.
        message: String,
    },
}

impl Event {
    /// `None` if the message is not one that a server sends unasked.
    pub(super) fn from_payload(payload: &MessagePayload<'_>) -> Option<Self> {
        match *payload {
            MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content } => {
                Some(Self::Message {
                    user_id,
                    timestamp_ms: timestamp,
                    username: username.to_owned(),
                    room: room.to_owned(),
                    content: content.to_owned(),
                })
            }
            MessagePayload::UserJoined { user_id, username, room } => {
                Some(Self::Joined { user_id, username: username.to_owned(), room: room.to_owned() })
            }
            MessagePayload::UserLeft { user_id, username, room } => {
                Some(Self::Left { user_id, username: username.to_owned(), room: room.to_owned() })
            }
            MessagePayload::Error { code, message } => {
                Some(Self::Error { code, message: message.to_owned() })
            }
            _ => None,
        }
    }
}

/// An event, and what it is to the requests of the client that received it:
/// [`ChatClient::receive_within`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The event.
    pub event: Event,
    /// What it answers.
    pub answers: Answers,
}

/// What an event answers. Requests are answered in their order, those of
/// [`ChatSender`](super::ChatSender)s included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answers {
    /// Nothing: it is about another user, or is the reason why the server closes.
    Nothing,
    /// This request: it was done, or refused if the event is an [`Event::Error`].
    Request(Answer),
    /// It bears this client's name, or is an Error, and is the answer to no request that waits.
    Unexpected,
}

impl Answers {
    /// What an event of the core's session answers.
    #[must_use]
    pub const fn of(event: &client::Event<'_>) -> Self {
        match *event {
            client::Event::Said { answers: Some(answer), .. }
            | client::Event::Joined { answers: Some(answer), .. }
            | client::Event::Left { answers: Some(answer), .. }
            | client::Event::Refused { answers: answer, .. } => Self::Request(answer),
            client::Event::Unexpected { .. } => Self::Unexpected,
            _ => Self::Nothing,
        }
    }
}

/// The events of a [`ChatClient`], one after another: [`ChatClient::events`].
///
/// Ends when the server has closed the connection between two frames, and after any error but
/// [`ClientError::TimedOut`], which only says that no event came within the read time-out.
#[derive(Debug)]
pub struct Events<'c> {
    client: &'c mut ChatClient,
    ended: bool,
}

impl<'c> Events<'c> {
    pub(super) fn new(client: &'c mut ChatClient) -> Self {
        Self { client, ended: false }
    }
}

impl Iterator for Events<'_> {
    type Item = Result<Event, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.client.next_event();
        self.ended = matches!(&next, Err(error) if !matches!(error, ClientError::TimedOut));
        match next {
            Err(ClientError::Closed) => None,
            other => Some(other),
        }
    }
}

impl std::iter::FusedIterator for Events<'_> {}
