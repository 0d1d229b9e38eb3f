//! Why a codec refused bytes or a message.

use core::fmt;
use std::io;

use crate::error::{ParseError, ProtocolError};

/// Why a codec refused bytes or a message.
///
/// ```
/// use bytes::BytesMut;
/// use cafewire_core::tokio_codec::{CodecError, MessageCodec};
/// use cafewire_core::{Direction, ErrorCode};
/// use tokio_util::codec::Decoder as _;
/// let mut received = BytesMut::from(&b"GET / HTTP/1.1"[..]);
/// let error = MessageCodec::new(Direction::ToServer).decode(&mut received).unwrap_err();
/// let CodecError::Parse { error, stream_offset: 0 } = error else { panic!() };
/// assert_eq!(error.code(), ErrorCode::UnsupportedVersion);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum CodecError {
    /// The connection failed.
    Io(io::Error),
    /// The bytes are no frame or no message, or end within one ([`ParseError::Truncated`]). What a
    /// chat peer is answered with: [`ParseError::code`].
    Parse {
        /// What is wrong, and where in the frame.
        error: ParseError,
        /// Where that is, in bytes from the connection's first.
        stream_offset: u64,
    },
    /// The message cannot become bytes. Nothing was written.
    Protocol(ProtocolError),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Parse { error, stream_offset } => {
                write!(f, "at byte {stream_offset} of the stream: {error}")
            }
            Self::Protocol(error) => write!(f, "the message cannot be sent: {error}"),
        }
    }
}

impl core::error::Error for CodecError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Parse { error, .. } => Some(error),
            Self::Protocol(error) => Some(error),
        }
    }
}

/// What tokio-util asks of every codec's error.
impl From<io::Error> for CodecError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ProtocolError> for CodecError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}
