//! The errors of the clients, one plain sentence each.

use std::error::Error;
use std::fmt;
use std::io;

use cafewire_core::{ErrorCode, ParseError, ProtocolError};

use super::certificate_fault::{CertificateFault, TlsFault};
use crate::address::Address;

/// The first bytes of the records with which TLS servers answer peers that do not speak TLS (RFC
/// 8446, 5.1).
const TLS_ALERT: u8 = 21;
const TLS_HANDSHAKE: u8 = 22;

/// The reason why a client's call failed.
///
/// Each displays as one sentence, with its cause in it; [`source`](Error::source) returns the cause
/// by itself. Text from the server is shown with its control characters escaped.
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
/// let (code, message) = (ErrorCode::UsernameTaken, "try ada2".to_owned());
/// let taken = ClientError::Refused { code, message };
/// assert_eq!(taken.to_string(), "the server refused: UsernameTaken (10): try ada2");
/// assert_eq!(what_to_do(&taken), "ask for something else");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// No connection was made: no program listens there, the name is unknown, or the time was over.
    Connect {
        /// The address of the server.
        address: Address,
        /// The system's reason.
        source: io::Error,
    },
    /// The connection failed while in use. After a failed write nothing more is sent, since a part
    /// of the frame may be on its way. Frames that the server sent before can still be received.
    Io(io::Error),
    /// No whole frame came within the time-out. A partial frame is kept, and a further call can
    /// wait for the rest.
    TimedOut,
    /// The server closed the connection, between two frames.
    Closed,
    /// The received bytes are not the protocol, or end within a frame ([`ParseError::Truncated`]).
    /// The connection is of no further use.
    Corrupt {
        /// The fault. Its offset counts from the start of the frame.
        error: ParseError,
        /// The fault's place, in bytes from the first that the server sent.
        stream_offset: u64,
    },
    /// The message is not allowed. Nothing was sent, and the connection is unchanged.
    Encode(ProtocolError),
    /// The server answered with a chat Error frame. [`ErrorCode::closes`] says whether the
    /// connection goes on.
    Refused {
        /// The reason, for programs.
        code: ErrorCode,
        /// The reason, for people; may be empty.
        message: String,
    },
    /// The server answered with an echo Error frame and closes the connection.
    ServerError(String),
    /// The server sent a frame that does not answer the request.
    Unexpected {
        /// The frame that was due.
        awaited: &'static str,
        /// The frame that came.
        received: &'static str,
    },
    /// The client keeps as many events as it may, and so cannot wait for an answer. Take them with
    /// [`next_event`](super::ChatClient::next_event): if the request was sent, its answer is an
    /// event behind them.
    TooManyEvents {
        /// The most events that a client keeps.
        limit: usize,
    },
    /// As many requests as may be wait for their answers. Nothing was sent. Take events with
    /// [`next_event`](super::ChatClient::next_event): answers are among them.
    TooManyRequests {
        /// The most requests that wait.
        limit: usize,
    },
}

impl ClientError {
    /// What about certificates is the reason, if that is it: for advice on settings.
    #[must_use]
    pub fn certificate_fault(&self) -> Option<CertificateFault> {
        match self {
            Self::Connect { source, .. } | Self::Io(source) => {
                source.get_ref()?.downcast_ref::<TlsFault>()?.certificate()
            }
            _ => None,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { address, source } => {
                write!(f, "cannot connect to {address}: {source}")?;
                match (source.kind(), address) {
                    (io::ErrorKind::ConnectionRefused, _) => {
                        f.write_str(": no program listens there; is the server running?")
                    }
                    (io::ErrorKind::NotFound, Address::Unix { .. }) => {
                        f.write_str(": no server has made that socket; is it running?")
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
                    "byte {stream_offset} from the server is not the protocol; \
                     in its frame: {error}"
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
            Self::TooManyRequests { limit } => {
                write!(f, "{limit} requests wait for their answers: read those before asking more")
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
            | Self::TooManyEvents { .. }
            | Self::TooManyRequests { .. } => None,
        }
    }
}

impl From<ProtocolError> for ClientError {
    fn from(error: ProtocolError) -> Self {
        Self::Encode(error)
    }
}

/// A probe was not answered in its time.
pub(super) fn no_sign() -> ClientError {
    ClientError::Io(io::Error::new(
        io::ErrorKind::TimedOut,
        "the server gave no sign for long and did not answer a probe",
    ))
}

/// Text from the server, with control characters escaped: a terminal would act on them.
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
