//! Reads and writes every sample on the chip and prints the cost of each: `NAME size
//! parse|encode|stream instructions stack`; and the output of `features`.
//!
//! For QEMU with `-icount`, where the system timer advances by the same time for every instruction;
//! the program finds the number of ticks of an instruction from a loop of known length.

#![no_std]
#![no_main]

mod features;
mod stack;

use core::hint::black_box;

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use cost::{MAX_SAMPLE_SIZE, SAMPLES, Sample, SampleMessage, StreamParser};

#[entry]
fn main() -> ! {
    let status = match cortex_m::Peripherals::take() {
        Some(peripherals) => run(&mut Counter::new(peripherals.SYST)),
        None => Err("the peripherals are taken"),
    };
    match status {
        Ok(()) => debug::exit(debug::EXIT_SUCCESS),
        Err(what) => {
            hprintln!("FAILED: {}", what);
            debug::exit(debug::EXIT_FAILURE);
        }
    }
    loop {
        cortex_m::asm::wfi();
    }
}

fn run(counter: &mut Counter) -> Result<(), &'static str> {
    hprintln!("parser-size\t{}", size_of::<StreamParser>());
    let mut parser = StreamParser::new();
    for sample in &SAMPLES {
        let mut buffer = [0; MAX_SAMPLE_SIZE];
        let mut frame = [0; MAX_SAMPLE_SIZE];
        let size = sample.encode(&mut frame).map_err(|_| "a sample is not valid")?.len();
        let frame = frame.get(..size).unwrap_or_default();
        match &sample.message {
            SampleMessage::Echo(message) => {
                counter
                    .report(sample, size, "parse", || use_up(cost::parse_echo(black_box(frame))));
                counter.report(sample, size, "encode", || {
                    use_up(cost::encode_echo(message, &mut buffer));
                });
            }
            SampleMessage::Chat(message) => {
                counter
                    .report(sample, size, "parse", || use_up(cost::parse_chat(black_box(frame))));
                counter.report(sample, size, "encode", || {
                    use_up(cost::encode_chat(message, &mut buffer));
                });
            }
        }
        counter.report(sample, size, "stream", || {
            black_box(cost::parse_stream(&mut parser, black_box(frame)).is_ok());
        });
        features::report_stack(&sample.message, frame)?;
    }
    features::report_ram();
    Ok(())
}

/// Keeps the compiler from leaving out unused results.
fn use_up<T>(result: T) {
    black_box(result);
}

/// Counts instructions by the system timer.
struct Counter {
    /// Ticks that an empty call takes.
    ticks_of_nothing: u64,
    ticks_of_known: u64,
}

/// Instructions by which two calls of `delay` differ: its loop takes two for every two cycles
/// requested.
const KNOWN_INSTRUCTIONS: u32 = 20_000;

impl Counter {
    fn new(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(0x00FF_FFFF);
        timer.clear_current();
        timer.enable_counter();
        let ticks_of_nothing = ticks_of(&mut || {});
        let short = ticks_of(&mut || cortex_m::asm::delay(KNOWN_INSTRUCTIONS));
        let long = ticks_of(&mut || cortex_m::asm::delay(2 * KNOWN_INSTRUCTIONS));
        Self { ticks_of_nothing, ticks_of_known: long - short }
    }

    fn report(&self, sample: &Sample, size: usize, what: &str, mut operation: impl FnMut()) {
        let stack = stack::used_by(&mut operation);
        let ticks = ticks_of(&mut operation) - self.ticks_of_nothing;
        let known = self.ticks_of_known;
        let instructions = (ticks * u64::from(KNOWN_INSTRUCTIONS) + known / 2) / known;
        hprintln!("{}\t{}\t{}\t{}\t{}", sample.name, size, what, instructions, stack);
    }
}

#[inline(never)]
fn ticks_of(operation: &mut dyn FnMut()) -> u64 {
    let before = SYST::get_current();
    operation();
    let after = SYST::get_current();
    // It counts down, 24 bits wide.
    u64::from(before.wrapping_sub(after) & 0x00FF_FFFF)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    hprintln!("{}", info);
    debug::exit(debug::EXIT_FAILURE);
    loop {}
}
