//! Where proxies may come from, as people write it.

use serde::{Deserialize, Serialize};

/// A network of IP addresses, in a config file a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Network(pub(crate) cafewire_net::Network);

impl std::str::FromStr for Network {
    type Err = cafewire_net::NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl TryFrom<String> for Network {
    type Error = cafewire_net::NetworkError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}
