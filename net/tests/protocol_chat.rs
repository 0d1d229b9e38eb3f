//! The chat family over real sockets: what each request does, who hears of it, what is refused and
//! whether the connection goes on after that.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

mod protocol_chat {
    mod leaving;
    mod limits;
    mod refusals;
    mod rooms;
    mod sign_in;
}
