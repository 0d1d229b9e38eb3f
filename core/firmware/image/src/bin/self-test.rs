//! Runs the test vectors, a round trip of every type and a noisy line on the chip, prints the
//! counts and ends with a status.

#![no_std]
#![no_main]

use cafewire_firmware::outcome::{Outcome, end};
use cafewire_firmware::{noisy_line, round_trip, vectors};
#[cfg(target_arch = "arm")]
use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
use riscv_rt::entry;
use semihosting::println;

/// The runtime has set up memory before.
#[entry]
fn main() -> ! {
    end(run())
}

fn run() -> Outcome {
    let tally = vectors::run()?;
    println!("vectors: {} good frames and {} bad ones agree", tally.good, tally.bad);
    println!("vectors: {} read but not encoded, larger than RAM", tally.not_encoded);
    println!("vectors: {} left out, no room in flash", tally.left_out);

    let types = round_trip::run()?;
    println!("round trip: {} types encoded and read back", types);

    let tally = noisy_line::run()?;
    println!("noisy line: {} frames out of {} bytes of noise", tally.frames, tally.noise_bytes);
    println!("noisy line: {} damaged frames among it, none taken for good", tally.damaged);
    Ok(())
}
