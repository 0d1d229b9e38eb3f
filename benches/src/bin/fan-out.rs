//! What the server does for one delivery, without any system: a broker whose members are all in the
//! same rooms, a publisher that speaks in these by turns, and a transport that takes everything.
//!
//! Does the same each time it is started, so that callgrind counts it (`.ci/deliveries`). Prints
//! how many frames were delivered, and how many writes that took.

use std::net::SocketAddr;
use std::sync::Arc;

use cafewire_core::MessagePayload;
use cafewire_core::chat::v2;
use cafewire_net::broker::{AfterFlush, Broker, ConnectionId, Now};
use cafewire_net::{Limits, ServerMetrics};
use clap::Parser;

/// Counts deliveries of a broker without sockets.
#[derive(Debug, Parser)]
struct Arguments {
    /// Members, all of them in every room.
    #[arg(long, default_value_t = 100)]
    members: u16,
    /// Rooms, spoken in by turns.
    #[arg(long, default_value_t = 1)]
    rooms: usize,
    /// Messages in each tick.
    #[arg(long, default_value_t = 64)]
    messages: usize,
    /// Ticks.
    #[arg(long, default_value_t = 100)]
    ticks: u64,
    /// The version of the protocol that all of them speak.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    protocol: u8,
}

const NOW: Now = Now { monotonic_ms: 0, unix_ms: 1_700_000_000_000 };

/// As long as chat messages are.
const CONTENT: &str = "a message as people write them, of some sixty characters or so";

fn main() {
    let arguments = Arguments::parse();
    let metrics = Arc::new(ServerMetrics::default());
    let mut limits = Limits::default();
    // Bounds on work spread it over ticks, and would change only which tick does it.
    limits.frames_per_tick = 0;
    limits.deliveries_per_tick = 0;
    limits.connection_deliveries_per_tick = 0;
    limits.connections_per_address = 0;
    let mut broker = Broker::new(limits, Arc::clone(&metrics));
    let rooms: Vec<String> = (0..arguments.rooms).map(|room| format!("room {room}")).collect();
    let mut publisher = None;
    for number in 0..arguments.members {
        let address = SocketAddr::from(([192, 0, 2, 1], 1024 + number));
        let Some(id) = broker.accept(address, NOW) else { panic!("no place for {number}") };
        publisher.get_or_insert(id);
        let username = format!("member {number}");
        say(&mut broker, id, &arguments.encoded(&Request::Connect { username: &username }));
        for room in &rooms {
            say(&mut broker, id, &arguments.encoded(&Request::Join { room }));
        }
        flush(&mut broker);
    }
    let Some(publisher) = publisher else { return };
    let said: Vec<u8> = (rooms.iter().cycle().take(arguments.messages))
        .flat_map(|room| arguments.encoded(&Request::Say { room }))
        .collect();
    let before = metrics.snapshot();
    let mut writes = 0;
    for _ in 0..arguments.ticks {
        say(&mut broker, publisher, &said);
        writes += flush(&mut broker);
    }
    let after = metrics.snapshot();
    println!("deliveries {} writes {writes}", after.deliveries - before.deliveries);
}

/// What the members ask for, in either version.
enum Request<'a> {
    Connect { username: &'a str },
    Join { room: &'a str },
    Say { room: &'a str },
}

impl Arguments {
    fn encoded(&self, request: &Request<'_>) -> Vec<u8> {
        let mut buffer = [0; 1024];
        let frame = if self.protocol == 1 {
            let payload = match *request {
                Request::Connect { username } => MessagePayload::Connect { username },
                Request::Join { room } => MessagePayload::JoinRoom { room },
                Request::Say { room } => MessagePayload::SendMessage { room, content: CONTENT },
            };
            payload.encode_into(&mut buffer)
        } else {
            let payload = match *request {
                Request::Connect { username } => v2::MessagePayload::Connect {
                    capabilities: v2::Capabilities::NONE,
                    client_nonce: [0; v2::NONCE_SIZE],
                    username,
                },
                Request::Join { room } => {
                    v2::MessagePayload::JoinRoom { resume: None, replay: 0, room }
                }
                Request::Say { room } => v2::MessagePayload::SendMessage { room, content: CONTENT },
            };
            payload.encode_into(1, &mut buffer)
        };
        frame.map(<[u8]>::to_vec).unwrap_or_default()
    }
}

fn say(broker: &mut Broker, id: ConnectionId, bytes: &[u8]) {
    broker.handle_input(id, bytes, NOW);
}

/// The rest of a tick; how many writes it took.
fn flush(broker: &mut Broker) -> u64 {
    let mut writes = 0;
    broker.handle_timeout(NOW.monotonic_ms, NOW);
    broker.deliver_pending(NOW);
    while let Some(id) = broker.poll_dirty() {
        while broker.has_transmit(id) {
            let count = broker.poll_transmit(id).len();
            broker.consume(id, count, NOW);
            writes += 1;
        }
        let _: AfterFlush = broker.handle_flushed(id, NOW);
    }
    broker.end_tick(NOW);
    while broker.poll_closed().is_some() {}
    writes
}
