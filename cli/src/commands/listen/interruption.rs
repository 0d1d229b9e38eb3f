//! SIGINT and SIGTERM end the command with a Disconnect: the name is free for the next one. Without
//! a connection they end it at once.

use std::ffi::c_int;
use std::process;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use cafewire_net::client::ChatSender;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::GOODBYE_WAIT;
use crate::failure::Failure;
use crate::interrupt;

pub(super) struct Interruption(Arc<Shared>);

#[derive(Default)]
struct Shared {
    signal: AtomicI32,
    /// Of the connection that is to be taken leave of.
    sender: Mutex<Option<ChatSender>>,
}

impl Interruption {
    pub(super) fn watch() -> Result<Self, Failure> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        interrupt::watch_all(&[SIGINT, SIGTERM], move |signal| {
            let status = interrupt::exit_status(signal).into();
            let sender = seen.sender().take();
            if seen.signal.swap(signal, Ordering::Relaxed) == 0
                && let Some(sender) = sender
            {
                // The server closes, which the reading thread sees. If it does not, or does not
                // even take the Disconnect, this ends the command.
                thread::spawn(move || {
                    thread::sleep(GOODBYE_WAIT);
                    process::exit(status);
                });
                if sender.disconnect().is_ok() {
                    return true;
                }
            }
            process::exit(status)
        })?;
        Ok(Self(shared))
    }

    /// From now on a signal takes leave of this connection; `None`: of none.
    pub(super) fn set_sender(&self, sender: Option<ChatSender>) {
        *self.0.sender() = sender;
    }

    pub(super) fn signal(&self) -> Option<c_int> {
        Some(self.0.signal.load(Ordering::Relaxed)).filter(|&signal| signal != 0)
    }
}

impl Shared {
    fn sender(&self) -> MutexGuard<'_, Option<ChatSender>> {
        // No code panics while it holds the lock.
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
