//! A small HTTP server inside the event loop, for the operator: metrics, health, and a status page.
//! It answers GET and HEAD and takes no bodies; everything that a peer can make it hold or wait for
//! is bounded.
//!
//! ```text
//! bytes ──▶ connection: one request at a time ──▶ request: its head, checked
//!                    ▲                                   │
//!  admin: sockets    └── response: bytes ◀── pages: the contents ◀─┬ exposition: metrics as text
//!                                                                  └ connections: of the broker
//! ```
//!
//! Only [`admin`] touches a socket, and no file here reads a clock but at the start.

#[cfg(not(feature = "http"))]
mod absent;
#[cfg(feature = "http")]
mod admin;
#[cfg(feature = "http")]
mod connection;
#[cfg(feature = "http")]
mod connections;
#[cfg(feature = "http")]
mod exposition;
#[cfg(feature = "http")]
mod pages;
#[cfg(feature = "http")]
mod process;
#[cfg(feature = "http")]
mod request;
#[cfg(feature = "http")]
mod response;

#[cfg(not(feature = "http"))]
pub(crate) use absent::AdminServer;
#[cfg(feature = "http")]
pub(crate) use admin::AdminServer;
