//! What a server can be told, from four places: the command line, the environment, a TOML file, the
//! defaults; what comes first in this list wins. One list of settings makes the flags, the
//! variables and the keys, so that they cannot drift apart.

mod file;
mod http_address;
pub(crate) mod units;

use std::path::PathBuf;

use cafewire_net::{Address, Limits, ServerConfig, ServerTls, TlsIdentity};
use clap::Args;
use serde::{Deserialize, Serialize};

use self::http_address::HttpAddress;
use self::units::{Size, Span};
use crate::args::LogFormat;
use crate::failure::Failure;

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident $env:literal $metavar:literal $kind:ty $(, $key:ident = $value:expr)*;)*) => {
        /// Settings that were given, from one place or several. `None` was not given.
        #[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Settings {
            $(
                $(#[doc = $doc])+
                #[arg(long, env = $env, value_name = $metavar, hide_env = true $(, $key = $value)*)]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub(crate) $name: Option<$kind>,
            )*
        }

        impl Settings {
            /// The keys of the config file, in the order of `--help`.
            pub(crate) const KEYS: &'static [&'static str] = &[$(stringify!($name)),*];

            /// The keys of those that were not given.
            pub(crate) fn unset_keys(&self) -> Vec<&'static str> {
                [$((stringify!($name), self.$name.is_none())),*]
                    .into_iter()
                    .filter_map(|(key, is_unset)| is_unset.then_some(key))
                    .collect()
            }

            /// These settings, and where nothing was given, the others.
            pub(crate) fn or(self, other: Self) -> Self {
                Self { $($name: self.$name.or(other.$name),)* }
            }
        }
    };
}

settings! {
    /// Where to listen: tcp://HOST:PORT or HOST:PORT, tls://HOST:PORT, unix:///PATH; port 0 for one
    /// that is free; may be repeated [default: tcp://127.0.0.1:8080].
    listen "CAFEWIRE_LISTEN" "ADDR" Vec<ListenAddress>, value_delimiter = ',';
    /// The server's certificate for tls:// addresses, and those that lead to a root behind it, in
    /// PEM form.
    tls_certificate "CAFEWIRE_TLS_CERTIFICATE" "FILE" PathBuf;
    /// The certificate's private key, in PEM form.
    tls_key "CAFEWIRE_TLS_KEY" "FILE" PathBuf;
    /// Have clients show a certificate that one of these signed (mutual TLS), in PEM form.
    tls_client_ca "CAFEWIRE_TLS_CLIENT_CA" "FILE" PathBuf;
    /// Where to answer HTTP: /metrics for Prometheus, /healthz, /readyz, and a status page at /. A
    /// port alone (9090) is one of 127.0.0.1; whoever reaches it sees everything; may be repeated
    /// [default: nowhere].
    http "CAFEWIRE_HTTP" "ADDR" Vec<HttpAddress>, value_delimiter = ',';
    /// Print the payload of every Data frame of the echo family, escaped, one per line with its
    /// sender.
    print_data "CAFEWIRE_PRINT_DATA" "BOOL" bool, num_args = 0..=1, require_equals = true, default_missing_value = "true";
    /// How log lines on standard error are written [default: text]. RUST_LOG says which (default:
    /// info).
    log_format "CAFEWIRE_LOG_FORMAT" "FORMAT" LogFormat;
    /// How long a server that goes down waits for its queues to be flushed [default: 10s].
    drain_timeout "CAFEWIRE_DRAIN_TIMEOUT" "TIME" Span;
    /// Connections at a time; lowered to what file descriptors allow [default: 65536].
    connections "CAFEWIRE_CONNECTIONS" "N" usize, value_parser = units::count::<usize>;
    /// Connections from one IP address at a time [default: 1024].
    connections_per_address "CAFEWIRE_CONNECTIONS_PER_ADDRESS" "N" usize, value_parser = units::count::<usize>;
    /// Frames per second from one connection, with a burst of as many [default: 0].
    frames_per_second "CAFEWIRE_FRAMES_PER_SECOND" "N" u64, value_parser = units::count::<u64>;
    /// Bytes of frames per second from one connection [default: 0].
    bytes_per_second "CAFEWIRE_BYTES_PER_SECOND" "SIZE" Size;
    /// All buffers of connections and rooms together [default: 512MiB].
    buffer_bytes "CAFEWIRE_BUFFER_BYTES" "SIZE" Size;
    /// Time to the first complete frame, and to a chat peer's sign-in [default: 10s].
    sign_in_timeout "CAFEWIRE_SIGN_IN_TIMEOUT" "TIME" Span;
    /// Time in which nothing passes either way; members of rooms may be silent for longer [default:
    /// 5m].
    idle_timeout "CAFEWIRE_IDLE_TIMEOUT" "TIME" Span;
    /// Time that a closed connection has to fetch its last bytes [default: 2s].
    close_timeout "CAFEWIRE_CLOSE_TIMEOUT" "TIME" Span;
    /// Bytes queued for one connection; more makes it a slow consumer [default: 1MiB].
    outbox_bytes "CAFEWIRE_OUTBOX_BYTES" "SIZE" Size;
    /// The same for a chat connection that has not signed in [default: 4KiB].
    outbox_bytes_before_sign_in "CAFEWIRE_OUTBOX_BYTES_BEFORE_SIGN_IN" "SIZE" Size;
    /// While more is queued for a connection, nothing is read from it [default: 256KiB].
    read_pause_bytes "CAFEWIRE_READ_PAUSE_BYTES" "SIZE" Size;
    /// Bytes of one room's log; who still needs what goes is a slow consumer [default: 1MiB].
    room_log_bytes "CAFEWIRE_ROOM_LOG_BYTES" "SIZE" Size;
    /// Rooms that one connection may be in [default: 64].
    rooms_per_connection "CAFEWIRE_ROOMS_PER_CONNECTION" "N" usize, value_parser = units::count::<usize>;
    /// Rooms in all [default: 65536].
    rooms "CAFEWIRE_ROOMS" "N" usize, value_parser = units::count::<usize>;
    /// Members of one room [default: 65536].
    members_per_room "CAFEWIRE_MEMBERS_PER_ROOM" "N" usize, value_parser = units::count::<usize>;
    /// Bytes read from one connection in a turn of the loop, 1KiB to 1MiB; the rest waits for the
    /// next [default: 64KiB].
    read_bytes_per_tick "CAFEWIRE_READ_BYTES_PER_TICK" "SIZE" Size;
    /// Frames done for one connection in a turn [default: 256].
    frames_per_tick "CAFEWIRE_FRAMES_PER_TICK" "N" usize, value_parser = units::count::<usize>;
    /// Connections accepted per address to listen on in a turn [default: 64].
    accepts_per_tick "CAFEWIRE_ACCEPTS_PER_TICK" "N" usize, value_parser = units::count::<usize>;
    /// Steps of TLS handshakes in a turn [default: 4].
    handshakes_per_tick "CAFEWIRE_HANDSHAKES_PER_TICK" "N" usize, value_parser = units::count::<usize>;
    /// Connections to the HTTP port at a time, which count nowhere else [default: 64].
    http_connections "CAFEWIRE_HTTP_CONNECTIONS" "N" usize, value_parser = units::count::<usize>;
    /// Time that an HTTP peer has for each request, and to take each response [default: 10s].
    http_timeout "CAFEWIRE_HTTP_TIMEOUT" "TIME" Span;
}

