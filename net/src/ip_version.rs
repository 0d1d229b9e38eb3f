//! One version of IP, for a client that is to use no other. Looks names up; connects to nothing.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::address::Address;

/// One of the two versions of IP.
///
/// ```
/// use cafewire_net::{Client, ClientConfig, IpVersion};
/// let config = ClientConfig { ip_version: Some(IpVersion::V6), ..ClientConfig::default() };
/// let error = Client::connect_with(&"127.0.0.1:8080".parse()?, &config).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "cannot connect to tcp://127.0.0.1:8080: it has no IPv6 address, only IPv4"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpVersion {
    const fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }

    fn is_of(self, address: &SocketAddr) -> bool {
        address.is_ipv6() == (self == Self::V6)
    }
}

impl fmt::Display for IpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// The addresses of a name, in the resolver's order; those of one version if it is the only one.
///
/// # Errors
/// The resolver's; `NotFound` if there is none of that version.
pub(crate) fn resolve(address: &Address, only: Option<IpVersion>) -> io::Result<Vec<SocketAddr>> {
    let mut found = address.resolve()?;
    let Some(version) = only else { return Ok(found) };
    found.retain(|address| version.is_of(address));
    if found.is_empty() {
        let sentence = format!("it has no {version} address, only {}", version.other());
        return Err(io::Error::new(io::ErrorKind::NotFound, sentence));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(host: &str, only: Option<IpVersion>) -> Result<Vec<String>, String> {
        let address: Address = format!("{host}:1").parse().unwrap();
        let found = resolve(&address, only).map_err(|error| error.to_string())?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn only_addresses_of_that_version_are_left() {
        let one = |address: &str| Ok(vec![address.to_owned()]);
        assert_eq!(hosts("127.0.0.1", Some(IpVersion::V4)), one("127.0.0.1:1"));
        assert_eq!(hosts("[::1]", Some(IpVersion::V6)), one("[::1]:1"));
        assert_eq!(hosts("[::1]", None), one("[::1]:1"));
        for (host, version, sentence) in [
            ("127.0.0.1", IpVersion::V6, "it has no IPv6 address, only IPv4"),
            ("[::1]", IpVersion::V4, "it has no IPv4 address, only IPv6"),
        ] {
            assert_eq!(hosts(host, Some(version)), Err(sentence.to_owned()));
        }
    }
}
