//! `cafewire chat` on a terminal: the full-screen client.
//!
//! The content of the screen is a [`model`](model::Model), changed by one function that takes an
//! event and a time, and drawn by another: both are pure, and so are all their parts. Around them,
//! [`screen`] owns the terminal and the clock, and [`connection_task`] the connection.
//!
//! All events (keys, messages of the server, signals) arrive in one bounded queue, from threads
//! that block on one source each, as in the line mode. Threads, and not one poll over all
//! descriptors, because the client of `cafewire-net` is a blocking one on purpose, and because
//! connecting resolves names, for which systems have no call that does not block. The screen never
//! waits for the network, and no thread polls.

mod bounds;
mod clock;
mod command;
mod complete;
mod connection_state;
mod connection_task;
mod editor;
mod effect;
mod history;
mod history_file;
mod keys;
mod members;
mod model;
mod room;
mod screen;
#[cfg(test)]
mod test_harness;
pub(crate) mod view;

pub(crate) use screen::{Options, run};
