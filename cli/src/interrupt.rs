//! Ctrl-C as something that happens in the program, instead of to it.

use std::thread;

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// Calls `on_interrupt` at every SIGINT, on a thread of its own, until it returns false.
pub(crate) fn watch(mut on_interrupt: impl FnMut() -> bool + Send + 'static) -> Result<(), Failure> {
    let mut signals =
        Signals::new([SIGINT]).map_err(|error| Failure::Sentence(format!("cannot watch for Ctrl-C: {error}")))?;
    thread::spawn(move || {
        for _ in signals.forever() {
            if !on_interrupt() {
                break;
            }
        }
    });
    Ok(())
}
