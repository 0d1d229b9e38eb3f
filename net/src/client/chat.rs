//! The blocking client of chat, version 1, signed in: a socket and time-outs around the core's
//! client session, which says what is an answer to what, and when the server is gone.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cafewire_core::client::{self, Due};
use cafewire_core::{Family, Frame, MessagePayload};

use super::chat_session::ChatSession;
use super::deadline::Deadline;
use super::error;
use super::framed_stream::FramedStream;
use super::{Answers, ChatSender, ClientConfig, ClientError, Event, Events, Received};
use crate::address::{Address, PeerAddress};

/// The most events that a [`ChatClient`] keeps while it waits for an answer. At this number it
/// returns [`ClientError::TooManyEvents`] and no longer waits.
pub const KEPT_EVENTS_MAX: usize = 4096;

/// The most requests of a connection, those of its [`ChatSender`]s included, that wait for their
/// answers. At this number a further one is [`ClientError::TooManyRequests`].
pub const UNANSWERED_MAX: usize = 1 << 20;

/// A chat connection, signed in under a name.
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
/// assert!(client.server_info().starts_with("cafewire/"));
/// client.join("lobby")?;
/// client.send("lobby", "hello")?;
/// let Event::Message { user_id, username, .. } = client.next_event()? else {
///     panic!("no other event is possible")
/// };
/// assert_eq!((user_id, &*username), (client.user_id(), client.username())); // the client's own
/// client.disconnect()?;
///
/// handle.shut_down();
/// thread.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ChatClient {
    connection: FramedStream,
    session: Arc<ChatSession>,
    username: String,
    user_id: u32,
    server_info: String,
    kept_events: VecDeque<Received>,
}

impl ChatClient {
    /// Connects and signs in, with the default time-outs: 5 s to connect, 10 s for an answer, 10 s
    /// for a write.
    ///
    /// # Errors
    /// As [`connect_with`](Self::connect_with).
    ///
    /// ```
    /// use cafewire_net::{Address, ChatClient, ClientError};
    /// let nameless = ChatClient::connect(&Address::default(), "").unwrap_err();
    /// assert!(matches!(nameless, ClientError::Encode(_))); // seen before anything was connected
    /// ```
    pub fn connect(address: &Address, username: &str) -> Result<Self, ClientError> {
        Self::connect_with(address, username, &ClientConfig::default())
    }

    /// Connects and signs in under a name of 1 to 32 bytes, no control characters.
    ///
    /// # Errors
    /// [`ClientError::Encode`] if the name is not allowed, and then nothing was connected;
    /// [`ClientError::Connect`]; [`ClientError::Refused`], for example with
    /// [`ErrorCode::UsernameTaken`](cafewire_core::ErrorCode::UsernameTaken);
    /// [`ClientError::Unexpected`] from a server that answers with
    /// something else; what [`next_event`](Self::next_event) gives.
    pub fn connect_with(
        address: &Address,
        username: &str,
        config: &ClientConfig,
    ) -> Result<Self, ClientError> {
        let sign_in = MessagePayload::Connect { username };
        sign_in.validate().map_err(|error| ClientError::Encode(error.into()))?;
        let mut connection = FramedStream::open(address, config, Family::ChatV1)?;
        let session = Arc::new(ChatSession::new(config));
        let sent = session.request(connection.stream(), &sign_in);
        // A server that refused the connection sent the reason before it closed. That reason says
        // more than the failed write.
        let mut deadline = if sent.is_ok() { connection.read_deadline() } else { Deadline::now() };
        let answer =
            receive(&mut connection, &session, &mut deadline, |payload, event| match event {
                client::Event::SignedIn { user_id, server_info } => {
                    Ok((user_id, server_info.to_owned()))
                }
                client::Event::Refused { code, message, .. }
                | client::Event::Ended { code, message } => {
                    Err(ClientError::Refused { code, message: message.to_owned() })
                }
                _ => Err(unexpected("ConnectAck", payload)),
            });
        let (user_id, server_info) = match (sent, answer) {
            (_, Err(refused @ ClientError::Refused { .. })) => return Err(refused),
            (sent, answer) => {
                sent?;
                answer?
            }
        };
        Ok(Self {
            connection,
            session,
            username: username.to_owned(),
            user_id,
            server_info,
            kept_events: VecDeque::new(),
        })
    }

    /// The number that the server gave this user, until the connection ends.
    #[must_use]
    pub fn user_id(&self) -> u32 {
        self.user_id
    }

    /// The name signed in under.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The server's description of itself. May be empty, and may hold control characters.
    #[must_use]
    pub fn server_info(&self) -> &str {
        &self.server_info
    }

