//! The client's end of a connection of version 2, unsigned: it sends given requests, each with the
//! next number, and receives frames and the end. It answers nothing by itself and hides nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use cafewire_core::chat::v2::{
    Capabilities, FrameDecoder, Framing, MAX_FRAME_SIZE, MessagePayload, Terms, ZeroCopyMessage,
};
use cafewire_core::{Direction, ErrorCode};

use super::{PATIENCE, uninterrupted};

const CHUNK_SIZE: usize = 16 << 10;

pub(crate) struct PeerV2 {
    pub(crate) socket: TcpStream,
    decoder: FrameDecoder,
    received: Vec<u8>,
    /// The number of the last request.
    pub(crate) request: u16,
}

/// A frame's bytes.
pub(crate) fn encoded(request: u16, payload: &MessagePayload<'_>) -> Vec<u8> {
    let mut buffer = [0; MAX_FRAME_SIZE];
    payload.encode_into(request, &mut buffer).unwrap().to_vec()
}

/// The typed view of a frame from the server, and the request that it answers.
pub(crate) fn parse(frame: &[u8]) -> (u16, MessagePayload<'_>) {
    let view = ZeroCopyMessage::parse_from_bytes(frame, terms()).unwrap();
    (view.header().request, view.parse_payload().unwrap())
}

/// What is agreed on without signing and compression.
pub(crate) fn terms() -> Terms {
    Terms::signed_in(Capabilities::NONE)
}

impl PeerV2 {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        let decoder = FrameDecoder::new(Direction::ToClient, terms());
        Self { socket, decoder, received: Vec::new(), request: 0 }
    }

    /// A connection that has signed in and takes direct messages.
    pub(crate) fn user(address: SocketAddr, username: &str) -> Self {
        let mut peer = Self::connect(address);
        peer.sign_in(username, Capabilities::DIRECT);
        peer
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Sends a request under the next number, which it gives.
    pub(crate) fn ask(&mut self, payload: &MessagePayload<'_>) -> u16 {
        // 0 asks for nothing.
        self.request = self.request % u16::MAX + 1;
        self.send_bytes(&encoded(self.request, payload));
        self.request
    }

    /// The next frame, or nothing at the end in order.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.decoder.next_frame(&self.received) {
                Framing::Frame { consumed, .. } => {
                    return Some(self.received.drain(..consumed).collect());
                }
                Framing::Incomplete { .. } => {}
                Framing::Corrupt { error } => panic!("the server sent a malformed frame: {error}"),
            }
            let before = self.received.len();
            self.received.resize(before + CHUNK_SIZE, 0);
            let count = uninterrupted(|| self.socket.read(&mut self.received[before..])).unwrap();
            self.received.truncate(before + count);
            if count == 0 {
                assert!(self.received.is_empty(), "the server's last frame is cut off");
                return None;
            }
        }
    }

    pub(crate) fn next_frame(&mut self) -> Vec<u8> {
        self.next().expect("the server ended where a frame was expected")
    }

    /// Expects this frame next, in answer to this request.
    pub(crate) fn expect(&mut self, request: u16, payload: &MessagePayload<'_>) {
        let frame = self.next_frame();
        assert_eq!(parse(&frame), (request, *payload));
    }

    /// Expects an Error of this code in answer to this request; gives when to try again.
    pub(crate) fn expect_error(&mut self, request: u16, code: ErrorCode) -> u32 {
        let frame = self.next_frame();
        match parse(&frame) {
            (answered, MessagePayload::Error { code: actual, retry_after_ms, message }) => {
                assert_eq!((answered, actual), (request, code), "{message}");
                assert!(!message.is_empty());
                retry_after_ms
            }
            other => panic!("{other:?} where Error {code} was expected"),
        }
    }

    pub(crate) fn expect_end(&mut self) {
        let frame = self.next();
        assert_eq!(frame.as_deref().map(parse), None);
    }

    /// Asks and expects to be refused.
    pub(crate) fn refused(&mut self, payload: &MessagePayload<'_>, code: ErrorCode) -> u32 {
        let request = self.ask(payload);
        self.expect_error(request, code)
    }

    /// Gives the user's number and what was granted.
    pub(crate) fn sign_in(&mut self, username: &str, asked: Capabilities) -> (u32, Capabilities) {
        let request = self.ask(&connect(username, asked));
        let frame = self.next_frame();
        match parse(&frame) {
            (answered, MessagePayload::ConnectAck { user_id, capabilities, server_info }) => {
                assert_eq!(answered, request);
                assert!(server_info.starts_with("cafewire/"));
                (user_id, capabilities)
            }
            other => panic!("{other:?} where ConnectAck was expected"),
        }
    }

    /// Joins without a replay; gives the room's epoch, and the sequence of its last message.
    pub(crate) fn join(&mut self, room: &str) -> (u32, u64) {
        let joined = self.ask(&MessagePayload::JoinRoom { resume: None, replay: 0, room });
        let frame = self.next_frame();
        match parse(&frame) {
            (
                request,
                MessagePayload::Joined { epoch, sequence, replay_from, room: actual, .. },
            ) => {
                assert_eq!((request, actual, replay_from), (joined, room, sequence));
                (epoch, sequence)
            }
            other => panic!("{other:?} where Joined was expected"),
        }
    }

    /// Says something and takes its own copy, which must come next; gives its sequence.
    pub(crate) fn say(&mut self, room: &str, content: &str) -> u64 {
        let asked = self.ask(&MessagePayload::SendMessage { room, content });
        let frame = self.next_frame();
        match parse(&frame) {
            (0, MessagePayload::MessageBroadcast { sequence, origin, content: said, .. }) => {
                assert_eq!((origin, said), (asked, content));
                sequence
            }
            other => panic!("{other:?} where a broadcast was expected"),
        }
    }

    /// The next frame must be a broadcast: the request that it answers, its sequence, the one
    /// before, and what was said.
    pub(crate) fn next_broadcast(&mut self) -> (u16, u64, u64, String) {
        let frame = self.next_frame();
        match parse(&frame) {
            (request, MessagePayload::MessageBroadcast { sequence, previous, content, .. }) => {
                (request, sequence, previous, content.to_owned())
            }
            other => panic!("{other:?} where a broadcast was expected"),
        }
    }
}

pub(crate) fn connect(username: &str, capabilities: Capabilities) -> MessagePayload<'_> {
    MessagePayload::Connect { capabilities, client_nonce: [7; 16], username }
}
