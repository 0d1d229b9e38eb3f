//! For tools that explain bytes: a frame as a list of fields with names, offsets and values, and a
//! stream as all that it holds, the bad as well as the good. No part of talking the protocol:
//! servers, clients and devices want [`Framing`], [`FrameDecoder`] and [`ProtocolParser`], which do
//! less and cost less.
//!
//! [`fields`] goes as far as the bytes at hand can be followed, so that a bad frame is shown up to
//! where it went wrong. [`Dissector`] goes on after a bad frame by the rule of [`ProtocolParser`].
//!
//! ```
//! use cafewire_core::dissect::{Dissected, Dissector, fields};
//! use cafewire_core::Direction;
//!
//! // a byte of noise, then a Connect
//! let mut rest = &b"?\x01\x01\x00\x04\x03ada\x9A\xFB\x83\x17"[..];
//! let mut dissector = Dissector::new(Direction::ToServer);
//! let mut names = Vec::new();
//! while !rest.is_empty() {
//!     let found = dissector.next(rest, true);
//!     if let Dissected::Frame { size, .. } = found {
//!         names = fields(&rest[..size]).map(|field| field.name).collect();
//!     }
//!     rest = &rest[found.size()..];
//! }
//! assert_eq!(names, ["version", "type", "length", "username_length", "username", "checksum"]);
//! ```
//!
//! [`Framing`]: crate::Framing
//! [`FrameDecoder`]: crate::FrameDecoder
//! [`ProtocolParser`]: crate::ProtocolParser

mod fields;
mod frame;
mod stream;

pub use fields::{FieldValue, FieldView, Fields, fields};
pub use frame::AnyFrame;
pub use stream::{AnyFraming, Dissected, Dissector, MAX_NOISE_SIZE};
