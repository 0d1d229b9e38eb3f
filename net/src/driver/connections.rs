//! The table of the connections: each one's socket, and what the poll said of it. Decides nothing.
//!
//! The table is large, so that what it holds of each connection is small: the sockets of TCP and of
//! Unix-domain lie in it, and TLS streams, which are large, lie apart.

use mio::net::{TcpStream, UnixStream};
use slab::Slab;
use slotmap::SecondaryMap;

use crate::broker::ConnectionId;
use crate::transport::{TlsStream, Transport, TransportMut};

/// What the loop knows of a connection's socket. Three bytes: with the kind of the socket they fill
/// a word.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) input: Input,
    /// It is on the ready list.
    pub(super) listed: bool,
    /// The poll watches for room to write.
    pub(super) awaits_writable: bool,
}

/// What is to be read, by what the poll said and what was read since. The later outweighs the
/// earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Input {
    /// Nothing until the poll says otherwise.
    #[default]
    Drained,
    /// The system may have bytes for us.
    Waiting,
    /// The peer's side has ended, whatever is still to be read before that. No further edge will
    /// say so.
    Ending,
}

/// One connection, for as long as somebody looks at it.
pub(super) struct Connection<'a> {
    pub(super) transport: TransportMut<'a>,
    pub(super) state: &'a mut State,
}

/// The state is in each variant, and not beside them, because there it takes the room that
/// alignment leaves.
#[derive(Debug)]
enum Entry {
    Tcp(State, TcpStream),
    Unix(State, UnixStream),
    /// Its place in [`Connections::tls`].
    Tls(State, u32),
}

#[derive(Debug, Default)]
pub(super) struct Connections {
    entries: SecondaryMap<ConnectionId, Entry>,
    /// Each belongs to one entry. In boxes: a slab that grows moves what it holds.
    tls: Slab<Box<TlsStream>>,
}

impl Connections {
    pub(super) fn with_places(places: usize) -> Self {
        Self { entries: SecondaryMap::with_capacity(places), tls: Slab::new() }
    }

    /// Takes in a connection that is new, with nothing to read yet. Its id's slot must be free: the
    /// socket of a connection that is gone is to be removed before its slot is used again.
    #[allow(clippy::cast_possible_truncation)] // there are no more of them than ids, and those count slots in 32 bits
    pub(super) fn insert(&mut self, id: ConnectionId, transport: Transport) {
        let state = State::default();
        let entry = match transport {
            Transport::Tcp(stream) => Entry::Tcp(state, stream),
            Transport::Unix(stream) => Entry::Unix(state, stream),
            Transport::Tls(stream) => Entry::Tls(state, self.tls.insert(stream) as u32),
        };
        self.entries.insert(id, entry);
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<Connection<'_>> {
        Some(match self.entries.get_mut(id)? {
            Entry::Tcp(state, stream) => Connection { transport: TransportMut::Tcp(stream), state },
            Entry::Unix(state, stream) => {
                Connection { transport: TransportMut::Unix(stream), state }
            }
            Entry::Tls(state, place) => {
                Connection { transport: TransportMut::Tls(&mut self.tls[*place as usize]), state }
            }
        })
    }

    /// For who does not touch the socket.
    pub(super) fn state_mut(&mut self, id: ConnectionId) -> Option<&mut State> {
        self.entries.get_mut(id).map(|entry| match entry {
            Entry::Tcp(state, _) | Entry::Unix(state, _) | Entry::Tls(state, _) => state,
        })
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Transport> {
        Some(match self.entries.remove(id)? {
            Entry::Tcp(_, stream) => Transport::Tcp(stream),
            Entry::Unix(_, stream) => Transport::Unix(stream),
            Entry::Tls(_, place) => Transport::Tls(self.tls.remove(place as usize)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::TcpListener;
    use std::sync::Arc;

    use rustls::{ClientConfig, RootCertStore};
    use slotmap::SlotMap;

    use super::*;

    impl Connections {
        fn assert_invariants(&self) {
            let places = self.entries.values().filter_map(|entry| match entry {
                Entry::Tcp(..) | Entry::Unix(..) => None,
                Entry::Tls(_, place) => Some(*place as usize),
            });
            let mut seen = BTreeSet::new();
            for place in places {
                assert!(self.tls.contains(place), "place {place} is empty");
                assert!(seen.insert(place), "two connections share place {place}");
            }
            assert_eq!(seen.len(), self.tls.len(), "a stream that belongs to nobody");
        }
    }

    /// `ARCHITECTURE.md` says what an idle connection costs; the sizes of its other parts are held
    /// in the broker.
    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<State>() <= 3, "with the kind of the socket it must fit four bytes");
        // Beside the socket four bytes, or what its alignment makes of them.
        let beside = align_of::<TcpStream>().max(4);
        assert_eq!(size_of::<Entry>(), size_of::<TcpStream>() + beside);
        // In builds with debug assertions a socket of mio's knows its poll; in others it is a
        // descriptor.
        if !cfg!(debug_assertions) {
            assert_eq!(
                size_of::<(Entry, u32)>(),
                12,
                "with its slot's generation: mend ARCHITECTURE.md"
            );
        }
    }

    #[test]
    fn a_tls_stream_belongs_to_one_connection_as_long_as_that_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(crate::tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let config = Arc::new(config);
        let tls = || {
            TlsStream::client(tcp(), Arc::clone(&config), "localhost".try_into().unwrap()).unwrap()
        };

        let mut ids = SlotMap::<ConnectionId, ()>::with_key();
        let mut connections = Connections::default();
        // For each connection where its TLS stream lies, if it has one: that tells them apart.
        let mut there = Vec::new();
        for round in 0..12 {
            let stream = match round % 4 {
                0 => Transport::Tcp(tcp()),
                1 => Transport::Unix(UnixStream::pair().unwrap().0),
                _ => Transport::Tls(Box::new(tls())),
            };
            let lies_at = match &stream {
                Transport::Tls(stream) => Some(std::ptr::from_ref::<TlsStream>(stream)),
                _ => None,
            };
            let id = ids.insert(());
            connections.insert(id, stream);
            there.push((id, lies_at));
            connections.assert_invariants();
            // Each third round one from the middle leaves, and another takes over its slot and its
            // place.
            if round % 3 == 2 {
                let (gone, lay_at) = there.remove(there.len() / 2);
                ids.remove(gone);
                assert_eq!(
                    matches!(connections.remove(gone), Some(Transport::Tls(_))),
                    lay_at.is_some()
                );
                assert!(connections.get_mut(gone).is_none() && connections.remove(gone).is_none());
                connections.assert_invariants();
            }
            for &(id, lies_at) in &there {
                match connections.get_mut(id).unwrap().transport {
                    TransportMut::Tls(stream) => {
                        assert_eq!(lies_at, Some(std::ptr::from_ref::<TlsStream>(stream)))
                    }
                    _ => assert_eq!(lies_at, None),
                }
            }
        }
        for (id, _) in there {
            assert!(connections.remove(id).is_some());
        }
        connections.assert_invariants();
        assert!(connections.tls.is_empty() && connections.entries.is_empty());
    }
}
