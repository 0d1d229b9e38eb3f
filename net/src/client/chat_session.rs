//! The core's client session behind the locks and the clock of a blocking client: what the thread
//! that reads and the threads that write share. Decides nothing about the protocol.

use std::io::IoSlice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cafewire_core::MessagePayload;
use cafewire_core::chat::MAX_CLIENT_FRAME_SIZE;
use cafewire_core::client::{Due, Event, RequestError, RequestId, Session, Slot};

use super::framed_stream::write_frame;
use super::stream::Stream;
use super::{ClientConfig, ClientError, UNANSWERED_MAX};

/// Slots that a new connection has; they double when they are all taken.
const FIRST_SLOTS: usize = 16;

#[derive(Debug)]
pub(super) struct ChatSession {
    started: Instant,
    probe_interval: Option<Duration>,
    write_timeout: Option<Duration>,
    /// Held while a frame is written: a frame can take several writes, and no other may come
    /// between them. Requests are noted under it too, so that they stand in the session in the
    /// order in which they are sent.
    write_lock: Mutex<()>,
    /// Never held during a read or a write: a writer that has to wait for the server must not keep
    /// the reader from what the server waits to be rid of.
    session: Mutex<Session<Vec<Slot>>>,
    /// When the last message came, in nanoseconds since `started`.
    heard: AtomicU64,
}

impl ChatSession {
    pub(super) fn new(config: &ClientConfig) -> Self {
        let slots = vec![Slot::EMPTY; FIRST_SLOTS];
        let session = Session::with_probes(slots, config.probe_interval.map(nanoseconds));
        Self {
            started: Instant::now(),
            probe_interval: config.probe_interval,
            write_timeout: config.write_timeout,
            write_lock: Mutex::new(()),
            session: Mutex::new(session),
            heard: AtomicU64::new(0),
        }
    }

    /// Writes a request. Gives the number that its answer will have; `None` if the session is over,
    /// so that there will be none.
    pub(super) fn request(
        &self,
        stream: &Stream,
        request: &MessagePayload<'_>,
    ) -> Result<Option<RequestId>, ClientError> {
        let mut buffer = [0; MAX_CLIENT_FRAME_SIZE];
        let _guard = lock(&self.write_lock);
        let (frame, id) = self.encode(request, &mut buffer)?;
        self.write(stream, frame)?;
        Ok(id)
    }

    /// Writes a probe.
    pub(super) fn probe(&self, stream: &Stream) -> Result<(), ClientError> {
        let mut buffer = [0; MAX_CLIENT_FRAME_SIZE];
        let _guard = lock(&self.write_lock);
        let probe = lock(&self.session).probe(&mut buffer, self.now());
        // Only of a session that is over is there nothing to ask.
        probe.map_or(Ok(()), |frame| self.write(stream, frame))
    }

    pub(super) fn receive<'a>(&self, message: &MessagePayload<'a>) -> Event<'a> {
        let now = self.now();
        self.heard.store(now, Ordering::Relaxed);
        lock(&self.session).receive(message, now)
    }

    pub(super) fn last_heard(&self) -> Instant {
        self.started + Duration::from_nanos(self.heard.load(Ordering::Relaxed))
    }

    pub(super) fn due(&self) -> Due {
        lock(&self.session).due(self.now())
    }

    /// The longest wait after which to ask what is [`due`](Self::due); `None` has no bound.
    pub(super) const fn longest_wait(&self) -> Option<Duration> {
        self.probe_interval
    }

    fn now(&self) -> u64 {
        nanoseconds(self.started.elapsed())
    }

    fn encode<'b>(
        &self,
        request: &MessagePayload<'_>,
        buffer: &'b mut [u8],
    ) -> Result<(&'b [u8], Option<RequestId>), ClientError> {
        let mut session = lock(&self.session);
        let mut id = session.request(request, buffer).map(|encoded| encoded.id);
        if let Err(RequestError::Full { slots }) = id {
            more_slots(&mut session, slots)?;
            id = session.request(request, buffer).map(|encoded| encoded.id);
        }
        match id {
            Ok(id) => Ok((&buffer[..request.encoded_len()], Some(id))),
            Err(RequestError::Encode(error)) => Err(error.into()),
            // The session is over. What a write to an ended connection brings, the write says.
            Err(_) => Ok((request.encode_into(buffer)?, None)),
        }
    }

    fn write(&self, stream: &Stream, frame: &[u8]) -> Result<(), ClientError> {
        write_frame(stream, &mut [IoSlice::new(frame)], self.write_timeout)
    }
}

