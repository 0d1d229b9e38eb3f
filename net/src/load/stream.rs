//! One connection's socket, from the address to the bytes. The only place of a load test that knows what kind it is.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream as BlockingTcpStream};
use std::time::Duration;

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::address::Address;

/// Connections from one source address within 127.0.0.0/8. Fewer than the 1,024 that our server allows one address,
/// and than the ports of one address (`net.ipv4.ip_local_port_range`).
const CONNECTIONS_PER_SOURCE: usize = 1000;

/// Where connections lead.
#[derive(Debug)]
pub(super) struct Target {
    address: SocketAddr,
}

impl Target {
    /// Looks the name up. Where it has several addresses, the first that accepts a connection within the time is taken, so
    /// that all connections go the same way; if none does, the first.
    pub(super) fn resolve(address: &Address, probe_timeout: Duration) -> io::Result<Self> {
        if !matches!(address, Address::Tcp { .. }) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a load test goes over plain TCP"));
        }
        let found = address.resolve()?;
        let answers = |candidate: &&SocketAddr| BlockingTcpStream::connect_timeout(candidate, probe_timeout).is_ok();
        let taken = if found.len() > 1 { found.iter().find(answers) } else { None };
        let address = taken.or(found.first()).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { address })
    }

    /// Begins to connect. The poll tells when it has come to something: see [`Stream::connected`].
    pub(super) fn connect(&self, connection: usize) -> io::Result<Stream> {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // Small messages are sent when they are due, not when the answer to the one before has come (RFC 896).
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = self.source(connection) {
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        match socket.connect(&self.address.into()) {
            Ok(()) => {}
            Err(error) if is_under_way(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(Stream(TcpStream::from_std(socket.into())))
    }

    /// Where the connection comes from, if that is not left to the system: the loopback network has 16 million
    /// addresses, each with ports of its own.
    fn source(&self, connection: usize) -> Option<Ipv4Addr> {
        let is_loopback = matches!(self.address.ip(), IpAddr::V4(address) if address.is_loopback());
        let group = u32::try_from(connection / CONNECTIONS_PER_SOURCE).ok()?;
        // 127.0.0.1 is what the system would choose; from 127.0.1.1 on they are ours.
        (is_loopback && group > 0).then(|| Ipv4Addr::from_bits(Ipv4Addr::new(127, 0, 1, 0).to_bits() + group))
    }
}

fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error())
}

/// A non-blocking byte stream to the server.
#[derive(Debug)]
pub(super) struct Stream(TcpStream);

impl Stream {
    /// Whether it stands by now.
    ///
    /// # Errors
    /// It never will, and why.
    pub(super) fn connected(&self) -> io::Result<bool> {
        if let Some(error) = self.0.take_error()? {
            return Err(error);
        }
        match self.0.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected || is_under_way(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads what is there. An interrupted call is made again.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    /// Writes what the system takes. An interrupted call is made again.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.0.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.0.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.0.deregister(registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: &str, connection: usize) -> Option<String> {
        Target { address: address.parse().unwrap() }.source(connection).map(|source| source.to_string())
    }

    #[test]
    fn loopback_has_room_for_any_number() {
        assert_eq!(source("127.0.0.1:1", 999), None);
        assert_eq!(source("127.0.0.1:1", 1000), Some("127.0.1.1".to_owned()));
        assert_eq!(source("127.0.0.1:1", 9999), Some("127.0.1.9".to_owned()));
        assert_eq!(source("127.0.0.1:1", 256_000), Some("127.0.2.0".to_owned()));
    }

    #[test]
    fn elsewhere_the_system_chooses() {
        assert_eq!(source("[::1]:1", 5000), None);
        assert_eq!(source("192.0.2.1:1", 5000), None);
    }
}
