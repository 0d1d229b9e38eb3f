//! The server to talk to, as every client command takes it: its address and its TLS files. Opens
//! neither.

use std::path::PathBuf;

use cafewire_net::{Address, ClientConfig, ClientTls, TlsIdentity};
use clap::Args;

/// The server to talk to.
#[derive(Debug, Args)]
pub(crate) struct ServerAddress {
    /// The server: tcp://HOST:PORT or HOST:PORT, tls://HOST:PORT, unix:///PATH.
    #[arg(value_name = "ADDR", default_value_t)]
    pub(crate) address: Address,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

/// Certificates to trust, and to show, at tls:// addresses. The server's certificate is always
/// checked.
#[derive(Debug, Args)]
pub(crate) struct TlsArgs {
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

/// A sentence if the address is none where this option has an effect.
pub(crate) fn tls_without_effect(option: &str, address: &Address) -> Option<String> {
    let is_plain = !matches!(address, Address::Tls { .. });
    is_plain.then(|| format!("--{option} is for tls:// addresses, and {address} is none"))
}

impl TlsArgs {
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
            tls: ClientTls { ca: self.ca.clone().or(others.ca), identity },
            ..ClientConfig::default()
        }
    }
}
