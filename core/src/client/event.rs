//! What a received message means to the client, and what ended a session.

use core::fmt;

use super::RequestId;
use crate::chat::{ErrorCode, MessagePayload, MessageType};

/// What a message of the server means. Texts are borrowed from the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
#[non_exhaustive]
pub enum Event<'a> {
    /// The server let the client in.
    SignedIn {
        /// The client's own, until the connection ends.
        user_id: u32,
        /// What the server says of itself. May hold control characters.
        server_info: &'a str,
    },
    /// A member said something; with an answer, this client did, and this is the receipt.
    Said {
        /// The speaker's.
        user_id: u32,
        /// When the server took it, in milliseconds since 1970-01-01 UTC.
        timestamp: u64,
        /// The speaker's.
        username: &'a str,
        /// Where.
        room: &'a str,
        /// What. May hold control characters.
        content: &'a str,
        /// The SendMessage that this is the receipt of.
        answers: Option<Answer>,
    },
    /// A user entered a room; with an answer, this client did.
    Joined {
        /// Who.
        user_id: u32,
        /// Under which name.
        username: &'a str,
        /// Where.
        room: &'a str,
        /// The JoinRoom that is done.
        answers: Option<Answer>,
    },
    /// A user left a room; with an answer, this client did.
    Left {
        /// Who.
        user_id: u32,
        /// Under which name.
        username: &'a str,
        /// Where.
        room: &'a str,
        /// The LeaveRoom that is done.
        answers: Option<Answer>,
    },
    /// The server refused a request. The connection stays open. After a refused Connect another
    /// name may be tried.
    Refused {
        /// The request.
        answers: Answer,
        /// Why, for programs.
        code: ErrorCode,
        /// Why, for people; may be empty. May hold control characters.
        message: &'a str,
    },
    /// The server says why it closes the connection. Requests that wait are not answered any more;
    /// what came of them is not known.
    Ended {
        /// Why, for programs.
        code: ErrorCode,
        /// Why, for people; may be empty. May hold control characters.
        message: &'a str,
    },
    /// The answer to a probe, which no one else needs to see.
    ProbeAnswered,
    /// A message that no server sends that keeps to the protocol: it answers nothing that was
    /// asked, or comes before the sign-in or after the end. The session goes on as if it had not
    /// come; a caller that does not is free to [`end`](super::Session::end) it.
    Unexpected {
        /// The message.
        message: MessagePayload<'a>,
    },
}

/// Which request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Answer {
    /// The number that [`Session::request`](super::Session::request) gave.
    pub id: RequestId,
    /// Connect, JoinRoom, LeaveRoom or SendMessage; Disconnect if it was over the server's rate.
    pub message_type: MessageType,
    /// Requests before it that the server passed over, and that are not waited for any more. 0
    /// with a server that keeps to the protocol.
    pub skipped: usize,
}

/// What ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum End {
    /// The server said why: an Error that closes.
    Error(ErrorCode),
    /// The client sent Disconnect.
    Disconnect,
    /// A probe was not answered in its time.
    Silence,
    /// The server broke the protocol: its bytes were no frames, or the caller did not tolerate
    /// [`Event::Unexpected`].
    Violation,
    /// The stream ended or broke without a word.
    Closed,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(code) => write!(f, "the server ended it: {code}"),
            Self::Disconnect => f.write_str("Disconnect was sent"),
            Self::Silence => f.write_str("the server gave no sign"),
            Self::Violation => f.write_str("the server broke the protocol"),
            Self::Closed => f.write_str("the connection was closed"),
        }
    }
}
