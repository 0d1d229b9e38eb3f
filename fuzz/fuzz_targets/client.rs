//! Requests, a server that says anything, and time, through the client's session: see
//! `cafewire_fuzz::client`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::client(data));
