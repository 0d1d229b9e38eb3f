//! A server that follows a test's script, right or wrong.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cafewire_core::{Direction, Frame, FrameDecoder, Framing, Message, MessagePayload};

use super::PATIENCE;

/// Serves connections one after another, then stops listening.
pub(crate) struct ScriptedServer {
    pub(crate) address: String,
    script: JoinHandle<()>,
}

impl ScriptedServer {
    /// Serves one connection.
    pub(crate) fn start(script: impl FnOnce(Peer) + Send + 'static) -> Self {
        let mut script = Some(script);
        Self::start_for(1, move |peer| {
            if let Some(script) = script.take() {
                script(peer);
            }
        })
    }

    /// Serves so many connections.
    pub(crate) fn start_for(
        connections: usize,
        mut script: impl FnMut(Peer) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("tcp://{}", listener.local_addr().expect("its address"));
        let script = thread::spawn(move || {
            for _ in 0..connections {
                script(Peer::new(accept(&listener)));
            }
        });
        Self { address, script }
    }

    /// Propagates a panic of the script.
    pub(crate) fn finish(self) {
        if let Err(panic) = self.script.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Accepts a connection, with a deadline.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("a listener that does not block");
    let deadline = Instant::now() + PATIENCE;
    loop {
        match listener.accept() {
            Ok((socket, _)) => {
                socket.set_nonblocking(false).expect("a socket that blocks");
                return socket;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("no client connected: {error}"),
        }
    }
}

/// The client, from the script's point of view.
pub(crate) struct Peer {
    socket: TcpStream,
    frames: FrameDecoder,
    inbound: Vec<u8>,
}

impl Peer {
    fn new(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).expect("a read time-out");
        socket.set_write_timeout(Some(PATIENCE)).expect("a write time-out");
        Self { socket, frames: FrameDecoder::new(Direction::ToServer), inbound: Vec::new() }
    }

    /// Passes the next frame to `take`; `None` at the end of the stream.
    pub(crate) fn receive<T>(&mut self, take: impl FnOnce(Frame<'_>) -> T) -> Option<T> {
        loop {
            match self.frames.next_frame(&self.inbound) {
                Framing::Frame { frame, consumed } => {
                    let taken = take(frame);
                    self.inbound.drain(..consumed);
                    return Some(taken);
                }
                Framing::Incomplete { .. } => {
                    let mut chunk = [0; 4096];
                    match self.socket.read(&mut chunk) {
                        Ok(0) => return None,
                        Ok(count) => self.inbound.extend_from_slice(&chunk[..count]),
                        // A process that was stopped and goes on finds its waits interrupted.
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(_) => return None,
                    }
                }
                Framing::Corrupt { error } => panic!("the client sent rubbish: {error}"),
            }
        }
    }

    /// Expects a chat message equal to this one.
    pub(crate) fn expect(&mut self, expected: &MessagePayload<'_>) {
        let matched = self.receive(|frame| match frame {
            Frame::Chat(view) => assert_eq!(view.parse_payload().as_ref(), Ok(expected)),
            Frame::Echo(view) => panic!("{view:?} where {expected:?} was due"),
        });
        assert!(matched.is_some(), "the client left where {expected:?} was due");
    }

    /// Sends a chat message. A client that is gone shows in its output, which the test checks.
    pub(crate) fn send(&mut self, payload: &MessagePayload<'_>) {
        let mut buffer = [0; 1024];
        let frame = payload.encode_into(&mut buffer).expect("a valid message");
        let _ = self.socket.write_all(frame);
    }

    /// Sends an echo message.
    pub(crate) fn send_echo(&mut self, message: &Message<'_>) {
        self.send_echo_times(message, 1);
    }

    /// Sends an echo message so many times, in one piece.
    pub(crate) fn send_echo_times(&mut self, message: &Message<'_>, times: usize) {
        let mut buffer = [0; 1024];
        let frame = message.encode_into(&mut buffer).expect("it fits");
        let _ = self.socket.write_all(&frame.repeat(times));
    }

    /// Signs the client in as user 7 and lets it into its first room.
    pub(crate) fn sign_in_and_let_in(&mut self, username: &str, room: &str) {
        self.sign_in(username);
        self.expect(&MessagePayload::JoinRoom { room });
        self.send(&MessagePayload::UserJoined { user_id: 7, username, room });
    }

    pub(crate) fn sign_in(&mut self, username: &str) {
        self.expect(&MessagePayload::Connect { username });
        self.send(&MessagePayload::ConnectAck { user_id: 7, server_info: "scripted" });
    }

    /// Broadcasts to the client.
    pub(crate) fn broadcast(&mut self, user_id: u32, username: &str, room: &str, content: &str) {
        self.send(&MessagePayload::MessageBroadcast {
            user_id,
            timestamp: 0,
            username,
            room,
            content,
        });
    }

    /// Reads and ignores all further frames of the client.
    pub(crate) fn until_it_leaves(&mut self) {
        while self.receive(|_| ()).is_some() {}
    }

    /// Reads frames of the client up to its Disconnect, and closes.
    pub(crate) fn until_goodbye(mut self) {
        self.expect(&MessagePayload::Disconnect);
    }
}
