//! What the client has sent and the server has not answered, as a list of texts: the slow way to
//! know what a message answers. Written from the specification.

use cafewire_core::{ErrorCode, MessagePayload, MessageType};

/// What a message is to the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    SignedIn,
    Answer { id: u32, skipped: usize },
    OfOthers,
    Probe,
    End,
    Unexpected,
}

#[derive(Clone, PartialEq, Eq)]
struct Request {
    id: u32,
    message_type: MessageType,
    room: String,
    content: String,
}

enum Sent {
    Request(Request),
    Probe,
}

pub(super) struct Ledger {
    slots: usize,
    sent: Vec<Sent>,
    next_id: u32,
    user_id: Option<u32>,
    /// No more requests are taken.
    ended: bool,
    /// For that the client sent Disconnect.
    has_disconnected: bool,
    /// The server said why it ends.
    was_told_why: bool,
}

impl Ledger {
    pub(super) fn new(slots: usize) -> Self {
        let (sent, user_id) = (Vec::new(), None);
        Self {
            slots,
            sent,
            next_id: 0,
            user_id,
            ended: false,
            has_disconnected: false,
            was_told_why: false,
        }
    }

    pub(super) fn user_id(&self) -> Option<u32> {
        self.user_id
    }

    pub(super) fn pending(&self) -> usize {
        self.requests().count()
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    fn requests(&self) -> impl Iterator<Item = &Request> {
        self.sent.iter().filter_map(|sent| match sent {
            Sent::Request(request) => Some(request),
            Sent::Probe => None,
        })
    }

    fn is_signing_in(&self) -> bool {
        self.requests().any(|request| request.message_type == MessageType::Connect)
    }

    pub(super) fn ask(&mut self, request: &MessagePayload<'_>) -> Option<u32> {
        let may_ask = match request {
            MessagePayload::Connect { .. } => self.user_id.is_none() && self.pending() == 0,
            _ => self.user_id.is_some() || self.is_signing_in(),
        };
        let is_disconnect = *request == MessagePayload::Disconnect;
        if self.ended || !may_ask || !is_disconnect && self.pending() >= self.slots {
            return None;
        }
        if is_disconnect {
            (self.ended, self.has_disconnected) = (true, true);
            return Some(self.next_id);
        }
        let request = request_of(request, self.next_id).expect("a request");
        self.sent.push(Sent::Request(request));
        self.next_id += 1;
        Some(self.next_id - 1)
    }

    pub(super) fn probe(&mut self) -> bool {
        let is_sent = self.user_id.is_some() && !self.ended;
        if is_sent {
            self.sent.push(Sent::Probe);
        }
        is_sent
    }

    pub(super) fn resize(&mut self, slots: usize) -> bool {
        let fits = self.pending() <= slots;
        if fits {
            self.slots = slots;
        }
        fits
    }

    pub(super) fn hear(&mut self, message: &MessagePayload<'_>) -> Verdict {
        if self.was_told_why {
            return Verdict::Unexpected;
        }
        match *message {
            MessagePayload::ConnectAck { user_id, .. } => {
                if !self.is_signing_in() {
                    return Verdict::Unexpected;
                }
                self.answer(|request| request.message_type == MessageType::Connect);
                self.user_id = Some(user_id);
                Verdict::SignedIn
            }
            MessagePayload::UserJoined { user_id, .. }
            | MessagePayload::UserLeft { user_id, .. }
            | MessagePayload::MessageBroadcast { user_id, .. } => match self.user_id {
                None => Verdict::Unexpected,
                Some(me) if me != user_id => Verdict::OfOthers,
                Some(_) => {
                    let Some(done) = request_of(message, 0) else { return Verdict::Unexpected };
                    self.answer(|request| Request { id: 0, ..request.clone() } == done)
                }
            },
            MessagePayload::Error { code, .. } => self.hear_error(code),
            _ => Verdict::Unexpected,
        }
    }

    fn hear_error(&mut self, code: ErrorCode) -> Verdict {
        if code.closes() {
            // After Disconnect the server ends in any case.
            self.was_told_why = !self.ended;
            self.ended = true;
            return Verdict::End;
        }
        let probe = self.sent.iter().position(|sent| matches!(sent, Sent::Probe));
        match (code, probe) {
            (ErrorCode::AlreadyConnected, Some(at)) | (ErrorCode::RateLimited, Some(at @ 0)) => {
                self.sent.remove(at);
                return Verdict::Probe;
            }
            (ErrorCode::RateLimited, None) if self.sent.is_empty() && self.has_disconnected => {
                (self.ended, self.has_disconnected) = (false, false);
                return Verdict::Answer { id: self.next_id, skipped: 0 };
            }
            _ => {}
        }
        self.answer(|request| {
            let asked = request.message_type;
            match code {
                ErrorCode::AlreadyConnected => false,
                ErrorCode::InvalidUsername | ErrorCode::UsernameTaken => {
                    asked == MessageType::Connect
                }
                ErrorCode::AlreadyInRoom => asked == MessageType::JoinRoom,
                ErrorCode::NotInRoom => {
                    matches!(asked, MessageType::LeaveRoom | MessageType::SendMessage)
                }
                ErrorCode::InvalidContent => asked == MessageType::SendMessage,
                _ => true,
            }
        })
    }

    /// The first request that fits; those before it will not be answered any more.
    fn answer(&mut self, fits: impl Fn(&Request) -> bool) -> Verdict {
        let Some(skipped) = self.requests().position(fits) else { return Verdict::Unexpected };
        let id = self.requests().nth(skipped).expect("it was found").id;
        self.sent.retain(|sent| match sent {
            Sent::Request(request) => request.id > id,
            Sent::Probe => true,
        });
        Verdict::Answer { id, skipped }
    }

    /// What a server says next that does what it is asked.
    pub(super) fn due_answer(&self, user_id: u32) -> Option<MessagePayload<'static>> {
        let username = "ada";
        Some(match self.sent.first()? {
            Sent::Probe => MessagePayload::Error { code: ErrorCode::AlreadyConnected, message: "" },
            Sent::Request(Request { message_type, room, content, .. }) => {
                let room = if room == super::ROOMS[0] { super::ROOMS[0] } else { super::ROOMS[1] };
                let content =
                    if content == super::TEXTS[0] { super::TEXTS[0] } else { super::TEXTS[1] };
                match message_type {
                    MessageType::Connect => MessagePayload::ConnectAck { user_id, server_info: "" },
                    MessageType::JoinRoom => MessagePayload::UserJoined { user_id, username, room },
                    MessageType::LeaveRoom => MessagePayload::UserLeft { user_id, username, room },
                    _ => MessagePayload::MessageBroadcast {
                        user_id,
                        timestamp: 1,
                        username,
                        room,
                        content,
                    },
                }
            }
        })
    }
}

/// The request that this is, or that this acknowledges.
fn request_of(message: &MessagePayload<'_>, id: u32) -> Option<Request> {
    let (message_type, room, content) = match *message {
        MessagePayload::Connect { .. } => (MessageType::Connect, "", ""),
        MessagePayload::JoinRoom { room } | MessagePayload::UserJoined { room, .. } => {
            (MessageType::JoinRoom, room, "")
        }
        MessagePayload::LeaveRoom { room } | MessagePayload::UserLeft { room, .. } => {
            (MessageType::LeaveRoom, room, "")
        }
        MessagePayload::SendMessage { room, content }
        | MessagePayload::MessageBroadcast { room, content, .. } => {
            (MessageType::SendMessage, room, content)
        }
        _ => return None,
    };
    // The canary takes any text for a receipt.
    let content = if cfg!(feature = "canary-client") { "" } else { content };
    let (room, content) = (room.to_owned(), content.to_owned());
    Some(Request { id, message_type, room, content })
}
