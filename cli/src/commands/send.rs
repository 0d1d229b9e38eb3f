//! `cafewire send`: sends one message, or each line of standard input, and checks that each is
//! delivered. With `--retry` a connection that is lost is made again.

mod args;
mod message;

use std::collections::VecDeque;
use std::fmt;
use std::process::ExitCode;
use std::time::Instant;

use cafewire_core::ErrorCode;
use cafewire_core::chat::MAX_CONTENT_SIZE;
use cafewire_net::client::{ChatSender, ClientError, Event, Received};
use cafewire_net::{Address, ClientConfig};

pub(crate) use self::args::SendArgs;
use self::message::{Label, Message, named};
use crate::conversation::{ANSWER_TIMEOUT, Conversation, ConversationEvent, LAST_WORDS_WAIT};
use crate::escape;
use crate::failure::Failure;
use crate::lines::Line;
use crate::output;
use crate::requests::{Answer, MAX_IN_FLIGHT, Request, Requests};
use crate::retry::{self, End, Retry};
use crate::tls_remarks;
use crate::values;

/// The longest line that is said in several messages.
const SPLIT_LINE_MAX: usize = 64 << 10;

/// The last number that is put behind a name that is taken.
const SUFFIX_MAX: u32 = 99;

pub(crate) fn run(args: &SendArgs) -> Result<ExitCode, Failure> {
    let (address, text) = args.address_and_text().map_err(Failure::Message)?;
    tls_remarks::make(&address, &args.way.client_config().tls);
    let text = text.map(|text| Message::new(Label::Text, text.to_owned()));
    Delivery {
        args,
        address,
        config: ClientConfig { probe_interval: args.probe.interval(), ..args.way.client_config() },
        retry: args.retry.attempts(),
        was_signed_in: false,
        suffix: 1,
        lines_left_out: 0,
        was_interrupted: false,
        sender: None,
        write_failure: None,
        is_in_room: false,
        requests: Requests::default(),
        input: if text.is_some() { Input::Ended } else { Input::Idle },
        unsent: VecDeque::from_iter(text),
        sent: VecDeque::new(),
        last_answer_at: Instant::now(),
        conversation: Conversation::start_without_connection()?,
    }
    .run()
}

/// Source of the next message.
enum Input {
    /// Standard input, with no line requested.
    Idle,
    /// Standard input, with a line requested.
    Awaited,
    /// There is no further message.
    Ended,
    /// Reading ended with this failure; answers to earlier messages are still awaited.
    Failed(Failure),
}

struct Delivery<'a> {
    args: &'a SendArgs,
    address: Address,
    config: ClientConfig,
    retry: Retry,
    was_signed_in: bool,
    /// Behind the name, from 2 on.
    suffix: u32,
    lines_left_out: u64,
    was_interrupted: bool,
    /// Of the connection that stands.
    sender: Option<ChatSender>,
    /// Why nothing more can be sent, and until when the server's own reason is waited for, and the
    /// receipts that come before it.
    write_failure: Option<(ClientError, Instant)>,
    is_in_room: bool,
    requests: Requests,
    input: Input,
    /// At most those of a lost connection, and a line that came meanwhile.
    unsent: VecDeque<Message>,
    /// Those without a receipt, in the order of their requests.
    sent: VecDeque<Message>,
    /// Time of the server's last answer, or of the oldest open request if that is later.
    last_answer_at: Instant,
    conversation: Conversation,
}

