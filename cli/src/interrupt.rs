//! Signals as events of the program.

use std::ffi::c_int;
use std::thread;

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// Calls `on_interrupt` at every SIGINT, on a thread of its own, until it returns false.
pub(crate) fn watch(
    mut on_interrupt: impl FnMut() -> bool + Send + 'static,
) -> Result<(), Failure> {
    watch_all(&[SIGINT], move |_| on_interrupt())
}

/// Calls `on_signal` at every one of these signals, on a thread of its own, until it returns false.
pub(crate) fn watch_all(
    signals: &[c_int],
    mut on_signal: impl FnMut(c_int) -> bool + Send + 'static,
) -> Result<(), Failure> {
    let mut signals = Signals::new(signals)
        .map_err(|error| Failure::Message(format!("cannot watch for signals: {error}")))?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if !on_signal(signal) {
                break;
            }
        }
    });
    Ok(())
}
