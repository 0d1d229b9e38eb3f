//! The end of an image: a status for the emulator, and so for the shell. A panic is a failure.

use core::panic::PanicInfo;

use semihosting::{println, process};

/// Result of a check: nothing, or what did not hold.
pub type Outcome = Result<(), &'static str>;

/// An error unless `holds`.
pub fn ensure(holds: bool, otherwise: &'static str) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// Ends the emulator, with status 0 or 1. Without an emulator or a debugger it loops here.
pub fn end(outcome: Outcome) -> ! {
    match outcome {
        Ok(()) => process::exit(0),
        Err(what) => {
            println!("FAILED: {what}");
            process::exit(1)
        }
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    end(Err("a panic"))
}