/// What the command looks at itself, and the server's configuration has not.
const OF_THE_COMMAND: [&str; 2] = ["print_data", "log_format"];

impl Settings {
    /// Everything that counts in the end: what was given, then the file, then the defaults.
    pub(crate) fn resolve(given: Self, config: Option<&PathBuf>) -> Result<Self, Failure> {
        let file = config.map(|path| file::read(path)).transpose()?.unwrap_or_default();
        Ok(given.or(file).or(Self::defaults()))
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
    /// TLS settings of which one wants another.
    pub(crate) fn effective(&self) -> Result<Self, Failure> {
        let mut config = self.server_config()?;
        config.limits = config.effective_limits().0;
        let of_the_command =
            Self { print_data: self.print_data, log_format: self.log_format, ..Self::default() };
        Ok(of_the_command.or(Self::of_server(config)))
    }

    /// The settings that make this configuration.
    fn of_server(config: ServerConfig) -> Self {
        let ServerConfig { listen, tls, http, drain_timeout, limits, .. } = config;
        let (identity, tls_client_ca) =
            tls.map_or((None, None), |tls| (Some(tls.identity), tls.client_ca));
        let (tls_certificate, tls_key) = identity
            .map_or((None, None), |identity| (Some(identity.certificate), Some(identity.key)));
        let size = |bytes: usize| Some(Size(bytes as u64));
        Self {
            listen: Some(listen.into_iter().map(ListenAddress).collect()),
            tls_certificate,
            tls_key,
            tls_client_ca,
            http: Some(http.into_iter().map(HttpAddress).collect()),
            print_data: None,
            log_format: None,
            drain_timeout: Some(Span(drain_timeout)),
            connections: Some(limits.connections),
            connections_per_address: Some(limits.connections_per_address),
            frames_per_second: Some(limits.frames_per_second),
            bytes_per_second: Some(Size(limits.bytes_per_second)),
            buffer_bytes: size(limits.buffer_bytes),
            sign_in_timeout: Some(Span(limits.sign_in_timeout)),
            idle_timeout: Some(Span(limits.idle_timeout)),
            close_timeout: Some(Span(limits.close_timeout)),
            outbox_bytes: size(limits.outbox_bytes),
            outbox_bytes_before_sign_in: size(limits.outbox_bytes_before_sign_in),
            read_pause_bytes: size(limits.read_pause_bytes),
            room_log_bytes: size(limits.room_log_bytes),
            rooms_per_connection: Some(limits.rooms_per_connection),
            rooms: Some(limits.rooms),
            members_per_room: Some(limits.members_per_room),
            read_bytes_per_tick: size(limits.read_bytes_per_tick),
            frames_per_tick: Some(limits.frames_per_tick),
            accepts_per_tick: Some(limits.accepts_per_tick),
            handshakes_per_tick: Some(limits.handshakes_per_tick),
            http_connections: Some(limits.http_connections),
            http_timeout: Some(Span(limits.http_timeout)),
        }
    }

    /// The server's configuration. What was not given stays at its default.
    ///
    /// # Errors
    /// TLS settings of which one wants another.
    pub(crate) fn server_config(&self) -> Result<ServerConfig, Failure> {
        let mut config = ServerConfig::default();
        config.handle_signals = true;
        config.inherit_sockets = true;
        config.tls = self.tls()?;
        if let Some(listen) = &self.listen {
            config.listen = listen.iter().map(|address| address.0.clone()).collect();
        }
        if let Some(http) = &self.http {
            config.http = http.iter().map(|address| address.0).collect();
        }
        set_span(&mut config.drain_timeout, self.drain_timeout);
        let limits: &mut Limits = &mut config.limits;
        set(&mut limits.connections, self.connections);
        set(&mut limits.connections_per_address, self.connections_per_address);
        set(&mut limits.frames_per_second, self.frames_per_second);
        set(&mut limits.bytes_per_second, self.bytes_per_second.map(|size| size.0));
        set_size(&mut limits.buffer_bytes, self.buffer_bytes);
        set_span(&mut limits.sign_in_timeout, self.sign_in_timeout);
        set_span(&mut limits.idle_timeout, self.idle_timeout);
        set_span(&mut limits.close_timeout, self.close_timeout);
        set_size(&mut limits.outbox_bytes, self.outbox_bytes);
        set_size(&mut limits.outbox_bytes_before_sign_in, self.outbox_bytes_before_sign_in);
        set_size(&mut limits.read_pause_bytes, self.read_pause_bytes);
        set_size(&mut limits.room_log_bytes, self.room_log_bytes);
        set(&mut limits.rooms_per_connection, self.rooms_per_connection);
        set(&mut limits.rooms, self.rooms);
        set(&mut limits.members_per_room, self.members_per_room);
        set_size(&mut limits.read_bytes_per_tick, self.read_bytes_per_tick);
        set(&mut limits.frames_per_tick, self.frames_per_tick);
        set(&mut limits.accepts_per_tick, self.accepts_per_tick);
        set(&mut limits.handshakes_per_tick, self.handshakes_per_tick);
        set(&mut limits.http_connections, self.http_connections);
        set_span(&mut limits.http_timeout, self.http_timeout);
        Ok(config)
    }

    /// Which of the settings that the command itself looks at, once at its start, are others in
    /// `anew`.
    pub(crate) fn read_at_start_only_and_other_in(&self, anew: &Self) -> Vec<&'static str> {
        let others = [self.print_data != anew.print_data, self.log_format != anew.log_format];
        OF_THE_COMMAND
            .into_iter()
            .zip(others)
            .filter_map(|(key, is_other)| is_other.then_some(key))
            .collect()
    }

