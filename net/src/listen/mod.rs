//! Listening sockets: bound here or handed over by a service manager; and the reserve descriptor
//! for the moment when none is left. Knows no connection once it is accepted.

mod bind;
mod fd_limit;
mod listen_address;
mod listener;
mod network;
pub(crate) mod socket_activation;

pub(crate) use bind::{bind_all, bind_http};
pub(crate) use fd_limit::{ReserveFd, connections_that_fit};
pub use listen_address::ListenAddress;
pub(crate) use listener::{Accepted, Listener};
pub use network::{Network, NetworkError};