/// Twice the slots, all of which are taken.
fn more_slots(session: &mut Session<Vec<Slot>>, slots: usize) -> Result<(), ClientError> {
    if slots >= UNANSWERED_MAX {
        return Err(ClientError::TooManyRequests { limit: UNANSWERED_MAX });
    }
    if let Some(larger) = session.with_slots(vec![Slot::EMPTY; slots * 2]) {
        *session = larger;
    }
    Ok(())
}

/// A time past the end of what a u64 holds, 584 years, never comes.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// No code panics while it holds one of these locks, so a poisoned one's state is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use cafewire_core::{Direction, Frame, FrameDecoder, Framing};

    use super::*;

    const CONNECT: MessagePayload<'_> = MessagePayload::Connect { username: "ada" };
    const ACK: MessagePayload<'_> = MessagePayload::ConnectAck { user_id: 7, server_info: "" };

    /// A session that is signed in, with a stream to a thread that reads all that is sent.
    fn connected(config: &ClientConfig) -> (ChatSession, Stream, std::thread::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().into();
        let stream = Stream::connect(&address, config).unwrap();
        // The system grants its smallest buffer, so that writers often wait in the middle of a
        // frame.
        stream.set_send_buffer_size(1).unwrap();
        let mut received = listener.accept().unwrap().0;
        let reading = std::thread::spawn(move || {
            let mut everything = Vec::new();
            received.read_to_end(&mut everything).unwrap();
            everything
        });
        let session = ChatSession::new(config);
        session.request(&stream, &CONNECT).unwrap();
        assert!(matches!(session.receive(&ACK), Event::SignedIn { user_id: 7, .. }));
        (session, stream, reading)
    }

    #[test]
    fn frames_of_several_threads_never_mix() {
        const THREADS: usize = 4;
        const FRAMES_EACH: usize = 500;
        let config = ClientConfig { write_timeout: None, ..ClientConfig::default() };
        let (session, stream, reading) = connected(&config);
        let content = "x".repeat(512);
        let message = MessagePayload::SendMessage { room: "den", content: &content };
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..FRAMES_EACH {
                        session.request(&stream, &message).unwrap();
                    }
                });
            }
        });
        drop(stream);
        let everything = reading.join().unwrap();
        let mut reader = FrameDecoder::new(Direction::ToServer);
        let mut rest = &everything[..];
        for number in 0..=THREADS * FRAMES_EACH {
            let Framing::Frame { frame: Frame::Chat(_), consumed } = reader.next_frame(rest) else {
                panic!("frame {number} is not whole")
            };
            rest = &rest[consumed..];
        }
        assert!(rest.is_empty());
        assert_eq!(lock(&session.session).pending(), THREADS * FRAMES_EACH);
    }

    #[test]
    fn so_many_may_wait_for_their_answers_and_no_more() {
        let config = ClientConfig::default();
        let (session, stream, reading) = connected(&config);
        let mut buffer = [0; MAX_CLIENT_FRAME_SIZE];
        let join = MessagePayload::JoinRoom { room: "den" };
        for number in 1..=UNANSWERED_MAX {
            let (_, id) = session.encode(&join, &mut buffer).unwrap();
            assert_eq!(id.map(|id| id.get() as usize), Some(number));
        }
        let refused = session.request(&stream, &join).unwrap_err();
        assert!(matches!(refused, ClientError::TooManyRequests { limit: UNANSWERED_MAX }));
        let joined = MessagePayload::UserJoined { user_id: 7, username: "ada", room: "den" };
        assert!(matches!(session.receive(&joined), Event::Joined { answers: Some(_), .. }));
        session.request(&stream, &join).unwrap();
        // What follows a Disconnect is sent, and not waited for.
        session.request(&stream, &MessagePayload::Disconnect).unwrap();
        assert_eq!(session.request(&stream, &join).unwrap(), None);
        drop(stream);
        let sent = CONNECT.encoded_len() + 2 * join.encoded_len() + 8;
        assert_eq!(reading.join().unwrap().len(), sent, "what is refused is not sent");
    }
}
