//! An address to listen on, in text form: an [`Address`], and whether proxies connect there, as in
//! `tcp+proxy://HOST:PORT`.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::address::{Address, AddressError};

/// What stands between the scheme of an address and the rest where proxies connect.
const PROXY: &str = "+proxy://";

/// An address to listen on, and what comes before the protocol there.
///
/// ```
/// use cafewire_net::ListenAddress;
/// let address: ListenAddress = "tls+proxy://127.0.0.1:8443".parse()?;
/// assert!(address.expects_proxy);
/// assert_eq!(address.address.to_string(), "tls://127.0.0.1:8443");
/// assert_eq!(address.to_string(), "tls+proxy://127.0.0.1:8443");
/// assert!(!"127.0.0.1:8080".parse::<ListenAddress>()?.expects_proxy);
/// # Ok::<(), cafewire_net::address::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenAddress {
    /// Where to listen.
    pub address: Address,
    /// Each connection begins with a header of the PROXY protocol, before TLS if there is any, that
    /// tells the client's address. [`ServerConfig::proxy_from`](crate::ServerConfig::proxy_from)
    /// says which proxies are believed.
    pub expects_proxy: bool,
}

impl From<Address> for ListenAddress {
    fn from(address: Address) -> Self {
        Self { address, expects_proxy: false }
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Address::from(address).into()
    }
}

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expects_proxy = text.contains(PROXY);
        Ok(Self { address: text.replacen(PROXY, "://", 1).parse()?, expects_proxy })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.expects_proxy {
            f.write_str(&self.address.to_string().replacen("://", PROXY, 1))
        } else {
            self.address.fmt(f)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_address_may_be_one_for_proxies() {
        for text in ["tcp+proxy://[::1]:80", "tls+proxy://h:1", "unix+proxy:///run/a.sock"] {
            let address: ListenAddress = text.parse().unwrap();
            assert!(address.expects_proxy);
            assert_eq!(address.to_string(), text);
        }
        for text in ["udp+proxy://h:1", "+proxy://h:1", "proxy://h:1", "tcp+proxy:h:1"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }

    /// To connect there, the header would have to be sent.
    #[test]
    fn clients_know_no_such_address() {
        assert!("tcp+proxy://h:1".parse::<Address>().is_err());
    }
}
