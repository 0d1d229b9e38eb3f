//! Any bytes, as the steps of two ends and an attacker: see `cafewire_fuzz::seal`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::seal(data));
