//! Any bytes, as a stream of frames of either family, compared with the reference parser: see
//! `cafewire_fuzz::parse`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cafewire_fuzz::parse(data));
