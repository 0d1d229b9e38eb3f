//! What keeps a configuration from working, as far as that can be said without listening. A server
//! asks at its start and at each reload, a program that checks settings whenever it likes: one
//! judgement for all. Reads the files of TLS; resolves no names.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::address::Address;
use crate::config::{ListenAddress, ServerConfig};
use crate::tls::{ServerTls, TlsError};

/// What keeps a [`ServerConfig`] from working. Displays as a sentence.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigFault {
    /// `listen` is empty.
    NoAddress,
    /// Of two addresses only one can be listened on.
    Twice {
        /// The setting of the second.
        setting: &'static str,
        /// The first, with its scheme.
        first: String,
        /// The second.
        second: String,
    },
    /// An address in `listen` speaks TLS, and `tls` is not set.
    NoCertificate(ListenAddress),
    /// An address in `listen` is for proxies, and `proxy_from` is empty.
    NoProxies(ListenAddress),
    /// A file of `tls` cannot be used.
    Tls {
        /// The setting, as programs name it: `tls_certificate`, `tls_key` or `tls_client_ca`.
        setting: &'static str,
        /// The fault.
        source: TlsError,
    },
}

impl ConfigFault {
    /// The setting that it is in, as programs name it: a field of [`ServerConfig`], or
    /// `tls_certificate`, `tls_key`, `tls_client_ca`.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        match self {
            Self::NoAddress | Self::NoCertificate(_) | Self::NoProxies(_) => "listen",
            Self::Twice { setting, .. } | Self::Tls { setting, .. } => setting,
        }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("there is no address to listen on"),
            Self::Twice { first, second, .. } if first == second => {
                write!(f, "{first} is there twice")
            }
            Self::Twice { first, second, .. } => {
                write!(f, "{first} and {second} cannot both be listened on")
            }
            Self::NoCertificate(listen) => {
                write!(f, "TLS needs a certificate and its key, and {listen} has none")
            }
            Self::NoProxies(listen) => write!(
                f,
                "{listen} is for proxies, and proxy_from names no network that they may come from"
            ),
            Self::Tls { source, .. } => source.fmt(f),
        }
    }
}

impl std::error::Error for ConfigFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Tls { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// All faults of a configuration, one at least, in the order of the settings. Displays as one
/// sentence.
///
/// ```
/// use cafewire_net::{ConfigFaults, Server, ServerConfig};
/// let mut config = ServerConfig::default();
/// config.listen = vec!["tls://127.0.0.1:443".parse()?, "127.0.0.1:443".parse()?];
/// let error = Server::bind(config).unwrap_err();
/// let faults = error.get_ref().and_then(|error| error.downcast_ref::<ConfigFaults>()).unwrap();
/// assert_eq!(faults.0.len(), 2); // no certificate, and one port for both
/// assert_eq!(faults.0[0].setting(), "listen");
/// # Ok::<(), cafewire_net::address::AddressError>(())
/// ```
#[derive(Debug)]
pub struct ConfigFaults(pub Vec<ConfigFault>);

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFaults {}

impl From<ConfigFaults> for std::io::Error {
    fn from(faults: ConfigFaults) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, faults)
    }
}

impl ServerConfig {
    /// Looks at all of it, its files included. [`Server::bind`](crate::Server::bind) and each
    /// reload do, and refuse what has a fault.
    ///
    /// # Errors
    /// All that keeps a server from starting with it, as far as that can be said without listening.
    ///
    /// ```
    /// use cafewire_net::ServerConfig;
    /// let mut config = ServerConfig::default();
    /// assert!(config.check().is_ok());
    /// config.listen = Vec::new();
    /// let faults = config.check().unwrap_err();
    /// assert_eq!(faults.to_string(), "there is no address to listen on");
    /// ```
    pub fn check(&self) -> Result<(), ConfigFaults> {
        self.checked().map(drop)
    }

