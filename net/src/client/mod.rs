//! The blocking clients: [`Client`] for the echo family, [`ChatClient`] for chat, version 1.
//!
//! Each owns one socket and one receive buffer of fixed size, and gives up after the time-outs of
//! its [`ClientConfig`]. Nothing here spawns a thread. A time-out bounds a whole call: a server
//! that sends one byte per second does not stretch it.

mod chat;
mod config;
mod connection;
mod deadline;
mod echo;
mod error;
mod event;
mod sender;
mod stream;

pub use chat::{ChatClient, MAX_KEPT_EVENTS};
pub use config::ClientConfig;
pub use echo::Client;
pub use error::ClientError;
pub use event::{Event, Events};
pub use sender::ChatSender;
