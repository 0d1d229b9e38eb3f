//! A serial line over ports: see `cafewire_fuzz::serial`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::serial(data));
