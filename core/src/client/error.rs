//! Why a request was not encoded. Then nothing was written, and nothing waits for an answer.

use core::error::Error;
use core::fmt;

use super::End;
use crate::chat::MessageType;
use crate::error::ProtocolError;

/// Why a [`Session`](super::Session) did not take a request. The buffer and the session are as they
/// were.
///
/// ```
/// use cafewire_core::MessagePayload;
/// use cafewire_core::client::{RequestError, Session, Slot};
/// let mut session = Session::new([Slot::EMPTY; 1]);
/// let mut buffer = [0; 64];
/// let join = MessagePayload::JoinRoom { room: "lobby" };
/// assert_eq!(session.request(&join, &mut buffer).unwrap_err(), RequestError::NotSignedIn);
/// session.request(&MessagePayload::Connect { username: "ada" }, &mut buffer)?;
/// let error = session.request(&join, &mut buffer).unwrap_err();
/// assert_eq!(error, RequestError::Full { slots: 1 });
/// assert_eq!(error.to_string(), "1 requests wait for their answers, as many as may");
/// # Ok::<(), RequestError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RequestError {
    /// The message breaks a rule, or the buffer is too small.
    Encode(ProtocolError),
    /// As many requests wait for their answers as there are slots. Receive, then ask again.
    Full {
        /// How many slots there are.
        slots: usize,
    },
    /// The first request must be Connect.
    NotSignedIn,
    /// Connect, but the sign-in is done or under way. After a refusal, requests that were sent
    /// behind it come first.
    SignInNotDue,
    /// The session is over.
    Ended(End),
    /// Only servers send this.
    NotARequest(MessageType),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => error.fmt(f),
            Self::Full { slots } => {
                write!(f, "{slots} requests wait for their answers, as many as may")
            }
            Self::NotSignedIn => f.write_str("the first request must be Connect"),
            Self::SignInNotDue => f.write_str("the sign-in is done or under way"),
            Self::Ended(end) => write!(f, "the session is over: {end}"),
            Self::NotARequest(message_type) => write!(f, "only servers send {message_type}"),
        }
    }
}

impl Error for RequestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ProtocolError> for RequestError {
    fn from(error: ProtocolError) -> Self {
        Self::Encode(error)
    }
}
