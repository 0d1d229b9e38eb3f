//! The cafewire server, a blocking client and its connection pool. The only crate here that owns sockets and clocks.

pub mod address;
pub mod client;

pub use address::Address;
