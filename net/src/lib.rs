//! The cafewire server, blocking clients and a connection pool. Of the libraries, only this one
//! owns sockets and clocks.
//!
//! [`Server`] is one thread around one poll. All decisions are made in [`broker`], which owns no
//! socket and no clock, so that a test or a simulation can drive it. `ARCHITECTURE.md` in this
//! crate shows how the parts fit together.
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
pub mod broker;
mod buf;
pub mod client;
mod config;
mod control;
pub mod driver;
mod http;
mod listen;
pub mod load;
mod metrics;
pub mod pool;
pub mod proxy_protocol;
mod server;
mod socket_options;
pub mod tls;
mod transport;

pub use address::{Address, PeerAddress};
pub use client::{ChatClient, Client, ClientConfig, ClientError, EchoClient, Event};
pub use config::{Adjustment, EffectiveLimits, Limits, ServerConfig};
pub use control::{ConfigSource, Phase, PhaseHook};
pub use listen::{ListenAddress, Network, NetworkError};
pub use metrics::{
    CloseReason, Counter, Histogram, HistogramSnapshot, LimitReached, MetricsSnapshot,
    ServerMetrics,
};
pub use pool::ConnectionPool;
pub use server::{Server, ServerHandle};
pub use tls::{ClientTls, ServerTls, TlsIdentity};