    /// When the last frame of the server was received, answers to probes included. After the
    /// connection was lost, what the server sent since may be missing.
    #[must_use]
    pub fn last_heard(&self) -> Instant {
        self.session.last_heard()
    }

    /// The server's end of the connection.
    ///
    /// # Errors
    /// The system's.
    pub fn peer_address(&self) -> io::Result<PeerAddress> {
        self.connection.stream().peer_address()
    }

    /// This end of the connection.
    ///
    /// # Errors
    /// The system's.
    pub fn local_address(&self) -> io::Result<PeerAddress> {
        self.connection.stream().local_address()
    }

    /// Enters a room, named by 1 to 64 bytes without control characters, and waits for the server's
    /// confirmation. Events that come meanwhile are kept for [`next_event`](Self::next_event).
    ///
    /// In version 1 no answer names its request: answers come in the order of the requests, and are
    /// counted. So an Error that answers a message sent just before is an event, and not the answer
    /// to this request.
    ///
    /// # Errors
    /// [`ClientError::Encode`]; [`ClientError::Refused`], for example with
    /// [`ErrorCode::AlreadyInRoom`](cafewire_core::ErrorCode::AlreadyInRoom);
    /// [`ClientError::TooManyEvents`]; [`ClientError::TooManyRequests`]; what
    /// [`next_event`](Self::next_event) gives. After [`ClientError::TimedOut`] and
    /// [`ClientError::TooManyEvents`] the answer may still come, as an event.
    pub fn join(&mut self, room: &str) -> Result<(), ClientError> {
        self.ask(&MessagePayload::JoinRoom { room })
    }

    /// Leaves a room and waits for the server's confirmation. Otherwise as [`join`](Self::join).
    ///
    /// # Errors
    /// As [`join`](Self::join); [`ClientError::Refused`], for example with
    /// [`ErrorCode::NotInRoom`](cafewire_core::ErrorCode::NotInRoom).
    pub fn leave(&mut self, room: &str) -> Result<(), ClientError> {
        self.ask(&MessagePayload::LeaveRoom { room })
    }

    /// Sends a message of 1 to 512 bytes to a room that the client is in. Does not wait: the
    /// receipt is an [`Event::Message`] with the client's own user id, a refusal an
    /// [`Event::Error`].
    ///
    /// # Errors
    /// [`ClientError::Encode`]; [`ClientError::Io`], also if the server does not read within the
    /// write time-out; [`ClientError::TooManyRequests`]. Frames that the server sent before it
    /// closed can still be received.
    pub fn send(&mut self, room: &str, content: &str) -> Result<(), ClientError> {
        self.write(&MessagePayload::SendMessage { room, content })
    }

    /// The next event, waited for up to the read time-out.
    ///
    /// # Errors
    /// [`ClientError::TimedOut`], after which a further call loses nothing;
    /// [`ClientError::Closed`], [`ClientError::Io`], [`ClientError::Corrupt`];
    /// [`ClientError::Unexpected`] for a second ConnectAck.
    pub fn next_event(&mut self) -> Result<Event, ClientError> {
        let mut deadline = self.connection.read_deadline();
        Ok(self.kept_or_received(&mut deadline)?.event)
    }

    /// The next event, or `None` if none arrives in that time. Zero takes only what has already
    /// arrived. A partial frame is kept, so nothing is lost.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event), but for the time-out.
    pub fn next_event_within(&mut self, wait: Duration) -> Result<Option<Event>, ClientError> {
        Ok(self.receive_within(wait)?.map(|received| received.event))
    }

