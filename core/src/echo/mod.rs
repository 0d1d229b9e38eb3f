//! The echo family: frames that start with `CA FE`. No sign-in, no checksum, payloads of up to
//! 65,535 bytes.
//!
//! ```text
//!  0        1        2        3        4        5
//! ┌────────┬────────┬────────┬────────┬────────┬──────────────┐
//! │  0xCA  │  0xFE  │  type  │      length     │   payload…   │
//! └────────┴────────┴────────┴────────┴────────┴──────────────┘
//!                              u16, big-endian   length bytes
//! ```
//!
//! [`ZeroCopyMessage`] is the frame view: a type and a borrowed payload. [`Message`] is the typed
//! view, and what is encoded.
//!
//! ```
//! use cafewire_core::echo::{Message, ZeroCopyMessage};
//!
//! let mut buffer = [0; 64];
//! let frame = Message::echo(b"hello").encode_into(&mut buffer)?;
//! assert_eq!(frame, [0xCA, 0xFE, 0x03, 0x00, 0x05, b'h', b'e', b'l', b'l', b'o']);
//!
//! let view = ZeroCopyMessage::parse_from_bytes(frame)?;
//! assert_eq!(view.message(), Message::Echo(b"hello"));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod frame;
mod message;
#[cfg(feature = "alloc")]
mod owned;

pub(crate) use frame::next_frame;
pub use frame::{HEADER_SIZE, MAGIC_BYTES, MAX_PAYLOAD_SIZE, ZeroCopyMessage};
pub use message::{Message, MessageType};
#[cfg(feature = "alloc")]
pub use owned::OwnedMessage;
