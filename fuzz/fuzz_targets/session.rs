//! Any bytes on several connections, into the server without its sockets: see
//! `cafewire_fuzz::session`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::session(data));
