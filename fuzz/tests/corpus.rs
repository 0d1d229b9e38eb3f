//! Every committed seed of every target, through the same checks as under the fuzzer, on any
//! toolchain.

use std::fs;
use std::path::Path;

/// The seeds of a target. Files that a fuzzer adds to the directory are left to the fuzzer.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut seeds = Vec::new();
    for entry in fs::read_dir(&corpus).expect("the corpus is committed") {
        let path = entry.expect("a readable directory").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("seed-")) {
            seeds.push(fs::read(path).expect("a readable seed"));
        }
    }
    assert!(!seeds.is_empty(), "{} is empty", corpus.display());
    seeds
}

#[test]
fn parse_under_every_option() {
    for mut input in seeds("parse") {
        for options in 0..=u8::MAX {
            input[0] = options;
            cafewire_fuzz::parse(&input);
        }
    }
}

#[test]
fn stream_with_every_buffer_and_family() {
    for mut input in seeds("stream") {
        for options in 0..32 {
            input[0] = options;
            cafewire_fuzz::stream(&input);
        }
    }
}

#[test]
fn resync_with_every_buffer_and_family() {
    for mut input in seeds("resync") {
        for options in 0..32 {
            input[0] = options;
            cafewire_fuzz::resync(&input);
        }
    }
}

#[test]
fn serial_with_every_buffer_and_family_and_kind_of_port() {
    for mut input in seeds("serial") {
        for options in 0..32 {
            for port in 0..4 {
                (input[0], input[1]) = (options, port);
                cafewire_fuzz::serial(&input);
            }
        }
    }
}

#[test]
fn codec_with_every_limit_and_family() {
    for mut input in seeds("codec") {
        for options in 0..32 {
            input[0] = options;
            cafewire_fuzz::codec(&input);
        }
    }
}

#[test]
fn roundtrip_in_every_size_of_buffer() {
    for mut input in seeds("roundtrip") {
        for available in 0..=u8::MAX {
            input[0] = available;
            cafewire_fuzz::roundtrip(&input);
        }
    }
}

#[test]
fn session_under_every_option() {
    for mut input in seeds("session") {
        for options in 0..4 {
            input[0] = options;
            cafewire_fuzz::session(&input);
        }
    }
}

#[test]
fn kernel_at_every_alignment() {
    for mut input in seeds("kernel") {
        for offset in 0..64 {
            input[0] = offset;
            cafewire_fuzz::kernel(&input);
        }
    }
}

#[test]
fn client_with_any_number_of_slots() {
    for mut input in seeds("client") {
        for options in 0..16 {
            input[0] = options;
            cafewire_fuzz::client(&input);
        }
    }
}

#[test]
fn v2_in_every_session() {
    for mut input in seeds("v2") {
        for options in 0..32 {
            for granted in [0x00, 0x01, 0x02, 0x03, 0x10] {
                (input[0], input[1]) = (options, granted);
                cafewire_fuzz::v2(&input);
            }
        }
    }
}

#[test]
fn proxy_in_every_form() {
    for mut input in seeds("proxy") {
        for kind in 0..3 {
            input[0] = kind;
            cafewire_fuzz::proxy(&input);
        }
    }
}

#[test]
fn seal_whatever_is_tampered_with() {
    for mut input in seeds("seal") {
        for options in 0..8 {
            input[0] = options;
            cafewire_fuzz::seal(&input);
        }
    }
}

#[test]
fn inflate_within_any_bounds() {
    for mut input in seeds("inflate") {
        for (min, max) in (0..4).zip([0, 1, 2, 128]) {
            (input[0], input[1]) = (min, max);
            cafewire_fuzz::inflate(&input);
        }
    }
}