    /// As [`next_event_within`](Self::next_event_within), with what the event answers.
    ///
    /// # Errors
    /// As [`next_event_within`](Self::next_event_within).
    pub fn receive_within(&mut self, wait: Duration) -> Result<Option<Received>, ClientError> {
        match self.kept_or_received(&mut Deadline::after(Some(wait))) {
            Ok(received) => Ok(Some(received)),
            Err(ClientError::TimedOut) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An iterator over the events from now on, each waited for up to the read time-out. Events
    /// that [`join`](Self::join) and [`leave`](Self::leave) kept come first. [`Events`] says when
    /// it ends.
    pub fn events(&mut self) -> Events<'_> {
        Events::new(self)
    }

    /// A second handle on this connection that only writes, for another thread.
    ///
    /// # Errors
    /// The system's, when it has no descriptor left.
    pub fn sender(&self) -> io::Result<ChatSender> {
        ChatSender::new(self.connection.stream(), &self.session)
    }

    /// Sends Disconnect and waits, up to the read time-out, until the server has closed. Events
    /// that come meanwhile are dropped.
    ///
    /// # Errors
    /// [`ClientError::Io`]; [`ClientError::TimedOut`] if the server does not close.
    pub fn disconnect(mut self) -> Result<(), ClientError> {
        self.write(&MessagePayload::Disconnect)?;
        let mut deadline = self.connection.read_deadline();
        self.connection.drain(&mut deadline)
    }

    fn write(&self, payload: &MessagePayload<'_>) -> Result<(), ClientError> {
        self.session.request(self.connection.stream(), payload).map(|_| ())
    }

    fn kept_or_received(&mut self, deadline: &mut Deadline) -> Result<Received, ClientError> {
        match self.kept_events.pop_front() {
            Some(received) => Ok(received),
            None => self.await_event(deadline),
        }
    }

    /// The next event from the server, which is asked for a sign when it is silent for long.
    fn await_event(&mut self, deadline: &mut Deadline) -> Result<Received, ClientError> {
        loop {
            let part = deadline.next_part(self.session.longest_wait());
            let is_over = part.is_none();
            // What was read before is found even if the time is over.
            match self.receive_event(&mut part.unwrap_or_else(Deadline::spent)) {
                Ok(Some(received)) => return Ok(received),
                Ok(None) => {}
                Err(ClientError::TimedOut) => match self.session.due() {
                    Due::Probe => self.session.probe(self.connection.stream())?,
                    Due::GiveUp => return Err(error::no_sign()),
                    Due::Nothing if is_over => return Err(ClientError::TimedOut),
                    Due::Nothing => {}
                },
                Err(error) => return Err(error),
            }
        }
    }

    /// `None` is the answer to a probe, which is no event.
    fn receive_event(&mut self, deadline: &mut Deadline) -> Result<Option<Received>, ClientError> {
        receive(&mut self.connection, &self.session, deadline, |payload, event| {
            if event == client::Event::ProbeAnswered {
                return Ok(None);
            }
            let answers = Answers::of(&event);
            let event = Event::from_payload(payload).ok_or(unexpected("an event", payload))?;
            Ok(Some(Received { event, answers }))
        })
    }

    /// Sends a request and waits for its answer, keeping the events that come before it.
    fn ask(&mut self, request: &MessagePayload<'_>) -> Result<(), ClientError> {
        self.check_room_for_events()?;
        let (mut awaited, mut unsent) = (None, None);
        let mut deadline = match self.session.request(self.connection.stream(), request) {
            Ok(id) => {
                awaited = id;
                self.connection.read_deadline()
            }
            // A server that closed may have sent the reason before, which says more than the failed
            // write.
            Err(error @ ClientError::Io(_)) => {
                unsent = Some(error);
                Deadline::now()
            }
            Err(error) => return Err(error),
        };
        loop {
            let received = match self.await_event(&mut deadline) {
                Ok(received) => received,
                Err(error) => return Err(unsent.unwrap_or(error)),
            };
            let is_answer = matches!(
                received.answers,
                Answers::Request(answer) if Some(answer.id) == awaited
            );
            match received.event {
                Event::Error { code, message } if is_answer || code.closes() => {
                    return Err(ClientError::Refused { code, message });
                }
                _ if is_answer => return Ok(()),
                _ => self.kept_events.push_back(received),
            }
            self.check_room_for_events()?;
        }
    }

    fn check_room_for_events(&self) -> Result<(), ClientError> {
        if self.kept_events.len() < KEPT_EVENTS_MAX {
            Ok(())
        } else {
            Err(ClientError::TooManyEvents { limit: KEPT_EVENTS_MAX })
        }
    }
}

fn unexpected(awaited: &'static str, payload: &MessagePayload<'_>) -> ClientError {
    ClientError::Unexpected { awaited, received: payload.message_type().name() }
}

/// The next frame's message and its meaning, read and handed to `take` while it is still in the
/// receive buffer.
fn receive<T>(
    connection: &mut FramedStream,
    session: &ChatSession,
    deadline: &mut Deadline,
    take: impl FnOnce(&MessagePayload<'_>, client::Event<'_>) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let received = connection.receive(deadline)?;
    let Frame::Chat(view) = received.frame else {
        return Err(ClientError::Unexpected { awaited: "a chat frame", received: "an echo frame" });
    };
    let payload = view.parse_payload().map_err(|error| ClientError::Corrupt {
        error,
        stream_offset: received.stream_offset + error.offset() as u64,
    })?;
    take(&payload, session.receive(&payload))
}
