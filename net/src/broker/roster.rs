//! Who is connected, for the operator who asks: one connection after another, as it is at that
//! moment. Changes nothing; no metric and no log line has names.

use cafewire_core::Family;
use slotmap::Key as _;

use super::lifecycle::family_label;
use super::{Broker, ConnectionId, Stage};
use crate::address::PeerAddress;

/// One connection, as the operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionEntry<'a> {
    /// As the log writes it.
    pub id: ConnectionId,
    /// The name that it signed in with.
    pub username: Option<&'a str>,
    /// Where it comes from.
    pub address: PeerAddress,
    /// The protocol's family, once its first bytes have told.
    pub family: Option<Family>,
    /// The names of some of the rooms that it is in: not more than asked for.
    pub rooms: Vec<&'a str>,
    /// How many rooms it is in.
    pub rooms_total: usize,
    /// Bytes that are queued for it.
    pub queued_bytes: usize,
    /// It is being closed: it takes what is queued for it and is served no more.
    pub is_closing: bool,
}

impl ConnectionEntry<'_> {
    /// The family, as the log writes it.
    #[must_use]
    pub fn family_label(&self) -> &'static str {
        self.family.map_or("none", family_label)
    }

    /// Its place in the order of [`Broker::connections_after`].
    #[must_use]
    pub fn place(&self) -> u32 {
        place(self.id)
    }
}

/// Places are used again: one that comes later may stand before one that is there.
#[allow(clippy::cast_possible_truncation)] // the lower half is the slot, the upper the generation
fn place(id: ConnectionId) -> u32 {
    id.data().as_ffi() as u32
}

impl Broker {
    /// The connections behind this place, or all of them, each with the names of at most so many of
    /// its rooms.
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let first = broker.connections_after(None, 8).next().expect("one is there");
    /// assert_eq!((first.id, first.username), (id, None)); // not signed in yet
    /// let place = first.place();
    /// assert_eq!(broker.connections_after(Some(place), 8).count(), 0);
    /// ```
    pub fn connections_after(
        &self,
        after: Option<u32>,
        rooms_max: usize,
    ) -> impl Iterator<Item = ConnectionEntry<'_>> {
        let is_behind = move |id: ConnectionId| after.is_none_or(|after| place(id) > after);
        let peers = self.peers.iter().filter(move |(id, _)| is_behind(*id));
        peers.filter(|(_, peer)| peer.stage != Stage::Gone).map(move |(id, peer)| {
            let rooms = self.directory.rooms_of(id);
            let rooms_total = rooms.len();
            ConnectionEntry {
                id,
                username: self.directory.username_of(id),
                address: self.addresses.get(peer.address, peer.port),
                family: peer.ingress.family(),
                rooms: rooms.take(rooms_max).collect(),
                rooms_total,
                queued_bytes: self.fanout.queued_bytes(id.into()),
                is_closing: !peer.is_open(),
            }
        })
    }
}
