//! Codecs for tokio-util's `Framed`. No rules of their own: what a frame is, `framing.rs` says, and
//! what noise is, `resync.rs`.
//!
//! | codec | stream | gives |
//! |---|---|---|
//! | [`FrameCodec`] | that loses no byte, such as a socket | frames |
//! | [`MessageCodec`] | the same | messages |
//! | [`ResyncCodec`] | a serial line, such as tokio-serial's | frames, and where there was noise |
//!
//! All are bounded: a frame is at most 65,540 bytes, chat frames at most 630, and the buffer grows
//! with the bytes that arrive, never with what a header claims. Bytes that were looked at are not
//! looked at again before the frame is whole.
//!
//! ```
//! use bytes::BytesMut;
//! use cafewire_core::tokio_codec::MessageCodec;
//! use cafewire_core::{Direction, MessagePayload, OwnedMessage};
//! use tokio_util::codec::{Decoder, Encoder};
//!
//! // With a socket: `Framed::new(socket, MessageCodec::new(Direction::ToClient))` of tokio-util.
//! let mut codec = MessageCodec::new(Direction::ToServer);
//! let mut bytes = BytesMut::new();
//! codec.encode(MessagePayload::Connect { username: "ada" }, &mut bytes)?;
//! let received = codec.decode(&mut bytes)?;
//! assert_eq!(received, Some(OwnedMessage::from(MessagePayload::Connect { username: "ada" })));
//! # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
//! ```
//!
//! # After an error
//! `Framed` does not end at an error. It gives the error once, then `None` once, and when it is
//! polled again it first reads: what is in its buffer already comes out only after that read.
//!
//! - **Bytes that are no frame** end the stream for [`FrameCodec`] and [`MessageCodec`]. They drop
//!   what was received, and what is received after that, and hold none of it. A `Framed` that is
//!   polled on gives the same error for every read, and then `None`: close the connection.
//! - **A message that breaks a rule**, in a good frame, is an error of [`MessageCodec`] alone, and
//!   the message behind it is the next. Through `Framed` it is late by one read, and if the peer
//!   waits for an answer to it, it never comes: to answer and go on, use [`FrameCodec`], for which
//!   it is no error.
//! - **The end of the stream within a frame** ([`ParseError::Truncated`](crate::ParseError)) keeps
//!   the bytes: a stream that goes on after an end, as that of a USB port may, goes on with them.
//! - **Noise** is no error of [`ResyncCodec`] but an item, so that nothing is late.

mod encode;
mod error;
mod frame;
mod message;
mod resync;

pub use error::CodecError;
pub use frame::{FrameCodec, OwnedFrame};
pub use message::MessageCodec;
pub use resync::{LineEvent, ResyncCodec};
