//! Every file of the corpus, under every options byte: the target's checks without a fuzzer, on any toolchain.

use std::fs;
use std::path::Path;

#[test]
fn every_seed_passes_every_check_under_every_option() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/parse");
    let mut seeds = 0;
    for entry in fs::read_dir(&corpus).expect("corpus/parse is committed") {
        let mut input = fs::read(entry.expect("a readable directory").path()).expect("a readable seed");
        if input.is_empty() {
            continue;
        }
        for options in 0..=u8::MAX {
            input[0] = options;
            cafewire_fuzz::check(&input);
        }
        seeds += 1;
    }
    assert!(seeds > 0, "{} is empty", corpus.display());
}
