//! The chat family, version 2: what version 1 has, and request numbers, seals and compressed
//! payloads, each frame under a header whose damage is seen before its length is believed.
//!
//! ```text
//!  0        1        2                 4        5        6                 8
//! ┌────────┬────────┬────────┬────────┬────────┬────────┬────────┬────────┐
//! │  0x02  │  type  │      length     │ flags  │ check  │     request     │
//! └────────┴────────┴────────┴────────┴────────┴────────┴────────┴────────┘
//!                    u16                        CRC-8    u16
//!  8                                                    4 + length
//! ┌─────────────────┬─────────────────────────────────────┬────────┬────────┬────────┬────────┐
//! │    payload…     │  seal, if sealed: counter and tag   │              checksum             │
//! └─────────────────┴─────────────────────────────────────┴────────┴────────┴────────┴────────┘
//!                    u64, 16 bytes                         CRC-32 of all before it
//! ```
//!
//! `length` counts what lies between itself and the checksum, as in every version: `flags`,
//! `check`, `request`, the payload, and the seal of a sealed frame.
//!
//! As in version 1, [`ZeroCopyMessage`] is the frame view and [`MessagePayload`] the typed view of
//! its payload. Which frames may come, the bytes alone do not tell: what the session has agreed on
//! is [`Terms`], an argument. The view hands on what is to be proved or inflated before the
//! payload's fields are read: [`seal`](ZeroCopyMessage::seal) and
//! [`payload`](ZeroCopyMessage::payload), in place.
//!
//! ```
//! use cafewire_core::Direction;
//! use cafewire_core::chat::v2::{FrameDecoder, Framing, MessagePayload, Terms};
//!
//! let mut buffer = [0; 64];
//! let sent = MessagePayload::Ping { data: b"12:00" }.encode_into(1, &mut buffer)?;
//!
//! let mut decoder = FrameDecoder::new(Direction::ToServer, Terms::BEFORE_SIGN_IN);
//! let Framing::Frame { frame, consumed } = decoder.next_frame(sent) else { panic!() };
//! assert_eq!((consumed, frame.header().request), (sent.len(), 1));
//! assert_eq!(frame.parse_payload()?, MessagePayload::Ping { data: b"12:00" });
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod body;
mod capabilities;
mod check;
#[cfg(feature = "lz4")]
mod compress;
mod fixed;
mod flags;
mod frame;
mod framing;
mod header;
mod layout;
mod message;
mod message_fields;
mod schema;
#[cfg(feature = "sign")]
mod seal;
mod terms;
#[cfg(test)]
mod tests;

pub use capabilities::Capabilities;
pub use check::check;
#[cfg(feature = "lz4")]
pub use compress::{CompressError, InflateError, compress, compress_buffer_size, inflate};
pub use flags::Flags;
pub(crate) use frame::payload_fields;
pub use frame::{
    MAX_CLIENT_FRAME_SIZE, MAX_FRAME_SIZE, MAX_SIGN_IN_FRAME_SIZE, MAX_SMALL_FRAME_SIZE, Seal,
    ZeroCopyMessage,
};
pub use framing::{FrameDecoder, Framing};
pub use header::{HEADER_SIZE, Header, PROTOCOL_VERSION};
pub use message::{MessagePayload, Resume};
pub(crate) use schema::SEAL_FIELDS;
pub use schema::{MAX_CONTENT_SIZE, MAX_DATA_SIZE, MAX_SMALL_CONTENT_SIZE, MessageType};
#[cfg(feature = "sign")]
pub use seal::{
    AUTHENTICATE_SIZE, Agreement, ClientSignIn, ClientStep, Key, KeyError, OpenError, Opener,
    SealError, Sealer, ServerSignIn, SessionKeys, SignInError, SignedIn,
};
pub use terms::Terms;

/// Bytes of the counter at the start of a seal.
pub const COUNTER_SIZE: usize = size_of::<u64>();

/// Bytes of the tag at the end of a seal.
pub const TAG_SIZE: usize = 16;

/// Bytes of a seal, which stands between the payload and the checksum: counter, then tag.
///
/// ```
/// use cafewire_core::chat::v2::{COUNTER_SIZE, SEAL_SIZE, TAG_SIZE};
/// assert_eq!((SEAL_SIZE, COUNTER_SIZE + TAG_SIZE), (24, 24));
/// ```
pub const SEAL_SIZE: usize = COUNTER_SIZE + TAG_SIZE;

/// Bytes of a nonce, the client's in Connect and the server's in Challenge.
pub const NONCE_SIZE: usize = 16;
