//! Where a server listens, as people write it: `tcp://HOST:PORT` or `HOST:PORT`.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// The port that servers listen on and clients try when nothing else is said.
pub const DEFAULT_PORT: u16 = 8080;

/// An address to listen on or to connect to.
///
/// ```
/// use cafewire_net::Address;
/// let address: Address = "localhost:8080".parse()?;
/// assert_eq!(address.to_string(), "tcp://localhost:8080");
/// assert_eq!("tcp://[::1]:9".parse::<Address>()?.to_string(), "tcp://[::1]:9");
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
}

impl Address {
    /// The socket addresses behind the name, in the resolver's order. At least one.
    ///
    /// # Errors
    /// The resolver's, or `NotFound` if it knows the name but has no address for it.
    pub fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let Self::Tcp { host, port } = self;
        let found: Vec<SocketAddr> = (host.as_str(), *port).to_socket_addrs()?.collect();
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
        Self::Tcp { host: address.ip().to_string(), port: address.port() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Tcp { host, port } = self;
        if host.contains(':') { write!(f, "tcp://[{host}]:{port}") } else { write!(f, "tcp://{host}:{port}") }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = match text.split_once("://") {
            Some(("tcp", rest)) => rest,
            Some((scheme, _)) => return Err(AddressError::UnknownScheme(scheme.to_owned())),
            None => text,
        };
        let (host, port) = rest.rsplit_once(':').ok_or(AddressError::NoPort)?;
        let port = port.parse().map_err(|_| AddressError::BadPort(port.to_owned()))?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match bracketed {
            Some(host) if !host.is_empty() => Ok(Self::Tcp { host: host.to_owned(), port }),
            None if !host.is_empty() && !host.contains([':', '[', ']', '/']) => {
                Ok(Self::Tcp { host: host.to_owned(), port })
            }
            _ => Err(AddressError::BadHost(host.to_owned())),
        }
    }
}

/// Why a text is no [`Address`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// What stands before `://` is not `tcp`.
    UnknownScheme(String),
    /// There is no `:PORT`.
    NoPort,
    /// The port is not a number from 0 to 65535.
    BadPort(String),
    /// The host is empty, or an IPv6 address without brackets.
    BadHost(String),
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownScheme(scheme) => write!(f, "unknown scheme {scheme:?}: write tcp://HOST:PORT"),
            Self::NoPort => f.write_str("the port is missing: write HOST:PORT"),
            Self::BadPort(port) => write!(f, "{port:?} is no port: a number from 0 to 65535 is"),
            Self::BadHost(host) => {
                write!(f, "{host:?} is no host: write a name, an IPv4 address, or an IPv6 address in brackets")
            }
        }
    }
}

impl std::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        for (text, shown) in [
            ("127.0.0.1:8080", "tcp://127.0.0.1:8080"),
            ("tcp://localhost:0", "tcp://localhost:0"),
            ("[::1]:65535", "tcp://[::1]:65535"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_refused() {
        for text in ["", "localhost", "localhost:", ":80", "::1:80", "[]:80", "a/b:80", "host:65536", "http://h:80"] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
