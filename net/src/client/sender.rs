//! The handle on a chat connection for a thread that only writes. Reads nothing.

use std::io;
use std::sync::Arc;

use cafewire_core::MessagePayload;

use super::ClientError;
use super::chat_session::ChatSession;
use super::stream::Stream;

/// A second handle on a [`ChatClient`](super::ChatClient)'s connection that only writes, for
/// another thread than the one that reads. Made by
/// [`ChatClient::sender`](super::ChatClient::sender).
///
/// It waits for no answer: answers arrive as events at the client.
///
/// ```
/// use cafewire_net::{ChatClient, Event, Server, ServerConfig};
/// let mut config = ServerConfig::default();
/// config.listen = vec!["127.0.0.1:0".parse()?]; // any free port
/// let server = Server::bind(config)?;
/// let (address, handle) = (server.local_addresses()[0].clone(), server.handle());
/// let thread = std::thread::spawn(|| server.run());
///
/// let mut client = ChatClient::connect(&address, "ada")?;
/// let sender = client.sender()?;
/// sender.join("lobby")?;
/// sender.send("lobby", "hello")?;
/// sender.leave("lobby")?;
/// sender.disconnect()?;
/// let seen: Vec<Event> = client.events().map_while(Result::ok).collect();
/// assert!(matches!(seen[..], [Event::Joined { .. }, Event::Message { .. }, Event::Left { .. }]));
///
/// handle.shut_down();
/// thread.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ChatSender {
    stream: Stream,
    session: Arc<ChatSession>,
}

impl ChatSender {
    pub(super) fn new(stream: &Stream, session: &Arc<ChatSession>) -> io::Result<Self> {
        Ok(Self { stream: stream.clone_for_writing()?, session: Arc::clone(session) })
    }

    /// Asks to enter a room, named by 1 to 64 bytes without control characters. The answer is an
    /// [`Event::Joined`](super::Event::Joined) with the client's user id, or an
    /// [`Event::Error`](super::Event::Error).
    ///
    /// # Errors
    /// [`ClientError::Encode`]; [`ClientError::Io`], also if the server does not read within the
    /// write time-out; [`ClientError::TooManyRequests`].
    pub fn join(&self, room: &str) -> Result<(), ClientError> {
        self.write(&MessagePayload::JoinRoom { room })
    }

    /// Asks to leave a room, named by 1 to 64 bytes without control characters. The answer is an
    /// [`Event::Left`](super::Event::Left) with the client's user id, or an
    /// [`Event::Error`](super::Event::Error).
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub fn leave(&self, room: &str) -> Result<(), ClientError> {
        self.write(&MessagePayload::LeaveRoom { room })
    }

    /// Sends a message of 1 to 512 bytes to a room that the client is in. The answer is an
    /// [`Event::Message`](super::Event::Message) with the client's user id, or an
    /// [`Event::Error`](super::Event::Error).
    ///
    /// # Errors
    /// [`ClientError::Encode`]; [`ClientError::Io`], also if the server does not read within the
    /// write time-out; [`ClientError::TooManyRequests`].
    pub fn send(&self, room: &str, content: &str) -> Result<(), ClientError> {
        self.write(&MessagePayload::SendMessage { room, content })
    }

    /// Sends Disconnect. The server flushes what it has queued, then closes, which ends the
    /// client's events.
    ///
    /// # Errors
    /// [`ClientError::Io`], also if the server does not read within the write time-out.
    pub fn disconnect(&self) -> Result<(), ClientError> {
        self.write(&MessagePayload::Disconnect)
    }

    fn write(&self, payload: &MessagePayload<'_>) -> Result<(), ClientError> {
        self.session.request(&self.stream, payload).map(|_| ())
    }
}
