//! Where HTTP is answered, as people write it: a port alone means this machine alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use cafewire_net::Address;
use serde::{Deserialize, Serialize};

/// An IP address or `localhost`, and a port; in a config file a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct HttpAddress(pub(crate) Address);

/// The one name that is taken, for all the addresses it has. Others are given as numbers, so that
/// metrics are not open to the world by mistake.
const LOCALHOST: &str = "localhost";

impl FromStr for HttpAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.strip_prefix("http://").unwrap_or(text);
        let address = address.strip_suffix('/').unwrap_or(address);
        if let Ok(port) = address.strip_prefix(':').unwrap_or(address).parse::<u16>() {
            return Ok(Self(SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()));
        }
        if let Some(Ok(port)) =
            address.strip_prefix(LOCALHOST).and_then(|rest| rest.strip_prefix(':')).map(str::parse)
        {
            return Ok(Self(Address::Tcp { host: LOCALHOST.to_owned(), port }));
        }
        address.parse::<SocketAddr>().map(|address| Self(address.into())).map_err(|_| {
            "a port (9090), localhost and a port, or an IP address and a port (0.0.0.0:9090, \
             [::1]:9090) is wanted"
                .to_owned()
        })
    }
}

impl TryFrom<String> for HttpAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<HttpAddress> for String {
    fn from(address: HttpAddress) -> Self {
        address.0.to_string().replacen("tcp://", "", 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_on_this_machine_alone() {
        let parsed = |text: &str| text.parse::<HttpAddress>().map(String::from);
        for text in ["9090", ":9090", "127.0.0.1:9090", "http://127.0.0.1:9090/", "http://:9090"] {
            assert_eq!(parsed(text).as_deref(), Ok("127.0.0.1:9090"), "{text}");
        }
        for text in ["localhost:9090", "http://localhost:9090/"] {
            assert_eq!(parsed(text).as_deref(), Ok("localhost:9090"), "{text}");
        }
        assert_eq!(parsed("0.0.0.0:0").as_deref(), Ok("0.0.0.0:0"));
        assert_eq!(parsed("[::1]:80").as_deref(), Ok("[::1]:80"));
        for text in [
            "",
            ":",
            "65536",
            "-1",
            "localhost",
            "localhost:",
            "example.org:80",
            "127.0.0.1",
            "https://127.0.0.1:1",
            "::1:80x",
        ] {
            assert!(parsed(text).unwrap_err().contains("is wanted"), "{text}");
        }
    }
}
