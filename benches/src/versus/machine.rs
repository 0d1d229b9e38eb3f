//! What the machine is: its processor and cores, its kernel.

use std::fs;

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
