//! The stretch of a run that throughput is taken from: counters at its start and at its end.

use std::time::Duration;

use super::report::Measured;
use super::schedule::Senders;
use super::tally::Tally;

/// The counters at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot {
    /// The time since sending began.
    at_ns: u64,
    sent: u64,
    received: u64,
    bytes_received: u64,
    /// The CPU time of this thread.
    cpu: Option<Duration>,
}

impl Snapshot {
    pub(super) fn take(at_ns: u64, senders: &Senders, tally: &Tally) -> Self {
        Self {
            at_ns,
            sent: senders.sent_in_all(),
            received: tally.received,
            bytes_received: tally.bytes_received,
            cpu: thread_cpu(),
        }
    }

    /// The difference between this snapshot and a later one. `until_ns` is the end of the stretch,
    /// which may be before the later snapshot was taken; each delivery has `size_bytes` of message.
    #[allow(clippy::cast_precision_loss)] // a share needs few digits
    pub(super) fn until(&self, later: &Self, until_ns: u64, size_bytes: usize) -> Measured {
        let elapsed = Duration::from_nanos(later.at_ns.saturating_sub(self.at_ns));
        let busy = later.cpu.zip(self.cpu).map(|(later, earlier)| later.saturating_sub(earlier));
        Measured {
            duration: Duration::from_nanos(until_ns.saturating_sub(self.at_ns)),
            due: None,
            sent: later.sent - self.sent,
            received: later.received - self.received,
            payload_bytes_received: (later.received - self.received) * size_bytes as u64,
            bytes_received: later.bytes_received - self.bytes_received,
            generator_cpu: busy
                .filter(|_| !elapsed.is_zero())
                .map(|busy| (busy.as_secs_f64() / elapsed.as_secs_f64()).min(1.0)),
        }
    }
}

/// The CPU time of this thread, in the program and in the system.
fn thread_cpu() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
    }
    #[cfg(not(target_os = "linux"))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_the_difference_of_its_ends() {
        let at = |at_ns, count, cpu_ms| Snapshot {
            at_ns,
            sent: count,
            received: 2 * count,
            bytes_received: 3 * count,
            cpu: Some(Duration::from_millis(cpu_ms)),
        };
        let measured =
            at(1_000_000_000, 10, 100).until(&at(3_000_000_000, 30, 1100), 2_000_000_000, 32);
        assert_eq!(measured.duration, Duration::from_secs(1));
        assert_eq!((measured.sent, measured.received, measured.bytes_received), (20, 40, 60));
        assert_eq!(measured.payload_bytes_received, 40 * 32);
        assert_eq!(
            measured.generator_cpu,
            Some(0.5),
            "a share of the two seconds between the snapshots"
        );
    }
}
