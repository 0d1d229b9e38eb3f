//! Signals of the process, kept until the server's loop looks at them. Decides nothing: the loop
//! acts on what [`Signals::take`] tells.

use std::fmt;
use std::io;

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook_mio::v1_0::Signals as Pending;

/// Signals that would end the process, and have a meaning for a server even before it serves.
const HELD: [i32; 3] = [SIGHUP, SIGUSR1, SIGUSR2];

/// Signals that end a server in order once it listens. Before, there is nothing to put in order.
const STOPPING: [i32; 3] = [SIGINT, SIGQUIT, SIGTERM];

/// Signals that are kept for a server that is still to be bound: SIGHUP, which then reloads its
/// configuration, and SIGUSR1 and SIGUSR2. Without this, they end a process that reads its
/// configuration, or looks up a name.
///
/// ```
/// use cafewire_net::{HeldSignals, Server, ServerConfig};
/// let signals = HeldSignals::hold()?; // before anything else
/// let mut config = ServerConfig::default(); // read from a file, for example
/// # config.listen = vec!["127.0.0.1:0".parse()?];
/// let server = Server::bind_with_signals(config, signals)?;
/// # server.handle().shut_down();
/// server.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HeldSignals(Pending);

impl HeldSignals {
    /// Keeps these signals from now on.
    ///
    /// # Errors
    /// The system refuses.
    pub fn hold() -> io::Result<Self> {
        Pending::new(HELD).map(Self)
    }
}

impl fmt::Debug for HeldSignals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldSignals").finish_non_exhaustive()
    }
}

/// What signals asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) times_to_stop: usize,
    pub(crate) to_reload: bool,
    /// One came that asks a server for nothing.
    pub(crate) is_unheeded: bool,
}

/// The signals of a server that listens.
pub(crate) struct Signals(Pending);

impl Signals {
    /// Takes over those that were held, and those that end the server.
    pub(crate) fn of_server(held: HeldSignals) -> io::Result<Self> {
        for signal in STOPPING {
            held.0.add_signal(signal)?;
        }
        Ok(Self(held.0))
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.0, token, Interest::READABLE)
    }

    /// What came since the last time.
    pub(crate) fn take(&mut self) -> Asked {
        let mut asked = Asked::default();
        for signal in self.0.pending() {
            match signal {
                SIGHUP => asked.to_reload = true,
                SIGUSR1 | SIGUSR2 => asked.is_unheeded = true,
                _ => asked.times_to_stop += 1,
            }
        }
        asked
    }
}
