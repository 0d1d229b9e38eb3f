//! The addresses that connections come from, each kept once, with how many come from it and how
//! many rooms they made. An address is forgotten with the last of them, so that the table is never
//! larger than the number of connections and rooms, which keep a number of four bytes where an
//! address would take eighteen.
//!
//! Limits per address go by the network of an IPv6 address: who has one of 64 bits, as most lines
//! do (RFC 6177), has more addresses in it than any limit.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use hashbrown::HashTable;
use slab::Slab;

use crate::address::PeerAddress;

/// An address in the table, or none: of a local peer, or of a connection that counts no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) struct AddressId(u32);

impl AddressId {
    pub(in crate::broker) const NONE: Self = Self(u32::MAX);
}

/// What is the same for all connections of one host: its address, and the interface to it where
/// only both together tell (RFC 4291, 2.5.6). Or a network: the address with which it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// IPv4 as an IPv4-mapped address.
    ip: Ipv6Addr,
    scope: u32,
}

impl Key {
    fn of(address: SocketAddr) -> Self {
        match (address.ip().to_canonical(), address) {
            (IpAddr::V4(ip), _) => Self { ip: ip.to_ipv6_mapped(), scope: 0 },
            (IpAddr::V6(ip), SocketAddr::V6(v6)) if ip.is_unicast_link_local() => {
                Self { ip, scope: v6.scope_id() }
            }
            (IpAddr::V6(ip), _) => Self { ip, scope: 0 },
        }
    }

    /// What limits per address go by.
    pub(super) fn of_limits(address: SocketAddr, prefix_length: usize) -> Self {
        let host = Self::of(address);
        host.network(bits(prefix_length)).unwrap_or(host)
    }

    /// The network that limits go by, if it is not the host alone.
    fn network(self, prefix_length: u32) -> Option<Self> {
        if self.ip.to_ipv4_mapped().is_some() || prefix_length >= u128::BITS {
            return None;
        }
        let prefix = !u128::MAX.checked_shr(prefix_length).unwrap_or_default();
        Some(Self { ip: Ipv6Addr::from_bits(self.ip.to_bits() & prefix), ..self })
    }

    fn address(self, port: u16) -> SocketAddr {
        match self.ip.to_ipv4_mapped() {
            Some(ip) => (ip, port).into(),
            None => SocketAddrV6::new(self.ip, port, 0, self.scope).into(),
        }
    }
}

#[derive(Debug)]
struct Counted {
    key: Key,
    connections: u32,
    /// Rooms that its connections made and that still exist.
    rooms: u32,
    /// Of a host: its place in the table of networks, or [`NO_NETWORK`].
    network: u32,
}

const NO_NETWORK: u32 = u32::MAX;

#[derive(Debug, Default)]
struct Table {
    all: Slab<Counted>,
    ids: HashTable<u32>,
}

impl Table {
    fn find(&self, key: Key, hasher: &RandomState) -> Option<u32> {
        self.ids.find(hasher.hash_one(key), |&id| self.all[id as usize].key == key).copied()
    }

    /// The place of this key, which is made if there is none; `None` while there are four thousand
    /// million others.
    fn find_or_insert(&mut self, key: Key, hasher: &RandomState) -> Option<u32> {
        if let Some(id) = self.find(key, hasher) {
            return Some(id);
        }
        let id = u32::try_from(self.all.vacant_key()).ok().filter(|&id| id != u32::MAX)?;
        self.all.insert(Counted { key, connections: 0, rooms: 0, network: NO_NETWORK });
        let Self { all, ids } = self;
        ids.insert_unique(hasher.hash_one(key), id, |&id| hasher.hash_one(all[id as usize].key));
        Some(id)
    }

    /// Forgets the key at this place if nothing counts there any more. Tells what it was.
    fn remove_if_unused(&mut self, id: u32, hasher: &RandomState) -> Option<Counted> {
        let counted = self.all.get(id as usize)?;
        if counted.connections + counted.rooms > 0 {
            return None;
        }
        if let Ok(entry) = self.ids.find_entry(hasher.hash_one(counted.key), |&other| other == id) {
            entry.remove();
        }
        self.all.try_remove(id as usize)
    }
}

#[derive(Debug)]
pub(in crate::broker) struct Addresses {
    hosts: Table,
    networks: Table,
    /// Bits of an IPv6 address that limits go by.
    prefix_length: u32,
    // Keyed at random, so that peers cannot choose addresses that collide.
    hasher: RandomState,
}