    fn tls(&self) -> Result<Option<ServerTls>, Failure> {
        let wanting = |sentence: &str| Err(Failure::Message(sentence.to_owned()));
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let identity = TlsIdentity { certificate: certificate.clone(), key: key.clone() };
                Ok(Some(ServerTls { identity, client_ca: self.tls_client_ca.clone() }))
            }
            (Some(_), None) => {
                wanting("tls_certificate is set and tls_key is not: a certificate needs its key")
            }
            (None, Some(_)) => {
                wanting("tls_key is set and tls_certificate is not: a key needs its certificate")
            }
            (None, None) if self.tls_client_ca.is_some() => wanting(
                "tls_client_ca is set without tls_certificate and tls_key, which TLS needs first",
            ),
            (None, None) => Ok(None),
        }
    }

    /// As a config file that says the same.
    pub(crate) fn to_toml(&self) -> Result<String, Failure> {
        toml::to_string(self).map_err(|error| {
            Failure::Message(format!("the configuration cannot be shown: {error}"))
        })
    }
}

fn set<T>(place: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *place = value;
    }
}

fn set_size(place: &mut usize, given: Option<Size>) {
    set(place, given.map(|size| usize::try_from(size.0).unwrap_or(usize::MAX)));
}

fn set_span(place: &mut std::time::Duration, given: Option<Span>) {
    set(place, given.map(|span| span.0));
}

