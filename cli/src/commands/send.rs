//! `cafewire send`: sends one message, or each line of standard input, and checks that each is
//! delivered. With `--retry` a connection that is lost is made again. A server that finds it too
//! fast is given the time that it wants.

mod args;
mod message;
mod outbox;

use std::fmt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cafewire_core::ErrorCode;
use cafewire_core::chat::MAX_CONTENT_SIZE;
use cafewire_net::client::{ChatSender, ClientError, Event, Received};
use cafewire_net::{Address, ClientConfig};

pub(crate) use self::args::SendArgs;
use self::message::{Label, messages};
use self::outbox::Outbox;
use crate::conversation::{ANSWER_TIMEOUT, Conversation, ConversationEvent, LAST_WORDS_WAIT};
use crate::escape;
use crate::failure::Failure;
use crate::lines::Line;
use crate::output;
use crate::pace::{Pace, REFUSED_MAX};
use crate::requests::{Answer, MAX_IN_FLIGHT, Request, Requests};
use crate::retry::{self, End, Retry};
use crate::settings::units::Span;
use crate::tls_remarks;
use crate::values;

/// The longest line, or text, that is said in several messages.
const SPLIT_LINE_MAX: usize = 64 << 10;

/// The last number that is put behind a name that is taken.
const SUFFIX_MAX: u32 = 99;

