//! A stream through the codecs: see `cafewire_fuzz::codec`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::codec(data));
