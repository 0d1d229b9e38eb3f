//! A client's time-outs and TLS settings. Values only: the effect of a time-out is documented where
//! it applies.

use std::time::Duration;

use crate::tls::ClientTls;

/// The time-outs and the TLS settings of a client.
///
/// ```
/// use std::time::Duration;
/// use cafewire_net::ClientConfig;
/// let read_timeout = Some(Duration::from_secs(60));
/// let patient = ClientConfig { read_timeout, ..ClientConfig::default() };
/// assert_eq!(patient.connect_timeout, Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Time to connect, over all addresses of the name together. The name's look-up is done by the
    /// system and not counted. Default: 5 s.
    pub connect_timeout: Duration,
    /// Time for a whole answer, or event, to arrive. `None` waits for ever. Default: 10 s.
    pub read_timeout: Option<Duration>,
    /// Time for the system to take a whole frame, which it does at once unless the server has
    /// stopped reading. `None` waits for ever. Default: 10 s.
    pub write_timeout: Option<Duration>,
    /// The certificates to trust and to show at `tls://` addresses. Default: those that the system
    /// trusts are trusted, none is shown.
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
