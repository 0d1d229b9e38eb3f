//! The cafewire binary protocol: bytes to borrowed, checked views, and messages to bytes in your
//! buffer.
//!
//! `#![no_std]`; no allocation, no I/O, no clock, no `unsafe` (the byte loops' is
//! `cafewire-kernel`'s). The same code runs on a Cortex-M, in a server and in a fuzzer. The bytes
//! themselves are specified in `PROTOCOL.md` beside this crate.
//!
//! # What a frame is
//! Two families share one port, told apart by the first byte of a connection. Integers are
//! big-endian.
//!
//! ```text
//! echo   CA FE │ type │ length:u16 │ payload           ping, pong, echo, data, error; no checksum
//! chat   01    │ type │ length:u16 │ body │ CRC-32:u32     users, rooms, broadcasts
//!        02    │ …                                          version 2: module chat::v2
//! ```
//!
//! The modules [`echo`] and [`chat`] say more of each. Both work in the same three steps: *framing*
//! finds where a frame ends and checks its envelope ([`Framing`], [`FrameDecoder`]); the frame view
//! borrows its payload ([`ZeroCopyMessage`], [`echo::ZeroCopyMessage`]); the typed view gives the
//! payload's fields ([`MessagePayload`], [`Message`]). [`Decoded`] is all three in one, and the
//! fastest.
//!
//! ```
//! use cafewire_core::{Frame, Framing, MessagePayload};
//!
//! // Encode into a buffer of your own …
//! let mut buffer = [0; 64];
//! let hello = MessagePayload::SendMessage { room: "lobby", content: "hello" };
//! let sent = hello.encode_into(&mut buffer)?;
//!
//! // … and read it back without copying a byte.
//! match Framing::of(sent) {
//!     Framing::Frame { frame: Frame::Chat(view), consumed } => {
//!         assert_eq!(consumed, sent.len());
//!         assert_eq!(view.parse_payload()?, hello);
//!     }
//!     Framing::Frame { .. } => unreachable!("this was a chat frame"),
//!     Framing::Incomplete { needed } => println!("wait for {needed} more bytes"),
//!     Framing::Corrupt { error } => println!("refused: {error}"),
//! }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Reading a stream
//! A frame that is not whole yet is no error: [`Framing::Incomplete`] says how many bytes to wait
//! for. What is left after the last whole frame stays in your buffer, and more is read behind it;
//! nothing is read twice for that.
//!
//! - A connection, which is closed when its bytes are no frames: [`FrameDecoder`].
//! - A line that may damage or lose bytes and cannot be closed, such as a UART's:
//!   [`ProtocolParser`], which finds the next frame.
//! - A port of `embedded-io` or tokio's `Framed`: the features below, which have a reader for each
//!   of the two kinds.
//! - Tools that explain bytes, the bad as well: [`dissect`].
//!
//! # Being a client
//! [`client::Session`] is the client's end of a chat connection: the sign-in, which answer belongs
//! to which request, whether the server is still there, and what ended it. Bytes and time go in,
//! bytes and events come out; a microcontroller and `cafewire chat` run the same one.
//!
//! # Errors
//! [`ParseError`] says what is wrong with bytes and at which of them, [`ProtocolError`] what keeps
//! a message from becoming bytes, in numbers; text is made when it is shown. [`ParseError::code`]
//! is what to answer a chat peer with, and [`ErrorCode::closes`] whether the connection can go on.
//! When an encoder refuses, nothing was written.
//!
//! # Features
//! None is on by default; each only adds, and none changes what is there without it. The default
//! build needs neither `std` nor an allocator, and no other crate's type stands in its signatures,
//! so that their versions bind no user; a feature that is named after a crate speaks that
//! crate's types.
//!
//! | feature | adds |
//! |---|---|
//! | `alloc` | `OwnedMessage` of each family and of either, `into_owned`, `encode_to_vec` |
//! | `std` | `alloc`; the processor is asked for its own instructions when the program runs |
//! | `simd` | the byte loops in SSE4.1 and AVX-512; without `std`, those it is compiled for |
//! | `crc-small` | small code before fast code, no tables of 16 KiB. No effect with `std` |
//! | `serde` | `Serialize`, `Deserialize` of messages (module `serde`), `Serialize` of errors |
//! | `defmt` | `defmt::Format` of messages, views, errors and readers |
//! | `sign` | sealed frames of chat version 2 and the sign-in with a key ([`chat::v2`]) |
//! | `lz4` | compressed frames of chat version 2 ([`chat::v2`]) |
//! | `embedded-io` | frames over a port of embedded-io 0.7, which blocks (module `io`) |
//! | `embedded-io-async` | the same over a port that is awaited, cancel-safe |
//! | `embedded-io-06`, `embedded-io-async-06` | the same for ports of embedded-io 0.6 |
//! | `tokio-codec` | `std`; codecs for tokio-util's `Framed` (module `tokio_codec`) |
//!
#![doc = include_str!("../cost.md")]
//!
//! # What it runs on
//! Every target of 32 or 64 bits that has `core`, compare-and-swap or none. Where `usize` has 16
//! bits (MSP430, AVR), it does not compile, and says why.
//!
//! # What it never does
//! Panic on input, allocate (but where the feature `alloc` is called for it), copy a payload, keep
//! a reference past its lifetime, or let a number from the wire size anything.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(target_pointer_width = "16")]
compile_error!(
    "cafewire-core needs a usize of at least 32 bits: an echo frame of 65,540 bytes, which any \
     peer may announce, cannot be counted in 16 (MSP430, AVR)"
);

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

/// Has the examples of README.md compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

mod accumulator;
pub mod chat;
pub mod client;
mod cursor;
mod decoded;
mod direction;
pub mod dissect;
pub mod echo;
mod error;
mod family;
mod frame_kind;
mod framing;
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub mod io;
mod outcome;
#[cfg(feature = "alloc")]
mod owned;
mod parser;
mod resync;
#[cfg(feature = "serde")]
pub mod serde;
#[cfg(feature = "tokio-codec")]
pub mod tokio_codec;

pub use chat::{
    ErrorCode, Field, MAX_MESSAGE_SIZE, MessagePayload, MessageType, PROTOCOL_VERSION,
    ZeroCopyMessage,
};
pub use decoded::Decoded;
pub use direction::Direction;
pub use echo::{HEADER_SIZE, MAGIC_BYTES, MAX_PAYLOAD_SIZE, Message};
pub use error::{FieldError, ParseError, ParseResult, ProtocolError};
pub use family::Family;
pub use framing::{Frame, FrameDecoder, Framing};
#[cfg(feature = "alloc")]
pub use owned::OwnedMessage;
pub use parser::ProtocolParser;
