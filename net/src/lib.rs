//! The cafewire server, blocking clients and a connection pool. Of the libraries, only this one
//! owns sockets and clocks.
//!
//! [`Server`] is one thread around one poll. All decisions are made in [`broker`], which owns no
//! socket and no clock, so that a test or a simulation can drive it. `ARCHITECTURE.md` in this
//! crate shows how the parts fit together. They are features, all on by default: `server`, `http`
//! (its page for operators), `client` (with the pool) and `load` (the load tester).
//!
//! ```
//! use cafewire_net::{ChatClient, Event, Server, ServerConfig};
//!
//! let mut config = ServerConfig::default();
//! config.listen = vec!["127.0.0.1:0".parse()?]; // any free port
//! let server = Server::bind(config)?;
//! let (address, handle) = (server.local_addresses()[0].clone(), server.handle());
//! let thread = std::thread::spawn(|| server.run());
//!
//! let mut ada = ChatClient::connect(&address, "ada")?;
//! let mut bob = ChatClient::connect(&address, "bob")?;
//! ada.join("lobby")?;
//! bob.join("lobby")?;
//! bob.send("lobby", "hello")?;
//! assert!(matches!(ada.next_event()?, Event::Joined { username, .. } if username == "bob"));
//! assert!(matches!(ada.next_event()?, Event::Message { content, .. } if content == "hello"));
//! ada.disconnect()?;
//! bob.disconnect()?;
//!
//! handle.shut_down();
//! thread.join().unwrap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod address;
#[cfg(feature = "server")]
pub mod broker;
#[cfg(feature = "server")]
mod buf;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
mod config;
#[cfg(feature = "server")]
mod control;
#[cfg(feature = "server")]
pub mod driver;
#[cfg(any(feature = "load", feature = "server"))]
mod fd_limit;
#[cfg(feature = "server")]
mod http;
#[cfg(any(feature = "client", feature = "load"))]
mod ip_version;
#[cfg(feature = "server")]
mod listen;
#[cfg(feature = "load")]
pub mod load;
#[cfg(feature = "server")]
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only HTTP shows them by name"))]
mod metrics;
#[cfg(feature = "client")]
pub mod pool;
pub mod proxy_protocol;
mod regular_file;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod signals;
#[cfg(any(feature = "client", feature = "server"))]
mod socket_options;
pub mod tls;
#[cfg(any(feature = "load", feature = "server"))]
#[cfg_attr(
    not(all(feature = "load", feature = "server")),
    allow(dead_code, reason = "the server needs some of it, the load tester other")
)]
mod transport;

pub use address::{Address, PeerAddress};
#[cfg(feature = "client")]
pub use client::{ChatClient, Client, ClientConfig, ClientError, EchoClient, Event};
#[cfg(feature = "server")]
pub use config::{
    Adjustment, ConfigFault, ConfigFaults, EffectiveLimits, Limits, ListenAddress, Network,
    NetworkError, ServerConfig,
};
#[cfg(feature = "server")]
pub use control::{ConfigSource, Phase, PhaseHook};
#[cfg(any(feature = "client", feature = "load"))]
pub use ip_version::IpVersion;
#[cfg(feature = "server")]
pub use metrics::{
    CloseReason, Counter, Histogram, HistogramSnapshot, LimitReached, MetricsSnapshot,
    ServerMetrics,
};
#[cfg(feature = "client")]
pub use pool::ConnectionPool;
pub use regular_file::read_regular_file;
#[cfg(feature = "server")]
pub use server::{Server, ServerHandle};
#[cfg(feature = "server")]
pub use signals::HeldSignals;
pub use tls::{ClientTls, ServerTls, TlsIdentity};
