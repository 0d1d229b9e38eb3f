//! The chat family, version 2, as its clients meet it: real bytes over real sockets.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

mod protocol_chat_v2 {
    mod bad_input;
    mod direct;
    mod history;
    mod keep_alive;
    mod lists;
    mod presence;
    mod rooms;
    mod sign_in;
}
