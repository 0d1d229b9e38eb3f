//! Any bytes in any chunks, compared with one pass over all of them: see `cafewire_fuzz::stream`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::stream(data));
