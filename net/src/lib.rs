//! The cafewire server, a blocking client and its connection pool. The only crate here that owns sockets and clocks.
//!
//! [`Server`] is one thread around one poll; everything it decides is decided in [`exchange`], which owns neither and
//! can be driven by a test or a simulation. `ARCHITECTURE.md` beside this crate tells how they fit.
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
mod buffers;
pub mod client;
mod close_reason;
mod config;
mod descriptors;
mod event_loop;
pub mod exchange;
mod histogram;
mod http;
mod inherited;
mod limit_reached;
mod limits_in_force;
mod listener;
pub mod load;
mod metrics;
pub mod pool;
mod server;
mod supervision;
pub mod tls;
mod transport;

pub use address::{Address, PeerAddress};
pub use client::{ChatClient, Client, ClientConfig, ClientError, Event};
pub use close_reason::CloseReason;
pub use config::{Limits, ServerConfig};
pub use histogram::{Histogram, HistogramSnapshot};
pub use limit_reached::LimitReached;
pub use limits_in_force::Adjustment;
pub use metrics::{Counter, MetricsSnapshot, ServerMetrics};
pub use pool::ConnectionPool;
pub use server::{Server, ServerHandle};
pub use supervision::{ConfigSource, Phase, PhaseTap};
pub use tls::{ClientTls, ServerTls, TlsIdentity};
