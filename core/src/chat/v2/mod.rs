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

mod capabilities;
mod check;
mod flags;
mod header;

pub use capabilities::Capabilities;
pub use check::check;
pub use flags::Flags;
pub use header::{HEADER_SIZE, Header, PROTOCOL_VERSION};

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
