//! Check of the bytes sent to one peer: whole, valid frames of one family, in a possible order.

use std::collections::HashSet;

use cafewire_core::{Direction, Frame, FrameDecoder, Framing, MessagePayload, echo};

pub(super) struct Audience {
    reader: FrameDecoder,
    /// An incomplete frame.
    incoming: Vec<u8>,
    user_id: Option<u32>,
    rooms: HashSet<String>,
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
}
