//! `cafewire chat` on a terminal: the full-screen client.
//!
//! What there is to see is a [`model`](model::Model), changed by one function that is told what
//! happened and when, and drawn by another: both are pure, and so is all that they are made of.
//! Around them, [`screen`] owns the terminal and the clock, and [`connection_task`] the connection.
//!
//! Everything that happens (keys, what the server says, signals) arrives in one bounded queue, from
//! threads that wait for one thing each, as in the line mode. Threads, and not one poll over all
//! descriptors, because the client of `cafewire-net` is a blocking one on purpose, and because
//! connecting looks names up, for which systems have no call that does not block. The screen is
//! never kept waiting by the network, and nothing waits by looking again and again.

mod backoff;
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
