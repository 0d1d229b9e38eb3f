//! Helpers shared by the socket tests: a real server on a free port in its own thread, and a peer
//! that sends bytes. Knows the protocol's frames through cafewire-core, and of the server only its
//! public interface.

#![allow(dead_code)] // each test binary uses a part

mod peer;
pub(crate) mod peer_v2;
pub(crate) mod standstill;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::{
    CloseReason, Limits, MetricsSnapshot, Phase, Server, ServerConfig, ServerHandle,
};

#[allow(unused_imports)] // as above
pub(crate) use peer::{Peer, Received, parse, uninterrupted};

/// Far longer than any wait of a test, on a busy machine and on one that stands still for seconds,
/// so that a broken test fails and does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs until it is dropped; then it must end in order, or the test fails.
pub(crate) struct TestServer {
    address: SocketAddr,
    handle: ServerHandle,
    /// The configuration that the next reload applies.
    config: Arc<Mutex<ServerConfig>>,
    /// How often the server was ready: once at its start, and after each reload.
    times_ready: Arc<AtomicUsize>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl TestServer {
    /// A server with the default limits.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// A server with the default configuration as `change` alters it.
    pub(crate) fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        Self::with_prepared(change, |_| {})
    }

    /// As [`with`](Self::with); `prepare` is called with the server before it runs.
    pub(crate) fn with_prepared(
        change: impl FnOnce(&mut ServerConfig),
        prepare: impl FnOnce(&mut Server),
    ) -> Self {
        let mut config = ServerConfig::default();
        config.listen = vec!["127.0.0.1:0".parse().unwrap()];
        change(&mut config);
        let mut server = Server::bind(config.clone()).unwrap();
        let (config, times_ready) = (Arc::new(Mutex::new(config)), Arc::new(AtomicUsize::new(0)));
        let (source, count) = (Arc::clone(&config), Arc::clone(&times_ready));
        server.on_reload(Box::new(move || Ok(source.lock().unwrap().clone())));
        server.set_phase_hook(Box::new(move |phase| {
            count.fetch_add(usize::from(phase == Phase::Ready), Ordering::SeqCst);
        }));
        prepare(&mut server);
        let (address, handle) =
            (server.local_addresses()[0].resolve().unwrap()[0], server.handle());
        Self {
            address,
            handle,
            config,
            times_ready,
            thread: Some(std::thread::spawn(|| server.run())),
        }
    }

    /// Applies other limits to present and future connections. So a time limit can start once the
    /// test's connections have reached their stage, however long the machine takes for that.
    pub(crate) fn change_limits(&self, change: impl FnOnce(&mut Limits)) {
        self.change(|config| change(&mut config.limits));
    }

