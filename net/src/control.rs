//! The control interface of a running server: requests to stop or to reload, and the phases it goes
//! through. Decides nothing; the event loop acts on it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::ServerConfig;

/// A phase that a server enters. A [`PhaseHook`] can report it to a service manager
/// (`sd_notify(3)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// The server serves: entered at the start, and after each attempt to reload.
    Ready,
    /// The server was asked to reload and reads its configuration.
    Reloading,
    /// The server was asked to stop: it is not ready any more, accepts no more connections (at
    /// once, or after [`ServerConfig::lame_duck`]) and flushes its queues.
    Draining,
}

/// Returns the new configuration when the server is asked to reload. An error is a sentence for the
/// log, and the server keeps its configuration. Set by
/// [`Server::on_reload`](crate::Server::on_reload), called on the server's thread.
///
/// ```
/// use cafewire_net::{ConfigSource, ServerConfig};
/// let mut source: ConfigSource = Box::new(|| {
///     let text = "1O00"; // read from a file, for example
///     let mut config = ServerConfig::default();
///     config.limits.connections = text.parse().map_err(|error| format!("connections: {error}"))?;
///     Ok(config)
/// });
/// assert_eq!(source().unwrap_err(), "connections: invalid digit found in string");
/// ```
pub type ConfigSource = Box<dyn FnMut() -> Result<ServerConfig, String> + Send>;

/// Called with each phase that the server enters, on the server's thread. Set by
/// [`Server::set_phase_hook`](crate::Server::set_phase_hook).
///
/// ```
/// use cafewire_net::{Phase, PhaseHook};
/// let mut hook: PhaseHook = Box::new(|phase| match phase {
///     Phase::Ready => println!("READY=1"),
///     Phase::Reloading => println!("RELOADING=1"),
///     Phase::Draining => println!("STOPPING=1"),
///     _ => {}
/// });
/// hook(Phase::Ready);
/// ```
pub type PhaseHook = Box<dyn FnMut(Phase) + Send>;

/// The callbacks of a server: the source of its configuration and the hook for its phases.
#[derive(Default)]
pub(crate) struct Control {
    pub(crate) config_source: Option<ConfigSource>,
    pub(crate) phase_hook: Option<PhaseHook>,
}

impl Control {
    pub(crate) fn enter(&mut self, phase: Phase) {
        if let Some(hook) = &mut self.phase_hook {
            hook(phase);
        }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

/// The requests of other threads since the loop's last check.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    stop: AtomicBool,
    reload: AtomicBool,
}

impl Requests {
    pub(crate) fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    pub(crate) fn ask_to_reload(&self) {
        self.reload.store(true, Ordering::Release);
    }

    pub(crate) fn take_stop(&self) -> bool {
        self.stop.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }
}
