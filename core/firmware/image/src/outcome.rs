//! How an image ends: with a status that the emulator, and so the shell, sees. A panic is a failure.

use core::panic::PanicInfo;

use cortex_m_semihosting::debug::{EXIT_FAILURE, EXIT_SUCCESS, exit};
use cortex_m_semihosting::hprintln;

/// What a check gives: nothing, or what did not hold.
pub type Outcome = Result<(), &'static str>;

/// An error unless `holds`.
pub fn ensure(holds: bool, otherwise: &'static str) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// Ends the emulator, with status 0 or 1.
pub fn end(outcome: Outcome) -> ! {
    match outcome {
        Ok(()) => exit(EXIT_SUCCESS),
        Err(what) => {
            hprintln!("FAILED: {}", what);
            exit(EXIT_FAILURE);
        }
    }
    // Without an emulator or a debugger there is nobody to tell, and nowhere to return to.
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    hprintln!("{}", info);
    end(Err("a panic"))
}
