//! A chat connection and standard input side by side: threads that block on one source each, and
//! one queue in which all events arrive in order. Their meaning is the commands' business.

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use cafewire_core::ErrorCode;
use cafewire_net::client::{ChatClient, ChatSender, ClientError, Event, Received};
use cafewire_net::{Address, ClientConfig};

use crate::failure::Failure;
use crate::format;
use crate::interrupt;
use crate::lines::{Line, LineReader};
use crate::pace::FIRST_PAUSE;

/// How long the event thread waits before it waits again. Only the socket wakes it, so any length
/// does.
const EVENT_WAIT: Duration = Duration::from_secs(3600);

/// How long the server may leave a request unanswered while something depends on it.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that the server has for closing the connection after our Disconnect, or for saying why it
/// closed.
pub(crate) const LAST_WORDS_WAIT: Duration = Duration::from_secs(2);

/// Events and lines that wait to be handled. More wait in the sockets, and in the end at the
/// server.
const QUEUE_LEN: usize = 1024;

#[derive(Debug)]
pub(crate) enum ConversationEvent {
    /// A connection that [`Conversation::connect`] was to make stands.
    SignedIn(ChatSender),
    /// A message of the server.
    Chat(Received),
    /// The connection is over, or could not be made.
    Lost(ClientError),
    /// A line that was requested.
    Line(Line),
    /// There are no more lines.
    InputEnded,
    /// Standard input cannot be read.
    InputFailed(io::Error),
    /// SIGINT (Ctrl-C) or SIGTERM.
    Interrupted,
}

/// An event, and the number of the connection that it is of.
type Numbered = (u64, ConversationEvent);

/// The number of what no connection brought: signals, lines.
const OF_NO_CONNECTION: u64 = 0;

pub(crate) struct Conversation {
    events: Receiver<Numbered>,
    queue: SyncSender<Numbered>,
    wanted_lines: Option<Sender<()>>,
    /// The number of the newest connection. Events of the others come too late.
    connection: u64,
}

impl Conversation {
    /// Receives events of the server from now on, SIGINT and SIGTERM.
    pub(crate) fn start(client: ChatClient) -> Result<Self, Failure> {
        let mut conversation = Self::start_without_connection()?;
        conversation.connection += 1;
        let (queue, number) = (conversation.queue.clone(), conversation.connection);
        thread::spawn(move || pass_on_events(client, number, &queue));
        Ok(conversation)
    }

    /// Receives SIGINT and SIGTERM from now on.
    pub(crate) fn start_without_connection() -> Result<Self, Failure> {
        let (queue, events) = sync_channel(QUEUE_LEN);
        let interrupts = queue.clone();
        interrupt::watch(move || {
            interrupts.send((OF_NO_CONNECTION, ConversationEvent::Interrupted)).is_ok()
        })?;
        Ok(Self { events, queue, wanted_lines: None, connection: OF_NO_CONNECTION })
    }

    /// Connects and signs in, on a thread of its own. The outcome is an event: `SignedIn` or
    /// `Lost`. A connection of before is heard no more.
    pub(crate) fn connect(&mut self, address: Address, username: String, config: ClientConfig) {
        self.connection += 1;
        let (queue, number) = (self.queue.clone(), self.connection);
        thread::spawn(move || {
            let connected = ChatClient::connect_with(&address, &username, &config)
                .and_then(|client| Ok((client.sender().map_err(ClientError::Io)?, client)));
            let event = match connected {
                Ok((sender, client)) => {
                    format::connected(&address, client.peer_address());
                    if queue.send((number, ConversationEvent::SignedIn(sender))).is_ok() {
                        pass_on_events(client, number, &queue);
                    }
                    return;
                }
                Err(error) => ConversationEvent::Lost(error),
            };
            // Sending fails only when the command is over.
            let _ = queue.send((number, event));
        });
    }

