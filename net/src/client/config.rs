//! A client's settings: time-outs, way and TLS. Values only: the effect of a time-out is documented
//! where it applies.

use std::time::Duration;

use crate::ip_version::IpVersion;
use crate::tls::ClientTls;

/// The settings of a client: its time-outs, its way to the server, and TLS.
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
    /// The only version of IP to connect by; an address that has none of it is
    /// [`ClientError::Connect`](crate::ClientError::Connect). Of no effect at Unix-domain sockets.
    /// Default: `None`, either.
    pub ip_version: Option<IpVersion>,
    /// Time for a whole answer, or event, to arrive. `None` waits for ever. Default: 10 s.
    pub read_timeout: Option<Duration>,
    /// Time for the system to take a whole frame, which it does at once unless the server has
    /// stopped reading. `None` waits for ever. Default: 10 s.
    pub write_timeout: Option<Duration>,
    /// Time after which a TCP server whose machine gives no sign is taken for gone, and the call
    /// that waits for it ends with [`ClientError::Io`](crate::ClientError::Io): by keep-alive
    /// probes, and on Linux by TCP_USER_TIMEOUT for what is not acknowledged. Counts in seconds;
    /// zero leaves it to the system, which may wait for ever. Default: 60 s.
    pub unreachable_timeout: Duration,
    /// Time without a frame after which a waiting client asks the server for a sign, by a second
    /// Connect in chat and by a Ping in the echo family, and time that the answer may take; then
    /// the call ends with [`ClientError::Io`](crate::ClientError::Io). The
    /// [`ConnectionPool`](crate::ConnectionPool) asks on a connection that was idle for as long
    /// before it lends it out. Finds what TCP cannot: a proxy that holds a
    /// connection whose other end is gone, a server that is stopped. Also keeps a connection that
    /// a proxy would cut for its silence. `None` never asks. Default: 25 s.
    pub probe_interval: Option<Duration>,
    /// The certificates to trust and to show at `tls://` addresses. Default: those that the system
    /// trusts are trusted, none is shown.
    pub tls: ClientTls,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            ip_version: None,
            read_timeout: Some(Duration::from_secs(10)),
            write_timeout: Some(Duration::from_secs(10)),
            unreachable_timeout: Duration::from_secs(60),
            probe_interval: Some(Duration::from_secs(25)),
            tls: ClientTls::default(),
        }
    }
}
