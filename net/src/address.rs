//! Addresses to listen on and to connect to, in text form: `tcp://HOST:PORT`, `tls://HOST:PORT`,
//! `unix:///PATH`, or just `HOST:PORT`. Also the address of a peer.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The port that servers listen on and clients try when nothing else is said.
pub const DEFAULT_PORT: u16 = 8080;

/// An address to listen on or to connect to.
///
/// ```
/// use cafewire_net::Address;
/// let address: Address = "localhost:8080".parse()?;
/// assert_eq!(address.to_string(), "tcp://localhost:8080");
/// assert_eq!("tls://[::1]:9".parse::<Address>()?.to_string(), "tls://[::1]:9");
/// let socket: Address = "unix:///run/cafewire.sock".parse()?;
/// assert_eq!(socket.to_string(), "unix:///run/cafewire.sock");
/// assert!("udp://localhost:8080".parse::<Address>().is_err());
/// # Ok::<(), cafewire_net::address::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// Plain TCP.
    Tcp {
        /// A name or an IP address, an IPv6 one without its brackets.
        host: String,
        /// 0 lets the system choose, when listening.
        port: u16,
    },
    /// TLS 1.2 or 1.3 over TCP. A client checks that the server's certificate is for this host.
    Tls {
        /// A name or an IP address, an IPv6 one without its brackets.
        host: String,
        /// 0 lets the system choose, when listening.
        port: u16,
    },
    /// A Unix-domain stream socket. The permissions of the file decide which users may connect.
    Unix {
        /// An absolute path.
        path: PathBuf,
    },
}

impl Address {
    /// The address of a plain TCP endpoint.
    pub(crate) fn tcp(address: SocketAddr) -> Self {
        Self::Tcp { host: address.ip().to_string(), port: address.port() }
    }

    #[cfg(feature = "server")]
    pub(crate) fn tls(address: SocketAddr) -> Self {
        Self::Tls { host: address.ip().to_string(), port: address.port() }
    }

    /// The socket addresses behind the name, one or more, in the resolver's order.
    ///
    /// # Errors
    /// The resolver's; `NotFound` if it knows the name but has no address for it; `InvalidInput`
    /// for a Unix-domain socket, which has a path instead.
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// use cafewire_net::Address;
    /// let address: Address = "[::1]:8080".parse()?;
    /// assert_eq!(address.resolve()?, ["[::1]:8080".parse::<SocketAddr>()?]);
    /// let socket: Address = "unix:///run/cafewire.sock".parse()?;
    /// let error = socket.resolve().unwrap_err();
    /// assert_eq!(error.to_string(), "a Unix-domain socket has no IP address");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let (host, port) = match self {
            Self::Tcp { host, port } | Self::Tls { host, port } => (host, *port),
            Self::Unix { .. } => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a Unix-domain socket has no IP address",
                ));
            }
        };
        let found: Vec<SocketAddr> = (host.as_str(), port).to_socket_addrs()?.collect();
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(found)
    }
}

impl Default for Address {
    fn default() -> Self {
        Self::Tcp { host: "127.0.0.1".to_owned(), port: DEFAULT_PORT }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::tcp(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Self::Tcp { host, port } => ("tcp", host, port),
            Self::Tls { host, port } => ("tls", host, port),
            Self::Unix { path } => return write!(f, "unix://{}", path.display()),
        };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once("://") {
            Some(("tcp", rest)) => host_and_port(rest).map(|(host, port)| Self::Tcp { host, port }),
            Some(("tls", rest)) => host_and_port(rest).map(|(host, port)| Self::Tls { host, port }),
            Some(("unix", path)) if Path::new(path).is_absolute() => {
                Ok(Self::Unix { path: path.into() })
            }
            Some(("unix", path)) => Err(AddressError::RelativePath(path.to_owned())),
            Some((scheme, _)) => Err(AddressError::UnknownScheme(scheme.to_owned())),
            None => host_and_port(text).map(|(host, port)| Self::Tcp { host, port }),
        }
    }
}