/// Between a name that is taken and the next: the server counts connects of an address too.
const NAME_PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &SendArgs) -> Result<ExitCode, Failure> {
    let (address, text) = args.address_and_text().map_err(Failure::Message)?;
    tls_remarks::make(&address, &args.way.client_config().tls);
    let mut outbox = Outbox::default();
    if let Some(text) = text {
        outbox.push(messages(Label::Text, text.as_bytes(), MAX_CONTENT_SIZE));
    }
    Delivery {
        args,
        address,
        config: ClientConfig { probe_interval: args.probe.interval(), ..args.way.client_config() },
        retry: args.retry.attempts(),
        was_signed_in: false,
        suffix: 1,
        was_interrupted: false,
        sender: None,
        write_failure: None,
        is_in_room: false,
        is_join_refused: false,
        pace: Pace::default(),
        requests: Requests::default(),
        input: if text.is_some() { Input::Ended } else { Input::Idle },
        outbox,
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
    was_interrupted: bool,
    /// Of the connection that stands.
    sender: Option<ChatSender>,
    /// Why nothing more can be sent, and until when the server's own reason is waited for, and the
    /// receipts that come before it.
    write_failure: Option<(ClientError, Instant)>,
    is_in_room: bool,
    /// It came too fast for the server, and is to be asked for again.
    is_join_refused: bool,
    pace: Pace,
    requests: Requests,
    input: Input,
    outbox: Outbox,
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
                        return Err(self.give_up(failure));
                    }
                }
                Err(End::Final(failure)) => return Err(self.give_up(failure)),
            }
        }
        if let Some(sender) = &self.sender {
            self.conversation.disconnect(sender);
        }
        match (self.input, self.outbox.lines_left_out) {
            (Input::Failed(failure), _) => Err(failure),
            (_, 0) => Ok(ExitCode::SUCCESS),
            (_, count) => Err(Failure::Message(format!("lines that were left out: {count}"))),
        }
    }

    const fn leaves_out(&self) -> bool {
        self.args.skip || self.args.split
    }

    /// Nothing more can be said. How far it came is told with the reason.
    fn give_up(mut self, failure: Failure) -> Failure {
        let sentence = failure.into_sentence();
        if self.leaves_out() && !self.was_interrupted && self.is_input_left() {
            self.read_the_rest(&sentence);
        }
        let account = self.outbox.account(self.is_input_left());
        Failure::Message(format!("{sentence} ({account})"))
    }

    const fn is_input_left(&self) -> bool {
        matches!(self.input, Input::Idle | Input::Awaited)
    }

    /// The writer of the input must not be ended by what the server does.
    fn read_the_rest(&mut self, why: &str) {
        output::remark(format_args!(
            "cafewire: {}: the rest of the input is not said",
            escape::text(why)
        ));
        self.hang_up();
        loop {
            if matches!(self.input, Input::Idle) {
                self.conversation.want_line(0);
                self.input = Input::Awaited;
            }
            match self.conversation.next(None) {
                Some(ConversationEvent::Line(line)) => {
                    let is_empty = line.content.is_ok_and(|content| content.is_empty());
                    self.outbox.lines_ignored += u64::from(!is_empty);
                    self.input = Input::Idle;
                }
                Some(ConversationEvent::InputEnded | ConversationEvent::InputFailed(_)) => {
                    self.input = Input::Ended;
                    return;
                }
                Some(ConversationEvent::Interrupted) | None => return,
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
        if self.is_join_refused && self.pace.may_go_on(Instant::now()) {
            self.join();
        }
        // Standard input is read only after the room is joined.
        if self.is_in_room && self.write_failure.is_none() {
            self.send_unsent();
            if self.outbox.is_empty() && !self.is_input_left() {
                return Ok(true);
            }
            let is_room = self.outbox.has_none_waiting() && self.requests.len() < self.window();
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

    /// How many messages may be under way.
    const fn window(&self) -> usize {
        if self.pace.is_slow() { 1 } else { MAX_IN_FLIGHT }
    }

    fn send_unsent(&mut self) {
        while self.write_failure.is_none()
            && self.requests.len() < self.window()
            && self.pace.may_go_on(Instant::now())
            && let Some(sender) = &self.sender
            && let Some(message) = self.outbox.send()
        {
            let (room, content) = (self.args.room.clone(), message.content.clone());
            let sent = sender.send(&room, &content);
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
            None if self.requests.is_empty() => self.pace.resume_at(),
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
                self.was_signed_in = true;
                self.sender = Some(sender);
                self.join();
                Ok(())
            }
            Some(ConversationEvent::Chat(received)) => self.take_event(&received),
            Some(ConversationEvent::Lost(error)) if self.is_for_another_name(&error) => {
                Ok(self.take_another_name()?)
            }
            Some(ConversationEvent::Lost(error)) => Err(self.end(error)),
            Some(other) => Ok(self.take_input(other)?),
            // A pause is over.
            None if self.requests.is_empty() => Ok(()),
            None => Err(End::Lost(Failure::Message(format!(
                "the server did not answer for {} seconds",
                ANSWER_TIMEOUT.as_secs()
            )))),
        }
    }

    fn is_for_another_name(&self, error: &ClientError) -> bool {
        let is_taken = matches!(error, ClientError::Refused { code: ErrorCode::UsernameTaken, .. });
        self.args.user_suffix && is_taken
    }

    fn take_another_name(&mut self) -> Result<(), Failure> {
        if self.suffix == SUFFIX_MAX {
            let name = &self.args.user;
            return Err(Failure::Message(format!(
                "all names from {name} to {name}-{SUFFIX_MAX} are taken"
            )));
        }
        self.suffix += 1;
        self.pause(NAME_PAUSE)?;
        self.connect();
        Ok(())
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
                return Err(Failure::Message("interrupted".to_owned()));
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
            self.outbox.push(messages(label, bytes, MAX_CONTENT_SIZE));
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
                self.outbox.push(messages(label, text.as_bytes(), MAX_CONTENT_SIZE));
            }
            Err(why) if self.leaves_out() => {
                self.outbox.lines_left_out += 1;
                complain(format_args!("{label} was left out: {why}"));
                self.input = Input::Idle;
            }
            Err(why) => {
                self.input =
                    Input::Failed(Failure::Message(format!("{label} was not said: {why}")));
            }
        }
    }

    fn join(&mut self) {
        self.is_join_refused = false;
        let Some(sender) = &self.sender else { return };
        let room = self.args.room.clone();
        let sent = sender.join(&room);
        self.note(Request::Join { room }, sent);
    }

    fn take_event(&mut self, received: &Received) -> Result<(), End> {
        let answer = self.requests.answer(received);
        if matches!(answer, Answer::Done(_) | Answer::Refused(_)) {
            self.last_answer_at = Instant::now();
        }
        match (answer, &received.event) {
            (Answer::Done(request), _) => {
                self.pace.done();
                match request {
                    Request::Join { .. } => self.entered(),
                    _ => self.outbox.said(),
                }
                self.take_up_refused();
                Ok(())
            }
            (_, Event::Error { code, message }) if code.closes() => {
                let failure = Failure::refused("the server ended the connection", *code, message);
                Err(self.end_after(failure, *code))
            }
            (Answer::Refused(request), Event::Error { code: ErrorCode::RateLimited, message }) => {
                Ok(self.slow_down(&request, message)?)
            }
            (Answer::Refused(Request::Send { .. }), Event::Error { code, message }) => {
                let what = format!("{} was refused", self.outbox.oldest());
                let refused = Failure::refused(what, *code, message);
                if !self.leaves_out() {
                    self.outbox.refused();
                    return Err(refused.into());
                }
                self.outbox.leave_out();
                complain(refused.into_sentence());
                self.take_up_refused();
                Ok(())
            }
            (_, Event::Error { code, message }) => {
                let what = format_args!("cannot talk in {}", self.args.room);
                Err(self.end_after(Failure::refused(what, *code, message), *code))
            }
            (Answer::OutOfOrder, _) => Err(End::Final(Failure::Message(format!(
                "{} did not come back as it was sent, or not in order",
                self.outbox.oldest()
            )))),
            (Answer::Refused(_) | Answer::Unrelated, _) => Ok(()),
        }
    }

    /// The server dropped a request that came too fast: it is sent again after a pause.
    fn slow_down(&mut self, request: &Request, why: &str) -> Result<(), Failure> {
        let is_first = !self.pace.is_slow();
        let lasting = self.pace.refused(Instant::now());
        let at_most = self.retry.within().unwrap_or(REFUSED_MAX);
        let what = match request {
            Request::Send { .. } => self.outbox.oldest().to_string(),
            _ => format!("joining {}", self.args.room),
        };
        match request {
            Request::Send { .. } => self.outbox.refused(),
            _ => self.is_join_refused = true,
        }
        if lasting >= at_most {
            let what = format!("{what} was refused again and again for {}", Span(at_most));
            return Err(Failure::refused(what, ErrorCode::RateLimited, why));
        }
        if is_first {
            complain(format_args!(
                "{what} came faster than the server allows: slowing down, and saying again what it \
                 refuses"
            ));
        }
        self.take_up_refused();
        Ok(())
    }

    /// Once all that was under way is answered, what was refused comes next.
    fn take_up_refused(&mut self) {
        if self.requests.is_empty()
            && let Some(sentence) = self.outbox.take_up_refused()
        {
            complain(sentence);
        }
    }

    /// In the room, for the first time or again.
    fn entered(&mut self) {
        self.is_in_room = true;
        self.retry.succeeded(Instant::now());
        if let Some(again) = self.outbox.perhaps_twice() {
            complain(format_args!("connected again; {again} may have been said twice"));
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
        let Some(pause) = self.retry.pause(Instant::now()) else {
            return Err(self.retry.given_up(failure));
        };
        if is_first {
            complain(format_args!("{}: trying again", failure.into_sentence()));
        }
        self.hang_up();
        self.pause(pause)?;
        self.connect();
        Ok(())
    }

    /// Without a connection. Lines and signals are heeded meanwhile.
    fn pause(&mut self, pause: Duration) -> Result<(), Failure> {
        let until = Instant::now() + pause;
        while let Some(event) = self.conversation.next(Some(until)) {
            self.take_input(event)?;
        }
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
        self.is_join_refused = false;
        self.write_failure = None;
        self.requests = Requests::default();
        self.outbox.take_back();
    }
}

/// On standard error. May hold text of the server.
fn complain(sentence: impl fmt::Display) {
    let sentence = sentence.to_string();
    output::remark(format_args!("cafewire: {}", escape::text(&sentence)));
}
