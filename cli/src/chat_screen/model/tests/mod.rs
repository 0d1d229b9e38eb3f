//! The state, driven by events and checked by its screen and its effects.

mod connection;
mod rooms;
mod typing;
