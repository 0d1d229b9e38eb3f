//! The sign-in with a key, seen from either side, as state machines over whole frames. They send
//! nothing, know no socket and no clock, and draw no random numbers: nonces are arguments.
//!
//! ```text
//! client                                   server
//!   │ Connect: asked, client_nonce, name ──▶ │
//!   │ ◀── Challenge: granted, server_nonce   │   keys are derived on both sides
//!   │ Authenticate, sealed, number 0 ──────▶ │   the client is who it says
//!   │ ◀────── ConnectAck, sealed, number 0   │   so is the server
//! ```

mod client;
mod server;

use core::fmt;

pub use client::{AUTHENTICATE_SIZE, ClientSignIn, ClientStep};
pub use server::ServerSignIn;

use super::{OpenError, Opener, Sealer};
use crate::chat::ErrorCode;
use crate::chat::v2::Capabilities;
use crate::error::ParseError;

/// A sealed session, after either side's sign-in.
#[derive(Debug)]
pub struct SignedIn {
    /// What the server granted; both sides have proved that they mean the same.
    pub granted: Capabilities,
    /// Seals what this side sends from now on.
    pub sealer: Sealer,
    /// Opens what the other side sends from now on.
    pub opener: Opener,
}

/// Why a sign-in with a key failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SignInError {
    /// The frame's payload is none of its type.
    Parse(ParseError),
    /// A frame that does not belong here: another type, sealed too early or not sealed.
    UnexpectedType,
    /// SIGN was not asked for, not offered or not granted; more was granted than asked for; or
    /// ConnectAck does not grant what Challenge did.
    NotGranted,
    /// The frame was not opened.
    Open(OpenError),
    /// The name has no key. The client is told what it is told of a wrong one.
    UnknownName,
    /// The try has ended before.
    Over,
}

impl SignInError {
    /// The code of the Error frame that a server answers it with.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Parse(error) => error.code(),
            Self::NotGranted => ErrorCode::NotSupported,
            Self::Open(error) => error.code(),
            Self::UnexpectedType | Self::UnknownName | Self::Over => {
                ErrorCode::AuthenticationFailed
            }
        }
    }
}

impl From<ParseError> for SignInError {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl From<OpenError> for SignInError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl fmt::Display for SignInError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::UnexpectedType => f.write_str("the frame does not belong into a sign-in here"),
            Self::NotGranted => f.write_str("what is granted is not what was agreed on"),
            Self::Open(error) => error.fmt(f),
            Self::UnknownName => f.write_str("the name has no key"),
            Self::Over => f.write_str("the sign-in has ended before"),
        }
    }
}

impl core::error::Error for SignInError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Open(error) => Some(error),
            Self::Parse(error) => Some(error),
            _ => None,
        }
    }
}
