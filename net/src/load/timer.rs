//! A timer that wakes the poll more precisely than the poll's own time-out, which counts whole
//! milliseconds.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};

#[cfg(target_os = "linux")]
mod system {
    use std::os::fd::{AsRawFd as _, OwnedFd};

    use super::{Duration, Registry, Token, io};
    use mio::Interest;
    use mio::unix::SourceFd;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    /// The shortest wait: 0 would disarm the timer (timerfd_settime(2)).
    const SHORTEST: Duration = Duration::from_nanos(1);

    #[derive(Debug)]
    pub(crate) struct Timer(OwnedFd);

    impl Timer {
        pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
            let timer = timerfd_create(
                TimerfdClockId::Monotonic,
                TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
            )?;
            registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Self(timer))
        }

        /// Arms the timer so that the poll returns after this time. Returns the time-out that the
        /// poll needs besides.
        pub(crate) fn wake_after(&self, wait: Duration) -> io::Result<Option<Duration>> {
            let wait = wait.max(SHORTEST);
            let spec = Itimerspec {
                it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
                it_value: Timespec {
                    tv_sec: wait.as_secs().try_into().unwrap_or(i64::MAX),
                    tv_nsec: wait.subsec_nanos().into(),
                },
            };
            // Arming also clears an earlier expiry, so that the timer need not be read.
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &spec)?;
            Ok(None)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Duration, Registry, Token, io};

    #[derive(Debug)]
    pub(crate) struct Timer;

    impl Timer {
        pub(crate) fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
            Ok(Self)
        }

        /// Returns the time-out that the poll needs to return after this time.
        pub(crate) fn wake_after(&self, wait: Duration) -> io::Result<Option<Duration>> {
            Ok(Some(wait))
        }
    }
}

pub(super) use system::Timer;
