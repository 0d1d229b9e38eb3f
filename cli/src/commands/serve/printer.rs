//! What the server prints on standard output: where it listens, and with `--print-data` the
//! payloads of Data frames. A reader that is slow holds up neither start nor service.

use std::fmt;
use std::sync::mpsc::{Receiver, channel};

use cafewire_net::Server;

use super::no_thread;
use crate::escape;
use crate::failure::Failure;
use crate::line_queue::LineQueue;
use crate::output;

/// Prints on a thread of its own.
pub(super) struct Printer {
    queue: LineQueue,
    failed: Receiver<Failure>,
}

impl Printer {
    pub(super) fn start(server: &Server) -> Result<Self, Failure> {
        let (failures, failed) = channel();
        let handle = server.handle();
        // Without a reader of the output there is no reason to serve on, and one failure is enough
        // to say so.
        let mut failures = Some(failures);
        let queue = LineQueue::start("output", move |line| {
            if failures.is_some()
                && let Err(failure) = output::bytes(line)
            {
                failures.take().map(|failures| failures.send(failure));
                handle.shut_down();
            }
        })
        .map_err(no_thread)?;
        Ok(Self { queue, failed })
    }

    pub(super) fn line(&self, line: fmt::Arguments<'_>) {
        self.queue.push(format!("{line}\n").into_bytes());
    }

    /// Prints the payloads of Data frames from now on.
    pub(super) fn print_data(&self, server: &mut Server) {
        let (lines, mut is_told) = (self.queue.clone(), false);
        server.set_data_handler(Box::new(move |peer, payload| {
            let line = format!("data from {peer}: {}\n", escape::bytes(payload));
            if !lines.push(line.into_bytes()) && !is_told {
                is_told = true;
                tracing::warn!(
                    "the printed data is not read in time: lines of it are dropped from now on"
                );
            }
        }));
    }

    pub(super) fn end(self) -> Result<(), Failure> {
        let lines = self.queue.close();
        if lines > 0 {
            tracing::warn!(lines, "the output was not read in time: so many lines were dropped");
        }
        self.failed.try_recv().map_or(Ok(()), Err)
    }
}
