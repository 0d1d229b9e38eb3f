//! The sockets of the system's connections. Decides nothing.
//!
//! There are many, so that each is small: the sockets of TCP and of Unix-domain lie in the driver's
//! table, and TLS streams, which are large, lie apart.

use mio::net::{TcpStream, UnixStream};
use slab::Slab;

use crate::driver::io::{Socket, State};
use crate::transport::{TlsStream, Transport, TransportMut};

/// One connection's socket. The state is in each variant, and not beside them, because there it
/// takes the room that alignment leaves.
#[derive(Debug)]
pub(crate) enum SystemSocket {
    Tcp(State, TcpStream),
    Unix(State, UnixStream),
    /// Its place among the [`TlsStreams`].
    Tls(State, u32),
}

impl Socket for SystemSocket {
    fn state_mut(&mut self) -> &mut State {
        match self {
            Self::Tcp(state, _) | Self::Unix(state, _) | Self::Tls(state, _) => state,
        }
    }
}

/// The TLS streams of all connections that speak it. In boxes: a slab that grows moves what it
/// holds.
#[derive(Debug, Default)]
pub(super) struct TlsStreams {
    all: Slab<Box<TlsStream>>,
}

impl TlsStreams {
    #[allow(clippy::cast_possible_truncation)] // no more than ids, which count slots in 32 bits
    pub(super) fn socket(&mut self, transport: Transport) -> SystemSocket {
        let state = State::default();
        match transport {
            Transport::Tcp(stream) => SystemSocket::Tcp(state, stream),
            Transport::Unix(stream) => SystemSocket::Unix(state, stream),
            Transport::Tls(stream) => SystemSocket::Tls(state, self.all.insert(stream) as u32),
        }
    }

    pub(super) fn transport<'a>(&'a mut self, socket: &'a mut SystemSocket) -> TransportMut<'a> {
        match socket {
            SystemSocket::Tcp(_, stream) => TransportMut::Tcp(stream),
            SystemSocket::Unix(_, stream) => TransportMut::Unix(stream),
            SystemSocket::Tls(_, place) => TransportMut::Tls(&mut self.all[*place as usize]),
        }
    }

    /// The transport of a connection that is gone, owned.
    pub(super) fn remove(&mut self, socket: SystemSocket) -> Transport {
        match socket {
            SystemSocket::Tcp(_, stream) => Transport::Tcp(stream),
            SystemSocket::Unix(_, stream) => Transport::Unix(stream),
            SystemSocket::Tls(_, place) => Transport::Tls(self.all.remove(place as usize)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ARCHITECTURE.md` says what an idle connection costs; the sizes of its other parts are held
    /// in the broker.
    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<State>() <= 3, "with the kind of the socket it must fit four bytes");
        // Beside the socket four bytes, or what its alignment makes of them.
        let beside = align_of::<TcpStream>().max(4);
        assert_eq!(size_of::<SystemSocket>(), size_of::<TcpStream>() + beside);
        // In builds with debug assertions a socket of mio's knows its poll; in others it is a
        // descriptor.
        if !cfg!(debug_assertions) {
            assert_eq!(size_of::<(SystemSocket, u32)>(), 12, "mend ARCHITECTURE.md");
        }
    }
}
