//! The writing half of a chat connection, and the turn that keeps frames of several threads apart. Reads nothing.

use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cafewire_core::MessagePayload;
use cafewire_core::chat::MAX_CLIENT_FRAME_SIZE;

use super::ClientError;
use super::connection::write_frame;

/// A second handle on a [`ChatClient`](super::ChatClient)'s connection that only writes, for another thread than the
/// one that reads. Made by [`ChatClient::sender`](super::ChatClient::sender).
///
/// It waits for no answer: those arrive as events at the client.
#[derive(Debug)]
pub struct ChatSender {
    socket: TcpStream,
    write_timeout: Option<Duration>,
    /// Held while a frame is written: a long frame can take several writes.
    turn: Arc<Mutex<()>>,
}

impl ChatSender {
    pub(super) fn new(socket: &TcpStream, write_timeout: Option<Duration>) -> io::Result<Self> {
        Ok(Self { socket: socket.try_clone()?, write_timeout, turn: Arc::default() })
    }

    /// Another handle on the same connection.
    ///
    /// # Errors
    /// The system's, when it has no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        let socket = self.socket.try_clone()?;
        Ok(Self { socket, write_timeout: self.write_timeout, turn: Arc::clone(&self.turn) })
    }

    /// Asks to enter a room: 1 to 64 bytes, no control characters. The answer is an
    /// [`Event::Joined`](super::Event::Joined) of one's own, or an [`Event::Error`](super::Event::Error).
    ///
    /// # Errors
    /// [`ClientError::Encode`], [`ClientError::Io`].
    pub fn join(&self, room: &str) -> Result<(), ClientError> {
        self.write(&MessagePayload::JoinRoom { room })
    }

    /// Asks to leave a room. The answer is an [`Event::Left`](super::Event::Left) of one's own, or an
    /// [`Event::Error`](super::Event::Error).
    ///
    /// # Errors
    /// [`ClientError::Encode`], [`ClientError::Io`].
    pub fn leave(&self, room: &str) -> Result<(), ClientError> {
        self.write(&MessagePayload::LeaveRoom { room })
    }

    /// Says something, 1 to 512 bytes, in a room that one is in. The answer is an
    /// [`Event::Message`](super::Event::Message) of one's own, or an [`Event::Error`](super::Event::Error).
    ///
    /// # Errors
    /// [`ClientError::Encode`]; [`ClientError::Io`], also if the server does not read within the write time-out.
    pub fn send(&self, room: &str, content: &str) -> Result<(), ClientError> {
        self.write(&MessagePayload::SendMessage { room, content })
    }

    /// Says goodbye. The server sends what it has queued, then closes; the client sees the end of its events.
    ///
    /// # Errors
    /// [`ClientError::Io`].
    pub fn disconnect(&self) -> Result<(), ClientError> {
        self.write(&MessagePayload::Disconnect)
    }

    pub(super) fn write(&self, payload: &MessagePayload<'_>) -> Result<(), ClientError> {
        let mut buffer = [0; MAX_CLIENT_FRAME_SIZE];
        let frame = payload.encode_into(&mut buffer)?;
        // The turn guards the socket's order, not data: a thread that panicked left nothing half-done here.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        write_frame(&self.socket, &mut [IoSlice::new(frame)], self.write_timeout)
    }
}