    /// The same, with what is made of the files of TLS.
    pub(crate) fn checked(&self) -> Result<Option<Arc<rustls::ServerConfig>>, ConfigFaults> {
        let mut faults = Vec::new();
        if self.listen.is_empty() {
            faults.push(ConfigFault::NoAddress);
        }
        for listen in &self.listen {
            if self.tls.is_none() && matches!(listen.address, Address::Tls { .. }) {
                faults.push(ConfigFault::NoCertificate(listen.clone()));
            }
            let is_of_file = matches!(listen.address, Address::Unix { .. });
            if listen.expects_proxy && !is_of_file && self.proxy_from.is_empty() {
                faults.push(ConfigFault::NoProxies(listen.clone()));
            }
        }
        faults.extend(self.rivals());
        let tls = self.tls.as_ref().map(ServerTls::load_all).transpose();
        let tls = tls.unwrap_or_else(|of_tls| {
            let named = |(setting, source)| ConfigFault::Tls { setting, source };
            faults.extend(of_tls.into_iter().map(named));
            None
        });
        if faults.is_empty() { Ok(tls) } else { Err(ConfigFaults(faults)) }
    }

    /// Each address that one before it keeps from being listened on.
    fn rivals(&self) -> impl Iterator<Item = ConfigFault> {
        let listen =
            self.listen.iter().map(|listen| ("listen", &listen.address, listen.to_string()));
        let http = self
            .http
            .iter()
            .map(|address| ("http", address, address.to_string().replacen("tcp://", "http://", 1)));
        let all: Vec<_> = listen.chain(http).collect();
        (1..all.len()).filter_map(move |index| {
            let (before, (setting, address, second)) = (&all[..index], &all[index]);
            let (_, _, first) = before.iter().find(|(_, other, _)| are_rivals(other, address))?;
            Some(ConfigFault::Twice { setting, first: first.clone(), second: second.clone() })
        })
    }
}

/// Whether only one of them can be listened on. Names are compared, not looked up.
fn are_rivals(one: &Address, other: &Address) -> bool {
    use Address::{Tcp, Tls, Unix};
    match (one, other) {
        (Unix { path }, Unix { path: other }) => path == other,
        (
            Tcp { host, port } | Tls { host, port },
            Tcp { host: other, port: other_port } | Tls { host: other, port: other_port },
        ) => port == other_port && *port != 0 && hosts_overlap(host, other),
        _ => false,
    }
}

fn hosts_overlap(one: &str, other: &str) -> bool {
    let (Ok(one_ip), Ok(other_ip)) = (one.parse::<IpAddr>(), other.parse::<IpAddr>()) else {
        return one.eq_ignore_ascii_case(other);
    };
    let (one_ip, other_ip) = (one_ip.to_canonical(), other_ip.to_canonical());
    // Where all addresses are listened on, no other socket may have one of them; IPv4 and IPv6 go
    // side by side. Systems but Linux let the more exact address win.
    let is_within = cfg!(target_os = "linux")
        && one_ip.is_ipv4() == other_ip.is_ipv4()
        && (one_ip.is_unspecified() || other_ip.is_unspecified());
    one_ip == other_ip || is_within
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_rivals_where_only_one_can_be_listened_on() {
        let address = |text: &str| text.parse::<Address>().unwrap();
        for (one, other, are) in [
            ("h:1", "tls://H:1", true),
            ("h:1", "h:2", false),
            ("h:0", "h:0", false),
            ("h:1", "g:1", false),
            ("127.0.0.1:1", "[::ffff:127.0.0.1]:1", true),
            ("127.0.0.1:1", "0.0.0.0:1", cfg!(target_os = "linux")),
            ("[::]:1", "[::1]:1", cfg!(target_os = "linux")),
            ("[::]:1", "0.0.0.0:1", false),
            ("[::]:1", "127.0.0.1:1", false),
            ("127.0.0.1:1", "127.0.0.2:1", false),
            ("unix:///a", "unix:///a", true),
            ("unix:///a", "unix:///b", false),
            ("unix:///a", "h:1", false),
        ] {
            assert_eq!(are_rivals(&address(one), &address(other)), are, "{one} {other}");
            assert_eq!(are_rivals(&address(other), &address(one)), are, "{other} {one}");
        }
    }
}
