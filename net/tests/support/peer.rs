//! The client's end of a connection: it sends given bytes, and receives frames and the end. It
//! answers nothing by itself and hides nothing: an unexpected frame fails the test.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use cafewire_core::{
    Direction, ErrorCode, Frame, FrameDecoder, Framing, Message, MessagePayload, echo,
};
use socket2::{Domain, SockRef, Socket, Type};

use super::{PATIENCE, chat, echo as echo_bytes};

/// Bytes read at a time.
const CHUNK_SIZE: usize = 16 << 10;

pub(crate) struct Peer {
    pub(crate) socket: TcpStream,
    reader: FrameDecoder,
    received: Vec<u8>,
    /// The bytes of `received` that were returned as frames.
    taken: usize,
}

/// A frame from the server, or the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Chat(Vec<u8>),
    Echo(echo::MessageType, Vec<u8>),
    /// The end of the stream: the server shut its side in order.
    End,
}

impl Peer {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    /// A peer with a small receive buffer, which takes few bytes unless it reads.
    pub(crate) fn connect_with_small_buffer(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::new(socket.into())
    }

    fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            reader: FrameDecoder::new(Direction::ToClient),
            received: Vec::new(),
            taken: 0,
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Sends what a server may have stopped to read, or may have closed.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    pub(crate) fn send_chat(&mut self, payload: &MessagePayload<'_>) {
        self.send(&chat(payload));
    }

    pub(crate) fn send_echo(&mut self, message: &Message<'_>) {
        self.send(&echo_bytes(message));
    }

    /// Waits for the next frame or the end. A reset fails the test: it would have destroyed unread
    /// bytes.
    pub(crate) fn next(&mut self) -> Received {
        loop {
            match self.reader.next_frame(&self.received[self.taken..]) {
                Framing::Frame { frame, consumed } => {
                    let received = match frame {
                        Frame::Chat(_) => Received::Chat(
                            self.received[self.taken..self.taken + consumed].to_vec(),
                        ),
                        Frame::Echo(view) => {
                            Received::Echo(view.message_type, view.payload.to_vec())
                        }
                    };
                    self.taken += consumed;
                    return received;
                }
                Framing::Incomplete { .. } => {}
                Framing::Corrupt { error } => panic!("the server sent a malformed frame: {error}"),
            }
            if !self.fill() {
                assert_eq!(self.received.len(), self.taken, "the server's last frame is cut off");
                return Received::End;
            }
        }
    }

    /// Reads once. False at the end.
    fn fill(&mut self) -> bool {
        self.received.drain(..self.taken);
        self.taken = 0;
        let before = self.received.len();
        self.received.resize(before + CHUNK_SIZE, 0);
        match uninterrupted(|| self.socket.read(&mut self.received[before..])) {
            Ok(count) => {
                self.received.truncate(before + count);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("nothing came for {PATIENCE:?}")
            }
            Err(error) => panic!("no end in order: {error}"),
        }
    }

    /// Takes this many bytes off the stream without parsing them. The next frame starts behind
    /// them.
    pub(crate) fn take_bytes(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() - self.taken < count {
            assert!(self.fill(), "the end came with bytes missing");
        }
        self.taken += count;
        self.received[self.taken - count..self.taken].to_vec()
    }

    /// Whether no byte has come yet. It does not wait, so it proves something only after another
    /// answer has shown that the server has done the work in question.
    pub(crate) fn has_nothing(&mut self) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        let peeked = self.socket.peek(&mut [0]);
        self.socket.set_nonblocking(false).unwrap();
        self.taken == self.received.len()
            && peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    pub(crate) fn next_chat(&mut self) -> Vec<u8> {
        match self.next() {
            Received::Chat(frame) => frame,
            other => panic!("{other:?} where a chat frame was expected"),
        }
    }

    pub(crate) fn expect_chat(&mut self, payload: &MessagePayload<'_>) {
        let frame = self.next_chat();
        assert_eq!(parse(&frame), *payload);
    }

    pub(crate) fn expect_echo(&mut self, message: &Message<'_>) {
        let expected = message.frame();
        match self.next() {
            Received::Echo(message_type, payload) => {
                assert_eq!(
                    (message_type, payload.len()),
                    (expected.message_type, expected.payload.len())
                );
                assert!(payload == expected.payload, "another payload came back");
            }
            other => panic!("{other:?} where {} was expected", expected.message_type),
        }
    }

    /// Expects a chat Error frame of this code and returns its sentence.
    pub(crate) fn expect_error(&mut self, code: ErrorCode) -> String {
        let frame = self.next_chat();
        match parse(&frame) {
            MessagePayload::Error { code: actual, message } => {
                assert_eq!(actual, code, "{message}");
                message.to_owned()
            }
            other => panic!("{other:?} where Error {code} was expected"),
        }
    }

    /// Expects an Error frame of the echo family and returns its sentence.
    pub(crate) fn expect_echo_error(&mut self) -> String {
        match self.next() {
            Received::Echo(echo::MessageType::Error, text) => {
                String::from_utf8(text).expect("the server speaks UTF-8")
            }
            other => panic!("{other:?} where an echo Error was expected"),
        }
    }

    pub(crate) fn expect_broadcast(&mut self, from: (u32, &str), room: &str, content: &str) {
        let frame = self.next_chat();
        match parse(&frame) {
            MessagePayload::MessageBroadcast {
                user_id,
                timestamp,
                username,
                room: actual_room,
                content: actual,
            } => {
                assert_eq!(((user_id, username), actual_room, actual), (from, room, content));
                assert!(
                    timestamp > 1_600_000_000_000,
                    "{timestamp} is no present time in milliseconds"
                );
            }
            other => panic!("{other:?} where a broadcast was expected"),
        }
    }

    /// Expects the end of the server's side, in order: no frame before it, no reset.
    pub(crate) fn expect_end(&mut self) {
        assert_eq!(self.next(), Received::End);
    }

    /// Sends a Connect that must succeed and returns the user id.
    pub(crate) fn sign_in(&mut self, username: &str) -> u32 {
        self.send_chat(&MessagePayload::Connect { username });
        let frame = self.next_chat();
        match parse(&frame) {
            MessagePayload::ConnectAck { user_id, .. } => user_id,
            other => panic!("{other:?} where ConnectAck was expected"),
        }
    }

    /// Sends a JoinRoom that must succeed, and takes the peer's own copy of UserJoined, which must
    /// come next.
    pub(crate) fn join(&mut self, room: &str) {
        self.send_chat(&MessagePayload::JoinRoom { room });
        let frame = self.next_chat();
        let joined = parse(&frame);
        assert!(
            matches!(joined, MessagePayload::UserJoined { room: actual, .. } if actual == room),
            "{joined:?}"
        );
    }

    pub(crate) fn half_close(&mut self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// Ends the connection with a reset, which loses the bytes in flight in both directions.
    pub(crate) fn reset(self) {
        SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// Repeats an interrupted read: a process that is stopped and resumed, with a container or a
/// machine, finds its waits for sockets interrupted.
pub(crate) fn uninterrupted(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// The typed view of a chat frame from the server.
pub(crate) fn parse(frame: &[u8]) -> MessagePayload<'_> {
    cafewire_core::ZeroCopyMessage::parse_from_bytes(frame).unwrap().parse_payload().unwrap()
}
