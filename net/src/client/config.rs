//! How long a client waits, and whom it trusts. Values only: what a time-out does is said where it
//! strikes.

use std::time::Duration;

use crate::tls::ClientTls;

/// How long a client waits for the network, and whom it trusts there.
///
/// ```
/// use std::time::Duration;
/// use cafewire_net::ClientConfig;
/// let patient = ClientConfig { read_timeout: Some(Duration::from_secs(60)), ..ClientConfig::default() };
/// assert_eq!(patient.connect_timeout, Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// For the connection to stand, over all addresses of the name together. Looking the name up is
    /// the system's affair and not counted. Default: 5 s.
    pub connect_timeout: Duration,
    /// For a whole answer, or event, to arrive. `None` waits for ever. Default: 10 s.
    pub read_timeout: Option<Duration>,
    /// For the system to take a whole frame, which it does at once unless the server has stopped
    /// reading. `None` waits for ever. Default: 10 s.
    pub write_timeout: Option<Duration>,
    /// Whom to trust, and what to show, at `tls://` addresses. Default: trust whom the system
    /// trusts, show nothing.
    pub tls: ClientTls,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Some(Duration::from_secs(10)),
            write_timeout: Some(Duration::from_secs(10)),
            tls: ClientTls::default(),
        }
    }
}
