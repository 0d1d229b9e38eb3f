//! Good frames in noise: see `cafewire_fuzz::resync`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::resync(data));
