//! The blocking client of the echo family. Sends and receives frames through `framed_stream`;
//! matches answers to requests.

use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use cafewire_core::client::Due;
use cafewire_core::{Family, Frame, Message, MessagePayload};

use super::deadline::Deadline;
use super::error;
use super::framed_stream::FramedStream;
use super::signs::Signs;
use super::{ClientConfig, ClientError};
use crate::address::{Address, PeerAddress};

/// The contract's name of [`EchoClient`].
pub type Client = EchoClient;

/// A connection that speaks the echo family. [`Client`] is another name of it.
///
/// Payloads are sent from where they lie and received into one buffer of 65,540 bytes. No call
/// allocates, except to report an error.
///
/// [`ping`](Self::ping) and [`echo`](Self::echo) send one request and wait for its answer.
/// [`send_message`](Self::send_message) and [`receive_message`](Self::receive_message) keep several
/// requests in flight: receive all their answers before calling `ping` or `echo` again. After an
/// error other than [`ClientError::Encode`] an answer may still be on its way, so the connection
/// should be dropped.
///
/// ```
/// use cafewire_net::{Client, Server, ServerConfig};
/// let mut config = ServerConfig::default();
/// config.listen = vec!["127.0.0.1:0".parse()?]; // any free port
/// let server = Server::bind(config)?;
/// let (address, handle) = (server.local_addresses()[0].clone(), server.handle());
/// let thread = std::thread::spawn(|| server.run());
///
/// let mut client = Client::connect(&address)?;
/// println!("{:?} there and back", client.ping()?);
/// assert_eq!(client.echo(b"hello")?, b"hello");
///
/// handle.shut_down();
/// thread.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EchoClient {
    connection: FramedStream,
    /// Makes the payload of each ping on this connection unique.
    pings_sent: u64,
    signs: Signs,
    failed: bool,
}

impl EchoClient {
    /// Connects with the default time-outs: 5 s to connect, 10 s for an answer, 10 s for a write.
    ///
    /// # Errors
    /// As [`connect_with`](Self::connect_with).
    ///
    /// ```
    /// use cafewire_net::{Client, ClientError};
    /// let address = "unix:///nonexistent/cafewire.sock".parse()?;
    /// let error = Client::connect(&address).unwrap_err();
    /// assert!(matches!(error, ClientError::Connect { .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect(address: &Address) -> Result<Self, ClientError> {
        Self::connect_with(address, &ClientConfig::default())
    }

    /// Connects, and does the TLS handshake if the address says TLS. No frame is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Connect`]: the name is unknown, no program listens there, the connect
    /// time-out is over, the TLS handshake failed, or a certificate file cannot be used.
    pub fn connect_with(address: &Address, config: &ClientConfig) -> Result<Self, ClientError> {
        let connection = FramedStream::open(address, config, Family::Echo)?;
        Ok(Self {
            connection,
            pings_sent: 0,
            signs: Signs::new(config.probe_interval),
            failed: false,
        })
    }

    /// Measures the round trip of a Ping. Its payload of 8 bytes is unique on this connection.
    ///
    /// # Errors
    /// As [`ping_with`](Self::ping_with).
    pub fn ping(&mut self) -> Result<Duration, ClientError> {
        let payload = next_payload(&mut self.pings_sent);
        self.ping_with(&payload)
    }

    /// Measures the round trip of a Ping with this payload of 0 to 65,535 bytes.
    ///
    /// # Errors
    /// [`ClientError::Encode`] if the payload is too long; [`ClientError::Unexpected`] if anything
    /// but a Pong with the same payload comes back; those of
    /// [`receive_message`](Self::receive_message).
    pub fn ping_with(&mut self, payload: &[u8]) -> Result<Duration, ClientError> {
        let started = Instant::now();
        let mut deadline = self.connection.read_deadline();
        self.ask(&Message::Ping(payload), "a Pong with the Ping's payload", &mut deadline)?;
        Ok(started.elapsed())
    }

    /// Sends a payload of 0 to 65,535 bytes and returns the server's copy of it.
    ///
    /// # Errors
    /// [`ClientError::Encode`] if the payload is too long; [`ClientError::Unexpected`] if anything
    /// but an Echo with the same payload comes back; those of
    /// [`receive_message`](Self::receive_message).
    pub fn echo(&mut self, payload: &[u8]) -> Result<&[u8], ClientError> {
        let mut deadline = self.connection.read_deadline();
        self.ask(&Message::Echo(payload), "an Echo with the same payload", &mut deadline)
    }

    /// Sends a message and does not wait for an answer.
    ///
    /// A client that sends without ever receiving is stopped in the end: a server that cannot flush
    /// its answers stops reading.
    ///
    /// # Errors
    /// [`ClientError::Encode`] if the payload is too long; [`ClientError::Io`], also if the server
    /// does not read within the write time-out.
    pub fn send_message(&mut self, message: &Message<'_>) -> Result<(), ClientError> {
        if let Err(error) = send(&self.connection, message) {
            self.failed |= !matches!(error, ClientError::Encode(_));
            return Err(error);
        }
        if matches!(message, Message::Ping(_) | Message::Echo(_)) {
            self.signs.asked();
        }
        Ok(())
    }

    /// The next message of any type. An echo Error frame is a message here like any other.
    ///
    /// # Errors
    /// [`ClientError::TimedOut`], after which a further call loses nothing;
    /// [`ClientError::Closed`], [`ClientError::Io`], [`ClientError::Corrupt`];
    /// [`ClientError::Refused`] from a server that refuses a connection before it knows the family.
    pub fn receive_message(&mut self) -> Result<Message<'_>, ClientError> {
        let mut deadline = self.connection.read_deadline();
        match receive(&mut self.connection, &mut self.signs, &mut self.pings_sent, &mut deadline) {
            Ok(message) => Ok(message),
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
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

    /// Whether another caller can use this connection like a new one: no call on it failed, no
    /// answer is on its way, no byte lies unread, and the server has not closed it.
    pub(crate) fn is_reusable(&mut self) -> bool {
        !self.failed && !self.signs.is_owed_any() && self.connection.is_idle()
    }

    /// Whether the server is there: asked by a Ping if it was quiet for the probe interval, which
    /// is also the longest that the answer may take.
    pub(crate) fn is_answering(&mut self) -> bool {
        if self.signs.due() == Due::Nothing {
            return true;
        }
        let payload = next_payload(&mut self.pings_sent);
        let deadline = self.connection.read_deadline().next_part(self.signs.interval());
        let mut deadline = deadline.unwrap_or_else(Deadline::now);
        self.ask(&Message::Ping(&payload), "a Pong with the Ping's payload", &mut deadline).is_ok()
    }

    /// Sends a request and waits for the answer, whose payload must be the request's.
    fn ask(
        &mut self,
        request: &Message<'_>,
        awaited: &'static str,
        deadline: &mut Deadline,
    ) -> Result<&[u8], ClientError> {
        if let Err(not_sent) = self.send_message(request) {
            return Err(self.refusal_or(not_sent));
        }
        let Self { connection, signs, pings_sent, .. } = self;
        let error = match (receive(connection, signs, pings_sent, deadline), *request) {
            (Ok(Message::Pong(answer)), Message::Ping(payload))
            | (Ok(Message::Echo(answer)), Message::Echo(payload))
                if answer == payload =>
            {
                return Ok(answer);
            }
            (Ok(Message::Error(text)), _) => {
                ClientError::ServerError(String::from_utf8_lossy(text).into_owned())
            }
            (Ok(other), _) => ClientError::Unexpected { awaited, received: describe(&other) },
            (Err(error), _) => error,
        };
        self.failed = true;
        Err(error)
    }

    /// A server that closed may have sent the reason before, which says more than the failed write.
    fn refusal_or(&mut self, not_sent: ClientError) -> ClientError {
        if !matches!(not_sent, ClientError::Io(_)) {
            return not_sent;
        }
        let Self { connection, signs, pings_sent, .. } = self;
        match receive(connection, signs, pings_sent, &mut Deadline::now()) {
            Ok(Message::Error(text)) => {
                ClientError::ServerError(String::from_utf8_lossy(text).into_owned())
            }
            Err(refused @ ClientError::Refused { .. }) => refused,
            _ => not_sent,
        }
    }
}

