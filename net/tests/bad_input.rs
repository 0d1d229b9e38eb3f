//! Bad input of every kind, each on a connection of its own: the peer gets an Error frame with the
//! fault and its place, the connection ends in order and is counted, and its neighbours notice
//! nothing.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

mod bad_input {
    mod envelopes;
    mod garbage;
    mod lengths;
    mod neighbours;
    mod refusal;
}
