//! What can go wrong for a client, one plain sentence each.

use std::error::Error;
use std::fmt;
use std::io;

use cafewire_core::{ErrorCode, ParseError, ProtocolError};

use crate::address::Address;

/// How records begin with which TLS servers answer those who do not speak TLS (RFC 8446, 5.1).
const TLS_ALERT: u8 = 21;
const TLS_HANDSHAKE: u8 = 22;

/// Why a client's call failed.
///
/// Each displays as one sentence, with its cause in it; [`source`](Error::source) gives the cause
/// by itself. What a server wrote is shown with its control characters escaped.
///
/// ```
/// use cafewire_core::ErrorCode;
/// use cafewire_net::ClientError;
/// fn what_to_do(error: &ClientError) -> &'static str {
///     match error {
///         ClientError::Encode(_) => "send something else",
///         ClientError::Refused { code, .. } if !code.closes() => "ask for something else",
///         ClientError::TimedOut => "wait on",
///         _ => "connect again",
///     }
/// }
/// let taken = ClientError::Refused { code: ErrorCode::UsernameTaken, message: "try ada2".to_owned() };
/// assert_eq!(taken.to_string(), "the server refused: UsernameTaken (10): try ada2");
/// assert_eq!(what_to_do(&taken), "ask for something else");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// No connection came about: nobody listens there, the name is unknown, or it took too long.
    Connect {
        /// Where to.
        address: Address,
        /// The system's reason.
        source: io::Error,
    },
    /// The connection failed while in use. After a failed write nothing more is sent, since a part
    /// of the frame may be on its way; what the server said before can still be received.
    Io(io::Error),
    /// Nothing, or no whole frame, came within the time-out. What came is kept, and one may wait
    /// on.
    TimedOut,
    /// The server closed the connection, between two frames.
    Closed,
    /// What arrived is not the protocol, or ends within a frame ([`ParseError::Truncated`]). The
    /// connection is of no further use.
    Corrupt {
        /// What is wrong. Its offset counts from the start of the frame.
        error: ParseError,
        /// Where, in bytes from the first that the server sent.
        stream_offset: u64,
    },
    /// What was to be sent is not allowed. Nothing was sent, and the connection is as it was.
    Encode(ProtocolError),
    /// The server answered with a chat Error frame. [`ErrorCode::closes`] says whether the
    /// connection goes on.
    Refused {
        /// For programs.
        code: ErrorCode,
        /// The server's own words; may be empty.
        message: String,
    },
    /// The server answered with an echo Error frame, and closes.
    ServerError(String),
    /// The server sent something that is no answer to what was asked.
    Unexpected {
        /// What was due.
        awaited: &'static str,
        /// What came.
        received: &'static str,
    },
    /// So many events wait to be taken that no more are kept while an answer is waited for. Take
    /// them with [`next_event`](super::ChatClient::next_event): if the question was sent, its
    /// answer is an event behind them.
    TooManyEvents {
        /// How many a client keeps.
        limit: usize,
    },
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { address, source } => {
                write!(f, "cannot connect to {address}: {source}")?;
                match source.kind() {
                    io::ErrorKind::ConnectionRefused => {
                        f.write_str(": nobody listens there; is the server running?")
                    }
                    _ => Ok(()),
                }
            }
            Self::Io(source) => write!(f, "the connection failed: {source}"),
            Self::TimedOut => f.write_str("the server did not answer within the time-out"),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Corrupt { error: ParseError::Truncated { needed, available }, stream_offset } => {
                write!(
                    f,
                    "the connection ended in the middle of a frame, after {stream_offset} bytes: \
                 the frame needs at least {needed}, {available} came"
                )
            }
            Self::Corrupt {
                error: error @ ParseError::UnsupportedVersion { actual, .. },
                stream_offset: 0,
            } => {
                write!(f, "what answers there does not speak this protocol: {error}")?;
                if matches!(*actual, TLS_ALERT | TLS_HANDSHAKE) {
                    f.write_str("; that is how TLS answers, whose addresses begin with tls://")?;
                }
                Ok(())
            }
            Self::Corrupt { error, stream_offset } => {
                write!(
                    f,
                    "byte {stream_offset} from the server is not the protocol; in its frame: {error}"
                )
            }
            Self::Encode(error) => write!(f, "this cannot be sent: {error}"),
            Self::Refused { code, message } if message.is_empty() => {
                write!(f, "the server refused: {code}")
            }
            Self::Refused { code, message } => {
                write!(f, "the server refused: {code}: {}", Printable(message))
            }
            Self::ServerError(message) => {
                write!(f, "the server reports an error: {}", Printable(message))
            }
            Self::Unexpected { awaited, received } => {
                write!(f, "the server sent {received} where {awaited} was due")
            }
            Self::TooManyEvents { limit } => {
                write!(
                    f,
                    "{limit} events wait to be taken: take them before asking the server for more"
                )
            }
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connect { source, .. } | Self::Io(source) => Some(source),
            Self::Corrupt { error, .. } => Some(error),
            Self::Encode(error) => Some(error),
            Self::TimedOut
            | Self::Closed
            | Self::Refused { .. }
            | Self::ServerError(_)
            | Self::Unexpected { .. }
            | Self::TooManyEvents { .. } => None,
        }
    }
}

impl From<ProtocolError> for ClientError {
    fn from(error: ProtocolError) -> Self {
        Self::Encode(error)
    }
}

/// Text from afar, for a terminal that obeys control characters.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_cannot_drive_the_terminal() {
        let error = ClientError::ServerError("\u{1b}[2Jgone\u{9b}é".to_owned());
        assert_eq!(error.to_string(), "the server reports an error: \\u{1b}[2Jgone\\u{9b}é");
        let error =
            ClientError::Refused { code: ErrorCode::UsernameTaken, message: "a\nb".to_owned() };
        assert_eq!(error.to_string(), "the server refused: UsernameTaken (10): a\\nb");
        let error = ClientError::Refused { code: ErrorCode::UsernameTaken, message: String::new() };
        assert_eq!(error.to_string(), "the server refused: UsernameTaken (10)");
    }
}
