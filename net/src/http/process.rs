//! What the process uses of the machine, under the names that Prometheus's clients give it. What
//! the system does not tell is left out.

use std::time::Duration;

/// Read when the metrics are asked for; a few system calls, whatever the number of connections.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProcessUse {
    /// Of all threads, in the program and in the system.
    pub(super) cpu: Option<Duration>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) open_fds: Option<u64>,
    /// The soft limit; absent if there is none.
    pub(super) max_fds: Option<u64>,
}

impl ProcessUse {
    pub(super) fn now() -> Self {
        Self {
            cpu: cpu(),
            resident_bytes: resident_bytes(),
            open_fds: open_fds(),
            max_fds: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
        }
    }
}

#[cfg(target_os = "linux")]
fn cpu() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// The second number of `statm` is the resident set in pages (proc_pid_statm(5)).
#[cfg(target_os = "linux")]
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

/// The size of the folder is the number of its entries since Linux 6.2, and 0 before. Counting them
/// one by one would take tens of milliseconds of the event loop at 100,000 connections.
#[cfg(target_os = "linux")]
fn open_fds() -> Option<u64> {
    std::fs::metadata("/proc/self/fd").ok().map(|folder| folder.len()).filter(|&count| count > 0)
}

#[cfg(not(target_os = "linux"))]
const fn cpu() -> Option<Duration> {
    None
}

#[cfg(not(target_os = "linux"))]
const fn resident_bytes() -> Option<u64> {
    None
}

#[cfg(not(target_os = "linux"))]
const fn open_fds() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn it_is_what_the_system_says() {
        let before = ProcessUse::now();
        let resident = before.resident_bytes.unwrap();
        assert!(resident > 100_000 && resident.is_multiple_of(4096), "{resident} bytes");
        assert!(before.cpu.unwrap() <= ProcessUse::now().cpu.unwrap());
        let Some(open) = before.open_fds else {
            return assert!(fs::metadata("/proc/self/fd").unwrap().len() == 0, "an old kernel");
        };
        assert!(open <= before.max_fds.unwrap_or(u64::MAX));
        // Other tests open and close files at the same time, but not so many.
        let files: Vec<File> = (0..200).map(|_| File::open("/dev/null").unwrap()).collect();
        let more = ProcessUse::now().open_fds.unwrap();
        assert!(more > open, "{more} with {} more than {open}", files.len());
    }
}
