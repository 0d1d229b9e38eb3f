//! Clients of both versions in the same rooms, at random and from a seed, against the broker
//! itself: whatever they ask for, in whatever order, each gets every message of its rooms once and
//! in order, the numbering of version 2 has no hole, what is replayed is what was said, and the
//! broker keeps all its promises after every step.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use cafewire_core::chat::v2::{self, Capabilities, Resume};
use cafewire_core::{Direction, FrameDecoder, Framing, MessagePayload, chat};
use cafewire_net::Limits;
use cafewire_net::broker::{AfterFlush, Broker, ConnectionId, Now};

use support::Random;
use support::peer_v2::{encoded, parse, terms};

const ROOMS: [&str; 3] = ["tea", "coffee", "milk"];
const STEPS: usize = 400;
const SEEDS: u64 = 60;

/// Where a client of version 2 is in a room's messages.
#[derive(Clone, Copy, Debug)]
struct Place {
    epoch: u32,
    last: u64,
}

struct Client {
    id: ConnectionId,
    username: String,
    is_v2: bool,
    request: u16,
    received: Vec<u8>,
    /// What was said in each room while it was a member, in version 1.
    heard: HashMap<&'static str, String>,
    places: HashMap<&'static str, Place>,
    /// The rooms that it is in once all that it has asked for is done.
    rooms: HashSet<&'static str>,
    /// A replay that has begun: its request, the room, and the sequence that it must lead to.
    replaying: Option<(u16, &'static str, u64)>,
}

/// The world: the broker, its clients, and what was said, by the room's life and number.
struct World {
    random: Random,
    broker: Broker,
    now: Now,
    clients: Vec<Client>,
    connects: usize,
    said: BTreeMap<(u32, u64), String>,
    /// What the members of each room must have heard since its last join.
    told: HashMap<&'static str, String>,
}

fn room_of(name: &str) -> &'static str {
    ROOMS.into_iter().find(|&room| room == name).unwrap()
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut limits = Limits::default();
        limits.presence_members_max = 1 + random.below(4);
        limits.replay_max = 1 + random.below(20);
        limits.room_linger = Duration::from_secs(1 + random.below(20) as u64);
        if random.below(2) == 0 {
            limits.room_log_bytes = 128 << 10;
            limits.history_bytes = 48 << 10;
        }
        let now = Now { monotonic_ms: 1, unix_ms: 1_700_000_000_000 };
        let (clients, said, told) = (Vec::new(), BTreeMap::new(), HashMap::new());
        let broker = Broker::new(limits, Arc::default());
        Self { random, broker, now, clients, connects: 0, said, told }
    }

    fn connect(&mut self) {
        let address = SocketAddr::from(([192, 0, 2, 1], 4711));
        let id = self.broker.accept(address, self.now).unwrap();
        let is_v2 = self.random.below(2) == 0;
        self.connects += 1;
        let username = format!("user-{}", self.connects);
        let mut buffer = [0; chat::MAX_FRAME_SIZE];
        let connect = if is_v2 {
            encoded(1, &support::peer_v2::connect(&username, Capabilities::DIRECT))
        } else {
            MessagePayload::Connect { username: &username }
                .encode_into(&mut buffer)
                .unwrap()
                .to_vec()
        };
        self.clients.push(Client {
            id,
            username,
            is_v2,
            request: 1,
            received: Vec::new(),
            heard: HashMap::new(),
            places: HashMap::new(),
            rooms: HashSet::new(),
            replaying: None,
        });
        self.broker.handle_input(id, &connect, self.now);
    }

    fn ask(&mut self, at: usize) {
        let room = ROOMS[self.random.below(ROOMS.len())];
        let what = self.random.below(12);
        let other = self.random.below(self.clients.len());
        let to = self.clients[other].username.clone();
        let is_long = self.random.below(2) == 0;
        let content = "\u{20AC}x".repeat(1 + self.random.below(if is_long { 1000 } else { 5 }));
        let (count, before) = (self.random.below(6), self.random.below(9));
        let (count, before) = (u16::try_from(count).unwrap(), before as u64);
        let client = &mut self.clients[at];
        client.request = client.request % 0xFFFF + 1;
        // One who has left knows where it was.
        let resume = self.random.below(3) == 0;
        let resume = self.said.keys().next_back().filter(|_| resume);
        let resume = resume.and_then(|&(epoch, sequence)| {
            Some(Resume { epoch: NonZeroU32::new(epoch)?, after: sequence.saturating_sub(2) })
        });
        let fits = if client.is_v2 { content.len() } else { content.len().min(400) };
        let content = &content[..fits];
        let id = client.id;
        let frame = if client.is_v2 {
            let payload = match what {
                0..=2 => v2::MessagePayload::JoinRoom { resume, replay: count, room },
                3 => v2::MessagePayload::LeaveRoom { room },
                4 => v2::MessagePayload::ListRooms { count, after: "" },
                5 => v2::MessagePayload::ListMembers { count, room, after: "" },
                6 => v2::MessagePayload::History { before, count, room },
                7 => v2::MessagePayload::DirectMessage { to: &to, content },
                _ => v2::MessagePayload::SendMessage { room, content },
            };
            encoded(client.request, &payload)
        } else {
            let mut buffer = [0; chat::MAX_FRAME_SIZE];
            let payload = match what {
                0..=3 => MessagePayload::JoinRoom { room },
                4..=5 => MessagePayload::LeaveRoom { room },
                _ => MessagePayload::SendMessage { room, content },
            };
            payload.encode_into(&mut buffer).unwrap().to_vec()
        };
        match (client.is_v2, what) {
            (_, 0..=2) | (false, 3) => _ = client.rooms.insert(room),
            (true, 3) | (false, 4..=5) => _ = client.rooms.remove(room),
            (true, 4..=7) => {}
            _ if client.rooms.contains(room) => {
                self.told.entry(room).or_default().push_str(content);
            }
            _ => {}
        }
        self.broker.handle_input(id, &frame, self.now);
    }

    /// Everything queued is taken, in pieces of any size, and looked at.
    fn flush(&mut self) {
        self.broker.handle_timeout(self.now.monotonic_ms, self.now);
        self.broker.deliver_pending(self.now);
        while let Some(id) = self.broker.poll_dirty() {
            loop {
                let bytes = self.broker.poll_transmit(id).to_vec();
                if bytes.is_empty() {
                    break;
                }
                let count = 1 + self.random.below(bytes.len());
                if let Some(client) = self.clients.iter_mut().find(|client| client.id == id) {
                    client.received.extend_from_slice(&bytes[..count]);
                }
                self.broker.consume(id, count, self.now);
                self.broker.invariants();
            }
            if self.broker.handle_flushed(id, self.now) == AfterFlush::ShutDownSending {
                self.broker.handle_eof(id, self.now);
            }
        }
        self.broker.end_tick(self.now);
        while self.broker.poll_closed().is_some() {}
        self.broker.invariants();
        for at in 0..self.clients.len() {
            self.look(at);
        }
    }

    fn look(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let received = std::mem::take(&mut client.received);
        let mut rest = &received[..];
        while !rest.is_empty() {
            if client.is_v2 {
                let v2::Framing::Frame { consumed, .. } =
                    v2::Framing::of(rest, Direction::ToClient, terms())
                else {
                    panic!("no whole frame: {rest:x?}")
                };
                client.look_v2(&rest[..consumed], &mut self.said);
                rest = &rest[consumed..];
            } else {
                let mut decoder = FrameDecoder::new(Direction::ToClient);
                let Framing::Frame { consumed, .. } = decoder.next_frame(rest) else {
                    panic!("no whole frame: {rest:x?}")
                };
                client.look_v1(support::parse(&rest[..consumed]));
                rest = &rest[consumed..];
            }
        }
    }

    fn leave(&mut self, at: usize) {
        let client = self.clients.swap_remove(at);
        if self.random.below(2) == 0 {
            self.broker.handle_reset(client.id, self.now);
        } else {
            self.broker.handle_eof(client.id, self.now);
        }
    }
}

