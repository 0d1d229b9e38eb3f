//! A reserve descriptor for the moment when the process has none left.

use std::fs::File;

/// A descriptor kept in reserve. Closed for a moment, it lets one connection be accepted and closed
/// when the process has no other descriptor left. Without it such a connection would stay in the
/// backlog, and its peer would wait in vain.
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

    /// Opens the reserve if there is none: another process may have taken the system's last
    /// descriptor while the reserve was lent.
    pub(crate) fn keep_one(&mut self) {
        if self.0.is_none() {
            self.0 = open();
        }
    }

    /// Calls `accept_and_close` while the reserve is closed, and so one descriptor is free.
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
    fn a_lost_reserve_is_opened_again() {
        let mut reserve = ReserveFd(None);
        assert!(!reserve.is_there());
        reserve.keep_one();
        assert!(reserve.is_there());
        assert!(reserve.lend(|| true) && reserve.is_there());
    }
}
