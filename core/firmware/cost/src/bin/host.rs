//! Reads and writes every sample under callgrind, which writes one file of counts for each call of
//! `measured`. Prints the subject of each file, in their order: `nothing`, then per sample its
//! name, its frame's size, and parse or encode.

#![allow(unsafe_code)] // for the name `measured`, which callgrind is told; nothing unsafe is called

use std::hint::black_box;

use cost::{MAX_SAMPLE_SIZE, SAMPLES, SampleMessage};

/// The calls that callgrind counts.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured(operation: &mut dyn FnMut()) {
    operation();
}

fn measure(what: &str, operation: &mut dyn FnMut()) {
    // One-time work, such as detecting the processor's features, is no frame's cost.
    operation();
    measured(operation);
    println!("{what}");
}

/// Keeps the compiler from leaving out unused results.
fn use_up<T>(result: T) {
    black_box(result);
}

fn main() {
    measure("nothing", &mut || {});
    for sample in &SAMPLES {
        let mut buffer = [0; MAX_SAMPLE_SIZE];
        let frame = sample.encode(&mut buffer).expect("samples are valid").to_vec();
        let (name, size) = (sample.name, frame.len());
        let (parse, encode) = (format!("{name}\t{size}\tparse"), format!("{name}\t{size}\tencode"));
        match sample.message {
            SampleMessage::Echo(message) => {
                measure(&parse, &mut || use_up(cost::parse_echo(black_box(&frame))));
                measure(&encode, &mut || {
                    use_up(cost::encode_echo(black_box(&message), &mut buffer));
                });
            }
            SampleMessage::Chat(message) => {
                measure(&parse, &mut || use_up(cost::parse_chat(black_box(&frame))));
                measure(&encode, &mut || {
                    use_up(cost::encode_chat(black_box(&message), &mut buffer));
                });
            }
        }
    }
}