impl Delivery<'_> {
    fn run(mut self) -> Result<ExitCode, Failure> {
        self.connect();
        loop {
            match self.send_and_take_next() {
                Ok(false) => {}
                Ok(true) => break,
                Err(End::Lost(failure)) => {
                    if let Err(failure) = self.wait_for_next_attempt(failure) {
                        return Err(self.after_the_input(failure));
                    }
                }
                Err(End::Final(failure)) => return Err(self.after_the_input(failure)),
            }
        }
        if let Some(sender) = &self.sender {
            self.conversation.disconnect(sender);
        }
        match (self.input, self.lines_left_out) {
            (Input::Failed(failure), _) => Err(failure),
            (_, 0) => Ok(ExitCode::SUCCESS),
            (_, count) => Err(Failure::Message(format!("lines that were left out: {count}"))),
        }
    }

    const fn leaves_out(&self) -> bool {
        self.args.skip || self.args.split
    }

    /// Nothing more can be said. Where the writer of the input must not be ended by that, the rest
    /// is read all the same.
    fn after_the_input(mut self, failure: Failure) -> Failure {
        let is_over = self.was_interrupted || matches!(self.input, Input::Ended | Input::Failed(_));
        if !self.leaves_out() || is_over {
            return failure;
        }
        let sentence = failure.into_sentence();
        output::remark(format_args!(
            "cafewire: {}: the rest of the input is not said",
            escape::text(&sentence)
        ));
        self.hang_up();
        loop {
            if matches!(self.input, Input::Idle) {
                self.conversation.want_line(0);
                self.input = Input::Awaited;
            }
            match self.conversation.next(None) {
                Some(ConversationEvent::Line(_)) => self.input = Input::Idle,
                Some(
                    ConversationEvent::InputEnded
                    | ConversationEvent::InputFailed(_)
                    | ConversationEvent::Interrupted,
                )
                | None => return Failure::Message(sentence),
                Some(_) => {}
            }
        }
    }

    fn connect(&mut self) {
        let username = match self.suffix {
            1 => self.args.user.clone(),
            suffix => format!("{}-{suffix}", self.args.user),
        };
        self.conversation.connect(self.address.clone(), username, self.config.clone());
    }

    /// Whether all is done.
    fn send_and_take_next(&mut self) -> Result<bool, End> {
        // Standard input is read only after the room is joined.
        if self.is_in_room && self.write_failure.is_none() {
            self.send_unsent();
            if self.requests.is_empty() && matches!(self.input, Input::Ended | Input::Failed(_)) {
                return Ok(true);
            }
            let is_room = self.unsent.is_empty() && self.requests.len() < MAX_IN_FLIGHT;
            if matches!(self.input, Input::Idle) && is_room {
                let is_split = self.args.split;
                self.conversation.want_line(if is_split {
                    SPLIT_LINE_MAX
                } else {
                    MAX_CONTENT_SIZE
                });
                self.input = Input::Awaited;
            }
        }
        self.take_next().map(|()| false)
    }

    fn send_unsent(&mut self) {
        while self.write_failure.is_none()
            && self.requests.len() < MAX_IN_FLIGHT
            && let Some(sender) = &self.sender
            && let Some(message) = self.unsent.pop_front()
        {
            let (room, content) = (self.args.room.clone(), message.content.clone());
            let sent = sender.send(&room, &content);
            self.sent.push_back(message);
            self.note(Request::Send { room, content }, sent);
        }
    }

    /// A request was sent, or could not be.
    fn note(&mut self, request: Request, sent: Result<(), ClientError>) {
        let now = Instant::now();
        if self.requests.is_empty() {
            self.last_answer_at = now;
        }
        self.requests.push(request);
        self.write_failure = sent.err().map(|error| (error, now + LAST_WORDS_WAIT));
    }

    fn take_next(&mut self) -> Result<(), End> {
        let deadline = match &self.write_failure {
            Some((_, until)) => Some(*until),
            None if self.requests.is_empty() => None,
            None => Some(self.last_answer_at + ANSWER_TIMEOUT),
        };
        let event = self.conversation.next(deadline);
        if let None | Some(ConversationEvent::Lost(_)) = &event
            && let Some((error, _)) = self.write_failure.take()
        {
            return Err(self.end(error));
        }
        match event {
            Some(ConversationEvent::SignedIn(sender)) => {
                self.join(sender);
                Ok(())
            }
            Some(ConversationEvent::Chat(received)) => self.take_event(&received),
            Some(ConversationEvent::Lost(error)) if self.may_try_another_name(&error) => {
                self.suffix += 1;
                self.connect();
                Ok(())
            }
            Some(ConversationEvent::Lost(error)) => Err(self.end(error)),
            Some(other) => Ok(self.take_input(other)?),
            None => Err(End::Lost(Failure::Message(format!(
                "the server did not answer for {} seconds, with {} not seen to be delivered",
                ANSWER_TIMEOUT.as_secs(),
                self.undelivered()
            )))),
        }
    }

    fn may_try_another_name(&self, error: &ClientError) -> bool {
        let is_taken = matches!(error, ClientError::Refused { code: ErrorCode::UsernameTaken, .. });
        self.args.user_suffix && is_taken && self.suffix < SUFFIX_MAX
    }

    /// Lines, and signals.
    fn take_input(&mut self, event: ConversationEvent) -> Result<(), Failure> {
        match event {
            ConversationEvent::Line(line) => self.take_line(line),
            ConversationEvent::InputEnded => self.input = Input::Ended,
            ConversationEvent::InputFailed(error) => {
                self.input = Input::Failed(Failure::input(&error));
            }
            ConversationEvent::Interrupted => {
                self.was_interrupted = true;
                if let Some(sender) = &self.sender {
                    self.conversation.disconnect(sender);
                }
                return Err(Failure::Message(format!(
                    "interrupted, with {} not seen to be delivered",
                    self.undelivered()
                )));
            }
            ConversationEvent::SignedIn(_)
            | ConversationEvent::Chat(_)
            | ConversationEvent::Lost(_) => {}
        }
        Ok(())
    }

    fn take_line(&mut self, line: Line) {
        let label = Label::Line(line.number);
        if self.args.split
            && let Ok(bytes) = &line.content
        {
            let pieces = message::pieces(bytes, MAX_CONTENT_SIZE);
            self.unsent.extend(pieces.into_iter().map(|piece| Message::new(label, piece)));
            self.input = Input::Idle;
            return;
        }
        let checked = line.into_text().map_err(|error| error.to_string()).and_then(|text| {
            if !text.is_empty() {
                values::content(&text, &self.args.room).map_err(|error| error.to_string())?;
            }
            Ok(text)
        });
        match checked {
            Ok(text) => {
                self.input = Input::Idle;
                if !text.is_empty() {
                    self.unsent.push_back(Message::new(label, text));
                }
            }
            Err(why) if self.leaves_out() => {
                self.leave_out(format_args!("{label} was left out: {why}"));
                self.input = Input::Idle;
            }
            Err(why) => {
                self.input =
                    Input::Failed(Failure::Message(format!("{label} was not said: {why}")));
            }
        }
    }

    fn join(&mut self, sender: ChatSender) {
        self.was_signed_in = true;
        let room = self.args.room.clone();
        let sent = sender.join(&room);
        self.sender = Some(sender);
        self.note(Request::Join { room }, sent);
    }

    fn take_event(&mut self, received: &Received) -> Result<(), End> {
        let answer = self.requests.answer(received);
        match (answer, &received.event) {
            (Answer::Done(request), _) => {
                self.last_answer_at = Instant::now();
                match request {
                    Request::Join { .. } => self.entered(),
                    _ => drop(self.sent.pop_front()),
                }
                Ok(())
            }
            (_, Event::Error { code, message }) if code.closes() => {
                let failure = Failure::refused("the server ended the connection", *code, message);
                Err(self.end_after(failure, *code))
            }
            (Answer::Refused(Request::Send { .. }), Event::Error { code, message }) => {
                let label = self.sent.pop_front().map_or(Label::Text, |message| message.label);
                let refused = Failure::refused(format_args!("{label} was refused"), *code, message);
                if !self.leaves_out() {
                    return Err(refused.into());
                }
                self.last_answer_at = Instant::now();
                self.leave_out(refused.into_sentence());
                Ok(())
            }
            (_, Event::Error { code, message }) => {
                let what = format_args!("cannot talk in {}", self.args.room);
                Err(self.end_after(Failure::refused(what, *code, message), *code))
            }
            (Answer::OutOfOrder, _) => {
                let what = self.sent.front().map(|message| message.label.to_string());
                Err(End::Final(Failure::Message(format!(
                    "{} did not come back as it was sent, or not in order",
                    what.as_deref().unwrap_or("what was sent")
                ))))
            }
            (Answer::Refused(_) | Answer::Unrelated, _) => Ok(()),
        }
    }

    fn leave_out(&mut self, sentence: impl fmt::Display) {
        self.lines_left_out += 1;
        let sentence = sentence.to_string();
        output::remark(format_args!("cafewire: {}", escape::text(&sentence)));
    }

    /// In the room, for the first time or again.
    fn entered(&mut self) {
        self.is_in_room = true;
        self.retry.succeeded(Instant::now());
        let again = named(self.unsent.iter().filter(|message| message.was_sent));
        if let Some(again) = again {
            output::remark(format_args!(
                "cafewire: connected again; {again} may have been said twice"
            ));
        }
    }

    fn end(&self, error: ClientError) -> End {
        End::of(error, self.was_signed_in)
    }

    fn end_after(&self, failure: Failure, code: ErrorCode) -> End {
        let may_pass = retry::code_may_pass(code, self.was_signed_in);
        if may_pass { End::Lost(failure) } else { End::Final(failure) }
    }

    fn wait_for_next_attempt(&mut self, failure: Failure) -> Result<(), Failure> {
        let is_first = self.retry.is_first_failure();
        let now = Instant::now();
        let Some(pause) = self.retry.pause(now) else { return Err(failure) };
        if is_first {
            let why = failure.into_sentence();
            output::remark(format_args!("cafewire: {}: trying again", escape::text(&why)));
        }
        self.hang_up();
        while let Some(event) = self.conversation.next(Some(now + pause)) {
            self.take_input(event)?;
        }
        self.connect();
        Ok(())
    }

    /// What was sent and not acknowledged comes first on the next connection.
    fn hang_up(&mut self) {
        self.conversation.hang_up();
        if let Some(sender) = self.sender.take() {
            // It may be that the server is only slow: then this frees the name.
            let _ = sender.disconnect();
        }
        self.is_in_room = false;
        self.write_failure = None;
        self.requests = Requests::default();
        while let Some(message) = self.sent.pop_back() {
            self.unsent.push_front(Message { was_sent: true, ..message });
        }
    }

    fn undelivered(&self) -> String {
        match self.sent.len() + self.unsent.len() {
            1 => "1 message".to_owned(),
            count => format!("{count} messages"),
        }
    }
}
