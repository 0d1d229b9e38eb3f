//! Ratios of speed: both sides alternate within one run, so that a disturbance of one disturbs the
//! other, and a control measures the same code against itself.
//!
//! `--test` runs each pair once; `--quick` takes fewer rounds.

use std::env;
use std::hint::black_box;
use std::time::{Duration, Instant};

use cafewire_benches::contenders::{
    checksum_alone, encode_with_cafewire, encode_with_owned, parse_with_cafewire, parse_with_owned,
};
use cafewire_benches::owned::OwnedMessage;
use cafewire_benches::workload::{self, STREAM_SIZE_BYTES};

fn main() {
    let has = |flag| env::args().any(|argument| argument == flag);
    let rounds = if has("--test") {
        1
    } else if has("--quick") {
        50
    } else {
        500
    };
    println!("time of the first / time of the second, {rounds} rounds of 1 MiB each, alternating");
    println!("{:<15} {:<34} {:>8} {:>8} {:>8}", "stream", "pair", "25 %", "median", "75 %");
    for (name, non_ascii_percent) in [("ASCII", 0), ("20 % non-ASCII", 20)] {
        let messages = workload::stream(1, non_ascii_percent, STREAM_SIZE_BYTES);
        let borrowed: Vec<_> = messages.iter().map(OwnedMessage::as_borrowed).collect();
        let bytes = workload::encode_all(&messages);
        let mut buffer = vec![0; bytes.len()];
        let mut parse = || parse_with_cafewire(black_box(&bytes));
        let mut parse_owned = || parse_with_owned(black_box(&bytes));
        let mut checksum = || checksum_alone(black_box(&bytes));
        let mut encode = || encode_with_cafewire(black_box(&borrowed), &mut buffer);
        let mut encode_owned = || encode_with_owned(black_box(&messages));

        let compare =
            |pair, first: &mut dyn FnMut() -> usize, second: &mut dyn FnMut() -> usize| {
                let [lower, median, upper] = ratio_quartiles(rounds, first, second);
                println!("{name:<15} {pair:<34} {lower:>8.2} {median:>8.2} {upper:>8.2}");
            };
        compare("control: crc32fast / crc32fast", &mut { checksum }, &mut checksum);
        compare("parse: owned / cafewire", &mut parse_owned, &mut parse);
        compare("parse: cafewire / crc32fast", &mut parse, &mut checksum);
        compare("encode: owned / cafewire", &mut encode_owned, &mut encode);
        compare("encode: cafewire / crc32fast", &mut encode, &mut checksum);
    }
}

/// The quartiles of the ratio of each round. The side that runs first changes from round to round.
fn ratio_quartiles(
    rounds: usize,
    first: &mut dyn FnMut() -> usize,
    second: &mut dyn FnMut() -> usize,
) -> [f64; 3] {
    let mut ratios: Vec<f64> = (0..rounds)
        .map(|round| {
            let (first, second) = if round.is_multiple_of(2) {
                let first = time(first);
                (first, time(second))
            } else {
                let second = time(second);
                (time(first), second)
            };
            first.as_secs_f64() / second.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    [ratios[rounds / 4], ratios[rounds / 2], ratios[rounds * 3 / 4]]
}

fn time(work: &mut dyn FnMut() -> usize) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}
