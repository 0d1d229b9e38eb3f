//! The blocking clients against servers that follow a script, over real sockets.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod scripted;

mod client {
    mod chat;
    mod echo;
    mod echo_silence;
    mod errors;
    mod silence;
}
