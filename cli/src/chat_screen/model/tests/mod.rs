//! The state, told what happens and asked what it shows and does.

mod connection;
mod rooms;
mod typing;
