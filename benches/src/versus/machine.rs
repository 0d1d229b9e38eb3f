//! What the machine is, and what else it does.

use std::time::Duration;
use std::{fs, io};

use rustix::param::clock_ticks_per_second;

/// The processor, its cores, and the kernel, in one line.
#[must_use]
pub fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let information = read("/proc/cpuinfo");
    let processor = (information.lines())
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("processor unknown", |(_, name)| name.trim());
    // Not those that this thread may use: it is pinned to one.
    let cores = information.lines().filter(|line| line.starts_with("processor")).count();
    let release = read("/proc/sys/kernel/osrelease");
    format!("{processor}, {cores} cores, Linux {}", release.trim())
}

/// How long a core has been busy, with whatever it was. It is counted in ticks of the clock, 10 ms
/// as a rule.
///
/// # Errors
/// The kernel does not tell.
pub fn busy_time(core: usize) -> io::Result<Duration> {
    busy_ticks(&fs::read_to_string("/proc/stat")?, core)
        .map(|ticks| Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64))
        .ok_or_else(|| io::Error::other(format!("/proc/stat does not tell of core {core}")))
}

/// The columns of `/proc/stat` are user, nice, system, idle, iowait, irq, softirq, steal:
/// proc_stat(5).
fn busy_ticks(stat: &str, core: usize) -> Option<u64> {
    let name = format!("cpu{core} ");
    let columns = stat.lines().find_map(|line| line.strip_prefix(&name))?;
    let ticks: Vec<u64> = columns.split_whitespace().map_while(|text| text.parse().ok()).collect();
    let idle: u64 = ticks.get(3..5)?.iter().sum();
    Some(ticks.iter().take(8).sum::<u64>() - idle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_for_disks_is_not_busy() {
        let stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu1 9 9 9 9 9 9 9 9 9 9\n\
            cpu10 1 2 4 1000 2000 8 16 32 64 128\nintr 7\n";
        assert_eq!(busy_ticks(stat, 10), Some(63));
        assert_eq!(busy_ticks(stat, 0), None);
        assert_eq!(busy_ticks("cpu0 1 2", 0), None);
    }
}
