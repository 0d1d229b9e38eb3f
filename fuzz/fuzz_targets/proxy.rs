//! Any bytes, as the header of a proxy: see `cafewire_fuzz::proxy`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::proxy(data));
