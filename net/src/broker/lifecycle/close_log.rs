//! How many closes the log tells one by one: a bounded number for each reason and time, and then
//! how many more there were. Otherwise one byte from a stranger would write a line of the log for
//! each connection. Numbers in, numbers out; writes nothing.

use crate::metrics::CloseReason;

/// Closes for one reason that have a line of their own within one window.
pub(super) const LINES_MAX: u32 = 20;

/// How long a window is, from its first close on.
pub(super) const WINDOW_MS: u64 = 10_000;

/// The closes for one reason since its window started.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    until_ms: u64,
    lines: u32,
    more: u64,
}

/// The windows of all reasons.
#[derive(Debug)]
pub(in crate::broker) struct CloseLog {
    windows: [Window; CloseReason::ALL.len()],
    /// When the first of the windows that have more to tell is over.
    next_ms: Option<u64>,
}

impl CloseLog {
    pub(in crate::broker) const fn new() -> Self {
        let window = Window { until_ms: 0, lines: 0, more: 0 };
        Self { windows: [window; CloseReason::ALL.len()], next_ms: None }
    }

    /// Whether this close has a line of its own. Otherwise it is counted for
    /// [`poll_more`](Self::poll_more).
    pub(in crate::broker) fn has_line(&mut self, reason: CloseReason, now_ms: u64) -> bool {
        let window = &mut self.windows[reason.index()];
        // One that has more to tell stays until that is told.
        if window.until_ms <= now_ms && window.more == 0 {
            *window = Window { until_ms: now_ms.saturating_add(WINDOW_MS), lines: 0, more: 0 };
        }
        if window.lines < LINES_MAX {
            window.lines += 1;
            return true;
        }
        window.more += 1;
        let until_ms = window.until_ms;
        self.next_ms = Some(self.next_ms.map_or(until_ms, |next_ms| next_ms.min(until_ms)));
        false
    }

    /// A reason whose window is over, and how many closes had no line in it. The caller asks until
    /// there is none.
    pub(in crate::broker) fn poll_more(&mut self, now_ms: u64) -> Option<(CloseReason, u64)> {
        if self.next_ms? > now_ms {
            return None;
        }
        let is_over = |window: &Window| window.more > 0 && window.until_ms <= now_ms;
        let Some(index) = self.windows.iter().position(is_over) else {
            self.next_ms =
                self.windows.iter().filter(|window| window.more > 0).map(|w| w.until_ms).min();
            return None;
        };
        let more = std::mem::take(&mut self.windows[index].more);
        Some((CloseReason::ALL[index], more))
    }

    /// When [`poll_more`](Self::poll_more) has something.
    pub(in crate::broker) const fn next_ms(&self) -> Option<u64> {
        self.next_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: CloseReason = CloseReason::MalformedFrame;

    fn lines(log: &mut CloseLog, closes: u32, now_ms: u64) -> usize {
        (0..closes).filter(|_| log.has_line(BAD, now_ms)).count()
    }

    #[test]
    fn a_reason_has_so_many_lines_and_then_a_number() {
        let mut log = CloseLog::new();
        assert_eq!(lines(&mut log, LINES_MAX, 5), 20);
        assert_eq!((log.next_ms(), log.poll_more(u64::MAX)), (None, None), "nothing to tell");
        assert_eq!(lines(&mut log, 3, 6), 0);
        // Another reason has its own.
        assert!(log.has_line(CloseReason::CutFrame, 6));
        assert_eq!(log.next_ms(), Some(5 + WINDOW_MS));
        assert_eq!(log.poll_more(4 + WINDOW_MS), None);
        assert_eq!(log.poll_more(5 + WINDOW_MS), Some((BAD, 3)));
        assert_eq!((log.poll_more(5 + WINDOW_MS), log.next_ms()), (None, None));
        // The next window starts with the next close, whenever that is.
        assert_eq!(lines(&mut log, LINES_MAX + 1, 3 * WINDOW_MS), 20);
        assert_eq!(log.next_ms(), Some(4 * WINDOW_MS));
    }

    #[test]
    fn what_is_over_and_not_told_yet_is_not_forgotten() {
        let mut log = CloseLog::new();
        lines(&mut log, LINES_MAX + 1, 0);
        assert_eq!(lines(&mut log, 5, 2 * WINDOW_MS), 0);
        assert_eq!(log.poll_more(2 * WINDOW_MS), Some((BAD, 6)));
        assert_eq!(lines(&mut log, 1, 2 * WINDOW_MS), 1);
    }

    #[test]
    fn every_reason_is_told_at_its_time() {
        let mut log = CloseLog::new();
        for (at_ms, &reason) in (0..).zip(CloseReason::ALL) {
            for _ in 0..=LINES_MAX {
                log.has_line(reason, at_ms);
            }
        }
        for (at_ms, &reason) in (WINDOW_MS..).zip(CloseReason::ALL) {
            assert_eq!(log.next_ms(), Some(at_ms));
            assert_eq!(log.poll_more(at_ms), Some((reason, 1)));
            assert_eq!(log.poll_more(at_ms), None);
        }
        assert_eq!(log.next_ms(), None);
    }
}
