//! Frames over the ports of embedded-io and embedded-io-async: [`FrameReader`] reads,
//! [`FrameWriter`] writes, each through a buffer of the caller's.
//!
//! | feature | ports | methods |
//! |---|---|---|
//! | `embedded-io` | `embedded_io::{Read, Write}`, which block | [`receive`], [`flush`] |
//! | `embedded-io-async` | the same of `embedded_io_async` | [`receive_async`], [`flush_async`] |
//!
#![cfg_attr(feature = "embedded-io", doc = "[`receive`]: FrameReader::receive")]
#![cfg_attr(feature = "embedded-io", doc = "[`flush`]: FrameWriter::flush")]
#![cfg_attr(not(feature = "embedded-io"), doc = "[`receive`]: FrameReader")]
#![cfg_attr(not(feature = "embedded-io"), doc = "[`flush`]: FrameWriter")]
#![cfg_attr(feature = "embedded-io-async", doc = "[`receive_async`]: FrameReader::receive_async")]
#![cfg_attr(feature = "embedded-io-async", doc = "[`flush_async`]: FrameWriter::flush_async")]
#![cfg_attr(not(feature = "embedded-io-async"), doc = "[`receive_async`]: FrameReader")]
#![cfg_attr(not(feature = "embedded-io-async"), doc = "[`flush_async`]: FrameWriter")]
//!
//! **Cancellation.** All that has been read or is still to be written stands in the receiver or
//! sender, never in a future: a future that is dropped between two polls loses no byte, and the
//! next call goes on where it was. That holds as far as the port's own `read` and `write` are
//! cancel-safe, which their documentation should say.
//!
//! **Noise.** These are for ports that do not damage bytes: a socket, USB, a pipe. A byte that
//! belongs to no frame is an error, and the next call gives it again. A bare serial line wants
//! [`ProtocolParser`](crate::ProtocolParser), which finds its way after noise and is cancel-safe as
//! it is, for it does no I/O:
//!
//! ```
//! use cafewire_core::{Frame, ProtocolParser};
//! # struct Uart(&'static [u8]);
//! # impl Uart {
//! #     fn read(&mut self, buffer: &mut [u8]) -> usize {
//! #         let n = self.0.len().min(buffer.len());
//! #         buffer[..n].copy_from_slice(&self.0[..n]);
//! #         self.0 = &self.0[n..];
//! #         n
//! #     }
//! # }
//! # let mut uart = Uart(b"?\xCA\xFE\x01\x00\x00");
//! # let mut frames = 0;
//! let mut parser = ProtocolParser::<64>::new();
//! let mut piece = [0; 16];
//! loop {
//!     let count = uart.read(&mut piece); // or `.await`
//! #   if count == 0 { break; }
//!     let mut rest = &piece[..count];
//!     while !rest.is_empty() {
//!         rest = &rest[parser.feed(rest)..];
//!         loop {
//!             match parser.try_parse() {
//!                 Ok(Some(Frame::Echo(view))) => println!("{:?}", view.message()),
//!                 Ok(Some(Frame::Chat(view))) => println!("{:?}", view.parse_payload()),
//!                 Ok(None) => break,
//!                 Err(noise) => println!("skipping: {noise}"),
//!             }
//! #           frames += 1;
//!         }
//!     }
//! }
//! # assert_eq!(frames, 2);
//! ```

mod reader;
mod writer;

pub use reader::{FrameReader, ReadError};
pub use writer::{FrameWriter, WriteError};