/// An [`Address`], in a config file a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ListenAddress(pub(crate) Address);

impl std::str::FromStr for ListenAddress {
    type Err = cafewire_net::address::AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = cafewire_net::address::AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ListenAddress> for String {
    fn from(address: ListenAddress) -> Self {
        address.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHOUT_DEFAULT: [&str; 3] = ["tls_certificate", "tls_key", "tls_client_ca"];

    #[test]
    fn every_default_has_a_key_and_survives_the_way_to_a_file_and_back() {
        let defaults = Settings::defaults();
        let toml = defaults.to_toml().unwrap_or_else(|_| panic!("the defaults can be shown"));
        let keys: Vec<_> =
            Settings::KEYS.iter().filter(|key| !WITHOUT_DEFAULT.contains(key)).collect();
        assert_eq!(toml.lines().count(), keys.len(), "{toml}");
        for (line, key) in toml.lines().zip(keys) {
            assert!(line.starts_with(&format!("{key} = ")), "{line}");
        }
        assert_eq!(toml::from_str::<Settings>(&toml).unwrap(), defaults);
    }

    #[test]
    fn the_defaults_are_the_librarys() {
        let limits_of =
            |settings: Settings| settings.server_config().map(|config| config.limits).ok();
        assert_eq!(limits_of(Settings::defaults()), Some(Limits::default()));
        assert_eq!(limits_of(Settings::default()), Some(Limits::default()));
    }

    #[test]
    fn every_key_reaches_the_server() {
        let tls = "tls_certificate = \"c\"\ntls_key = \"k\"\n";
        let config_of = |text: &str| {
            let settings: Settings =
                toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            settings
                .server_config()
                .map_or_else(|_| panic!("{text}"), |config| format!("{config:?}"))
        };
        for key in Settings::KEYS.iter().filter(|key| !OF_THE_COMMAND.contains(key)) {
            let (before, after) = match *key {
                "listen" => ("", "listen = [\"127.0.0.1:1\"]".to_owned()),
                "http" => ("", "http = [\"127.0.0.1:1\"]".to_owned()),
                "tls_certificate" => (tls, tls.replace("\"c\"", "\"other\"")),
                "tls_key" => (tls, tls.replace("\"k\"", "\"other\"")),
                "tls_client_ca" => (tls, format!("{tls}tls_client_ca = \"ca\"")),
                timeout if timeout.ends_with("_timeout") => ("", format!("{timeout} = \"7s\"")),
                number => ("", format!("{number} = 7")),
            };
            assert_ne!(config_of(before), config_of(&after), "{key} does nothing");
        }
    }

    #[test]
    fn every_other_key_is_told_of_when_it_changes() {
        let defaults = Settings::defaults();
        for (key, value) in [("print_data", "true"), ("log_format", "\"json\"")] {
            let other: Settings = toml::from_str(&format!("{key} = {value}")).unwrap();
            assert_eq!(
                defaults.read_at_start_only_and_other_in(&other.or(Settings::defaults())),
                [key]
            );
        }
        assert!(defaults.read_at_start_only_and_other_in(&Settings::defaults()).is_empty());
    }

    #[test]
    fn every_key_has_a_variable_and_an_option_of_its_name() {
        let command = Settings::augment_args(clap::Command::new("settings"));
        for key in Settings::KEYS {
            let argument = command
                .get_arguments()
                .find(|argument| argument.get_id() == key)
                .expect("an argument");
            assert_eq!(argument.get_long(), Some(&*key.replace('_', "-")));
            let variable = format!("CAFEWIRE_{}", key.to_uppercase());
            assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(&*variable));
        }
    }

    #[test]
    fn what_comes_first_wins() {
        let given = Settings { rooms: Some(1), ..Settings::default() };
        let file = Settings { rooms: Some(2), connections: Some(3), ..Settings::default() };
        let both = given.or(file);
        assert_eq!((both.rooms, both.connections, both.members_per_room), (Some(1), Some(3), None));
    }
}
