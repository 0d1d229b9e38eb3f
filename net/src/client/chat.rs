//! The blocking client of chat, version 1, signed in. Knows which frame answers which question;
//! `sender` writes.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use cafewire_core::{ErrorCode, Family, Frame, MessagePayload};

use super::connection::Connection;
use super::deadline::Deadline;
use super::sender::WriteLock;
use super::{ChatSender, ClientConfig, ClientError, Event, Events};
use crate::address::{Address, PeerAddress};

/// How many events a [`ChatClient`] keeps that came while it waited for an answer. When it keeps
/// so many, it gives [`ClientError::TooManyEvents`] and waits for no answer.
pub const MAX_KEPT_EVENTS: usize = 4096;

/// A chat connection, signed in under a name.
///
/// ```
/// use cafewire_net::{ChatClient, Event};
/// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
/// # let (address, _, _server) = serve(None);
/// let mut client = ChatClient::connect(&address, "ada")?;
/// assert!(client.server_info().starts_with("cafewire/"));
/// client.join("lobby")?;
/// client.send("lobby", "hello")?;
/// let Event::Message { user_id, username, .. } = client.next_event()? else { panic!("nothing else can come") };
/// assert_eq!((user_id, &*username), (client.user_id(), client.username())); // one's own
/// client.disconnect()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ChatClient {
    connection: Connection,
    write_lock: Arc<WriteLock>,
    username: String,
    user_id: u32,
    server_info: String,
    kept_events: VecDeque<Event>,
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
    /// [`ClientError::Connect`]; [`ClientError::Refused`], say with [`ErrorCode::UsernameTaken`];
    /// [`ClientError::Unexpected`] from a server that answers with something else; what
    /// [`next_event`](Self::next_event) gives.
    ///
    /// ```
    /// use cafewire_core::ErrorCode;
    /// use cafewire_net::{ChatClient, ClientConfig, ClientError};
    /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
    /// # let (address, _, _server) = serve(None);
    /// let config = ClientConfig::default();
    /// let _ada = ChatClient::connect_with(&address, "ada", &config)?;
    /// let error = ChatClient::connect_with(&address, "ada", &config).unwrap_err();
    /// assert!(matches!(error, ClientError::Refused { code: ErrorCode::UsernameTaken, .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect_with(
        address: &Address,
        username: &str,
        config: &ClientConfig,
    ) -> Result<Self, ClientError> {
        let sign_in = MessagePayload::Connect { username };
        sign_in.validate().map_err(|error| ClientError::Encode(error.into()))?;
        let mut connection = Connection::open(address, config, Family::ChatV1)?;
        let write_lock = Arc::new(WriteLock::new(config.write_timeout));
        let sent = write_lock.write(connection.stream(), &sign_in);
        // A server that turned the connection away has said why before it closed: that says more
        // than the failed write.
        let mut deadline = if sent.is_ok() { connection.read_deadline() } else { Deadline::now() };
        let answer = receive(&mut connection, &mut deadline, |payload| match *payload {
            MessagePayload::ConnectAck { user_id, server_info } => {
                Ok((user_id, server_info.to_owned()))
            }
            MessagePayload::Error { code, message } => {
                Err(ClientError::Refused { code, message: message.to_owned() })
            }
            other => Err(ClientError::Unexpected {
                awaited: "ConnectAck",
                received: other.message_type().name(),
            }),
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
            write_lock,
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

    /// What the server says of itself; may be empty. May hold control characters.
    #[must_use]
    pub fn server_info(&self) -> &str {
        &self.server_info
    }

    /// The server's end of the connection.
    ///
    /// # Errors
    /// The system's.
    ///
    /// ```
    /// use cafewire_net::ChatClient;
    /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
    /// # let (address, _, _server) = serve(None);
    /// let client = ChatClient::connect(&address, "ada")?;
    /// assert_eq!(client.peer_address()?.ip(), Some("127.0.0.1".parse()?));
    /// assert_ne!(client.peer_address()?, client.local_address()?); // the same host, another port
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Enters a room, 1 to 64 bytes, no control characters, and waits until the server says that
    /// one is in. Events that come meanwhile are kept for [`next_event`](Self::next_event).
    ///
    /// Version 1 does not say which question an Error frame answers: one that could answer this
    /// question is taken to do so, even if it was meant for something sent just before without
    /// waiting.
    ///
    /// # Errors
    /// [`ClientError::Encode`]; [`ClientError::Refused`], say with [`ErrorCode::AlreadyInRoom`];
    /// [`ClientError::TooManyEvents`]; what [`next_event`](Self::next_event) gives. After
    /// [`ClientError::TimedOut`] and [`ClientError::TooManyEvents`] the answer may still come, as
    /// an event.
    ///
    /// ```
    /// use cafewire_core::ErrorCode;
    /// use cafewire_net::{ChatClient, ClientError};
    /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
    /// # let (address, _, _server) = serve(None);
    /// let mut client = ChatClient::connect(&address, "ada")?;
    /// client.join("lobby")?;
    /// let error = client.join("lobby").unwrap_err();
    /// assert!(matches!(error, ClientError::Refused { code: ErrorCode::AlreadyInRoom, .. }));
    /// client.join("den")?; // such a refusal does not end the connection
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join(&mut self, room: &str) -> Result<(), ClientError> {
        let user_id = self.user_id;
        self.ask(&MessagePayload::JoinRoom { room }, |event| match event {
            Event::Joined { user_id: who, room: into, .. } => *who == user_id && into == room,
            _ => false,
        })
    }

    /// Leaves a room and waits until the server says that one is out. Otherwise as
    /// [`join`](Self::join).
    ///
    /// # Errors
    /// As [`join`](Self::join); [`ClientError::Refused`] has [`ErrorCode::NotInRoom`], say.
    ///
    /// ```
    /// use cafewire_core::ErrorCode;
    /// use cafewire_net::{ChatClient, ClientError};
    /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
    /// # let (address, _, _server) = serve(None);
    /// let mut client = ChatClient::connect(&address, "ada")?;
    /// client.join("lobby")?;
    /// client.leave("lobby")?;
    /// let error = client.leave("lobby").unwrap_err();
    /// assert!(matches!(error, ClientError::Refused { code: ErrorCode::NotInRoom, .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leave(&mut self, room: &str) -> Result<(), ClientError> {
        let user_id = self.user_id;
        self.ask(&MessagePayload::LeaveRoom { room }, |event| match event {
            Event::Left { user_id: who, room: from, .. } => *who == user_id && from == room,
            _ => false,
        })
    }

    /// Says something, 1 to 512 bytes, in a room that one is in. Does not wait: the receipt is
    /// one's own [`Event::Message`], a refusal an [`Event::Error`].
    ///
    /// # Errors
    /// [`ClientError::Encode`]; [`ClientError::Io`], also if the server does not read within the
    /// write time-out. What the server said before it closed can still be received.
    ///
    /// ```
    /// use cafewire_net::{ChatClient, Event};
    /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
    /// # let (address, _, _server) = serve(None);
    /// let mut client = ChatClient::connect(&address, "ada")?;
    /// client.join("lobby")?;
    /// client.send("lobby", "hello")?;
    /// client.send("den", "is anybody here?")?; // where one is not; sent all the same
    /// assert!(matches!(client.next_event()?, Event::Message { content, .. } if content == "hello"));
    /// assert!(matches!(client.next_event()?, Event::Error { .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&mut self, room: &str, content: &str) -> Result<(), ClientError> {
        self.write(&MessagePayload::SendMessage { room, content })
    }

    /// The next event, waited for up to the read time-out.
    ///
    /// # Errors
    /// [`ClientError::TimedOut`], after which one may ask again and has lost nothing;
    /// [`ClientError::Closed`], [`ClientError::Io`], [`ClientError::Corrupt`];
    /// [`ClientError::Unexpected`] for a second ConnectAck.
    ///
    /// ```
    /// use cafewire_net::{ChatClient, Event};
    /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
    /// # let (address, _, _server) = serve(None);
    /// let mut ada = ChatClient::connect(&address, "ada")?;
    /// let mut bob = ChatClient::connect(&address, "bob")?;
    /// ada.join("lobby")?;
    /// bob.join("lobby")?;
    /// let Event::Joined { username, .. } = ada.next_event()? else { panic!("bob came in") };
    /// assert_eq!(username, "bob");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_event(&mut self) -> Result<Event, ClientError> {
        let mut deadline = self.connection.read_deadline();
        self.kept_or_received(&mut deadline)
    }

    /// The next event, or `None` if it does not come in that time. Zero takes what is already
    /// there. A frame that has come in part is kept, so nothing is lost.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event), but for the time-out.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cafewire_net::ChatClient;
    /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
    /// # let (address, _, _server) = serve(None);
    /// let mut client = ChatClient::connect(&address, "ada")?;
    /// client.join("lobby")?;
    /// assert_eq!(client.next_event_within(Duration::ZERO)?, None);
    /// client.send("lobby", "hello")?;
    /// assert!(client.next_event_within(Duration::from_secs(10))?.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_event_within(&mut self, wait: Duration) -> Result<Option<Event>, ClientError> {
        match self.kept_or_received(&mut Deadline::after(Some(wait))) {
            Ok(event) => Ok(Some(event)),
            Err(ClientError::TimedOut) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The events from now on, each waited for up to the read time-out, those that
    /// [`join`](Self::join) and [`leave`](Self::leave) kept first. See [`Events`] for when it ends.
    ///
    /// ```
    /// use cafewire_net::{ChatClient, Event};
    /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
    /// # let (address, _, _server) = serve(None);
    /// let mut client = ChatClient::connect(&address, "ada")?;
    /// client.join("lobby")?;
    /// client.send("lobby", "hello")?;
    /// for event in client.events() {
    ///     if let Event::Message { content, .. } = event? {
    ///         assert_eq!(content, "hello");
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events(&mut self) -> Events<'_> {
        Events::new(self)
    }

    /// A second handle on this connection that only writes, for another thread.
    ///
    /// # Errors
    /// The system's, when it has no descriptor left.
    ///
    /// ```
    /// use cafewire_net::{ChatClient, Event};
    /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
    /// # let (address, _, _server) = serve(None);
    /// let mut client = ChatClient::connect(&address, "ada")?;
    /// client.join("lobby")?;
    /// let sender = client.sender()?;
    /// let writing = std::thread::spawn(move || sender.send("lobby", "hello"));
    /// assert!(matches!(client.next_event()?, Event::Message { .. })); // waits while the other thread writes
    /// writing.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sender(&self) -> io::Result<ChatSender> {
        ChatSender::new(self.connection.stream(), &self.write_lock)
    }

    /// Says goodbye and waits, up to the read time-out, until the server has closed. Events that
    /// come meanwhile are dropped.
    ///
    /// # Errors
    /// [`ClientError::Io`]; [`ClientError::TimedOut`] if the server does not close.
    ///
    /// ```
    /// use cafewire_net::ChatClient;
    /// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
    /// # let (address, _, _server) = serve(None);
    /// ChatClient::connect(&address, "ada")?.disconnect()?;
    /// ChatClient::connect(&address, "ada")?.disconnect()?; // the name is free again
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn disconnect(mut self) -> Result<(), ClientError> {
        self.write(&MessagePayload::Disconnect)?;
        let mut deadline = self.connection.read_deadline();
        self.connection.drain(&mut deadline)
    }

    fn write(&self, payload: &MessagePayload<'_>) -> Result<(), ClientError> {
        self.write_lock.write(self.connection.stream(), payload)
    }

    fn kept_or_received(&mut self, deadline: &mut Deadline) -> Result<Event, ClientError> {
        match self.kept_events.pop_front() {
            Some(event) => Ok(event),
            None => receive_event(&mut self.connection, deadline),
        }
    }

    /// Asks and waits for the answer, keeping what comes before it.
    fn ask(
        &mut self,
        question: &MessagePayload<'_>,
        is_answer: impl Fn(&Event) -> bool,
    ) -> Result<(), ClientError> {
        self.check_room_for_events()?;
        let mut unsent = None;
        let mut deadline = match self.write(question) {
            Ok(()) => self.connection.read_deadline(),
            // A server that closed may have said why before. If it did, that says more than the
            // failed write.
            Err(error @ ClientError::Io(_)) => {
                unsent = Some(error);
                Deadline::now()
            }
            Err(error) => return Err(error),
        };
        loop {
            match receive_event(&mut self.connection, &mut deadline) {
                Ok(event) if is_answer(&event) => return Ok(()),
                Ok(Event::Error { code, message }) if can_refuse(question, code) => {
                    return Err(ClientError::Refused { code, message });
                }
                Ok(event) => self.kept_events.push_back(event),
                Err(error) => return Err(unsent.unwrap_or(error)),
            }
            self.check_room_for_events()?;
        }
    }

    fn check_room_for_events(&self) -> Result<(), ClientError> {
        if self.kept_events.len() < MAX_KEPT_EVENTS {
            Ok(())
        } else {
            Err(ClientError::TooManyEvents { limit: MAX_KEPT_EVENTS })
        }
    }
}

