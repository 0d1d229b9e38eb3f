//! What a client hears, frame by frame, and whether it may be so.

use cafewire_core::client::Event;
use cafewire_core::{ErrorCode, Frame, Framing, MessagePayload, echo};

use super::{Client, Cx, ROOMS, Request};
use crate::attack::Answer;
use crate::frames::{Frames, Kind};
use crate::world::World;

/// What a connection is told that is closed for its part in what the server holds.
const TOO_MUCH: &str = "the server holds too much for its peers, and most of all for you";

impl Client {
    /// Takes bytes from the server, and judges every whole frame.
    pub(crate) fn hear(&mut self, bytes: &[u8], around: &mut Cx<'_>) {
        self.incoming.extend_from_slice(bytes);
        let incoming = std::mem::take(&mut self.incoming);
        let mut rest = incoming.as_slice();
        loop {
            match self.reader.next_frame(rest) {
                Framing::Frame { frame, consumed } => {
                    assert_eq!(self.ended_by, None, "{} got a frame after the last one", self.name);
                    match frame {
                        Frame::Chat(view) => {
                            let message =
                                view.parse_payload().expect("the server sends valid frames");
                            let event = self.session.receive(&message, 0);
                            self.judge_chat(&message, &rest[..consumed], around);
                            self.judge_session(event);
                        }
                        Frame::Echo(view) => {
                            self.judge_echo(view.message_type, &rest[..consumed], around.world);
                        }
                    }
                    rest = &rest[consumed..];
                }
                Framing::Incomplete { .. } => break,
                Framing::Corrupt { error } => {
                    panic!("{} ({:?}) got damaged bytes: {error}", self.name, self.habit)
                }
            }
        }
        self.incoming = rest.to_vec();
    }

