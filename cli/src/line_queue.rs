//! Lines that are written on a thread of their own, so that a slow reader never holds up their
//! producer. The queue is bounded; lines beyond the bound are dropped, and counted. The content of
//! the lines does not matter here.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Limit on waiting lines, the one being written included.
const LINES_MAX: usize = 16_384;

/// Bytes of those lines.
const BYTES_MAX: usize = 16 << 20;

/// Time that `close` waits for the rest of the lines.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Clones put their lines into the same queue.
#[derive(Clone, Debug)]
pub(crate) struct LineQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Signalled when there is a first line, or the queue was closed; or, when it was closed, all
    /// is written.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    /// Bytes of the lines, and of the one being written.
    bytes: usize,
    is_writing: bool,
    dropped: usize,
    is_closed: bool,
}

impl LineQueue {
    /// Starts the thread, which passes each line to `write`.
    pub(crate) fn start(name: &str, write: impl FnMut(&[u8]) + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_the_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || of_the_thread.write_all(write))?;
        Ok(Self(shared))
    }

    /// Queues a line, if there is room for it. Does not block; false if the line is dropped.
    pub(crate) fn push(&self, line: Vec<u8>) -> bool {
        let mut queue = self.0.lock();
        let count = queue.lines.len() + usize::from(queue.is_writing);
        if queue.is_closed || count >= LINES_MAX || line.len() > BYTES_MAX - queue.bytes {
            queue.dropped = queue.dropped.saturating_add(1);
            return false;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line);
        if queue.lines.len() == 1 {
            self.0.changed.notify_all();
        }
        true
    }

    /// Lines dropped so far.
    pub(crate) fn dropped(&self) -> usize {
        self.0.lock().dropped
    }

    /// Closes the queue and waits a moment for the rest to be written. Returns the number of
    /// dropped lines, those still unwritten included.
    pub(crate) fn close(&self) -> usize {
        let mut queue = self.0.lock();
        queue.is_closed = true;
        self.0.changed.notify_all();
        let waits = |queue: &mut Queue| queue.is_writing || !queue.lines.is_empty();
        let waited = self.0.changed.wait_timeout_while(queue, LAST_WAIT, waits);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        let left = queue.lines.len() + usize::from(queue.is_writing);
        queue.lines.clear();
        queue.dropped = queue.dropped.saturating_add(left);
        queue.dropped
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until the queue is closed and empty.
    fn write_all(&self, mut write: impl FnMut(&[u8])) {
        loop {
            let waits = |queue: &mut Queue| queue.lines.is_empty() && !queue.is_closed;
            let mut queue =
                self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
            let Some(line) = queue.lines.pop_front() else { return };
            queue.is_writing = true;
            drop(queue);
            write(&line);
            let mut queue = self.lock();
            queue.is_writing = false;
            queue.bytes -= line.len();
            if queue.is_closed {
                self.changed.notify_all();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A queue that writes lines only as the sender permits, and the lines written.
    fn held_up() -> (LineQueue, Sender<()>, Receiver<Vec<u8>>) {
        let ((go_on, told), (written, lines)) = (channel(), channel());
        let queue = LineQueue::start("test", move |line| {
            // A dropped sender permits everything.
            let _ = told.recv();
            let _ = written.send(line.to_vec());
        });
        (queue.unwrap(), go_on, lines)
    }

    #[test]
    fn lines_are_bounded_in_number_and_what_is_more_is_counted() {
        let (queue, go_on, written) = held_up();
        for number in 0..LINES_MAX {
            assert!(queue.push(number.to_string().into_bytes()), "{number}");
        }
        assert!(!queue.push(b"one more".to_vec()) && !queue.push(b"and another".to_vec()));
        assert_eq!(queue.dropped(), 2);
        go_on.send(()).unwrap();
        assert_eq!(written.recv().unwrap(), b"0");
        // The queue has room as soon as the thread has finished a line.
        while !queue.push(b"the last".to_vec()) {
            thread::yield_now();
        }
        let dropped = queue.dropped();
        drop(go_on);
        let rest: Vec<_> = written.iter().take(LINES_MAX).collect();
        assert_eq!((&rest[0][..], &rest[LINES_MAX - 1][..]), (&b"1"[..], &b"the last"[..]));
        assert_eq!(queue.close(), dropped);
        assert!(!queue.push(b"too late".to_vec()));
    }

    #[test]
    fn lines_are_bounded_in_bytes() {
        let (queue, go_on, written) = held_up();
        assert!(!queue.push(vec![0; BYTES_MAX + 1]));
        assert!(
            queue.push(vec![0; BYTES_MAX - 1]) && !queue.push(vec![0; 2]) && queue.push(vec![0; 1])
        );
        assert!(!queue.push(vec![0; 1]));
        drop(go_on);
        assert_eq!(written.iter().take(2).map(|line| line.len()).sum::<usize>(), BYTES_MAX);
        assert_eq!(queue.close(), 3);
    }

    #[test]
    fn the_end_does_not_wait_for_ever_and_counts_what_is_left() {
        let (queue, go_on, written) = held_up();
        assert!(
            queue.push(b"a".to_vec()) && queue.push(b"b".to_vec()) && queue.push(b"c".to_vec())
        );
        go_on.send(()).unwrap();
        assert_eq!(written.recv().unwrap(), b"a");
        assert_eq!(queue.close(), 2);
    }
}
