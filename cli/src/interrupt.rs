//! Signals as events of the program.
//!
//! A container's first process gets only those signals that it has a handler for, so every command
//! has one from its start on; and one whose connection has a name takes leave, so that the name is
//! free for the next.

use std::ffi::c_int;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// What shells add to the number of a signal that ended a program.
const STATUS_OF_SIGNAL_0: c_int = 128;

/// The signals that end other processes.
pub(crate) const ENDING: [c_int; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Which of them end the process at once: those that the command has not taken for itself.
static ENDS_AT_ONCE: OnceLock<[Arc<AtomicBool>; ENDING.len()]> = OnceLock::new();

/// Has these signals end this process too, if it is the first of a container; but for those that
/// are taken already.
pub(crate) fn heed_as_first_process(taken: &[c_int]) {
    if process::id() != 1 {
        return;
    }
    let ends_at_once = |signal| Arc::new(AtomicBool::new(!taken.contains(&signal)));
    let ends = ENDS_AT_ONCE.get_or_init(|| ENDING.map(ends_at_once));
    for (signal, ends) in ENDING.into_iter().zip(ends) {
        // Without it the process is as deaf as any first process.
        let status = STATUS_OF_SIGNAL_0 + signal;
        let _ = flag::register_conditional_shutdown(signal, status, Arc::clone(ends));
    }
}

/// From now on the command takes these signals for itself.
pub(crate) fn take_over(signals: &[c_int]) {
    for (signal, ends) in ENDING.iter().zip(ENDS_AT_ONCE.get().into_iter().flatten()) {
        if signals.contains(signal) {
            ends.store(false, Ordering::Relaxed);
        }
    }
}

/// The exit status of a command that a signal ended.
pub(crate) fn exit_status(signal: c_int) -> u8 {
    u8::try_from(STATUS_OF_SIGNAL_0 + signal).unwrap_or(u8::MAX)
}

/// Calls `on_interrupt` at every SIGINT and SIGTERM, on a thread of its own, until it returns
/// false.
pub(crate) fn watch(
    mut on_interrupt: impl FnMut() -> bool + Send + 'static,
) -> Result<(), Failure> {
    watch_all(&[SIGINT, SIGTERM], move |_| on_interrupt())
}

/// Calls `on_signal` at every one of these signals, on a thread of its own, until it returns false.
pub(crate) fn watch_all(
    signals: &[c_int],
    mut on_signal: impl FnMut(c_int) -> bool + Send + 'static,
) -> Result<(), Failure> {
    let mut arriving = Signals::new(signals)
        .map_err(|error| Failure::Message(format!("cannot watch for signals: {error}")))?;
    take_over(signals);
    thread::spawn(move || {
        for signal in arriving.forever() {
            if !on_signal(signal) {
                break;
            }
        }
    });
    Ok(())
}