    fn judge_chat(&mut self, message: &MessagePayload<'_>, frame: &[u8], around: &mut Cx<'_>) {
        match *message {
            MessagePayload::ConnectAck { user_id, .. } => {
                assert!(
                    matches!(self.take_request(), Some(Request::Connect { .. })),
                    "{} signed in",
                    self.name
                );
                self.user_id = Some(user_id);
            }
            MessagePayload::UserJoined { user_id, username, room } => {
                if self.is_me(user_id, username) {
                    let Some(Request::Join(asked)) = self.take_request() else {
                        panic!("joined unasked")
                    };
                    assert_eq!(asked, room);
                    self.rooms.push(asked);
                }
                self.see(room, around.frames, frame, Kind::Joined, user_id);
            }
            MessagePayload::UserLeft { user_id, username, room } => {
                self.see(room, around.frames, frame, Kind::Left, user_id);
                if self.is_me(user_id, username) {
                    let Some(Request::Leave(asked)) = self.take_request() else {
                        panic!("left unasked")
                    };
                    assert_eq!(asked, room);
                    self.rooms.retain(|&other| other != asked);
                }
            }
            MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content } => {
                assert!(
                    around.times_shown.contains(&timestamp),
                    "{timestamp} is a time that never was"
                );
                if self.is_me(user_id, username) {
                    let Some(Request::Say { room: asked, content: said }) = self.take_request()
                    else {
                        panic!("{}: words that were not its own: {content}", self.name)
                    };
                    assert_eq!((asked, said.as_str()), (room, content));
                }
                self.see(room, around.frames, frame, Kind::Said, user_id);
            }
            MessagePayload::Error { code, message } => {
                self.judge_error(code, message, around.world);
            }
            other => panic!("{} got {other:?}", self.name),
        }
    }

    /// The session must have come to the same as the judge, by its own means.
    fn judge_session(&self, event: Event<'_>) {
        if self.has_bypassed_session {
            return;
        }
        let skipped = match event {
            Event::Unexpected { message } => {
                panic!("{}: the session did not expect {message:?}", self.name)
            }
            Event::Said { answers, .. }
            | Event::Joined { answers, .. }
            | Event::Left { answers, .. } => answers.map_or(0, |answer| answer.skipped),
            Event::Refused { answers, .. } => answers.skipped,
            _ => 0,
        };
        assert_eq!(skipped, 0, "{}: the session passed over requests", self.name);
        let waiting = (self.session.user_id(), self.session.pending());
        assert_eq!(waiting, (self.user_id, self.requests.len()), "{}", self.name);
        self.session.invariants();
    }

    /// The request that this answers.
    fn take_request(&mut self) -> Option<Request> {
        self.answered_bytes += self.request_sizes.pop_front().unwrap_or(0);
        self.requests.pop_front()
    }

    fn is_me(&self, user_id: u32, username: &str) -> bool {
        let is_me = self.user_id == Some(user_id);
        assert!(!is_me || username == self.name, "{} is called {username}", self.name);
        is_me
    }

    fn see(&mut self, room: &str, frames: &mut Frames, frame: &[u8], kind: Kind, user_id: u32) {
        assert!(self.rooms.contains(&room), "{} hears of {room} and is not in it", self.name);
        if let Some(place) = ROOMS.iter().position(|&watched| watched == room) {
            self.seen.push((place, frames.number(frame, kind, user_id)));
        }
    }

    fn judge_error(&mut self, code: ErrorCode, message: &str, world: &World) {
        if code == ErrorCode::RateLimited {
            assert!(world.is_rate_limited());
            self.was_rate_limited = true;
            self.take_request();
        } else if code.closes() {
            self.ended_by = Some(code);
            self.judge_closing(code, message, world);
        } else {
            let request = self.take_request();
            let fits = match &request {
                Some(Request::Connect { is_contested }) => {
                    *is_contested && code == ErrorCode::UsernameTaken
                }
                Some(Request::Join(room)) => self.join_may_fail(room, code, world),
                Some(Request::Leave(room) | Request::Say { room, .. }) => {
                    code == ErrorCode::NotInRoom && !self.rooms.contains(room)
                }
                Some(Request::Attack(answer)) => *answer == Answer::Refused(code),
                None => false,
            };
            assert!(
                fits,
                "{} in {:?} got {code} ({message}) for {request:?}",
                self.name, self.rooms
            );
        }
    }

    fn join_may_fail(&self, room: &str, code: ErrorCode, world: &World) -> bool {
        let is_bounded = |limit: usize| limit != 0 && limit < 65_536;
        match code {
            ErrorCode::AlreadyInRoom => self.rooms.contains(&room),
            ErrorCode::LimitReached => world.ever(|limits| {
                let full = limits.rooms_per_connection != 0
                    && self.rooms.len() >= limits.rooms_per_connection;
                full || is_bounded(limits.rooms)
                    || limits.rooms_per_address > 0
                    || is_bounded(limits.members_per_room)
            }),
            _ => false,
        }
    }

    fn judge_closing(&self, code: ErrorCode, message: &str, world: &World) {
        let answers_attack = match self.requests.front() {
            Some(Request::Attack(Answer::Any)) => true,
            Some(Request::Attack(answer)) => *answer == Answer::Closed(code),
            Some(_) => false,
            // An echo peer that began with a wrong first byte is answered as a chat peer.
            None => self.has_attacked,
        };
        let fits = answers_attack
            || match code {
                // Of one that reads all, what it sent may be too much.
                ErrorCode::SlowConsumer => !self.habit.reads_all() || message == TOO_MUCH,
                ErrorCode::ShuttingDown => world.ends_by_shutting_down,
                ErrorCode::ServerFull => self.user_id.is_none(),
                ErrorCode::IdleTimeout => {
                    let is_signed_in = self.user_id.is_some();
                    let is_timed = |limits: &cafewire_net::Limits| {
                        !if is_signed_in { limits.idle_timeout } else { limits.sign_in_timeout }
                            .is_zero()
                    };
                    self.rooms.is_empty() && world.ever(is_timed)
                }
                ErrorCode::MalformedFrame => self.is_cut,
                // The rate left no room for its Connect.
                ErrorCode::NotConnected => self.user_id.is_none() && self.was_rate_limited,
                _ => false,
            };
        assert!(
            fits,
            "{} ({:?}) was closed: {code}: {message}; {:?}",
            self.name,
            self.habit,
            self.requests.front()
        );
    }

    fn judge_echo(&mut self, message_type: echo::MessageType, frame: &[u8], world: &World) {
        if message_type == echo::MessageType::Error {
            self.echo_errors += 1;
            self.was_rate_limited |= world.is_rate_limited();
            return;
        }
        while let Some(expected) = self.echoes.pop_front() {
            if expected == frame {
                return;
            }
            self.echoes_dropped += 1;
            assert!(
                self.echoes_dropped <= self.echo_errors && world.is_rate_limited(),
                "{} lost an echo",
                self.name
            );
        }
        panic!("{} got an echo of what it did not say", self.name);
    }

    /// Whether the server ended before it had answered everything, and said so; or let go in the
    /// middle of a frame, for want of memory or time.
    pub(crate) fn was_cut_off(&self) -> bool {
        self.was_told() || !self.incoming.is_empty()
    }

    pub(crate) fn was_told(&self) -> bool {
        self.ended_by.is_some() || self.echo_errors > 0 || self.was_rate_limited
    }

    /// The server shut its side in order. That must have been asked for, or explained.
    pub(crate) fn end(&self) {
        let is_asked_for = self.half_closed || self.said_disconnect;
        assert!(
            is_asked_for || self.was_told(),
            "{} ({:?}) was closed without a word",
            self.name,
            self.habit
        );
    }
}