fn host_and_port(text: &str) -> Result<(String, u16), AddressError> {
    let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
    let port = port.parse().map_err(|_| AddressError::BadPort(port.to_owned()))?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bracketed {
        Some(host) if !host.is_empty() => Ok((host.to_owned(), port)),
        None if !host.is_empty() && !host.contains([':', '[', ']', '/']) => {
            Ok((host.to_owned(), port))
        }
        _ => Err(AddressError::BadHost(host.to_owned())),
    }
}

/// The reason why a text is no [`Address`].
///
/// ```
/// use cafewire_net::Address;
/// use cafewire_net::address::AddressError;
/// let error = "localhost".parse::<Address>().unwrap_err();
/// assert_eq!(error, AddressError::NoPort);
/// assert_eq!(error.to_string(), "the port is missing: write HOST:PORT");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// The scheme before `://` is not `tcp`, `tls` or `unix`.
    UnknownScheme(String),
    /// There is no `:PORT`.
    NoPort,
    /// The port is not a number from 0 to 65535.
    BadPort(String),
    /// The host is empty, or an IPv6 address without brackets.
    BadHost(String),
    /// The path of a Unix-domain socket does not begin with `/`.
    RelativePath(String),
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownScheme(scheme) => {
                write!(
                    f,
                    "unknown scheme {scheme:?}: \
                     write tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH"
                )
            }
            Self::NoPort => f.write_str("the port is missing: write HOST:PORT"),
            Self::BadPort(port) => write!(f, "{port:?} is no port: a number from 0 to 65535 is"),
            Self::BadHost(host) => {
                write!(
                    f,
                    "{host:?} is no host: \
                     write a name, an IPv4 address, or an IPv6 address in brackets"
                )
            }
            Self::RelativePath(path) => {
                write!(
                    f,
                    "the path {path:?} does not begin with /: \
                     write unix:///run/cafewire.sock, with three slashes"
                )
            }
        }
    }
}

impl std::error::Error for AddressError {}

/// The address of a peer.
///
/// ```
/// use cafewire_net::PeerAddress;
/// let peer = PeerAddress::from("[::ffff:192.0.2.1]:4711".parse::<std::net::SocketAddr>()?);
/// // An IPv4 peer of an IPv6 socket is the same host as it is on an IPv4 socket.
/// assert_eq!(peer.ip(), Some("192.0.2.1".parse()?));
/// assert_eq!(peer.to_string(), "192.0.2.1:4711");
/// assert_eq!(PeerAddress::Local.ip(), None);
/// assert_eq!(PeerAddress::Local.to_string(), "unix");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerAddress {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// This machine, through a Unix-domain socket.
    Local,
}

impl PeerAddress {
    /// The host, by which connections are counted. `None` for a peer on this machine, which may be
    /// a proxy for many.
    #[must_use]
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(address.ip().to_canonical()),
            Self::Local => None,
        }
    }

    /// The peer's port, 0 for one on this machine.
    #[cfg(feature = "server")]
    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Ip(address) => address.port(),
            Self::Local => 0,
        }
    }
}

/// An IPv4 peer that came through an IPv6 socket is an IPv4 peer.
impl From<SocketAddr> for PeerAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(canonical(address))
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => (ip, address.port()).into(),
        // With its scope.
        IpAddr::V6(_) => address,
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => canonical(*address).fmt(f),
            Self::Local => f.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_displayed() {
        for (text, shown) in [
            ("127.0.0.1:8080", "tcp://127.0.0.1:8080"),
            ("tcp://localhost:0", "tcp://localhost:0"),
            ("[::1]:65535", "tcp://[::1]:65535"),
            ("tls://chat.example:443", "tls://chat.example:443"),
            ("tls://[2001:db8::1]:443", "tls://[2001:db8::1]:443"),
            ("unix:///run/with space.sock", "unix:///run/with space.sock"),
        ] {
            let address = text.parse::<Address>().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse::<Address>().unwrap(), address);
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in [
            "",
            "localhost",
            "localhost:",
            ":80",
            "::1:80",
            "[]:80",
            "a/b:80",
            "host:65536",
            "http://h:80",
            "tls://h",
            "tls://",
            "unix://",
            "unix://run/x.sock",
            "unix:/run/x.sock",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
