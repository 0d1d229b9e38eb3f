//! Frames over the ports of embedded-io and embedded-io-async, 0.7 and 0.6.
//!
//! | | for | bytes that are no frame |
//! |---|---|---|
//! | [`FrameReader`] | what loses no byte: a socket, a pipe, USB | are an error, and stay one |
//! | [`ResyncReader`] | a UART, and all that loses or damages bytes | are told, skipped, counted |
//! | [`FrameWriter`] | both | |
//!
//! | feature | ports | methods |
//! |---|---|---|
//! | `embedded-io` | `embedded_io` 0.7, which block | `receive`, `poll`, `write`, `flush` |
//! | `embedded-io-async` | `embedded_io_async` 0.7 | `receive_async`, `write_async`, … |
//! | `embedded-io-06` | `embedded_io` 0.6, in a `Compat06` | as `embedded-io` |
//! | `embedded-io-async-06` | `embedded_io_async` 0.6, in a `Compat06` | as `embedded-io-async` |
//!
//! The table in the crate's README says which HAL needs which.
//!
//! **Cancellation.** All that has been read or is still to be written stands in the reader or
//! writer, never in a future: a future that is dropped between two polls loses no byte, and the
//! next call goes on where it was. That holds as far as the port's own `read` and `write` are
//! cancel-safe, which their documentation should say.
//!
//! **A UART without `embedded_io::Read`**, whose HAL gives a byte at a time, needs no adapter:
//! [`ProtocolParser`](crate::ProtocolParser) takes bytes in pieces of any size, and does no I/O.

#[cfg(any(feature = "embedded-io-06", feature = "embedded-io-async-06"))]
mod compat;
mod reader;
mod resync_reader;
mod writer;

#[cfg(any(feature = "embedded-io-06", feature = "embedded-io-async-06"))]
pub use compat::{Compat06, Error06};
pub use reader::{FrameReader, ReadError};
pub use resync_reader::{ResyncError, ResyncReader};
pub use writer::{FrameWriter, WriteError};
