//! Any bytes, through the byte loops of every level: see `cafewire_fuzz::kernel`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::kernel(data));