impl Addresses {
    pub(in crate::broker) fn new(prefix_length: usize) -> Self {
        Self {
            hosts: Table::default(),
            networks: Table::default(),
            prefix_length: bits(prefix_length),
            hasher: RandomState::new(),
        }
    }

    /// Limits go by networks of another size from now on, for those who are here too.
    pub(in crate::broker) fn set_prefix_length(&mut self, prefix_length: usize) {
        if self.prefix_length == bits(prefix_length) {
            return;
        }
        self.prefix_length = bits(prefix_length);
        self.networks = Table::default();
        for (_, host) in &mut self.hosts.all {
            let network = host.key.network(self.prefix_length);
            let id = network.and_then(|key| self.networks.find_or_insert(key, &self.hasher));
            host.network = id.unwrap_or(NO_NETWORK);
            if let Some(network) = self.networks.all.get_mut(host.network as usize) {
                network.connections += host.connections;
                network.rooms += host.rooms;
            }
        }
    }

    /// Connections that count against the limit of this address. None do of local peers.
    pub(in crate::broker) fn connections_from(&self, address: PeerAddress) -> usize {
        let PeerAddress::Ip(address) = address else { return 0 };
        let (key, hasher) = (Key::of(address), &self.hasher);
        let found = match key.network(self.prefix_length) {
            Some(network) => {
                self.networks.find(network, hasher).map(|id| &self.networks.all[id as usize])
            }
            None => self.hosts.find(key, hasher).map(|id| &self.hosts.all[id as usize]),
        };
        found.map_or(0, |counted| counted.connections as usize)
    }

    /// Counts a connection. Its address is kept until it [`leaves`](Self::leave).
    pub(in crate::broker) fn enter(&mut self, address: PeerAddress) -> AddressId {
        let PeerAddress::Ip(address) = address else { return AddressId::NONE };
        let (key, hasher) = (Key::of(address), &self.hasher);
        let Some(id) = self.hosts.find_or_insert(key, hasher) else { return AddressId::NONE };
        let host = &mut self.hosts.all[id as usize];
        if host.connections + host.rooms == 0 {
            let network = key.network(self.prefix_length);
            let id = network.and_then(|key| self.networks.find_or_insert(key, hasher));
            host.network = id.unwrap_or(NO_NETWORK);
        }
        self.change(id, |counted| counted.connections += 1);
        AddressId(id)
    }

    /// A connection counts no more; its number names nothing from now on.
    pub(in crate::broker) fn leave(&mut self, id: &mut AddressId) {
        let AddressId(id) = std::mem::replace(id, AddressId::NONE);
        self.change(id, |counted| counted.connections -= 1);
        self.forget_if_unused(id);
    }

    /// Rooms that count against the limit of this address. None do of local peers.
    pub(in crate::broker) fn rooms_of(&self, AddressId(id): AddressId) -> usize {
        let host = self.hosts.all.get(id as usize);
        let network = host.and_then(|host| self.networks.all.get(host.network as usize));
        network.or(host).map_or(0, |counted| counted.rooms as usize)
    }

    /// Counts a room. The address is kept until [`remove_room`](Self::remove_room).
    pub(in crate::broker) fn add_room(&mut self, AddressId(id): AddressId) {
        self.change(id, |counted| counted.rooms += 1);
    }

    pub(in crate::broker) fn remove_room(&mut self, AddressId(id): AddressId) {
        self.change(id, |counted| counted.rooms -= 1);
        self.forget_if_unused(id);
    }

    /// Changes what is counted of a host and of its network.
    fn change(&mut self, id: u32, change: impl Fn(&mut Counted)) {
        let Some(host) = self.hosts.all.get_mut(id as usize) else { return };
        change(host);
        if let Some(network) = self.networks.all.get_mut(host.network as usize) {
            change(network);
        }
    }

    fn forget_if_unused(&mut self, id: u32) {
        if let Some(host) = self.hosts.remove_if_unused(id, &self.hasher) {
            self.networks.remove_if_unused(host.network, &self.hasher);
        }
    }

    /// The address, with the port that the connection knows.
    pub(in crate::broker) fn get(&self, AddressId(id): AddressId, port: u16) -> PeerAddress {
        let host = self.hosts.all.get(id as usize);
        host.map_or(PeerAddress::Local, |host| PeerAddress::Ip(host.key.address(port)))
    }

    pub(in crate::broker) fn total(&self) -> usize {
        self.hosts.all.iter().map(|(_, counted)| counted.connections as usize).sum()
    }

