//! The chat family, version 1: users, rooms, broadcasts, each frame under a CRC-32.
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
//! [`MessagePayload`] is the typed view of the body, and what is encoded. Every body has a file of
//! its own below this module, each in the same order: diagram, layout, tests on real bytes. One
//! loop over the layout reads and writes them all.
//!
//! A typed view that came from [`ZeroCopyMessage::parse_payload`] is valid: every name and text has
//! an allowed length, names hold no control characters, nothing is left over. What you build
//! yourself is checked when encoded.
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

mod broadcast;
mod connect;
mod connect_ack;
mod disconnect;
mod envelope;
mod error;
mod error_code;
mod field;
mod layout;
mod message_type;
#[cfg(feature = "alloc")]
mod owned;
mod payload;
mod presence;
mod room_request;
mod send_message;
#[cfg(test)]
mod testing;

pub(crate) use envelope::next_frame;
pub use envelope::{
    CHECKSUM_SIZE, HEADER_SIZE, MAX_CLIENT_FRAME_SIZE, MAX_FRAME_SIZE, MAX_MESSAGE_SIZE,
    PROTOCOL_VERSION, ZeroCopyMessage,
};
pub use error_code::ErrorCode;
pub use field::{MAX_CONTENT_SIZE, MAX_ROOM_NAME_SIZE, MAX_TEXT_SIZE, MAX_USERNAME_SIZE};
pub(crate) use layout::MAX_FIXED_SIZE;
pub use message_type::MessageType;
#[cfg(feature = "alloc")]
pub use owned::OwnedMessage;
pub use payload::MessagePayload;
