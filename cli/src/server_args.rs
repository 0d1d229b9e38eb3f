//! The server to talk to, as every client command takes it: its address, and the way to it.
//! Opens no file.

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use cafewire_net::{Address, ClientConfig, ClientTls, IpVersion, TlsIdentity};
use clap::Args;

use crate::retry::Retry;
use crate::settings::units::Span;
use crate::values::address;

/// The server to talk to.
#[derive(Debug, Args)]
pub(crate) struct ServerAddress {
    /// The server: tcp://HOST:PORT or HOST:PORT, tls://HOST:PORT, unix:///PATH; without a port,
    /// 8080 or for tls 8443.
    #[arg(
        value_name = "ADDR",
        env = "CAFEWIRE_ADDR",
        hide_env_values = true,
        default_value_t,
        value_parser = address
    )]
    pub(crate) address: Address,
    #[command(flatten)]
    pub(crate) way: WayArgs,
}

/// The way to the server: certificates to trust, and to show, at tls:// addresses, and the version
/// of IP. The server's certificate is always checked.
#[derive(Debug, Args)]
pub(crate) struct WayArgs {
    /// Connect by IPv4 only.
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Connect by IPv6 only.
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// At tls:// addresses, trust the certificates in this PEM file and no others [default: those
    /// the system trusts].
    #[arg(long, env = "CAFEWIRE_CA", value_name = "FILE", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,
    /// At tls:// addresses, the PEM file with the certificate to show to a server that asks for
    /// one.
    #[arg(
        long,
        env = "CAFEWIRE_CERT",
        value_name = "FILE",
        hide_env_values = true,
        requires = "key"
    )]
    pub(crate) cert: Option<PathBuf>,
    /// The PEM file with that certificate's private key.
    #[arg(
        long,
        env = "CAFEWIRE_KEY",
        value_name = "FILE",
        hide_env_values = true,
        requires = "cert"
    )]
    pub(crate) key: Option<PathBuf>,
    /// One of these that was given on the command line, for a command that learns of its address
    /// only later.
    #[arg(skip)]
    pub(crate) given: Option<&'static str>,
}

/// The options that have an effect at some addresses only.
pub(crate) const OPTIONS: [&str; 5] = ["ca", "cert", "key", "ipv4", "ipv6"];

/// A sentence if the address is none where this option has an effect.
pub(crate) fn without_effect(option: &str, address: &Address) -> Option<String> {
    let kinds = match (option, address) {
        ("ipv4" | "ipv6", Address::Tcp { .. }) | (_, Address::Tls { .. }) => return None,
        ("ipv4" | "ipv6", _) => "tcp:// and tls:// addresses",
        _ => "tls:// addresses",
    };
    Some(format!("--{option} is for {kinds}, and {address} is none"))
}

/// Whether a lost connection is made again.
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// When the connection is lost or cannot be made, try again, with pauses of up to 30 seconds,
    /// for up to this time since it last stood, such as 30s or 5m [without a time: 1h].
    #[arg(
        long,
        value_name = "TIME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1h",
        value_parser = some_time
    )]
    retry: Option<Span>,
}

impl RetryArgs {
    pub(crate) fn attempts(&self) -> Retry {
        Retry::new(self.retry.map(|time| time.0), RandomState::new().hash_one(0))
    }
}

/// How a silent server is asked for a sign.
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// When nothing has come from the server for this time, ask it for a sign, and give the
    /// connection up if none comes in as much time again; 0 never asks. A proxy on the way that
    /// cuts silent connections sooner needs a shorter one.
    #[arg(
        long,
        env = "CAFEWIRE_PROBE_INTERVAL",
        value_name = "TIME",
        default_value = "25s",
        hide_env_values = true,
        value_parser = probe_interval
    )]
    probe_interval: Span,
}

impl ProbeArgs {
    pub(crate) fn interval(&self) -> Option<Duration> {
        Some(self.probe_interval.0).filter(|interval| !interval.is_zero())
    }
}

/// Shorter ones would be a load on the server, and take a slow way for one that is gone.
const PROBE_INTERVAL_MIN: Duration = Duration::from_millis(100);

fn probe_interval(text: &str) -> Result<Span, String> {
    let interval: Span = text.parse()?;
    if interval.0.is_zero() || interval.0 >= PROBE_INTERVAL_MIN {
        Ok(interval)
    } else {
        Err("a time from 100ms up is wanted, or 0".to_owned())
    }
}

fn some_time(text: &str) -> Result<Span, String> {
    let time: Span = text.parse()?;
    if time.0.is_zero() { Err("a time longer than 0 is wanted".to_owned()) } else { Ok(time) }
}

impl WayArgs {
    /// The only version of IP to connect by.
    pub(crate) fn ip_version(&self) -> Option<IpVersion> {
        match (self.ipv4, self.ipv6) {
            (true, _) => Some(IpVersion::V4),
            (_, true) => Some(IpVersion::V6),
            _ => None,
        }
    }

    /// A client's configuration with these files and the default time-outs.
    pub(crate) fn client_config(&self) -> ClientConfig {
        self.client_config_or(ClientTls::default())
    }

    /// The same, with others where none are given. A certificate and its key go together.
    pub(crate) fn client_config_or(&self, others: ClientTls) -> ClientConfig {
        let identity = self.cert.clone().zip(self.key.clone());
        let identity =
            identity.map(|(certificate, key)| TlsIdentity { certificate, key }).or(others.identity);
        ClientConfig {
            ip_version: self.ip_version(),
            tls: ClientTls { ca: self.ca.clone().or(others.ca), identity },
            ..ClientConfig::default()
        }
    }
}