    /// Reloads with another configuration.
    pub(crate) fn change(&self, change: impl FnOnce(&mut ServerConfig)) {
        let times_ready = || self.times_ready.load(Ordering::SeqCst);
        wait_until(|| times_ready() > 0).expect("the server starts");
        let before = times_ready();
        change(&mut self.config.lock().unwrap());
        self.handle.reload();
        wait_until(|| times_ready() > before).expect("the server reloads");
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn handle(&self) -> &ServerHandle {
        &self.handle
    }

    pub(crate) fn metrics(&self) -> MetricsSnapshot {
        self.handle.metrics()
    }

    /// A new connection.
    pub(crate) fn peer(&self) -> Peer {
        Peer::connect(self.address)
    }

    /// A new connection, signed in.
    pub(crate) fn user(&self, username: &str) -> Peer {
        let mut peer = self.peer();
        peer.sign_in(username);
        peer
    }

    /// A new connection, signed in and a member of a room.
    pub(crate) fn member(&self, username: &str, room: &str) -> Peer {
        let mut peer = self.user(username);
        peer.join(room);
        peer
    }

    /// Waits until the metrics satisfy the condition.
    pub(crate) fn wait_until(
        &self,
        what: &str,
        is_so: impl Fn(&MetricsSnapshot) -> bool,
    ) -> MetricsSnapshot {
        let mut last = None;
        wait_until(|| {
            let metrics = self.metrics();
            let so = is_so(&metrics);
            last = Some(metrics);
            so
        })
        .unwrap_or_else(|()| panic!("waited in vain for: {what}; the last metrics: {last:#?}"));
        last.unwrap()
    }

    /// Waits until this many connections have ended for this reason.
    pub(crate) fn wait_for_closes(&self, reason: CloseReason, count: u64) {
        self.wait_until(reason.label(), |metrics| metrics.closes(reason) >= count);
        assert_eq!(self.metrics().closes(reason), count, "{reason}");
    }

    /// Waits until no connection is open and the server holds no user, room or buffer.
    pub(crate) fn wait_until_empty(&self) {
        self.wait_until("a server that holds nothing", |metrics| {
            (metrics.clients_connected, metrics.users, metrics.rooms, metrics.buffer_bytes)
                == (0, 0, 0, 0)
        });
    }

    /// Sends each byte only once the server has read the one before, so that no read gets two of
    /// them. No other peer may send meanwhile; `received_before` is the number of bytes that all
    /// peers have sent since the server's start.
    pub(crate) fn send_byte_by_byte(&self, peer: &mut Peer, bytes: &[u8], received_before: u64) {
        for (sent, byte) in (received_before..).zip(bytes.chunks(1)) {
            let deadline = Instant::now() + PATIENCE;
            while self.metrics().bytes_received < sent {
                assert!(Instant::now() < deadline, "the server does not read");
                std::thread::yield_now();
            }
            peer.send(byte);
        }
    }

    /// Whether `run` has returned.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until `run` has returned, by itself or because of an earlier `shut_down`.
    pub(crate) fn wait_for_end(&mut self) {
        wait_until(|| self.has_ended()).expect("the server ends");
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server panicked").expect("the server failed");
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The test has failed already: end the server, by force if need be, without a second
            // failure.
            self.handle.shut_down();
            let _ = wait_until(|| {
                self.handle.shut_down();
                self.has_ended()
            });
        } else if self.thread.is_some() {
            self.handle.shut_down();
            self.wait_for_end();
        }
    }
}

/// Polls the condition until it holds, or [`PATIENCE`] is over.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) -> Result<(), ()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > deadline {
            return Err(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A chat frame's bytes.
pub(crate) fn chat(payload: &MessagePayload<'_>) -> Vec<u8> {
    let mut buffer = [0; cafewire_core::chat::MAX_FRAME_SIZE];
    payload.encode_into(&mut buffer).unwrap().to_vec()
}

/// An echo frame's bytes.
pub(crate) fn echo(message: &Message<'_>) -> Vec<u8> {
    let mut buffer = vec![0; message.encoded_len()];
    message.encode_into(&mut buffer).unwrap();
    buffer
}

/// A chat frame with a good checksum around any type and body.
pub(crate) fn sealed(message_type: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    let mut frame = vec![0x01, message_type];
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(body);
    let checksum = crc32(&frame);
    frame.extend_from_slice(&checksum.to_be_bytes());
    frame
}

/// CRC-32/ISO-HDLC bit by bit, as the specification writes it down.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

/// A name's length byte and bytes.
pub(crate) fn name(bytes: &[u8]) -> Vec<u8> {
    let mut name = vec![u8::try_from(bytes.len()).unwrap()];
    name.extend_from_slice(bytes);
    name
}

pub(crate) fn publish(room: &str, content: &str) -> Vec<u8> {
    chat(&MessagePayload::SendMessage { room, content })
}

/// The client codes of chat version 1.
pub(crate) const CLIENT_TYPES: [u8; 5] = [0x01, 0x02, 0x03, 0x04, 0x05];

/// The server codes of chat version 1.
pub(crate) const SERVER_TYPES: [u8; 5] = [0x81, 0x82, 0x83, 0x84, 0xFF];

/// The reason that a connection is counted under after an Error frame with this code and a close.
pub(crate) fn reason_of(code: ErrorCode) -> CloseReason {
    match code {
        ErrorCode::MalformedFrame => CloseReason::MalformedFrame,
        ErrorCode::UnsupportedVersion => CloseReason::UnsupportedVersion,
        ErrorCode::UnknownType => CloseReason::UnknownType,
        ErrorCode::ChecksumMismatch => CloseReason::ChecksumMismatch,
        ErrorCode::NotConnected => CloseReason::NotConnected,
        ErrorCode::UnexpectedMessage => CloseReason::UnexpectedMessage,
        other => panic!("no frame of a peer is answered with {other} and a close"),
    }
}

/// Pseudo-random numbers, the same in every run: SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, not including, `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_be_bytes()[0]).collect()
    }
}
