//! The chat family: users, rooms, broadcasts, each frame under a CRC-32. Version 1 is here, version
//! 2 in [`v2`].
//!
//! ```text
//!  0        1        2        3        4                 4 + length
//! ┌────────┬────────┬────────┬────────┬─────────────────┬────────┬────────┬────────┬────────┐
//! │version │  type  │      length     │      body…      │              checksum             │
//! └────────┴────────┴────────┴────────┴─────────────────┴────────┴────────┴────────┴────────┘
//!                    u16, big-endian     length bytes     CRC-32/ISO-HDLC of all before it
//! ```
//!
//! [`ZeroCopyMessage`] is the frame view: its envelope is checked, its body not yet looked at.
//! [`MessagePayload`] is the typed view of the body, and what is encoded. What the bodies are made
//! of is one table, `schema.rs`; two shapes of code read it. `body.rs` is the small one, a loop
//! over a row; `fast.rs` is straight code for each type, made of the same rows by the compiler.
//!
//! A typed view that came from [`ZeroCopyMessage::parse_payload`] is valid: every name and text has
//! an allowed length, names hold no control characters, nothing is left over. What you build
//! yourself is checked when encoded; what is made of [`Username`], [`RoomName`] and [`Content`] was
//! checked when those were made, and [`ValidMessage`] is encoded without a second look.
//!
//! ```
//! use cafewire_core::chat::{MessagePayload, ZeroCopyMessage};
//! let mut buffer = [0; 32];
//! let frame = MessagePayload::Connect { username: "ada" }.encode_into(&mut buffer)?;
//! assert_eq!(frame, [0x01, 0x01, 0x00, 0x04, 0x03, b'a', b'd', b'a', 0x9A, 0xFB, 0x83, 0x17]);
//! let view = ZeroCopyMessage::parse_from_bytes(frame)?;
//! assert_eq!(view.parse_payload()?, MessagePayload::Connect { username: "ada" });
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod body;
mod error_code;
mod fast;
mod field;
mod layout;
mod message;
mod names;
#[cfg(feature = "alloc")]
mod owned;
mod schema;
#[cfg(test)]
mod tests;
mod v1;
pub mod v2;

pub use error_code::ErrorCode;
use field::NAME_PREFIX_SIZE;
pub use field::{Field, MAX_CONTENT_SIZE, MAX_ROOM_NAME_SIZE, MAX_TEXT_SIZE, MAX_USERNAME_SIZE};
pub use message::{MessagePayload, ValidMessage};
pub use names::{Content, RoomName, Username};
#[cfg(feature = "alloc")]
pub use owned::OwnedMessage;
pub use schema::MessageType;
pub(crate) use schema::{FieldSpec, Kind};
pub use v1::{
    CHECKSUM_SIZE, HEADER_SIZE, MAX_CLIENT_FRAME_SIZE, MAX_FRAME_SIZE, MAX_MESSAGE_SIZE,
    PROTOCOL_VERSION, ZeroCopyMessage,
};
pub(crate) use v1::{checksum, next_frame, next_message};

/// Whether flash counts more than time: the one loop of `body.rs` does all the work, and nothing of
/// `fast.rs` is linked. With `std` there is no small flash to fill: the fast shape stays even when
/// another crate of the build has asked for `crc-small`.
const IS_SMALL: bool = cfg!(all(feature = "crc-small", not(feature = "std")));
