//! A chat connection and standard input side by side: threads that block on one source each, and
//! one queue in which all events arrive in order. Their meaning is the commands' business.

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use cafewire_net::client::{ChatClient, ChatSender, ClientError, Event, Received};

use crate::failure::Failure;
use crate::interrupt;
use crate::lines::{Line, LineReader};

/// How long the event thread waits before it waits again. Only the socket wakes it, so any length
/// does.
const EVENT_WAIT: Duration = Duration::from_secs(3600);

/// How long the server may leave a request unanswered while something depends on it.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that the server has for closing the connection after our Disconnect, or for saying why it
/// closed.
const LAST_WORDS_WAIT: Duration = Duration::from_secs(2);

/// Events and lines that wait to be handled. More wait in the sockets, and in the end at the
/// server.
const QUEUE_LEN: usize = 1024;

#[derive(Debug)]
pub(crate) enum ConversationEvent {
    /// A message of the server.
    Chat(Received),
    /// The connection is over.
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

pub(crate) struct Conversation {
    events: Receiver<ConversationEvent>,
    queue: SyncSender<ConversationEvent>,
    wanted_lines: Option<Sender<()>>,
}

impl Conversation {
    /// Receives events of the server from now on, SIGINT and SIGTERM.
    pub(crate) fn start(client: ChatClient) -> Result<Self, Failure> {
        let (queue, events) = sync_channel(QUEUE_LEN);
        let from_server = queue.clone();
        thread::spawn(move || pass_on_events(client, &from_server));
        let interrupts = queue.clone();
        interrupt::watch(move || interrupts.send(ConversationEvent::Interrupted).is_ok())?;
        Ok(Self { events, queue, wanted_lines: None })
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
        let Some(deadline) = deadline else {
            // The queue cannot close: this end holds a sender too.
            return self.events.recv().ok();
        };
        self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    /// Disconnects, and waits until the server has closed the connection: from then on the name is
    /// free for the next command. A server that does not close is no failure of a command that has
    /// done its work.
    pub(crate) fn disconnect(&self, sender: &ChatSender) {
        if sender.disconnect().is_ok() {
            let deadline = Instant::now() + LAST_WORDS_WAIT;
            while let Some(event) = self.next(Some(deadline)) {
                if matches!(event, ConversationEvent::Lost(_) | ConversationEvent::Interrupted) {
                    return;
                }
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

fn pass_on_events(mut client: ChatClient, queue: &SyncSender<ConversationEvent>) {
    loop {
        let event = match client.receive_within(EVENT_WAIT) {
            Ok(Some(received)) => ConversationEvent::Chat(received),
            Ok(None) => continue,
            Err(error) => ConversationEvent::Lost(error),
        };
        let over = matches!(event, ConversationEvent::Lost(_));
        if queue.send(event).is_err() || over {
            return;
        }
    }
}

fn pass_on_lines(
    max_len_bytes: usize,
    wanted: &Receiver<()>,
    queue: &SyncSender<ConversationEvent>,
) {
    let mut reader = LineReader::new(io::stdin().lock(), max_len_bytes);
    while wanted.recv().is_ok() {
        let event = match reader.next_line() {
            Ok(Some(line)) => ConversationEvent::Line(line),
            Ok(None) => ConversationEvent::InputEnded,
            Err(error) => ConversationEvent::InputFailed(error),
        };
        let over = !matches!(event, ConversationEvent::Line(_));
        if queue.send(event).is_err() || over {
            return;
        }
    }
}
