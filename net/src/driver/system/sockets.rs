//! The sockets of the system's connections. Decides nothing.
//!
//! There are many, so that each is small: the sockets of TCP and of Unix-domain lie in the driver's
//! table, and TLS streams, which are large, lie apart. So do those of proxies whose header has not
//! come, whatever their kind: they are few at a time.

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
    /// Its place among the [`Streams`] of TLS.
    Tls(State, u32),
    /// Its place among the [`Streams`] whose header of the PROXY protocol is to come.
    AwaitsHeader(State, u32),
}

impl Socket for SystemSocket {
    fn state_mut(&mut self) -> &mut State {
        match self {
            Self::Tcp(state, _)
            | Self::Unix(state, _)
            | Self::Tls(state, _)
            | Self::AwaitsHeader(state, _) => state,
        }
    }
}

/// The streams that lie apart. Those of TLS in boxes: a slab that grows moves what it holds.
#[derive(Debug, Default)]
pub(super) struct Streams {
    tls: Slab<Box<TlsStream>>,
    await_header: Slab<Transport>,
}

impl Streams {
    pub(super) fn socket(&mut self, transport: Transport) -> SystemSocket {
        self.socket_with(State::default(), transport)
    }

    /// The socket of a proxy, whose header is to come.
    #[allow(clippy::cast_possible_truncation)] // no more than ids, which count slots in 32 bits
    pub(super) fn socket_of_proxy(&mut self, transport: Transport) -> SystemSocket {
        SystemSocket::AwaitsHeader(State::default(), self.await_header.insert(transport) as u32)
    }

    #[allow(clippy::cast_possible_truncation)] // as above
    fn socket_with(&mut self, state: State, transport: Transport) -> SystemSocket {
        match transport {
            Transport::Tcp(stream) => SystemSocket::Tcp(state, stream),
            Transport::Unix(stream) => SystemSocket::Unix(state, stream),
            Transport::Tls(stream) => SystemSocket::Tls(state, self.tls.insert(stream) as u32),
        }
    }

    /// The stream whose header is to come, if this is one.
    pub(super) fn awaiting_header(&self, socket: &SystemSocket) -> Option<&Transport> {
        match socket {
            SystemSocket::AwaitsHeader(_, place) => self.await_header.get(*place as usize),
            _ => None,
        }
    }

    /// Its header has come: it is like any other from now on.
    pub(super) fn end_of_header(&mut self, socket: &mut SystemSocket) {
        if let SystemSocket::AwaitsHeader(state, place) = socket {
            let (state, place) = (std::mem::take(state), *place as usize);
            let transport = self.await_header.remove(place);
            *socket = self.socket_with(state, transport);
        }
    }

    pub(super) fn transport<'a>(&'a mut self, socket: &'a mut SystemSocket) -> TransportMut<'a> {
        match socket {
            SystemSocket::Tcp(_, stream) => TransportMut::Tcp(stream),
            SystemSocket::Unix(_, stream) => TransportMut::Unix(stream),
            SystemSocket::Tls(_, place) => TransportMut::Tls(&mut self.tls[*place as usize]),
            SystemSocket::AwaitsHeader(_, place) => self.await_header[*place as usize].as_mut(),
        }
    }

    /// The transport of a connection that is gone, owned.
    pub(super) fn remove(&mut self, socket: SystemSocket) -> Transport {
        match socket {
            SystemSocket::Tcp(_, stream) => Transport::Tcp(stream),
            SystemSocket::Unix(_, stream) => Transport::Unix(stream),
            SystemSocket::Tls(_, place) => Transport::Tls(self.tls.remove(place as usize)),
            SystemSocket::AwaitsHeader(_, place) => self.await_header.remove(place as usize),
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
