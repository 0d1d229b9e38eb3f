//! The client's end of a chat connection as a state machine: [`Session`] signs in, knows which
//! requests wait for their answers, matches the answers with them, notices that a server is gone,
//! and says what ended it. It reads no socket and no clock, allocates nothing and keeps no text but
//! the client's own name.
//!
//! ```text
//! request ──▶ request() ──▶ frame to send          frame received ──▶ receive() ──▶ Event
//! time ─────▶ due() ──────▶ probe() ─▶ frame                          end()  ◀── end of the stream
//! ```
//!
//! The caller brings three things:
//!
//! - **Frames.** What [`Session::request`] writes into a buffer is sent, all of it and in the order
//!   of the calls. What comes in is framed with [`FrameDecoder`](crate::FrameDecoder) or
//!   [`ProtocolParser`](crate::ProtocolParser), and each message is passed to
//!   [`Session::receive`].
//! - **Slots.** Each request that waits for its answer takes one [`Slot`] of 8 bytes. The session
//!   holds them in an array, a slice or a vector of the caller's, whose length is the limit: when
//!   all are taken, a request is refused before a byte of it is written.
//! - **The time**, if it wants to know whether the server is still there: of any clock that does
//!   not run backwards, in any unit.
//!
//! Every Connect, JoinRoom, LeaveRoom and SendMessage gets exactly one answer, in the order of the
//! requests. In version 1 no answer says which request it belongs to; the session counts, and
//! checks that the room and the text are those that were asked for.
//!
//! A visit, over byte slices in place of a socket:
//!
//! ```
//! use cafewire_core::client::{Event, Session, Slot};
//! use cafewire_core::{Decoded, Direction, FrameDecoder, MessagePayload};
//!
//! let mut session = Session::new([Slot::EMPTY; 8]);
//! let mut decoder = FrameDecoder::new(Direction::ToClient);
//! let mut buffer = [0; 64];
//!
//! // Sign in, join and speak. Requests need not wait for each other's answers.
//! let mut sent = Vec::new();
//! for request in [
//!     MessagePayload::Connect { username: "ada" },
//!     MessagePayload::JoinRoom { room: "lobby" },
//!     MessagePayload::SendMessage { room: "lobby", content: "olá" },
//! ] {
//!     let encoded = session.request(&request, &mut buffer)?;
//!     sent.extend_from_slice(encoded.frame); // to the socket
//! }
//! assert_eq!(sent.len(), 12 + 14 + 18);
//!
//! // What a server answers, from the socket.
//! let received = b"\x01\x81\x00\x0C\0\0\0\x07cafewire\x26\x91\x37\xFF\
//!     \x01\x83\x00\x0E\0\0\0\x07\x03ada\x05lobby\x26\x53\x10\x9B\
//!     \x01\x82\x00\x1A\0\0\0\x07\0\0\x01\x8B\xCF\xE5\x68\0\
//!     \x03ada\x05lobbyol\xC3\xA1\x6E\x35\x69\x14";
//! let mut rest = &received[..];
//! let mut seen = Vec::new();
//! while let Decoded::Chat { message, consumed } = decoder.next_message(rest) {
//!     rest = &rest[consumed..];
//!     seen.push(match session.receive(&message, 0) {
//!         Event::SignedIn { user_id, .. } => format!("user {user_id}"),
//!         Event::Joined { room, answers: Some(_), .. } => format!("in {room}"),
//!         Event::Said { content, answers: Some(_), .. } => format!("receipt of {content}"),
//!         Event::Said { username, content, .. } => format!("{username}: {content}"),
//!         other => format!("{other:?}"),
//!     });
//! }
//! assert_eq!(seen, ["user 7", "in lobby", "receipt of olá"]);
//! assert_eq!(session.pending(), 0);
//! # Ok::<(), cafewire_core::client::RequestError>(())
//! ```

mod error;
mod event;
mod liveness;
mod own_name;
mod pending;
mod session;

pub use error::RequestError;
pub use event::{Answer, End, Event};
pub use liveness::{Due, Liveness};
pub use pending::{RequestId, Slot};
pub use session::{Encoded, Session};
