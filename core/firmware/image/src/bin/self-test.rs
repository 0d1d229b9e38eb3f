//! Runs the test vectors, a round trip of every type and a noisy line on the chip, says what it ran and ends with a
//! status.

#![no_std]
#![no_main]

use cafewire_firmware::outcome::{Outcome, end};
use cafewire_firmware::{noisy_line, round_trip, vectors};
use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;

#[entry]
fn main() -> ! {
    end(run())
}

fn run() -> Outcome {
    let tally = vectors::run()?;
    hprintln!("vectors: {} good frames and {} bad ones agree", tally.good, tally.bad);
    hprintln!("vectors: {} read but not encoded, larger than RAM", tally.not_encoded);
    hprintln!("vectors: {} left out, no room in flash", tally.left_out);

    let types = round_trip::run()?;
    hprintln!("round trip: {} types encoded and read back", types);

    let tally = noisy_line::run()?;
    hprintln!("noisy line: {} frames out of {} bytes of noise", tally.frames, tally.noise_bytes);
    hprintln!("noisy line: {} damaged frames among it, none taken for good", tally.damaged);
    Ok(())
}
