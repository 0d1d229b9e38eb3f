//! All settings: those of the command and of where to listen, which stand here, and the server's
//! limits, which the library has in a table. Out of both come options, variables, keys and texts.

use std::fmt::Display;
use std::iter;
use std::path::PathBuf;

use cafewire_net::Limits;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::http_address::HttpAddress;
use super::listen_address::ListenAddress;
use super::network::Network;
use super::units::{self, Size, Span};
use super::unix_mode::UnixMode;
use crate::log_format::LogFormat;

/// What goes by the kind of a limit.
macro_rules! kind {
    (type count) => {
        usize
    };
    (type count_rate) => {
        u64
    };
    (type time) => {
        Span
    };
    (type $bytes:ident) => {
        Size
    };
    (metavar count) => {
        "N"
    };
    (metavar count_rate) => {
        "N"
    };
    (metavar time) => {
        "TIME"
    };
    (metavar $bytes:ident) => {
        "SIZE"
    };
    (parser count) => {
        units::count::<usize>
    };
    (parser count_rate) => {
        units::count::<u64>
    };
    (parser time) => {
        str::parse::<Span>
    };
    (parser $bytes:ident) => {
        str::parse::<Size>
    };
}

macro_rules! settings {
    (
        $(
            $(#[doc = $doc:literal])+
            $name:ident: $metavar:literal $type:ty $(, $key:ident = $value:expr)*;
        )*
        limits:
        $(
            $(#[doc = $limit_doc:literal])+
            $limit:ident: $kind:ident = $number:literal $($suffix:ident)?
                $(, in $range:expr, $reason:literal)?;
        )*
    ) => {
        /// Settings that were given, from one place or several. `None` was not given.
        #[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Settings {
            $(
                $(#[doc = $doc])+
                #[arg(
                    long,
                    env = variable(stringify!($name)),
                    value_name = $metavar,
                    hide_env = true
                    $(, $key = $value)*
                )]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub(crate) $name: Option<$type>,
            )*
            $(
                #[arg(
                    long,
                    env = variable(stringify!($limit)),
                    value_name = kind!(metavar $kind),
                    hide_env = true,
                    value_parser = kind!(parser $kind),
                    help = help(
                        &[$($limit_doc),+],
                        &<kind!(type $kind)>::from(Limits::default().$limit),
                    ),
                    long_help = long_help(
                        &[$($limit_doc),+],
                        &<kind!(type $kind)>::from(Limits::default().$limit),
                    )
                )]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub(crate) $limit: Option<kind!(type $kind)>,
            )*
        }

        impl Settings {
            /// The keys of the config file, in the order of `--help`.
            pub(crate) const KEYS: &'static [&'static str] =
                &[$(stringify!($name),)* $(stringify!($limit),)*];

            /// The keys of those that were not given.
            pub(crate) fn unset_keys(&self) -> Vec<&'static str> {
                let is_unset = [
                    $((stringify!($name), self.$name.is_none()),)*
                    $((stringify!($limit), self.$limit.is_none()),)*
                ];
                is_unset.into_iter().filter_map(|(key, is_unset)| is_unset.then_some(key)).collect()
            }

            /// The keys of those that were given in `earlier` and are not here.
            pub(crate) fn unset_since(&self, earlier: &Self) -> Vec<&'static str> {
                let here = self.unset_keys();
                let before = earlier.unset_keys();
                here.into_iter().filter(|key| !before.contains(key)).collect()
            }

            /// These settings, and where nothing was given, the others.
            pub(crate) fn or(self, other: Self) -> Self {
                Self {
                    $($name: self.$name.or(other.$name),)*
                    $($limit: self.$limit.or(other.$limit),)*
                }
            }

            /// The settings that make these limits.
            pub(super) fn of_limits(limits: &Limits) -> Self {
                Self { $($limit: Some(limits.$limit.into()),)* ..Self::default() }
            }

            /// Sets the limits that were given.
            pub(super) fn set_limits(&self, limits: &mut Limits) {
                $(
                    if let Some(value) = self.$limit {
                        limits.$limit = value.into();
                    }
                )*
            }
        }
    };
}

