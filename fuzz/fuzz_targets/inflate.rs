//! Any bytes, as the payload of a compressed frame: see `cafewire_fuzz::inflate`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::inflate(data));
