//! The generator of `versus` against a real server in this process: every delivery is counted, and
//! what a server does not deliver is found.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use cafewire_benches::versus::dialects::{ChatV1, Resp};
use cafewire_benches::versus::generator::{Generator, Load, Stop, Tally};
use cafewire_benches::versus::{Fault, Plan, Spread};
use cafewire_net::{Server, ServerConfig, ServerHandle};

/// A server on any free port, stopped when dropped.
struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(config: ServerConfig) -> Self {
        let mut config = config;
        config.listen = vec!["127.0.0.1:0".parse().unwrap()];
        let server = Server::bind(config).unwrap();
        let address = server.local_addresses()[0].resolve().unwrap()[0];
        let handle = server.handle();
        let thread = Some(thread::spawn(|| server.run().unwrap()));
        Self { address, handle, thread }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shut_down();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

const fn plan(rooms: usize, members: usize, spread: Spread) -> Plan {
    Plan { rooms, members, spread, window: 8, content_bytes: 64 }
}

#[test]
fn every_delivery_is_counted() {
    for (plan, deliveries_of_100) in [
        (plan(1, 1, Spread::All), 100),
        (plan(1, 70, Spread::All), 7000),
        (plan(2, 10, Spread::All), 1000),
        (plan(5, 10, Spread::One), 200),
        // Five are in all four rooms; of the others two are in the first room, and one in each
        // other.
        (plan(4, 10, Spread::Mixed), 500 + 50 + 25 + 25 + 25),
    ] {
        let server = Running::start(ServerConfig::default());
        let mut generator =
            Generator::connect(ChatV1::new(plan.rooms), server.address, &plan).unwrap();
        for messages in [100, 200, 0] {
            let tally = generator.run(Stop::Messages(messages)).unwrap();
            let deliveries = deliveries_of_100 * messages as u64 / 100;
            assert_eq!(tally, Tally { messages, deliveries }, "{plan:?}");
        }
    }
}

#[test]
fn what_is_refused_is_a_fault() {
    let mut config = ServerConfig::default();
    config.limits.rooms_per_connection = 1;
    let server = Running::start(config);
    let plan = plan(2, 3, Spread::All);
    let refused = Generator::connect(ChatV1::new(2), server.address, &plan).err();
    assert!(
        matches!(&refused, Some(Fault::Unexpected(what)) if what.starts_with("the server said"))
    );
    // The server's answer is one of its own protocol.
    let other = Generator::connect(Resp::new(2), server.address, &plan).err();
    assert!(matches!(other, Some(Fault::Unexpected(_))), "{other:?}");
}

#[test]
fn a_message_that_is_refused_is_a_fault() {
    let mut config = ServerConfig::default();
    config.limits.frames_per_second = 3; // with a burst of as many: sign-in, join, one message
    let server = Running::start(config);
    let plan = plan(1, 2, Spread::All);
    let mut generator = Generator::connect(ChatV1::new(1), server.address, &plan).unwrap();
    assert!(generator.run(Stop::Messages(8)).is_err());
}
