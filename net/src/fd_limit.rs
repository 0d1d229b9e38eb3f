//! The limit on file descriptors: how many connections fit. A leaf, for the server and for the load
//! tester.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors set aside for everything but connections: standard streams, listeners, the poll,
/// signals, the log, the files of a reload.
const RESERVED: u64 = 64;

/// Raises this process's soft limit to its hard one and returns how many connections fit. `None` if
/// there is no limit.
pub(crate) fn connections_that_fit() -> Option<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = current == maximum
        || setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let descriptors = if raised { maximum } else { current }?;
    // With very few descriptors, half of them are for connections.
    let fit = descriptors.saturating_sub(RESERVED).max(descriptors / 2);
    Some(usize::try_from(fit).unwrap_or(usize::MAX))
}
