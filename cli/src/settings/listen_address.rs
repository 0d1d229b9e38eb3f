//! Where to listen, as people write it.

use serde::{Deserialize, Serialize};

/// An address to listen on, in a config file a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ListenAddress(pub(crate) cafewire_net::ListenAddress);

impl std::str::FromStr for ListenAddress {
    type Err = cafewire_net::address::AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = cafewire_net::address::AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ListenAddress> for String {
    fn from(address: ListenAddress) -> Self {
        address.0.to_string()
    }
}
