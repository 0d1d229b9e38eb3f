//! A network of IP addresses, in text form: `192.0.2.0/24`, `2001:db8::/32`, or one address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A network of IP addresses.
///
/// ```
/// use cafewire_net::Network;
/// let network: Network = "192.0.2.0/24".parse()?;
/// assert!(network.contains("192.0.2.7".parse()?));
/// assert!(network.contains("::ffff:192.0.2.7".parse()?)); // through an IPv6 socket
/// assert!(!network.contains("198.51.100.7".parse()?));
/// assert_eq!("::1".parse::<Network>()?.to_string(), "::1/128");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether the address is in it.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.contains(&ip.to_canonical())
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = match text.parse::<IpAddr>() {
            Ok(ip) => ip.into(),
            Err(_) => text.parse::<IpNet>().map_err(|_| NetworkError::Syntax(text.to_owned()))?,
        };
        if network.trunc() != network {
            let whole = Self(network.trunc());
            return Err(NetworkError::HostBits { text: text.to_owned(), whole });
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The reason why a text is no [`Network`].
///
/// ```
/// use cafewire_net::Network;
/// let error = "10.1.0.0/8".parse::<Network>().unwrap_err();
/// assert_eq!(error.to_string(), "\"10.1.0.0/8\" is a host in a network: write 10.0.0.0/8");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkError {
    /// It is neither an address nor one with the number of its leading bits behind a slash.
    Syntax(String),
    /// The address has bits beyond those of the network.
    HostBits {
        /// The text.
        text: String,
        /// The network that the address is in.
        whole: Network,
    },
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => {
                write!(f, "{text:?} is no network: write 192.0.2.0/24, 2001:db8::/32 or an address")
            }
            Self::HostBits { text, whole } => {
                write!(f, "{text:?} is a host in a network: write {whole}")
            }
        }
    }
}

impl std::error::Error for NetworkError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("127.0.0.1", &["127.0.0.1", "::ffff:127.0.0.1"][..], &["127.0.0.2", "::1"][..]),
            ("10.0.0.0/8", &["10.0.0.0", "10.255.255.255"], &["11.0.0.0", "9.255.255.255"]),
            ("0.0.0.0/0", &["192.0.2.1"], &["::1"]),
            ("::/0", &["::1"], &["192.0.2.1", "::ffff:192.0.2.1"]),
            ("2001:db8::/33", &["2001:db8:7fff::"], &["2001:db8:8000::"]),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(inside.iter().all(|ip| network.contains(ip.parse().unwrap())), "{network}");
            assert!(!outside.iter().any(|ip| network.contains(ip.parse().unwrap())), "{network}");
            assert_eq!(network.to_string().parse(), Ok(network));
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "localhost", "10.0.0.1/8", "::1/0"] {
            assert!(text.parse::<Network>().is_err(), "{text:?}");
        }
    }
}
