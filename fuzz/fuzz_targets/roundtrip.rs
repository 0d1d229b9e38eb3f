//! Any message into bytes and back, compared with the reference encoder: see
//! `cafewire_fuzz::roundtrip`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::roundtrip(data));
