//! File descriptors, of which a process has only so many: how many connections fit, and one kept
//! aside for the moment when there are none left.

use std::fs::File;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors left for everything but connections: standard streams, listeners, the poll, signals,
/// the log, connections that are refused with a word.
const RESERVED: u64 = 64;

/// Raises this process's soft limit to its hard one and tells how many connections fit. `None` if
/// there is no limit.
pub(crate) fn connections_that_fit() -> Option<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = current == maximum
        || setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let descriptors = if raised { maximum } else { current }?;
    // With very few, half of them are for connections.
    let fit = descriptors.saturating_sub(RESERVED).max(descriptors / 2);
    Some(usize::try_from(fit).unwrap_or(usize::MAX))
}

/// A descriptor kept aside. Given up for a moment it lets one connection be accepted and closed
/// when the process has no other left; without it such a connection would stay in the backlog, and
/// its peer would wait for nothing.
#[derive(Debug)]
pub(crate) struct ReserveFd(Option<File>);

impl ReserveFd {
    pub(crate) fn new() -> Self {
        Self(open())
    }

    /// Whether there is one to lend.
    pub(crate) const fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Opens one if there is none: whoever shares the system's table of files may have taken it
    /// while it was lent.
    pub(crate) fn keep_one(&mut self) {
        if self.0.is_none() {
            self.0 = open();
        }
    }

    /// Calls `accept_and_close` while one descriptor more is free.
    pub(crate) fn lend<T>(&mut self, accept_and_close: impl FnOnce() -> T) -> T {
        self.0 = None;
        let outcome = accept_and_close();
        self.0 = open();
        outcome
    }
}

fn open() -> Option<File> {
    File::open("/dev/null").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spare_one_that_was_lost_is_opened_again() {
        let mut spare = ReserveFd(None);
        assert!(!spare.is_there());
        spare.keep_one();
        assert!(spare.is_there());
        assert!(spare.lend(|| true) && spare.is_there());
    }
}
