//! `cafewire chat` without a terminal: rooms on one side, lines on the other.

use std::process::ExitCode;
use std::time::Instant;

use cafewire_core::chat::MAX_CONTENT_SIZE;
use cafewire_net::client::{ChatClient, ChatSender, ClientError, Event, Received};
use cafewire_net::{Address, ClientConfig};

use crate::chat_line::{self, Intent};
use crate::conversation::{ANSWER_TIMEOUT, Conversation, ConversationEvent};
use crate::escape;
use crate::failure::Failure;
use crate::format;
use crate::lines::Line;
use crate::output;
use crate::requests::{Answer, MAX_IN_FLIGHT, Request, Requests};
use crate::values;

/// The longest text, with the `/` before it that escapes a leading one.
const MAX_LINE_SIZE: usize = MAX_CONTENT_SIZE + 1;

/// Joins the rooms, of which the first is the current one, and runs until the end of the input.
pub(crate) fn run(
    address: &Address,
    config: &ClientConfig,
    username: &str,
    rooms: &[String],
) -> Result<ExitCode, Failure> {
    let client = ChatClient::connect_with(address, username, config)?;
    format::connected(address, client.peer_address());
    let sender = client.sender().map_err(Failure::no_second_handle)?;
    output::notice(format_args!(
        "signed in to {} [{}] as <{}>; /help lists the commands",
        address,
        escape::text(client.server_info()),
        escape::username(client.username())
    ));
    let mut chat = Chat {
        sender,
        requests: Requests::default(),
        rooms: Vec::new(),
        current_room: None,
        is_line_wanted: false,
        is_leaving: false,
        last_answer_at: Instant::now(),
        conversation: Conversation::start(client)?,
    };
    for room in rooms {
        chat.join(room)?;
    }
    chat.current_room = rooms.first().cloned();
    chat.run()
}

struct Chat {
    sender: ChatSender,
    requests: Requests,
    /// Rooms that are joined, or for which a join is under way: requests are sent without waiting,
    /// and are answered in order. The latest is last.
    rooms: Vec<String>,
    /// The room that text is sent to.
    current_room: Option<String>,
    is_line_wanted: bool,
    /// No more lines are read; answers to sent requests are still awaited.
    is_leaving: bool,
    last_answer_at: Instant,
    conversation: Conversation,
}

impl Chat {
    fn run(mut self) -> Result<ExitCode, Failure> {
        loop {
            if self.is_leaving && self.requests.is_empty() {
                break;
            }
            if !self.is_leaving && !self.is_line_wanted && self.requests.len() < MAX_IN_FLIGHT {
                self.conversation.want_line(MAX_LINE_SIZE);
                self.is_line_wanted = true;
            }
            let deadline = self.is_leaving.then(|| self.last_answer_at + ANSWER_TIMEOUT);
            match self.conversation.next(deadline) {
                Some(ConversationEvent::Chat(received)) => self.take_event(&received)?,
                // The connection stood before the conversation began.
                Some(ConversationEvent::SignedIn(_)) => {}
                Some(ConversationEvent::Line(line)) => {
                    self.is_line_wanted = false;
                    self.take_line(line)?;
                }
                Some(ConversationEvent::InputEnded) => self.leave_when_answered(),
                Some(ConversationEvent::InputFailed(error)) => return Err(Failure::input(&error)),
                Some(ConversationEvent::Lost(error)) => return Err(error.into()),
                Some(ConversationEvent::Interrupted) => break,
                None => {
                    return Err(Failure::Message(format!(
                        "the server did not answer for {} seconds, requests still open: {}",
                        ANSWER_TIMEOUT.as_secs(),
                        self.requests.len()
                    )));
                }
            }
        }
        self.conversation.disconnect(&self.sender);
        Ok(ExitCode::SUCCESS)
    }

    fn leave_when_answered(&mut self) {
        self.is_leaving = true;
        self.last_answer_at = Instant::now();
    }

