//! The blocking clients: [`EchoClient`] for the echo family, [`ChatClient`] for chat, version 1.
//!
//! Each client owns one socket and one receive buffer of fixed size, and gives up after the
//! time-outs of its [`ClientConfig`]. No client spawns a thread. A time-out bounds a whole call: a
//! server that sends one byte per second does not stretch it. What chat's messages mean to a client
//! is the core's [`Session`](cafewire_core::client::Session), which the chat client drives.

mod certificate_fault;
mod chat;
mod chat_session;
mod config;
mod connect;
mod deadline;
mod echo;
mod error;
mod event;
mod framed_stream;
mod sender;
mod signs;
mod stream;

pub use certificate_fault::CertificateFault;
pub use chat::{ChatClient, KEPT_EVENTS_MAX, UNANSWERED_MAX};
pub use config::ClientConfig;
pub use echo::{Client, EchoClient};
pub use error::ClientError;
pub use event::{Answers, Event, Events, Received};
pub use sender::ChatSender;
