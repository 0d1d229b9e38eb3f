//! Check of the bytes sent to one peer: whole, valid frames of one family, in a possible order.

use std::collections::{HashMap, HashSet};

use cafewire_core::chat::v2;
use cafewire_core::{Direction, Frame, FrameDecoder, Framing, MessagePayload, echo};

pub(super) struct Audience {
    reader: FrameDecoder,
    /// An incomplete frame.
    incoming: Vec<u8>,
    user_id: Option<u32>,
    rooms: HashSet<String>,
    /// In version 2, the last message of each room.
    last: HashMap<String, u64>,
    /// The last frame has come: an Error that closes.
    closing: bool,
    ended: bool,
}

impl Default for Audience {
    fn default() -> Self {
        Self {
            reader: FrameDecoder::new(Direction::ToClient),
            incoming: Vec::new(),
            user_id: None,
            rooms: HashSet::new(),
            last: HashMap::new(),
            closing: false,
            ended: false,
        }
    }
}

impl Audience {
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        assert!(!self.ended, "bytes after the end");
        self.incoming.extend_from_slice(bytes);
        let incoming = std::mem::take(&mut self.incoming);
        let mut rest = incoming.as_slice();
        loop {
            if rest.first() == Some(&v2::PROTOCOL_VERSION) {
                let terms = v2::Terms::signed_in(v2::Capabilities::NONE);
                match v2::Framing::of(rest, Direction::ToClient, terms) {
                    v2::Framing::Incomplete { .. } => break,
                    v2::Framing::Corrupt { error } => {
                        panic!("the server sent bytes that are no frame: {error}")
                    }
                    v2::Framing::Frame { frame, consumed } => {
                        assert!(!self.closing, "a frame after the last one: {frame:?}");
                        self.follow_v2(&frame.parse_payload().expect("the server's are valid"));
                        rest = &rest[consumed..];
                    }
                }
                continue;
            }
            match self.reader.next_frame(rest) {
                Framing::Incomplete { .. } => break,
                Framing::Corrupt { error } => {
                    panic!("the server sent bytes that are no frame: {error}")
                }
                Framing::Frame { frame, consumed } => {
                    assert!(!self.closing, "a frame after the last one: {frame:?}");
                    match frame {
                        Frame::Echo(view) => {
                            self.closing = view.message_type == echo::MessageType::Error;
                        }
                        Frame::Chat(view) => self
                            .follow(&view.parse_payload().expect("the server's frames are valid")),
                    }
                    rest = &rest[consumed..];
                }
            }
        }
        self.incoming = rest.to_vec();
    }

    /// The server shut its side. Unless the peer was too slow for its rooms, that is between two
    /// frames.
    pub(super) fn hears_the_end(&mut self, whole: bool) {
        assert!(self.incoming.is_empty() || !whole, "the stream ends within a frame");
        self.ended = true;
    }

    fn follow(&mut self, message: &MessagePayload<'_>) {
        match *message {
            MessagePayload::ConnectAck { user_id, .. } => {
                assert_eq!(self.user_id, None, "signed in twice");
                self.user_id = Some(user_id);
            }
            MessagePayload::UserJoined { user_id, room, .. } if self.user_id == Some(user_id) => {
                assert!(self.rooms.insert(room.to_owned()), "joined {room} twice");
            }
            MessagePayload::UserLeft { user_id, room, .. } if self.user_id == Some(user_id) => {
                assert!(self.rooms.remove(room), "left {room} without being there");
            }
            MessagePayload::UserJoined { room, .. }
            | MessagePayload::UserLeft { room, .. }
            | MessagePayload::MessageBroadcast { room, .. } => {
                assert!(self.rooms.contains(room), "heard {room} from outside: {message:?}");
            }
            MessagePayload::Error { code, .. } => self.closing = code.closes(),
            other => panic!("the server sent {other:?}"),
        }
    }

    fn follow_v2(&mut self, message: &v2::MessagePayload<'_>) {
        use v2::MessagePayload as Payload;
        match *message {
            Payload::ConnectAck { user_id, .. } => {
                assert_eq!(self.user_id, None, "signed in twice");
                self.user_id = Some(user_id);
            }
            Payload::Joined { room, replay_from, sequence, .. } => {
                assert!(replay_from <= sequence);
                assert!(self.rooms.insert(room.to_owned()), "joined {room} twice");
                self.last.insert(room.to_owned(), replay_from);
            }
            Payload::UserLeft { user_id, room, .. } if self.user_id == Some(user_id) => {
                assert!(self.rooms.remove(room), "left {room} without being there");
            }
            Payload::MessageBroadcast { sequence, previous, room, .. } => {
                assert!(self.rooms.contains(room), "heard {room} from outside: {message:?}");
                // What was there before is an answer to History.
                let last = self.last.entry(room.to_owned()).or_default();
                if sequence > *last {
                    assert_eq!(previous, *last, "a message of {room} is missing");
                    *last = sequence;
                }
            }
            Payload::UserJoined { room, .. } | Payload::UserLeft { room, .. } => {
                assert!(self.rooms.contains(room), "heard {room} from outside: {message:?}");
            }
            Payload::Error { code, .. } => self.closing = code.closes(),
            Payload::RoomInfo { .. }
            | Payload::MemberInfo { .. }
            | Payload::ListEnd { .. }
            | Payload::DirectDelivery { .. }
            | Payload::Ack { .. }
            | Payload::Pong { .. }
            | Payload::ServerPing { .. } => {
                // A Ping is answered before the sign-in, too.
                let needs_no_user = matches!(message, Payload::Pong { .. });
                assert!(
                    self.user_id.is_some() || needs_no_user,
                    "told without a name: {message:?}"
                );
            }
            ref other => panic!("the server sent {other:?}"),
        }
    }
}
