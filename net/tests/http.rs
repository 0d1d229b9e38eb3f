//! The HTTP server over real sockets: answers, refusals, every bound, and that neither its peers
//! nor the chat's can harm the others. No test depends on speed.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

mod http {
    mod bounds;
    mod lame_duck;
    mod metrics;
    mod peer;
    mod prometheus;
    mod requests;
}
