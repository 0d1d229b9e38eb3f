//! A broker without sockets, ticked by hand: what each connection is written, how much a tick does,
//! and what happens while some take nothing.

mod crowds;
mod full_rooms;
mod turns;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use cafewire_core::{Frame, FrameDecoder, Framing, MessagePayload};
use cafewire_net::broker::{Broker, ConnectionId, Now};
use cafewire_net::{CloseReason, Limits, MetricsSnapshot, ServerMetrics};

use crate::support::chat;

pub(super) struct Bench {
    broker: Broker,
    metrics: Arc<ServerMetrics>,
    now: Now,
    /// What each connection was written.
    written: HashMap<ConnectionId, Vec<u8>>,
    /// Those whose transport takes nothing.
    deaf: HashSet<ConnectionId>,
    /// Input that the driver would not have read yet.
    unread: Vec<(ConnectionId, Vec<u8>)>,
    writes: usize,
}

impl Bench {
    pub(super) fn new(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let metrics = Arc::new(ServerMetrics::default());
        Self {
            broker: Broker::new(limits, Arc::clone(&metrics)),
            metrics,
            now: Now { monotonic_ms: 1, unix_ms: 1_700_000_000_000 },
            written: HashMap::new(),
            deaf: HashSet::new(),
            unread: Vec::new(),
            writes: 0,
        }
    }

    /// A member of these rooms, with everything said about its coming out of the way.
    pub(super) fn member(&mut self, username: &str, rooms: &[&str]) -> ConnectionId {
        let id = self.accept(1);
        self.send(id, &chat(&MessagePayload::Connect { username }));
        for room in rooms {
            self.send(id, &chat(&MessagePayload::JoinRoom { room }));
        }
        self.tick();
        self.written.clear();
        id
    }

    /// A connection from the address with this number.
    pub(super) fn accept(&mut self, host: u8) -> ConnectionId {
        self.broker.accept(SocketAddr::from(([127, 0, 0, host], 1)), self.now).unwrap()
    }

    /// Bytes come from a connection in this tick, or as soon as it is read from.
    pub(super) fn send(&mut self, id: ConnectionId, bytes: &[u8]) {
        if self.broker.is_reading(id) && !self.broker.has_backlog(id) {
            self.broker.handle_input(id, bytes, self.now);
        } else {
            self.unread.push((id, bytes.to_vec()));
        }
    }

    /// The rest of a tick. Gives how many deliveries it made, from its first input on.
    pub(super) fn tick(&mut self) {
        let Self { broker, now, .. } = self;
        broker.handle_timeout(now.monotonic_ms, *now);
        broker.deliver_pending(*now);
        for _ in 0..broker.dirty_len() {
            let Some(id) = broker.poll_dirty() else { break };
            loop {
                let bytes = broker.poll_transmit(id).to_vec();
                if bytes.is_empty() {
                    let _ = broker.handle_flushed(id, *now);
                    break;
                }
                if self.deaf.contains(&id) {
                    broker.handle_blocked(id, *now);
                    break;
                }
                self.writes += 1;
                broker.consume(id, bytes.len(), *now);
                self.written.entry(id).or_default().extend(bytes);
            }
        }
        broker.end_tick(*now);
        while broker.poll_closed().is_some() {}
        broker.invariants();
        self.now.monotonic_ms += 1;
        while self.broker.poll_resumed(self.now).is_some() {}
    }

    /// Ticks until nothing is left to be done, and what was not read is.
    pub(super) fn run(&mut self, ids: &[ConnectionId]) {
        for _ in 0..10_000 {
            let before = self.metrics.snapshot().messages_processed;
            for &id in ids {
                if self.broker.is_reading(id) {
                    self.broker.resume(id, self.now);
                }
            }
            for (id, bytes) in std::mem::take(&mut self.unread) {
                self.send(id, &bytes);
            }
            self.tick();
            let is_idle = self.metrics.snapshot().messages_processed == before;
            let waits =
                |&&id: &&ConnectionId| self.broker.has_backlog(id) && self.broker.is_reading(id);
            if is_idle && !self.broker.has_work() && ids.iter().find(waits).is_none() {
                return;
            }
        }
        panic!("there is no end to it");
    }

    /// The transport takes bytes from now on.
    pub(super) fn hear(&mut self, id: ConnectionId) {
        self.deaf.remove(&id);
        self.broker.mark_dirty(id);
    }

    pub(super) fn metrics(&self) -> MetricsSnapshot {
        self.metrics.snapshot()
    }

    pub(super) fn closes(&self, reason: CloseReason) -> u64 {
        self.metrics().closes(reason)
    }

    /// What a connection was written, as frames, described.
    pub(super) fn heard(&self, id: ConnectionId) -> Vec<String> {
        let mut bytes = self.written.get(&id).map_or(&[][..], |bytes| bytes);
        let mut heard = Vec::new();
        let mut decoder = FrameDecoder::new(cafewire_core::Direction::ToClient);
        while let Framing::Frame { frame: Frame::Chat(view), consumed } = decoder.next_frame(bytes)
        {
            heard.push(match view.parse_payload().unwrap() {
                MessagePayload::MessageBroadcast { room, content, .. } => {
                    format!("{room}: {content}")
                }
                MessagePayload::UserJoined { username, room, .. } => format!("{room} + {username}"),
                MessagePayload::UserLeft { username, room, .. } => format!("{room} - {username}"),
                MessagePayload::Error { code, .. } => format!("{code:?}"),
                other => format!("{other:?}"),
            });
            bytes = &bytes[consumed..];
        }
        assert!(bytes.is_empty(), "{} bytes are no frame", bytes.len());
        heard
    }
}
