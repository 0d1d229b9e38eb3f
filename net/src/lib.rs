//! The cafewire server, a blocking client and its connection pool. The only crate here that owns sockets and clocks.

pub mod address;
pub mod client;
pub mod pool;

pub use address::Address;
pub use client::{ChatClient, Client, ClientConfig, ClientError, Event};
pub use pool::ConnectionPool;
