//! The target of a load test's connections, and how they are started. The only file of the load
//! test that knows the kinds of stream.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream as BlockingTcpStream};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use mio::net::{TcpStream, UnixStream};
use rustix::io::Errno;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::LoadConfig;
use crate::address::Address;
use crate::ip_version;
use crate::transport::{TlsStream, Transport};

/// Connections from one source address within 127.0.0.0/8. Fewer than the 1,024 that this server
/// allows one address, and than the ports of one address (`net.ipv4.ip_local_port_range`).
const CONNECTIONS_PER_SOURCE: usize = 1000;

/// The target of connections.
#[derive(Debug)]
pub(super) enum Target {
    Tcp { address: SocketAddr, tls: Option<TlsTarget> },
    Unix { path: PathBuf },
}

/// The configuration and the name for the TLS handshake.
#[derive(Debug)]
pub(super) struct TlsTarget {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Target {
    /// Looks the name up. Of several addresses the first that accepts a connection within the time
    /// is taken, so that all connections go to the same one; if none does, the first.
    pub(super) fn resolve(config: &LoadConfig) -> io::Result<Self> {
        let tls = match &config.target {
            Address::Unix { path } => return Ok(Self::Unix { path: path.clone() }),
            Address::Tcp { .. } => None,
            Address::Tls { host, .. } => {
                let name = ServerName::try_from(host.clone()).map_err(|_| {
                    let sentence = "TLS needs a name or an IP address to check, and this is none";
                    io::Error::new(io::ErrorKind::InvalidInput, sentence)
                })?;
                Some(TlsTarget { config: config.tls.load()?, name })
            }
        };
        let found = ip_version::resolve(&config.target, config.ip_version)?;
        let answers = |candidate: &&SocketAddr| {
            BlockingTcpStream::connect_timeout(candidate, config.connect_timeout).is_ok()
        };
        let taken = if found.len() > 1 { found.iter().find(answers) } else { None };
        let address = taken.or(found.first()).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(Self::Tcp { address, tls })
    }

    /// Starts to connect. The poll reports the outcome: see [`Transport::is_connected`].
    ///
    /// # Errors
    /// `WouldBlock` if the server has no room now; anything else is the outcome.
    pub(super) fn connect(&self, connection: usize) -> io::Result<Transport> {
        let (address, tls) = match self {
            Self::Tcp { address, tls } => (*address, tls),
            Self::Unix { path } => {
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                socket.set_nonblocking(true)?;
                // The socket connects at once or fails: with a full backlog too, as `WouldBlock`.
                socket.connect(&SockAddr::unix(path)?)?;
                return Ok(Transport::Unix(UnixStream::from_std(StdUnixStream::from(socket))));
            }
        };
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // Small messages are sent when they are due, not when the answer to the one before has come
        // (RFC 896).
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = source(address, connection) {
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        let stream = TcpStream::from_std(socket.into());
        match tls {
            None => Ok(Transport::Tcp(stream)),
            Some(TlsTarget { config, name }) => {
                let stream = TlsStream::client(stream, Arc::clone(config), name.clone())?;
                Ok(Transport::Tls(Box::new(stream)))
            }
        }
    }
}

/// The source address of a connection, if it is not left to the system. The loopback network has 16
/// million addresses, each with ports of its own.
fn source(target: SocketAddr, connection: usize) -> Option<Ipv4Addr> {
    let is_loopback = matches!(target.ip(), IpAddr::V4(address) if address.is_loopback());
    let group = u32::try_from(connection / CONNECTIONS_PER_SOURCE).ok()?;
    // The system would choose 127.0.0.1; those from 127.0.1.1 on are chosen here.
    (is_loopback && group > 0)
        .then(|| Ipv4Addr::from_bits(Ipv4Addr::new(127, 0, 1, 0).to_bits() + group))
}

/// Displays the address that the name resolved to, as in `, at 192.0.2.7:8080`; nothing without a
/// name.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { address, .. } => write!(f, ", at {address}"),
            Self::Unix { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    fn source(address: &str, connection: usize) -> Option<String> {
        super::source(address.parse().unwrap(), connection).map(|source| source.to_string())
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