    /// The connection is heard no more.
    pub(crate) const fn hang_up(&mut self) {
        self.connection += 1;
    }

    /// Requests the next line of standard input; it comes as a [`ConversationEvent::Line`]. Lines
    /// are read only on request, so that the writer of our input is slowed to the pace of the
    /// server.
    pub(crate) fn want_line(&mut self, max_len_bytes: usize) {
        let wanted = self.wanted_lines.get_or_insert_with(|| {
            let (wanted_lines, wanted) = channel();
            let lines = self.queue.clone();
            thread::spawn(move || pass_on_lines(max_len_bytes, &wanted, &lines));
            wanted_lines
        });
        // The thread ends only after it reported the end of the input.
        let _ = wanted.send(());
    }

    /// The next event; `None` if there is none by the deadline.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<ConversationEvent> {
        loop {
            // The queue cannot close: this end holds a sender too.
            let (number, event) = match deadline {
                None => self.events.recv().ok()?,
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    self.events.recv_timeout(left).ok()?
                }
            };
            if number == OF_NO_CONNECTION || number == self.connection {
                return Some(event);
            }
        }
    }

    /// Disconnects, and waits until the server has closed the connection: from then on the name is
    /// free for the next command. A server that does not close is no failure of a command that has
    /// done its work.
    pub(crate) fn disconnect(&self, sender: &ChatSender) {
        let start = Instant::now();
        let deadline = start + LAST_WORDS_WAIT;
        let mut due = Some(start);
        loop {
            let now = Instant::now();
            if due.is_some_and(|at| at <= now) {
                due = None;
                if sender.disconnect().is_err() {
                    return;
                }
            }
            match self.next(Some(due.unwrap_or(deadline))) {
                Some(ConversationEvent::Lost(_) | ConversationEvent::Interrupted) => return,
                // The server has dropped it, since it came too fast.
                Some(ConversationEvent::Chat(Received {
                    event: Event::Error { code: ErrorCode::RateLimited, .. },
                    ..
                })) => due = Some(now + FIRST_PAUSE).filter(|&at| at < deadline),
                Some(_) => {}
                None if due.is_some() => {}
                None => return,
            }
        }
    }

    /// Writing failed. The server's own reason, if it sent one, says more than the error of the
    /// system.
    pub(crate) fn why_lost(&self, write_error: ClientError) -> Failure {
        let deadline = Instant::now() + LAST_WORDS_WAIT;
        while let Some(event) = self.next(Some(deadline)) {
            match event {
                ConversationEvent::Chat(Received {
                    event: Event::Error { code, message }, ..
                }) if code.closes() => {
                    return Failure::refused("the server ended the connection", code, &message);
                }
                ConversationEvent::Lost(_) | ConversationEvent::Interrupted => break,
                _ => {}
            }
        }
        write_error.into()
    }
}

fn pass_on_events(mut client: ChatClient, number: u64, queue: &SyncSender<Numbered>) {
    loop {
        let event = match client.receive_within(EVENT_WAIT) {
            Ok(Some(received)) => ConversationEvent::Chat(received),
            Ok(None) => continue,
            Err(error) => ConversationEvent::Lost(error),
        };
        let over = matches!(event, ConversationEvent::Lost(_));
        if queue.send((number, event)).is_err() || over {
            return;
        }
    }
}

fn pass_on_lines(max_len_bytes: usize, wanted: &Receiver<()>, queue: &SyncSender<Numbered>) {
    let mut reader = LineReader::new(io::stdin().lock(), max_len_bytes);
    while wanted.recv().is_ok() {
        let event = match reader.next_line() {
            Ok(Some(line)) => ConversationEvent::Line(line),
            Ok(None) => ConversationEvent::InputEnded,
            Err(error) => ConversationEvent::InputFailed(error),
        };
        let over = !matches!(event, ConversationEvent::Line(_));
        if queue.send((OF_NO_CONNECTION, event)).is_err() || over {
            return;
        }
    }
}
