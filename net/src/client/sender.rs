//! Writes on a chat connection from several threads, each frame in one piece. Reads nothing.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cafewire_core::MessagePayload;
use cafewire_core::chat::MAX_CLIENT_FRAME_SIZE;

use super::ClientError;
use super::framed_stream::write_frame;
use super::stream::Stream;

/// A second handle on a [`ChatClient`](super::ChatClient)'s connection that only writes, for
/// another thread than the one that reads. Made by
/// [`ChatClient::sender`](super::ChatClient::sender).
///
/// It waits for no answer: answers arrive as events at the client.
///
/// ```
/// use cafewire_net::{ChatClient, Event};
/// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
/// # let (address, _, _server) = serve(None);
/// let mut client = ChatClient::connect(&address, "ada")?;
/// let sender = client.sender()?;
/// sender.join("lobby")?;
/// sender.send("lobby", "hello")?;
/// sender.leave("lobby")?;
/// sender.disconnect()?;
/// let seen: Vec<Event> = client.events().map_while(Result::ok).collect();
/// assert!(matches!(seen[..], [Event::Joined { .. }, Event::Message { .. }, Event::Left { .. }]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ChatSender {
    stream: Stream,
    write_lock: Arc<WriteLock>,
}

impl ChatSender {
    pub(super) fn new(stream: &Stream, write_lock: &Arc<WriteLock>) -> io::Result<Self> {
        Ok(Self { stream: stream.clone_for_writing()?, write_lock: Arc::clone(write_lock) })
    }

    /// Asks to enter a room, named by 1 to 64 bytes without control characters. The answer is an
    /// [`Event::Joined`](super::Event::Joined) with the client's user id, or an
    /// [`Event::Error`](super::Event::Error).
    ///
    /// # Errors
    /// [`ClientError::Encode`]; [`ClientError::Io`], also if the server does not read within the
    /// write time-out.
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
    /// write time-out.
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
        self.write_lock.write(&self.stream, payload)
    }
}

/// The lock that a thread holds while it writes a frame: a frame can take several writes, and no
/// other frame may come between them.
#[derive(Debug)]
pub(super) struct WriteLock {
    write_timeout: Option<Duration>,
    lock: Mutex<()>,
}

impl WriteLock {
    pub(super) fn new(write_timeout: Option<Duration>) -> Self {
        Self { write_timeout, lock: Mutex::new(()) }
    }

    pub(super) fn write(
        &self,
        stream: &Stream,
        payload: &MessagePayload<'_>,
    ) -> Result<(), ClientError> {
        let mut buffer = [0; MAX_CLIENT_FRAME_SIZE];
        let frame = payload.encode_into(&mut buffer)?;
        // The lock guards the order of writes and no data, so a poisoned lock is as good as any.
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        write_frame(stream, &mut [IoSlice::new(frame)], self.write_timeout)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use cafewire_core::{Direction, Frame, FrameDecoder, Framing};

    use super::super::ClientConfig;
    use super::*;

    #[test]
    fn frames_of_several_threads_never_mix() {
        const THREADS: usize = 4;
        const FRAMES_EACH: usize = 500;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().into();
        let stream = Stream::connect(&address, &ClientConfig::default()).unwrap();
        // The system grants its smallest buffer, so that writers often wait in the middle of a
        // frame.
        stream.set_send_buffer_size(1).unwrap();
        let mut received = listener.accept().unwrap().0;
        let reading = std::thread::spawn(move || {
            let mut everything = Vec::new();
            received.read_to_end(&mut everything).unwrap();
            everything
        });
        let write_lock = WriteLock::new(None);
        let content = "x".repeat(512);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..FRAMES_EACH {
                        write_lock
                            .write(
                                &stream,
                                &MessagePayload::SendMessage { room: "den", content: &content },
                            )
                            .unwrap();
                    }
                });
            }
        });
        drop(stream);
        let everything = reading.join().unwrap();
        let mut reader = FrameDecoder::new(Direction::ToServer);
        let mut rest = &everything[..];
        for number in 0..THREADS * FRAMES_EACH {
            let Framing::Frame { frame: Frame::Chat(_), consumed } = reader.next_frame(rest) else {
                panic!("frame {number} is not whole")
            };
            rest = &rest[consumed..];
        }
        assert!(rest.is_empty());
    }
}
