//! The limits on everything that the chat screen keeps. Numbers only; the test of each is beside
//! the code that keeps to it.

use std::time::Duration;

use cafewire_core::chat::MAX_CONTENT_SIZE;

/// Rooms at a time. A server's own default is 64 for one connection.
pub(crate) const MAX_ROOMS: usize = 64;

/// Lines kept of each room; the oldest are dropped. With the longest messages in all rooms these
/// take some 80 MiB.
pub(crate) const MAX_ROOM_LINES: usize = 2000;

/// Names kept of each room. More are counted as "and more".
pub(crate) const MAX_MEMBERS: usize = 1000;

/// Lines in the history, here and in its file.
pub(crate) const MAX_HISTORY_LINES: usize = 1000;

/// Bytes in the input line: more than a message may have, so that a text that is too long can be
/// seen, and shortened.
pub(crate) const MAX_INPUT_BYTES: usize = 8 * MAX_CONTENT_SIZE;

/// Lines that were not sent yet, because the server is away or slow.
pub(crate) const MAX_UNSENT: usize = 256;

/// Bytes of one paste.
pub(crate) const MAX_PASTE_BYTES: usize = MAX_UNSENT * MAX_CONTENT_SIZE;

/// Names ignored.
pub(crate) const MAX_IGNORED: usize = 256;

/// Time without any event after which unanswered requests mean a lost connection. The server
/// answers every request of version 1.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
