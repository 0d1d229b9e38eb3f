//! How an image ends: with a status that the emulator, and so the shell, sees. A panic is a
//! failure.

use core::panic::PanicInfo;

use semihosting::{println, process};

/// What a check gives: nothing, or what did not hold.
pub type Outcome = Result<(), &'static str>;

/// An error unless `holds`.
pub fn ensure(holds: bool, otherwise: &'static str) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// Ends the emulator, with status 0 or 1. Without an emulator or a debugger there is nobody to
/// tell: it stays here.
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
