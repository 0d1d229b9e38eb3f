//! Listening sockets: bound here or handed over by a service manager; and the reserve descriptor
//! for the moment when none is left. Knows no connection once it is accepted.

mod bind;
mod listener;
mod reserve_fd;
pub(crate) mod socket_activation;

pub(crate) use bind::{bind_all, bind_http};
pub(crate) use listener::{Accepted, Listener};
pub(crate) use reserve_fd::ReserveFd;
