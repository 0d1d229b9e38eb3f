//! A small HTTP server inside the event loop, for whoever operates it: metrics, health, and a page
//! to look at. It answers GET and HEAD and takes no bodies; everything that a peer can make it hold
//! or wait for is bounded.
//!
//! ```text
//! bytes ──▶ connection: one request at a time ──▶ request: its head, checked
//!                    ▲                                   │
//!   port: sockets    └── response: bytes ◀── pages: what there is to see ◀── exposition: the metrics as text
//! ```
//!
//! Only [`port`] touches a socket, and nothing here reads a clock.

mod admin;
mod connection;
mod exposition;
mod pages;
mod request;
mod response;

pub(crate) use admin::AdminServer;