macro_rules! settings_with_limits {
    ($($limits:tt)*) => {
        settings! {
            /// Where to listen: tcp://HOST:PORT or HOST:PORT, tls://HOST:PORT, unix:///PATH; on
            /// each address of a name, with one port; port 0 for one that is free; may be repeated
            /// [default: tcp://127.0.0.1:8080].
            ///
            /// With +proxy behind the scheme (tcp+proxy://, tls+proxy://, unix+proxy://) each
            /// connection begins with a header of the PROXY protocol, version 1 or 2, as proxies
            /// send it to tell the client's address, before TLS if there is any.
            ///
            /// `[::]` takes IPv4 too, where the system has it so, unless another address asks for
            /// its port of IPv4: `0.0.0.0:P` and `[::]:P` listen beside each other.
            listen: "ADDR" Vec<ListenAddress>, value_delimiter = ',';
            /// Where proxies may come from that connect to tcp+proxy:// and tls+proxy:// addresses:
            /// 192.0.2.0/24, 2001:db8::/32 or an address; a connection from elsewhere is closed
            /// there; may be repeated [default: nowhere].
            proxy_from: "NET" Vec<Network>, value_delimiter = ',';
            /// The rights on the files of unix:// addresses, in octal digits, whatever the umask:
            /// 0660 lets the file's group connect [default: what the umask leaves of 0777].
            unix_mode: "OCTAL" UnixMode;
            /// The server's certificate for tls:// addresses, and those that lead to a root behind
            /// it, in PEM form.
            tls_certificate: "FILE" PathBuf;
            /// The certificate's private key, in PEM form.
            tls_key: "FILE" PathBuf;
            /// Have clients show a certificate that one of these signed (mutual TLS), in PEM form.
            tls_client_ca: "FILE" PathBuf;
            /// Where to answer HTTP: /metrics for Prometheus, /healthz, /readyz, a status page at
            /// /, and for this machine alone /connections. A port alone (9090) is one of 127.0.0.1,
            /// and localhost:9090 all addresses of that name; a peer that reaches it sees
            /// everything; may be repeated [default: nowhere].
            http: "ADDR" Vec<HttpAddress>, value_delimiter = ',';
            /// Print the payload of every Data frame of the echo family, escaped, one per line with
            /// its sender.
            print_data: "BOOL" bool,
                num_args = 0..=1, require_equals = true, default_missing_value = "true";
            /// How log lines on standard error are written [default: text]. RUST_LOG says which
            /// (default: info).
            log_format: "FORMAT" LogFormat;
            /// How long a server that goes down accepts connections all the same, while /readyz
            /// says 503, so that load balancers learn of it first [default: 0].
            ///
            /// Its connections are then closed one after another within half of drain_timeout (one
            /// minute at the most), not all at once, so that those who connect again do not come
            /// all at once either. The whole stop takes as long as both together.
            lame_duck: "TIME" Span;
            /// How long a server that goes down waits for its queues to be flushed [default: 10s].
            drain_timeout: "TIME" Span;
            limits:
            $($limits)*
        }
    };
}

cafewire_net::for_each_limit!(settings_with_limits);

fn variable(key: &str) -> String {
    format!("CAFEWIRE_{}", key.to_uppercase())
}

/// The first paragraph of a limit's text, with its default.
fn help(lines: &[&str], default: &dyn Display) -> String {
    let text = paragraphs(lines).next().unwrap_or_default();
    format!("{} [default: {default}]", text.trim_end_matches('.'))
}

/// All of the text.
fn long_help(lines: &[&str], default: &dyn Display) -> String {
    iter::once(help(lines, default))
        .chain(paragraphs(lines).skip(1))
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn paragraphs(lines: &[&str]) -> impl Iterator<Item = String> {
    lines
        .split(|line| line.is_empty())
        .map(|lines| lines.iter().map(|line| line.trim_start()).collect::<Vec<_>>().join(" "))
}
