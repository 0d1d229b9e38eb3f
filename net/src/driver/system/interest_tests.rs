//! What the poll is asked to watch for, turned by hand: room to write only while something is left
//! over. Otherwise each byte that a peer takes off its socket would wake the loop for nothing.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use cafewire_core::Message;

use super::*;
use crate::address::Address;
use crate::driver::{Event, Io as _};
use crate::listen::bind_all;

const NOW: Now = Now { monotonic_ms: 0, unix_ms: 0 };

const LONG: Duration = Duration::from_secs(60);

struct Ticking {
    driver: Driver<SystemIo>,
    /// On a Unix-domain socket what one side does has reached the other when the call returns.
    peer: UnixStream,
    sent_bytes: usize,
}

impl Ticking {
    fn new() -> Self {
        let path =
            std::env::temp_dir().join(format!("cafewire-interest-{}.sock", std::process::id()));
        let listen = vec![Address::Unix { path: path.clone() }.into()];
        let config = ServerConfig { listen, ..ServerConfig::default() };
        let listeners = bind_all(&config, None).unwrap();
        let metrics = Arc::new(ServerMetrics::default());
        let broker = Broker::new(Limits::default(), Arc::clone(&metrics));
        let io = SystemIo::new(listeners, None).unwrap();
        let mut driver = Driver::new(io, broker, metrics);
        let peer = UnixStream::connect(path).unwrap();
        peer.set_nonblocking(true).unwrap();
        driver.tick(NOW);
        assert_eq!(driver.broker.len(), 1);
        Self { driver, peer, sent_bytes: 0 }
    }

    /// Says something that is answered with as many bytes.
    fn send(&mut self) {
        let mut ping = vec![0; 4096];
        let ping = Message::Ping(&[7; 4000]).encode_into(&mut ping).unwrap();
        self.peer.write_all(ping).unwrap();
        self.sent_bytes += ping.len();
    }

    /// What the poll has to say, without waiting: whether each event is of room to write.
    fn poll(&mut self) -> Vec<bool> {
        let mut events = Vec::new();
        self.driver.io.wait(Some(Duration::ZERO), &mut events).unwrap();
        self.driver.events = events;
        let events = self.driver.events.iter();
        events.map(|event| matches!(event, Event::Writable(_))).collect()
    }

    /// A tick, after what [`poll`](Self::poll) said.
    fn tick(&mut self) {
        self.driver.tick(NOW);
        self.driver.invariants();
    }

    fn take_all(&mut self) -> usize {
        let mut chunk = vec![0; 1 << 20];
        let mut taken = 0;
        loop {
            match self.peer.read(&mut chunk) {
                Ok(0) => panic!("the server ended"),
                Ok(count) => taken += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return taken,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn room_to_write_is_watched_for_only_while_something_is_left_over() {
    let mut ticking = Ticking::new();
    ticking.send();
    assert_eq!(ticking.poll(), [false], "nothing is left over yet");
    ticking.tick();
    assert!(
        ticking.take_all() == ticking.sent_bytes && ticking.poll().is_empty(),
        "its reads wake the loop"
    );
    ticking.sent_bytes = 0;

    // Until an answer does not fit any more.
    while ticking.driver.broker.unserved() == 0 {
        ticking.send();
        ticking.poll();
        ticking.tick();
    }
    let mut taken = 0;
    let deadline = Instant::now() + LONG;
    while taken < ticking.sent_bytes {
        assert!(
            Instant::now() < deadline,
            "room is not noticed: {taken} bytes of {}",
            ticking.sent_bytes
        );
        taken += ticking.take_all();
        ticking.poll();
        ticking.tick();
    }

    // As before, now that it has caught up.
    ticking.poll();
    ticking.tick();
    ticking.send();
    assert_eq!(ticking.poll(), [false], "watched for though nothing is left over");
    ticking.tick();
    assert!(ticking.take_all() > 0);
    assert_eq!(ticking.poll(), [false; 0], "its reads wake the loop");
}
