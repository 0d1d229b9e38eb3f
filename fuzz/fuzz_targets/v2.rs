//! Any bytes as a line of frames of chat version 2: see `cafewire_fuzz::v2`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::v2(data));