/// Whether an Error frame with this code can be the answer to that question. Version 1 does not
/// say, so everything counts that is not certain to be about something else.
fn can_refuse(question: &MessagePayload<'_>, code: ErrorCode) -> bool {
    match code {
        ErrorCode::NotInRoom => matches!(question, MessagePayload::LeaveRoom { .. }),
        ErrorCode::AlreadyInRoom => matches!(question, MessagePayload::JoinRoom { .. }),
        ErrorCode::InvalidContent | ErrorCode::InvalidUsername | ErrorCode::UsernameTaken => false,
        _ => true,
    }
}

fn receive_event(
    connection: &mut Connection,
    deadline: &mut Deadline,
) -> Result<Event, ClientError> {
    receive(connection, deadline, |payload| {
        let received = payload.message_type().name();
        Event::from_payload(payload)
            .ok_or(ClientError::Unexpected { awaited: "an event", received })
    })
}

/// The next frame's payload, read and handed to `take` while it is still in the receive buffer.
fn receive<T>(
    connection: &mut Connection,
    deadline: &mut Deadline,
    take: impl FnOnce(&MessagePayload<'_>) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let received = connection.receive(deadline)?;
    let Frame::Chat(view) = received.frame else {
        return Err(ClientError::Unexpected { awaited: "a chat frame", received: "an echo frame" });
    };
    let payload = view.parse_payload().map_err(|error| ClientError::Corrupt {
        error,
        stream_offset: received.stream_offset + error.offset() as u64,
    })?;
    take(&payload)
}