fn send(connection: &FramedStream, message: &Message<'_>) -> Result<(), ClientError> {
    let frame = message.frame();
    let header = frame.header()?;
    connection.send(&mut [IoSlice::new(&header), IoSlice::new(frame.payload)])
}

/// Unique on the connection.
fn next_payload(pings_sent: &mut u64) -> [u8; 8] {
    *pings_sent += 1;
    pings_sent.to_be_bytes()
}

/// The next message that answers no probe. A server that is silent for long is asked for a sign.
fn receive<'c>(
    connection: &'c mut FramedStream,
    signs: &mut Signs,
    pings_sent: &mut u64,
    deadline: &mut Deadline,
) -> Result<Message<'c>, ClientError> {
    let found = loop {
        let part = deadline.next_part(signs.interval());
        let is_over = part.is_none();
        // What was read before is found even if the time is over.
        match connection.find(&mut part.unwrap_or_else(Deadline::spent)) {
            Ok(found) if signs.heard(&connection.view(&found).frame) => break found,
            Ok(_) => {}
            Err(ClientError::TimedOut) => match signs.due() {
                Due::Probe => {
                    let payload = next_payload(pings_sent);
                    if signs.probe(payload) {
                        send(connection, &Message::Ping(&payload))?;
                    }
                }
                Due::GiveUp => return Err(error::no_sign()),
                Due::Nothing if is_over => return Err(ClientError::TimedOut),
                Due::Nothing => {}
            },
            Err(error) => return Err(error),
        }
    };
    let received = connection.view(&found);
    let view = match received.frame {
        Frame::Echo(view) => return Ok(view.message()),
        Frame::Chat(view) => view,
    };
    match view.parse_payload() {
        Ok(MessagePayload::Error { code, message }) => {
            Err(ClientError::Refused { code, message: message.to_owned() })
        }
        Ok(other) => {
            let received = other.message_type().name();
            Err(ClientError::Unexpected { awaited: "a frame of the echo family", received })
        }
        Err(error) => {
            let stream_offset = received.stream_offset + error.offset() as u64;
            Err(ClientError::Corrupt { error, stream_offset })
        }
    }
}

fn describe(message: &Message<'_>) -> &'static str {
    match message {
        Message::Ping(_) => "a Ping",
        Message::Pong(_) => "a Pong with another payload",
        Message::Echo(_) => "another Echo",
        Message::Data(_) => "Data",
        Message::Error(_) => "an Error",
    }
}
