//! The chat family over real sockets: the effect of each request, its recipients, the refusals, and
//! whether the connection goes on after one.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

mod protocol_chat {
    mod leaving;
    mod limits;
    mod refusals;
    mod rooms;
    mod sign_in;
}