    fn take_line(&mut self, line: Line) -> Result<(), Failure> {
        let number = line.number;
        let line = match line.into_text() {
            Ok(line) => line,
            Err(error) => {
                output::remark(format_args!("cafewire: line {number} was not said: {error}"));
                return Ok(());
            }
        };
        match chat_line::parse(&line) {
            Intent::Nothing => Ok(()),
            Intent::Say(text) => self.say(text),
            Intent::Join(room) if self.rooms.iter().any(|joined| joined == room) => {
                self.switch_to(room)
            }
            Intent::Join(room) => self.join(room),
            Intent::Leave(room) => self.leave(room),
            Intent::Switch(room) => self.switch_to(room),
            Intent::Quit => {
                self.leave_when_answered();
                Ok(())
            }
            Intent::Help => {
                output::remark(chat_line::COMMANDS);
                Ok(())
            }
            Intent::Unclear(why) => {
                complain(&why);
                Ok(())
            }
        }
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        let Some(room) = self.current_room.clone() else {
            complain("not said: you are in no room yet, /join ROOM");
            return Ok(());
        };
        if let Err(error) = values::content(text, &room) {
            complain(&format!("not said: {error}"));
            return Ok(());
        }
        let sent = self.sender.send(&room, text);
        self.requests.push(Request::Send { room, content: text.to_owned() });
        self.check(sent)
    }

    fn join(&mut self, room: &str) -> Result<(), Failure> {
        let sent = self.sender.join(room);
        self.requests.push(Request::Join { room: room.to_owned() });
        self.rooms.push(room.to_owned());
        self.current_room = Some(room.to_owned());
        self.check(sent)
    }

    fn leave(&mut self, room: Option<&str>) -> Result<(), Failure> {
        let Some(room) = room.map(str::to_owned).or_else(|| self.current_room.clone()) else {
            complain("you are in no room");
            return Ok(());
        };
        if !self.rooms.contains(&room) {
            complain(&format!("you are not in [{}]", escape::room(&room)));
            return Ok(());
        }
        let sent = self.sender.leave(&room);
        self.forget(&room);
        self.requests.push(Request::Leave { room });
        self.check(sent)
    }

    fn switch_to(&mut self, room: &str) -> Result<(), Failure> {
        if self.rooms.iter().any(|joined| joined == room) {
            self.current_room = Some(room.to_owned());
            output::notice(format_args!("text now goes to [{}]", escape::room(room)));
        } else {
            complain(&format!("you are not in [{0}]: /join {0}", escape::room(room)));
        }
        Ok(())
    }

    /// Removes a room that is no longer ours; if it was the current one, the latest of the others
    /// becomes it.
    fn forget(&mut self, room: &str) {
        self.rooms.retain(|joined| joined != room);
        if self.current_room.as_deref() != Some(room) {
            return;
        }
        self.current_room = self.rooms.last().cloned();
        if let Some(room) = &self.current_room {
            output::notice(format_args!("text now goes to [{}]", escape::room(room)));
        }
    }

    fn check(&self, sent: Result<(), ClientError>) -> Result<(), Failure> {
        sent.map_err(|error| self.conversation.why_lost(error))
    }

    fn take_event(&mut self, received: &Received) -> Result<(), Failure> {
        let answer = self.requests.answer(received);
        if matches!(answer, Answer::Done(_) | Answer::Refused(_)) {
            self.last_answer_at = Instant::now();
        }
        match &received.event {
            Event::Message { timestamp_ms, username, room, content, .. } => {
                let (time, room) = (format::local_time(*timestamp_ms), escape::room(room));
                output::line(format_args!("{time} [{room}] {}", format::said(username, content)))
            }
            Event::Joined { username, room, .. } => show_presence(room, username, "joined"),
            Event::Left { username, room, .. } => {
                if answer == Answer::OutOfOrder {
                    self.forget(room);
                }
                show_presence(room, username, "left")
            }
            Event::Error { code, message } if code.closes() => {
                Err(Failure::refused("the server ended the connection", *code, message))
            }
            Event::Error { code, message } => {
                complain(&format!("{}: {message} [{code}]", what_was_refused(&answer)));
                if let Answer::Refused(Request::Join { room }) = &answer {
                    self.forget(room);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn what_was_refused(answer: &Answer) -> String {
    match answer {
        Answer::Refused(Request::Join { room }) => format!("cannot join [{}]", escape::room(room)),
        Answer::Refused(Request::Leave { room }) => {
            format!("cannot leave [{}]", escape::room(room))
        }
        Answer::Refused(Request::Send { content, .. }) => {
            format!("not said: {}", escape::text(content))
        }
        Answer::Done(_) | Answer::OutOfOrder | Answer::Unrelated => {
            "the server complains".to_owned()
        }
    }
}

fn show_presence(room: &str, username: &str, what: &str) -> Result<(), Failure> {
    let (time, room) = (format::local_time_now(), escape::room(room));
    output::line(format_args!("{time} [{room}] * <{}> {what}", escape::username(username)))
}

/// Prints on standard error, so that the output holds only the messages of the rooms. May hold text
/// of the server.
fn complain(what: &str) {
    output::remark(format_args!("cafewire: {}", escape::text(what)));
}
