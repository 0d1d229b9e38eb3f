//! Sealed frames: that the holder of the key wrote them, all of them, and in this order. A frame is
//! sealed and opened where it lies; nothing is hidden by it. Draws no random number, reads no
//! clock, does no I/O.
//!
//! ```text
//!  0                 8                 4 + length - 24   + 8               + 24
//! ┌─────────────────┬─────────────────┬─────────────────┬─────────────────┬─────────────────┐
//! │     header      │    payload…     │     counter     │       tag       │    checksum     │
//! └─────────────────┴─────────────────┴─────────────────┴─────────────────┴─────────────────┘
//! └──────────── what the tag proves ──────────────────┘  HMAC-SHA-256, cut to 16 bytes
//! ```

mod key;
mod mac;
mod opener;
mod sealer;
mod session_keys;
mod sign_in;
#[cfg(test)]
mod tests;

pub use key::{Key, KeyError};
pub use opener::{OpenError, Opener};
pub use sealer::{SealError, Sealer};
pub use session_keys::{Agreement, SessionKeys};
pub use sign_in::{
    AUTHENTICATE_SIZE, ClientSignIn, ClientStep, ServerSignIn, SignInError, SignedIn,
};
