//! What a server may be told: where to listen and how much of everything it allows.

mod adjustment;
mod changes;
mod effective;
mod fault;
mod limit_table;
mod limits;
mod listen_address;
mod memory_bound;
mod memory_fit;
mod network;

use std::time::Duration;

pub use adjustment::Adjustment;
pub(crate) use changes::changes;
pub use effective::EffectiveLimits;
pub use fault::{ConfigFault, ConfigFaults};
pub use limits::Limits;
pub use listen_address::ListenAddress;
pub use network::{Network, NetworkError};

use crate::address::Address;
use crate::tls::ServerTls;

/// A server's configuration. The defaults are safe on a small machine.
///
/// ```
/// use std::time::Duration;
/// use cafewire_net::ServerConfig;
/// let mut config = ServerConfig::default();
/// assert_eq!(config.listen[0].to_string(), "tcp://127.0.0.1:8080");
/// config.listen = vec!["0.0.0.0:8080".parse()?, "unix:///run/cafewire.sock".parse()?];
/// config.http = vec!["127.0.0.1:9100".parse()?];
/// config.limits.idle_timeout = Duration::from_secs(60);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where to listen: on each address that a name stands for and this machine has, with one port.
    /// `[::]` takes IPv4 too, where the system has it so and no other address here or in `http`
    /// asks for its port of IPv4. Default `tcp://127.0.0.1:8080`.
    pub listen: Vec<ListenAddress>,
    /// Where the proxies are that connect to addresses which expect them, over TCP or TLS. A
    /// connection from elsewhere is closed there: what it says of its peer would be believed.
    /// Needed with such an address. Of a Unix-domain socket the rights on its file decide. Default
    /// none.
    pub proxy_from: Vec<Network>,
    /// Who may connect to a Unix-domain socket: the mode of its file, as chmod(2) has it, whatever
    /// the umask. Default none: what the umask leaves of 0777.
    pub unix_mode: Option<u32>,
    /// The certificate, its key and, for mutual TLS, who signs clients' certificates. `tls://`
    /// addresses need it. Default none.
    pub tls: Option<ServerTls>,
    /// Where to answer HTTP, for metrics, health and the status page: `tcp` addresses, and each
    /// address of a name, with one port. Who reaches it sees them: there is no sign-in. Default
    /// nowhere.
    pub http: Vec<Address>,
    /// Whether to take over the listening sockets that a service manager opened for this process
    /// (systemd's socket activation). If there are any, `listen` is not looked at. One named `tls`
    /// speaks TLS, one named `proxy` is for proxies, and `tls+proxy` is both. Default `false`.
    pub inherit_sockets: bool,
    /// Whether SIGINT, SIGTERM and SIGQUIT end the server in order, SIGHUP reloads its
    /// configuration, and SIGUSR1 and SIGUSR2 change nothing. Default `false`: a library leaves
    /// signals alone.
    pub handle_signals: bool,
    /// How long a server that goes down is not ready any more and accepts connections all the same,
    /// so that load balancers learn of it before a client meets a closed port. Its connections are
    /// then closed one after another within half of `drain_timeout` (60 s at the most), not all at
    /// once; with a `drain_timeout` of 0, which has no half, they are. Default 0: it stops
    /// accepting at once.
    pub lame_duck: Duration,
    /// How long a server that goes down waits for its queues to be flushed; 0 is no bound. Default
    /// 10 s.
    pub drain_timeout: Duration,
    /// The bounds on everything that peers can make grow.
    pub limits: Limits,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: vec![Address::default().into()],
            proxy_from: Vec::new(),
            unix_mode: None,
            tls: None,
            http: Vec::new(),
            inherit_sockets: false,
            handle_signals: false,
            lame_duck: Duration::ZERO,
            drain_timeout: Duration::from_secs(10),
            limits: Limits::default(),
        }
    }
}

/// Closes are spread over half of the time for draining: the other half is for those who come last
/// and are slow.
const SPREAD_SHARE: u32 = 2;

/// The longest time over which closes are spread, where draining has a long time.
const SPREAD_MAX: Duration = Duration::from_secs(60);

impl ServerConfig {
    /// The time over which closes are spread after a lame duck's time. Where draining has no bound
    /// of which this could be a share, they come at once.
    pub(crate) fn spread(&self) -> Duration {
        (self.drain_timeout / SPREAD_SHARE).min(SPREAD_MAX)
    }

    /// As it counts: 0 is no bound, as in the limits.
    pub(crate) const fn effective_drain_timeout(&self) -> Duration {
        if self.drain_timeout.is_zero() { Duration::MAX } else { self.drain_timeout }
    }
}
