//! The addresses that connections come from, each kept once, with how many come from it and how
//! many rooms they made. An address is forgotten with the last of them, so that the table is never
//! larger than the number of connections and rooms, which keep a number of four bytes where an
//! address would take eighteen.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use hashbrown::HashTable;
use slab::Slab;

use crate::address::PeerAddress;

/// An address in the table, or none: of a local peer, or of a connection that counts no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) struct AddressId(u32);

impl AddressId {
    pub(in crate::broker) const NONE: Self = Self(u32::MAX);
}

#[derive(Debug)]
struct Counted {
    host: SocketAddr,
    connections: u32,
    /// Rooms that its connections made and that still exist.
    rooms: u32,
}

#[derive(Debug, Default)]
pub(in crate::broker) struct Addresses {
    all: Slab<Counted>,
    ids: HashTable<u32>,
    // Keyed at random, so that peers cannot choose addresses that collide.
    hasher: RandomState,
}

impl Addresses {
    /// Connections that count from this address. None do of local peers.
    pub(in crate::broker) fn connections_from(&self, address: PeerAddress) -> usize {
        let PeerAddress::Ip(address) = address else { return 0 };
        self.find(host_of(address)).map_or(0, |id| self.all[id as usize].connections as usize)
    }

    /// Counts a connection. Its address is kept until it [`leaves`](Self::leave).
    pub(in crate::broker) fn enter(&mut self, address: PeerAddress) -> AddressId {
        let PeerAddress::Ip(address) = address else { return AddressId::NONE };
        let host = host_of(address);
        if let Some(id) = self.find(host) {
            self.all[id as usize].connections += 1;
            return AddressId(id);
        }
        let Ok(id) = u32::try_from(self.all.vacant_key()) else { return AddressId::NONE };
        self.all.insert(Counted { host, connections: 1, rooms: 0 });
        let Self { all, ids, hasher } = self;
        ids.insert_unique(hasher.hash_one(host), id, |&id| hasher.hash_one(all[id as usize].host));
        AddressId(id)
    }

    /// A connection counts no more; its number names nothing from now on.
    pub(in crate::broker) fn leave(&mut self, id: &mut AddressId) {
        let AddressId(id) = std::mem::replace(id, AddressId::NONE);
        let Some(counted) = self.all.get_mut(id as usize) else { return };
        counted.connections -= 1;
        self.forget_if_unused(id);
    }

    /// Rooms that connections of this address made. None count of local peers.
    pub(in crate::broker) fn rooms_of(&self, AddressId(id): AddressId) -> usize {
        self.all.get(id as usize).map_or(0, |counted| counted.rooms as usize)
    }

    /// Counts a room. The address is kept until [`remove_room`](Self::remove_room).
    pub(in crate::broker) fn add_room(&mut self, AddressId(id): AddressId) {
        if let Some(counted) = self.all.get_mut(id as usize) {
            counted.rooms += 1;
        }
    }

    pub(in crate::broker) fn remove_room(&mut self, AddressId(id): AddressId) {
        if let Some(counted) = self.all.get_mut(id as usize) {
            counted.rooms -= 1;
            self.forget_if_unused(id);
        }
    }

    fn forget_if_unused(&mut self, id: u32) {
        let is_used =
            self.all.get(id as usize).is_none_or(|counted| counted.connections + counted.rooms > 0);
        if is_used {
            return;
        }
        let host = self.all.remove(id as usize).host;
        if let Ok(entry) = self.ids.find_entry(self.hasher.hash_one(host), |&other| other == id) {
            entry.remove();
        }
    }

    /// The address, with the port that the connection knows.
    pub(in crate::broker) fn get(&self, id: AddressId, port: u16) -> PeerAddress {
        self.all.get(id.0 as usize).map_or(PeerAddress::Local, |counted| {
            let mut address = counted.host;
            address.set_port(port);
            PeerAddress::Ip(address)
        })
    }

    pub(in crate::broker) fn total(&self) -> usize {
        self.all.iter().map(|(_, counted)| counted.connections as usize).sum()
    }

    fn find(&self, host: SocketAddr) -> Option<u32> {
        self.ids.find(self.hasher.hash_one(host), |&id| self.all[id as usize].host == host).copied()
    }
}

/// What is the same for all connections of one host: its address, and the interface to it where
/// only both together tell (RFC 4291, 2.5.6). IPv4 that came through an IPv6 socket is IPv4.
fn host_of(address: SocketAddr) -> SocketAddr {
    match (address.ip().to_canonical(), address) {
        (IpAddr::V6(ip), SocketAddr::V6(v6)) if ip.is_unicast_link_local() => {
            SocketAddrV6::new(ip, 0, 0, v6.scope_id()).into()
        }
        (ip, _) => SocketAddr::new(ip, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> PeerAddress {
        PeerAddress::from(text.parse::<SocketAddr>().unwrap())
    }

    #[test]
    fn counts_by_host_and_forgets() {
        let mut addresses = Addresses::default();
        let mut first = addresses.enter(peer("192.0.2.1:1"));
        let mut second = addresses.enter(peer("192.0.2.1:2"));
        assert_eq!(first, second);
        let mut mapped = addresses.enter(peer("[::ffff:192.0.2.1]:3"));
        assert_eq!(first, mapped, "the same peer, through an IPv6 socket");
        assert_eq!(
            (
                addresses.connections_from(peer("192.0.2.1:9")),
                addresses.connections_from(peer("[::1]:1"))
            ),
            (3, 0)
        );
        let mut none = AddressId::NONE;
        for id in [&mut first, &mut second, &mut mapped, &mut none] {
            addresses.leave(id);
            assert_eq!(*id, AddressId::NONE);
        }
        assert_eq!((addresses.connections_from(peer("192.0.2.1:1")), addresses.total()), (0, 0));
        assert!(addresses.all.is_empty() && addresses.ids.is_empty());
        let mut local = addresses.enter(PeerAddress::Local);
        assert_eq!((local, addresses.connections_from(PeerAddress::Local)), (AddressId::NONE, 0));
        addresses.leave(&mut local);
        assert_eq!(addresses.get(local, 0), PeerAddress::Local);
    }

    #[test]
    fn many_come_back_as_they_went_in() {
        let mut addresses = Addresses::default();
        let texts =
            ["127.0.0.1:1", "255.255.255.255:65535", "[::1]:1", "[2001:db8::ff00:42:8329]:443"];
        let scopes = ["[fe80::1%7]:22", "[fe80::1%8]:22"];
        let many = (0..2000).map(|number| format!("10.0.{}.{}:80", number / 256, number % 256));
        let texts: Vec<String> =
            texts.iter().chain(&scopes).map(ToString::to_string).chain(many).collect();
        let mut ids: Vec<AddressId> =
            texts.iter().map(|text| addresses.enter(peer(text))).collect();
        assert_eq!(addresses.total(), texts.len());
        for (&id, text) in ids.iter().zip(&texts) {
            let port = text.rsplit(':').next().unwrap().parse().unwrap();
            assert_eq!(addresses.get(id, port).to_string(), *text);
            assert_eq!(addresses.connections_from(peer(text)), 1, "{text}");
        }
        for (id, text) in ids.iter_mut().zip(&texts) {
            addresses.leave(id);
            assert_eq!(addresses.connections_from(peer(text)), 0, "{text}");
        }
        assert!(addresses.all.is_empty() && addresses.ids.is_empty());
    }
}