    /// Checks that a network counts what its hosts do, and that nothing is kept without a reason.
    ///
    /// # Panics
    /// If it is not so.
    pub(in crate::broker) fn invariants(&self) {
        let sum = |table: &Table| {
            let has_network = |host: &&Counted| host.key.network(self.prefix_length).is_some();
            table.all.iter().map(|(_, counted)| counted).filter(has_network).fold(
                (0, 0),
                |(connections, rooms), counted| {
                    assert!(counted.connections + counted.rooms > 0, "kept without a reason");
                    (connections + counted.connections, rooms + counted.rooms)
                },
            )
        };
        assert_eq!(sum(&self.hosts), sum(&self.networks), "a network miscounted");
    }
}

/// The number of bits, as arithmetic has it.
fn bits(prefix_length: usize) -> u32 {
    u32::try_from(prefix_length).unwrap_or(u128::BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> PeerAddress {
        PeerAddress::from(text.parse::<SocketAddr>().unwrap())
    }

    fn is_empty(addresses: &Addresses) -> bool {
        let Addresses { hosts, networks, .. } = addresses;
        [hosts, networks].iter().all(|table| table.all.is_empty() && table.ids.is_empty())
    }

    #[test]
    fn counts_by_host_and_forgets() {
        let mut addresses = Addresses::new(64);
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
        assert!(is_empty(&addresses));
        let mut local = addresses.enter(PeerAddress::Local);
        assert_eq!((local, addresses.connections_from(PeerAddress::Local)), (AddressId::NONE, 0));
        addresses.leave(&mut local);
        assert_eq!(addresses.get(local, 0), PeerAddress::Local);
    }

    #[test]
    fn many_come_back_as_they_went_in() {
        let mut addresses = Addresses::new(128);
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
        assert!(is_empty(&addresses));
    }

    /// Two hosts of one /64, one of another in the same /48, and one of IPv4.
    const HOSTS: [&str; 4] =
        ["[2001:db8:1:1::1]:1", "[2001:db8:1:1:ffff::2]:1", "[2001:db8:1:2::1]:1", "192.0.2.1:1"];

    #[test]
    fn hosts_of_an_ipv6_network_count_as_one_and_are_told_apart() {
        let mut addresses = Addresses::new(64);
        let mut ids = HOSTS.map(|text| addresses.enter(peer(text)));
        let counts =
            |addresses: &Addresses| HOSTS.map(|text| addresses.connections_from(peer(text)));
        assert_eq!(counts(&addresses), [2, 2, 1, 1]);
        assert_eq!(addresses.connections_from(peer("[2001:db8:1:1:2:3:4:5]:6")), 2);
        assert_eq!(ids.map(|id| addresses.get(id, 1).to_string()), HOSTS);
        addresses.add_room(ids[0]);
        assert_eq!(ids.map(|id| addresses.rooms_of(id)), [1, 1, 0, 0]);
        // Other networks, for those who are here.
        for (prefix_length, connections, rooms) in [
            (48, [3, 3, 3, 1], [1, 1, 1, 0]),
            (128, [1, 1, 1, 1], [1, 0, 0, 0]),
            (1, [3, 3, 3, 1], [1, 1, 1, 0]),
            (65, [1, 1, 1, 1], [1, 0, 0, 0]),
            (64, [2, 2, 1, 1], [1, 1, 0, 0]),
        ] {
            addresses.set_prefix_length(prefix_length);
            addresses.invariants();
            assert_eq!(counts(&addresses), connections, "{prefix_length}");
            assert_eq!(ids.map(|id| addresses.rooms_of(id)), rooms, "{prefix_length}");
        }
        // The room outlives the connections.
        let maker = ids[0];
        ids.iter_mut().for_each(|id| addresses.leave(id));
        addresses.invariants();
        assert_eq!((counts(&addresses), addresses.rooms_of(maker)), ([0; 4], 1));
        addresses.remove_room(maker);
        assert!(is_empty(&addresses));
    }

    /// The network's first address is a host of its own.
    #[test]
    fn a_host_is_not_taken_for_its_network() {
        let mut addresses = Addresses::new(64);
        let mut ids = ["[2001:db8::]:1", "[2001:db8::1]:1"].map(|text| addresses.enter(peer(text)));
        assert_eq!(addresses.connections_from(peer("[2001:db8::]:1")), 2);
        addresses.leave(&mut ids[0]);
        assert_eq!(addresses.connections_from(peer("[2001:db8::]:1")), 1);
        addresses.leave(&mut ids[1]);
        assert!(is_empty(&addresses));
    }

    /// `ARCHITECTURE.md` says what an address costs.
    #[test]
    fn an_address_is_small() {
        assert_eq!(size_of::<Counted>(), 32);
    }
}