impl Client {
    fn look_v1(&mut self, payload: MessagePayload<'_>) {
        match payload {
            MessagePayload::UserJoined { username, room, .. } if username == self.username => {
                self.heard.insert(room_of(room), String::new());
            }
            MessagePayload::UserLeft { username, room, .. } if username == self.username => {
                assert!(self.heard.remove(room).is_some());
            }
            MessagePayload::MessageBroadcast { room, content, .. } => {
                self.heard.get_mut(room).expect("heard outside of its rooms").push_str(content);
            }
            _ => {}
        }
    }

    fn look_v2(&mut self, frame: &[u8], said: &mut BTreeMap<(u32, u64), String>) {
        let (request, payload) = parse(frame);
        match payload {
            v2::MessagePayload::Joined { epoch, sequence, replay_from, room, .. } => {
                assert!(replay_from <= sequence && epoch > 0);
                self.places.insert(room_of(room), Place { epoch, last: replay_from });
                self.replaying = Some((request, room_of(room), sequence));
            }
            v2::MessagePayload::UserLeft { username, room, .. } if username == self.username => {
                assert!(self.places.remove(room).is_some());
            }
            v2::MessagePayload::MessageBroadcast { sequence, previous, room, content, .. } => {
                let place = self.places.get_mut(room).expect("told outside of its rooms");
                let known =
                    said.entry((place.epoch, sequence)).or_insert_with(|| content.to_owned());
                assert_eq!(known, content, "another thing was said");
                let is_replayed = self.replaying.is_some_and(|(asked, ..)| asked == request);
                if request == 0 || is_replayed {
                    assert_eq!(
                        (previous, sequence),
                        (place.last, place.last + 1),
                        "{}",
                        self.username
                    );
                    place.last = sequence;
                }
            }
            // Of a replay, or of a list or History that was asked for later.
            v2::MessagePayload::ListEnd { .. } => {
                if let Some((_, room, sequence)) = self.replaying.take_if(|of| of.0 == request) {
                    assert_eq!(self.places[room].last, sequence, "a replay that ends too early");
                }
            }
            v2::MessagePayload::Error { code, message, .. } => {
                assert!(!code.closes(), "{code}: {message}");
            }
            _ => {}
        }
    }
}

#[test]
fn nothing_is_lost_whichever_version_says_and_hears_it() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        world.connect();
        for _ in 0..STEPS {
            match world.random.below(20) {
                0 if world.clients.len() < 9 => world.connect(),
                1 if world.clients.len() > 1 => {
                    let at = world.random.below(world.clients.len());
                    world.leave(at);
                }
                2 => world.now.monotonic_ms += world.random.below(3000) as u64,
                _ => {
                    let at = world.random.below(world.clients.len());
                    world.ask(at);
                }
            }
            // Several things happen in one tick, or one.
            if world.random.below(3) > 0 {
                world.flush();
            }
        }
        world.flush();
        for client in world.clients.iter().filter(|client| !client.is_v2) {
            for (room, heard) in &client.heard {
                let told = world.told.get(room).map_or("", String::as_str);
                assert!(
                    told.ends_with(heard.as_str()),
                    "seed {seed}: {} in {room}",
                    client.username
                );
            }
        }
        // Nothing is left when everybody has gone and no room lingers any more.
        while !world.clients.is_empty() {
            world.leave(0);
        }
        world.flush();
        world.now.monotonic_ms += 60_000;
        world.flush();
        assert!(world.broker.is_empty());
        world.broker.invariants();
    }
}
