//! The HTTP port over real sockets: what is answered, what is refused, every bound, and that
//! neither its peers nor the chat's can hurt the others. Nothing here depends on how fast anything
//! is.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

mod http {
    mod bounds;
    mod metrics;
    mod peer;
    mod prometheus;
    mod requests;
}
