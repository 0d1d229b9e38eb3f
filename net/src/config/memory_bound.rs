//! How much memory this process may have, and how much of it the kernel may take for a send buffer
//! by its own choice: as the system's files and RLIMIT_AS say. What follows is decided elsewhere.

use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};

use rustix::process::{Resource, getrlimit};

use crate::config::adjustment::Size;

/// Where Linux says which cgroups a process is in (cgroups(7)).
const OWN_CGROUPS: &str = "/proc/self/cgroup";

/// The least, the first and the largest size of a TCP send buffer for which no size was asked
/// (tcp(7)).
const TCP_WMEM: &str = "/proc/sys/net/ipv4/tcp_wmem";

/// The largest where that cannot be read: Linux's own default.
const LARGEST_SEND_BUFFER: usize = 4 << 20;

/// From here on a number means no bound: version 1 of cgroups writes the largest whole page.
const UNBOUNDED: u64 = 1 << 62;

/// A bound on this process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemoryBound {
    pub(super) bytes: usize,
    pub(super) name: &'static str,
}

impl fmt::Display for MemoryBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, Size(self.bytes))
    }
}

/// The tightest there is. RLIMIT_AS does not count the kernel's buffers; to treat it as the others
/// leaves more room under it than need be, and never less.
pub(super) fn memory_bound() -> Option<MemoryBound> {
    let address_space = getrlimit(Resource::As).current;
    let address_space = address_space.and_then(|bytes| bound(bytes, "RLIMIT_AS (ulimit -v)"));
    cgroup_bound(read).into_iter().chain(address_space).min_by_key(|bound| bound.bytes)
}

/// The largest send buffer that the kernel chooses for a connection.
pub(super) fn largest_send_buffer() -> usize {
    read(Path::new(TCP_WMEM)).as_deref().and_then(last_number).unwrap_or(LARGEST_SEND_BUFFER)
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn last_number(text: &str) -> Option<usize> {
    text.split_ascii_whitespace().last()?.parse().ok()
}

/// The tightest of the process's own cgroups and of all above them. A file that is not there bounds
/// nothing: the root has none, and in a container what is above its own group is out of sight.
fn cgroup_bound(read: impl Fn(&Path) -> Option<String>) -> Option<MemoryBound> {
    read(Path::new(OWN_CGROUPS))?
        .lines()
        .filter_map(files_of_group)
        .flat_map(|(files, name)| files.into_iter().map(move |file| (file, name)))
        .filter_map(|(file, name)| bound(read(&file)?.trim().parse().ok()?, name))
        .min_by_key(|bound| bound.bytes)
}

fn bound(bytes: u64, name: &'static str) -> Option<MemoryBound> {
    let bytes = (bytes < UNBOUNDED).then(|| usize::try_from(bytes).unwrap_or(usize::MAX))?;
    Some(MemoryBound { bytes, name })
}

/// The files with the bounds of a group and of those above it, for a line `ID:CONTROLLERS:PATH`;
/// `None` if it is of a hierarchy that does not bound memory.
fn files_of_group(line: &str) -> Option<(Vec<PathBuf>, &'static str)> {
    let mut fields = line.splitn(3, ':');
    let (_id, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let (root, file, name) = if controllers.is_empty() {
        ("/sys/fs/cgroup", "memory.max", "the cgroup's memory.max")
    } else if controllers.split(',').any(|controller| controller == "memory") {
        let name = "the cgroup's memory.limit_in_bytes";
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", name)
    } else {
        return None;
    };
    // Seen from a namespace that the process has left, a group may be above the root.
    let is_below = |group: &Path| group.components().all(|part| part != Component::ParentDir);
    let groups =
        Path::new(path.trim_start_matches('/')).ancestors().filter(|group| is_below(group));
    Some((groups.map(|group| Path::new(root).join(group).join(file)).collect(), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "the cgroup's memory.max";
    const V1: &str = "the cgroup's memory.limit_in_bytes";

    /// The bound where there are these files and no others.
    fn bound_by(files: &[(&str, &str)]) -> Option<(usize, &'static str)> {
        let bound = cgroup_bound(|path| {
            let file = files.iter().find(|(name, _)| Path::new(name) == path)?;
            Some(file.1.to_owned())
        });
        bound.map(|bound| (bound.bytes, bound.name))
    }

    #[test]
    fn version_2_bounds_a_group_and_all_below_it() {
        let own = (OWN_CGROUPS, "0::/system.slice/cafewire.service\n");
        let service = "/sys/fs/cgroup/system.slice/cafewire.service/memory.max";
        let slice = "/sys/fs/cgroup/system.slice/memory.max";
        assert_eq!(bound_by(&[own]), None);
        assert_eq!(bound_by(&[own, (service, "max\n"), (slice, "max\n")]), None);
        assert_eq!(bound_by(&[own, (service, "100663296\n")]), Some((96 << 20, V2)));
        for (of_service, of_slice) in [("5\n", "9\n"), ("9\n", "5\n"), ("max\n", "5\n")] {
            let files = [own, (service, of_service), (slice, of_slice)];
            assert_eq!(bound_by(&files), Some((5, V2)), "{of_service:?} {of_slice:?}");
        }
    }

    #[test]
    fn a_container_sees_its_group_as_the_root() {
        let max = ("/sys/fs/cgroup/memory.max", "4096\n");
        for path in ["0::/\n", "0::/../other\n", "0::/gone (deleted)\n"] {
            assert_eq!(bound_by(&[(OWN_CGROUPS, path), max]), Some((4096, V2)), "{path:?}");
        }
        let max = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n");
        let own = (OWN_CGROUPS, "3:cpu:/docker/1f\n2:memory:/docker/1f\n0::/docker/1f\n");
        assert_eq!(bound_by(&[own, max]), Some((4096, V1)), "mounted there, named from outside");
    }

    #[test]
    fn version_1_bounds_in_its_hierarchy_of_memory() {
        let own = (OWN_CGROUPS, "9:name=systemd:/a\n4:cpu,memory:/a:b\n3:memory_more:/c\n0::/\n");
        let group = "/sys/fs/cgroup/memory/a:b/memory.limit_in_bytes";
        let unbounded = "9223372036854771712\n";
        assert_eq!(bound_by(&[own, (group, unbounded)]), None);
        assert_eq!(bound_by(&[own, (group, "8192\n")]), Some((8192, V1)));
        let other = ("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "1\n");
        assert_eq!(bound_by(&[own, other, (group, "8192\n")]), Some((8192, V1)));
    }

    #[test]
    fn what_is_not_understood_bounds_nothing() {
        assert_eq!(bound_by(&[]), None);
        let max = "/sys/fs/cgroup/memory.max";
        for (own, text) in [("", "1"), ("0:", "1"), ("0::/", ""), ("0::/", "-1"), ("0::/", "1 MB")]
        {
            assert_eq!(bound_by(&[(OWN_CGROUPS, own), (max, text)]), None, "{own:?} {text:?}");
        }
    }

    #[test]
    fn the_largest_send_buffer_is_the_last_number() {
        assert_eq!(last_number("4096\t16384\t4194304\n"), Some(4 << 20));
        assert_eq!((last_number("\n"), last_number("4096 much")), (None, None));
    }
}
