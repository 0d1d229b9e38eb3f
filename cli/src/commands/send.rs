//! `cafewire send`: sends one message, or each line of standard input, and checks that each is
//! delivered.

mod args;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::Instant;

use cafewire_core::chat::MAX_CONTENT_SIZE;
use cafewire_net::client::{ChatClient, ChatSender, Event, Received};

use crate::conversation::{ANSWER_TIMEOUT, Conversation, ConversationEvent};
use crate::failure::Failure;
use crate::format;
use crate::lines::Line;
use crate::requests::{Answer, MAX_IN_FLIGHT, Request, Requests};
use crate::values;

pub(crate) use self::args::SendArgs;

pub(crate) fn run(args: &SendArgs) -> Result<ExitCode, Failure> {
    let (address, text) = args.address_and_text().map_err(Failure::Message)?;
    let client = ChatClient::connect_with(&address, &args.user, &args.tls.client_config())?;
    format::connected(&address, client.peer_address());
    let sender = client.sender().map_err(Failure::no_second_handle)?;
    let input = text.map_or(Input::Idle, |text| Input::Text(text.to_owned()));
    Delivery {
        room: &args.room,
        sender,
        requests: Requests::default(),
        labels: VecDeque::new(),
        last_answer_at: Instant::now(),
        input,
        conversation: Conversation::start(client)?,
    }
    .run()
}

/// Source of the next message.
enum Input {
    /// The text of the command line, not sent yet.
    Text(String),
    /// Standard input, with no line requested.
    Idle,
    /// Standard input, with a line requested.
    Awaited,
    /// The last message was sent.
    Ended,
    /// Reading ended with this failure; answers to earlier messages are still awaited.
    Failed(Failure),
}

struct Delivery<'a> {
    room: &'a str,
    sender: ChatSender,
    requests: Requests,
    /// Names of the open messages in errors, in their order.
    labels: VecDeque<String>,
    /// Time of the server's last answer, or of the oldest open request if that is later.
    last_answer_at: Instant,
    input: Input,
    conversation: Conversation,
}

impl Delivery<'_> {
    fn run(mut self) -> Result<ExitCode, Failure> {
        self.requests.push(Request::Join { room: self.room.to_owned() });
        if let Err(error) = self.sender.join(self.room) {
            return Err(self.conversation.why_lost(error));
        }
        self.take_until_joined()?;
        loop {
            self.ask_for_input()?;
            if self.requests.is_empty() {
                match self.input {
                    Input::Ended => break,
                    Input::Failed(failure) => {
                        self.conversation.disconnect(&self.sender);
                        return Err(failure);
                    }
                    Input::Text(_) | Input::Idle | Input::Awaited => {}
                }
            }
            self.take_next()?;
        }
        self.conversation.disconnect(&self.sender);
        Ok(ExitCode::SUCCESS)
    }

    /// Standard input is read only after the room is joined.
    fn take_until_joined(&mut self) -> Result<(), Failure> {
        while !self.requests.is_empty() {
            self.take_next()?;
        }
        Ok(())
    }

    fn ask_for_input(&mut self) -> Result<(), Failure> {
        match std::mem::replace(&mut self.input, Input::Ended) {
            Input::Text(text) => self.say(text, "the message".to_owned()),
            Input::Idle if self.requests.len() < MAX_IN_FLIGHT => {
                self.conversation.want_line(MAX_CONTENT_SIZE);
                self.input = Input::Awaited;
                Ok(())
            }
            unchanged => {
                self.input = unchanged;
                Ok(())
            }
        }
    }

    fn take_next(&mut self) -> Result<(), Failure> {
        let deadline = (!self.requests.is_empty()).then(|| self.last_answer_at + ANSWER_TIMEOUT);
        match self.conversation.next(deadline) {
            Some(ConversationEvent::Chat(received)) => self.take_event(&received),
            Some(ConversationEvent::Line(line)) => self.take_line(line),
            Some(ConversationEvent::InputEnded) => {
                self.input = Input::Ended;
                Ok(())
            }
            Some(ConversationEvent::InputFailed(error)) => {
                self.input = Input::Failed(Failure::input(&error));
                Ok(())
            }
            Some(ConversationEvent::Lost(error)) => Err(error.into()),
            Some(ConversationEvent::Interrupted) => {
                self.conversation.disconnect(&self.sender);
                Err(Failure::Message(format!(
                    "interrupted, with {} not seen to be delivered",
                    messages(self.labels.len())
                )))
            }
            None => Err(Failure::Message(format!(
                "the server did not answer for {} seconds, with {} not seen to be delivered",
                ANSWER_TIMEOUT.as_secs(),
                messages(self.labels.len())
            ))),
        }
    }

    fn take_line(&mut self, line: Line) -> Result<(), Failure> {
        let label = format!("line {}", line.number);
        match line.into_text() {
            Ok(text) => {
                self.input = Input::Idle;
                if text.is_empty() { Ok(()) } else { self.say(text, label) }
            }
            Err(error) => {
                self.input =
                    Input::Failed(Failure::Message(format!("{label} was not said: {error}")));
                Ok(())
            }
        }
    }

    fn say(&mut self, content: String, label: String) -> Result<(), Failure> {
        values::content(&content, self.room)
            .map_err(|error| Failure::Message(format!("{label} was not said: {error}")))?;
        let sent = self.sender.send(self.room, &content);
        if self.requests.is_empty() {
            self.last_answer_at = Instant::now();
        }
        self.requests.push(Request::Send { room: self.room.to_owned(), content });
        self.labels.push_back(label);
        sent.map_err(|error| self.conversation.why_lost(error))
    }

    fn take_event(&mut self, received: &Received) -> Result<(), Failure> {
        let answer = self.requests.answer(received);
        match (answer, &received.event) {
            (Answer::Done(request), _) => {
                self.last_answer_at = Instant::now();
                if matches!(request, Request::Send { .. }) {
                    self.labels.pop_front();
                }
                Ok(())
            }
            (_, Event::Error { code, message }) if code.closes() => {
                Err(Failure::refused("the server ended the connection", *code, message))
            }
            (Answer::Refused(Request::Send { .. }), Event::Error { code, message }) => {
                let label = self.labels.pop_front().unwrap_or_default();
                Err(Failure::refused(format_args!("{label} was refused"), *code, message))
            }
            (_, Event::Error { code, message }) => {
                Err(Failure::refused(format_args!("cannot talk in {}", self.room), *code, message))
            }
            (Answer::OutOfOrder, _) => Err(Failure::Message(format!(
                "{} did not come back as it was sent, or not in order",
                self.labels.front().map_or("what was sent", String::as_str)
            ))),
            (Answer::Refused(_) | Answer::Unrelated, _) => Ok(()),
        }
    }
}

fn messages(count: usize) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}
