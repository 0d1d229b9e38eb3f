//! A server for tests of clients, which runs a test's script on a real socket. It answers nothing
//! by itself, so that the bytes of both directions are the test's.

// Each test binary uses a part of this module; and helpers of tests may unwrap as tests do.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use cafewire_core::{Message, MessagePayload};
use cafewire_net::{Address, ClientConfig};

/// Far longer than any wait of a test, so that a broken test fails and does not hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server for one connection. Dropping it waits for the script, and fails the test if the script
/// failed.
pub(crate) struct ScriptedServer {
    pub(crate) address: Address,
    script: Option<JoinHandle<()>>,
}

impl ScriptedServer {
    /// Listens, and runs the script on the first connection.
    pub(crate) fn start(script: impl FnOnce(Peer) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().into();
        let script = std::thread::spawn(move || script(Peer::new(listener.accept().unwrap().0)));
        Self { address, script: Some(script) }
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        // The script may wait for a test that has failed, so it is not joined then.
        if !std::thread::panicking()
            && let Err(panic) = self.script.take().unwrap().join()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// The server's end of a connection.
pub(crate) struct Peer {
    pub(crate) socket: TcpStream,
}

impl Peer {
    pub(crate) fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { socket }
    }

    /// Reads exactly these bytes.
    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        let mut received = vec![0; bytes.len()];
        self.socket.read_exact(&mut received).unwrap();
        assert_eq!(received, bytes);
    }

    pub(crate) fn expect_chat(&mut self, payload: &MessagePayload<'_>) {
        self.expect(&chat(payload));
    }

    /// Sends; on loopback the bytes are in the client's socket when this returns.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    pub(crate) fn send_chat(&mut self, payload: &MessagePayload<'_>) {
        self.send(&chat(payload));
    }

    /// Accepts the sign-in of "ada" as user 7.
    pub(crate) fn sign_in(&mut self) {
        self.expect_chat(&MessagePayload::Connect { username: "ada" });
        self.send_chat(&ACK);
    }

    /// Waits for the client to close.
    pub(crate) fn expect_end(&mut self) {
        let mut rest = Vec::new();
        match self.socket.read_to_end(&mut rest) {
            Ok(_) => assert_eq!(rest, b"", "the client sent more than the script expects"),
            // The client closed without having read everything.
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }

    /// Reads and ignores all bytes until the client closes.
    pub(crate) fn ignore_until_end(&mut self) {
        let mut ignored = [0; 4096];
        while let Ok(1..) = self.socket.read(&mut ignored) {}
    }
}

pub(crate) const ACK: MessagePayload<'static> =
    MessagePayload::ConnectAck { user_id: 7, server_info: "scripted" };

/// A chat frame's bytes.
pub(crate) fn chat(payload: &MessagePayload<'_>) -> Vec<u8> {
    let mut buffer = [0; 1024];
    payload.encode_into(&mut buffer).unwrap().to_vec()
}

/// An echo frame's bytes.
pub(crate) fn echo(message: &Message<'_>) -> Vec<u8> {
    let mut buffer = vec![0; message.encoded_len()];
    message.encode_into(&mut buffer).unwrap();
    buffer
}

/// Time-outs that no working test reaches.
pub(crate) fn patient() -> ClientConfig {
    ClientConfig {
        connect_timeout: PATIENCE,
        read_timeout: Some(PATIENCE),
        write_timeout: Some(PATIENCE),
        ..ClientConfig::default()
    }
}

/// Time-outs for tests about time-outs. They are too short to sign in: see [`hasty`].
pub(crate) fn impatient() -> ClientConfig {
    let soon = Some(Duration::from_millis(50));
    ClientConfig {
        connect_timeout: PATIENCE,
        read_timeout: soon,
        write_timeout: soon,
        ..ClientConfig::default()
    }
}

/// A read time-out short enough to wait for, and long enough for a script to answer before it, even
/// on a machine that stands still for a few seconds.
pub(crate) fn hasty() -> ClientConfig {
    ClientConfig { read_timeout: Some(Duration::from_secs(5)), ..patient() }
}

/// An address on which no program listens, and on which none can listen while the socket is open.
pub(crate) fn unanswered() -> (Address, socket2::Socket) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (address.into(), socket)
}
