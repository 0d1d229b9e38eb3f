//! What a server can be told, from four places: the command line, the environment, a TOML file, the
//! defaults; what comes first in this list wins. One list of settings makes the flags, the
//! variables and the keys, so that they cannot drift apart.

mod file;
mod http_address;
mod list;
mod listen_address;
mod network;
mod reading;
pub(crate) mod units;
mod unix_mode;

use cafewire_net::{ServerConfig, ServerTls, TlsIdentity};

use self::http_address::HttpAddress;
pub(crate) use self::list::Settings;
use self::listen_address::ListenAddress;
use self::network::Network;
pub(crate) use self::reading::{Judged, Reading};
use self::units::Span;
use self::unix_mode::UnixMode;
use crate::failure::Failure;
use crate::log_format::LogFormat;

/// What the command looks at itself, and the server's configuration has not.
const OF_THE_COMMAND: [&str; 2] = ["print_data", "log_format"];

impl Settings {
    /// Everything that counts in the end: what was set, then the defaults.
    pub(crate) fn or_defaults(self) -> Self {
        self.or(Self::defaults())
    }

    /// The defaults, as the library has them.
    fn defaults() -> Self {
        let of_the_command =
            Self { print_data: Some(false), log_format: Some(LogFormat::Text), ..Self::default() };
        of_the_command.or(Self::of_server(ServerConfig::default()))
    }

    /// All of them as they count once a server has them: what it raises is raised, what it lowers
    /// is lowered.
    ///
    /// # Errors
    /// Settings of TLS of which one wants another.
    pub(crate) fn effective(&self) -> Result<Self, Failure> {
        let mut config = self.server_config()?;
        config.limits = config.effective_limits().limits;
        let of_the_command =
            Self { print_data: self.print_data, log_format: self.log_format, ..Self::default() };
        Ok(of_the_command.or(Self::of_server(config)))
    }

    /// The settings that make this configuration.
    fn of_server(config: ServerConfig) -> Self {
        let ServerConfig {
            listen,
            proxy_from,
            unix_mode,
            tls,
            http,
            lame_duck,
            drain_timeout,
            limits,
            ..
        } = config;
        let (identity, tls_client_ca) =
            tls.map_or((None, None), |tls| (Some(tls.identity), tls.client_ca));
        let (tls_certificate, tls_key) = identity
            .map_or((None, None), |identity| (Some(identity.certificate), Some(identity.key)));
        Self {
            listen: Some(listen.into_iter().map(ListenAddress).collect()),
            proxy_from: Some(proxy_from.into_iter().map(Network).collect()),
            unix_mode: unix_mode.map(UnixMode),
            tls_certificate,
            tls_key,
            tls_client_ca,
            http: Some(http.into_iter().map(HttpAddress).collect()),
            print_data: None,
            log_format: None,
            lame_duck: Some(Span(lame_duck)),
            drain_timeout: Some(Span(drain_timeout)),
            ..Self::of_limits(&limits)
        }
    }

    /// The server's configuration. What was not given stays at its default.
    ///
    /// # Errors
    /// Settings of TLS of which one wants another.
    pub(crate) fn server_config(&self) -> Result<ServerConfig, Failure> {
        match self.config_and_unpaired() {
            (config, None) => Ok(config),
            (_, Some((_, sentence))) => Err(Failure::Message(sentence)),
        }
    }

    /// The same, and if a setting of TLS wants another, which it is and what to say of it.
    fn config_and_unpaired(&self) -> (ServerConfig, Option<(&'static str, String)>) {
        let mut config = ServerConfig::default();
        config.handle_signals = true;
        config.inherit_sockets = true;
        let (tls, unpaired) = self.tls();
        config.tls = tls;
        if let Some(listen) = &self.listen {
            config.listen = listen.iter().map(|address| address.0.clone()).collect();
        }
        if let Some(proxy_from) = &self.proxy_from {
            config.proxy_from = proxy_from.iter().map(|network| network.0).collect();
        }
        config.unix_mode = self.unix_mode.map(|mode| mode.0);
        if let Some(http) = &self.http {
            config.http = http.iter().map(|address| address.0.clone()).collect();
        }
        if let Some(lame_duck) = self.lame_duck {
            config.lame_duck = lame_duck.0;
        }
        if let Some(drain_timeout) = self.drain_timeout {
            config.drain_timeout = drain_timeout.0;
        }
        self.set_limits(&mut config.limits);
        (config, unpaired)
    }

    /// Which of the settings that the command itself looks at, once at its start, are others in
    /// `reread`.
    pub(crate) fn read_at_start_only_and_other_in(&self, reread: &Self) -> Vec<&'static str> {
        let others = [self.print_data != reread.print_data, self.log_format != reread.log_format];
        OF_THE_COMMAND
            .into_iter()
            .zip(others)
            .filter_map(|(key, is_other)| is_other.then_some(key))
            .collect()
    }

    fn tls(&self) -> (Option<ServerTls>, Option<(&'static str, String)>) {
        let wanting = |key, sentence: &str| (None, Some((key, sentence.to_owned())));
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let identity = TlsIdentity { certificate: certificate.clone(), key: key.clone() };
                (Some(ServerTls { identity, client_ca: self.tls_client_ca.clone() }), None)
            }
            (Some(_), None) => wanting(
                "tls_certificate",
                "tls_certificate is set and tls_key is not: a certificate needs its key",
            ),
            (None, Some(_)) => wanting(
                "tls_key",
                "tls_key is set and tls_certificate is not: a key needs its certificate",
            ),
            (None, None) if self.tls_client_ca.is_some() => wanting(
                "tls_client_ca",
                "tls_client_ca is set without tls_certificate and tls_key, which TLS needs first",
            ),
            (None, None) => (None, None),
        }
    }

    /// As a config file that says the same.
    pub(crate) fn to_toml(&self) -> Result<String, Failure> {
        toml::to_string(self).map_err(|error| {
            Failure::Message(format!("the configuration cannot be shown: {error}"))
        })
    }
}

#[cfg(test)]
mod tests;
