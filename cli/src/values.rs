//! Values that more than one command takes: their rules, and sentences for those that break them.
//! Reads nothing.

use std::net::Ipv6Addr;
use std::time::Duration;

use cafewire_core::{FieldError, MessagePayload};
use cafewire_net::Address;
use cafewire_net::address::{AddressError, DEFAULT_PORT};

use crate::settings::units::Span;

/// Whether `content` can be sent to `room`, by the core's own rules.
pub(crate) fn content(content: &str, room: &str) -> Result<(), FieldError> {
    MessagePayload::SendMessage { room, content }.validate()
}

/// A room's name, by the core's own rules.
pub(crate) fn room(room: &str) -> Result<String, FieldError> {
    MessagePayload::JoinRoom { room }.validate().map(|()| room.to_owned())
}

pub(crate) fn username(username: &str) -> Result<String, FieldError> {
    MessagePayload::Connect { username }.validate().map(|()| username.to_owned())
}

/// A time with its unit, or a number of seconds, fractions allowed.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    text.parse().map(|Span(time)| time)
}

/// The port of tls:// addresses that name none.
const DEFAULT_TLS_PORT: u16 = 8443;

/// A server's address. A host alone means the default port.
pub(crate) fn address(text: &str) -> Result<Address, AddressError> {
    let (scheme, host) = text.split_once("://").unwrap_or(("tcp", text));
    let port = match scheme {
        "tcp" => DEFAULT_PORT,
        "tls" => DEFAULT_TLS_PORT,
        _ => return text.parse(),
    };
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    if host.parse::<Ipv6Addr>().is_ok() {
        format!("{scheme}://[{host}]:{port}").parse()
    } else if is_bracketed || (!host.is_empty() && !host.contains(':')) {
        format!("{scheme}://{host}:{port}").parse()
    } else {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_alone_means_the_default_port() {
        for (text, meant) in [
            ("chat.example", "tcp://chat.example:8080"),
            ("tcp://chat.example", "tcp://chat.example:8080"),
            ("tls://chat.example", "tls://chat.example:8443"),
            ("192.0.2.7", "tcp://192.0.2.7:8080"),
            ("::1", "tcp://[::1]:8080"),
            ("[::1]", "tcp://[::1]:8080"),
            ("tls://[2001:db8::1]", "tls://[2001:db8::1]:8443"),
            ("h:1", "tcp://h:1"),
            ("[::1]:1", "tcp://[::1]:1"),
            ("unix:///run/x.sock", "unix:///run/x.sock"),
        ] {
            assert_eq!(address(text).map(|address| address.to_string()), Ok(meant.to_owned()));
        }
        for text in ["", "tls://", "h:", ":80", "a/b", "udp://h", "unix://x"] {
            assert!(address(text).is_err(), "{text:?}");
        }
    }
}
