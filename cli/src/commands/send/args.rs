//! The arguments of `send`, of which two stand in one place: an address and a text.

use cafewire_core::chat::MAX_CONTENT_SIZE;
use cafewire_net::Address;
use clap::Args;

use super::SPLIT_LINE_MAX;
use crate::server_args::{ProbeArgs, RetryArgs, WayArgs};
use crate::values::{address, content, room, username};
use crate::verbosity;

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The server (tcp://HOST:PORT or HOST:PORT, tls://HOST:PORT, unix:///PATH; default
    /// CAFEWIRE_ADDR in the environment, or tcp://127.0.0.1:8080), then the text to say.
    #[arg(value_name = "ADDR|TEXT", num_args = 0..=2)]
    address_and_text: Vec<String>,
    #[command(flatten)]
    pub(crate) way: WayArgs,
    /// The name to sign in under: 1 to 32 bytes, no control characters.
    #[arg(
        short,
        long,
        env = "CAFEWIRE_USER",
        value_name = "NAME",
        hide_env_values = true,
        value_parser = username
    )]
    pub(crate) user: String,
    /// The room to say it in: 1 to 64 bytes, no control characters.
    #[arg(short, long, value_name = "ROOM", value_parser = room)]
    pub(crate) room: String,
    /// Leave out lines that cannot be said: longer than 512 bytes, not UTF-8, or refused by the
    /// server. Each is named on standard error, and in the end the status is 1. Standard input is
    /// read to its end whatever happens, so that its writer is not ended by a closed pipe.
    #[arg(long)]
    pub(crate) skip: bool,
    /// Say lines longer than 512 bytes, or such a text, in several messages, and U+FFFD for bytes
    /// that are not UTF-8; the rest as --skip. Lines longer than 64 KiB are left out.
    #[arg(long, conflicts_with = "skip")]
    pub(crate) split: bool,
    /// If the name is taken, sign in as NAME-2, NAME-3 and so on up to NAME-99, for jobs that
    /// overlap.
    #[arg(long)]
    pub(crate) user_suffix: bool,
    #[command(flatten)]
    pub(crate) retry: RetryArgs,
    #[command(flatten)]
    pub(crate) probe: ProbeArgs,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::ConnectionVerbosity,
}

/// Where no address is given.
fn usual_address() -> Result<Address, String> {
    match std::env::var("CAFEWIRE_ADDR") {
        Ok(text) if !text.is_empty() => address(&text).map_err(|error| {
            format!("invalid value '{text}' for CAFEWIRE_ADDR in the environment: {error}")
        }),
        _ => Ok(Address::default()),
    }
}

impl SendArgs {
    /// Tells the address and the text apart. A lone argument is the address if it parses as one.
    ///
    /// # Errors
    /// The first of two is no address, or the text cannot be a message. A sentence for the user.
    pub(crate) fn address_and_text(&self) -> Result<(Address, Option<&str>), String> {
        let (address, text) = match self.address_and_text.as_slice() {
            [] => (usual_address()?, None),
            // Not a host alone: that is a text as well.
            [lone] => match lone.parse() {
                Ok(address) if !lone.contains(char::is_whitespace) => (address, None),
                _ => (usual_address()?, Some(lone.as_str())),
            },
            [given, text, ..] => {
                // Two words without quotes are no host and a text.
                let is_host = given.contains(['.', ':', '/']) || given == "localhost";
                let parsed = if is_host { address(given) } else { given.parse() };
                let parsed = parsed
                    .map_err(|error| format!("invalid value '{given}' for [ADDR]: {error}"))?;
                (parsed, Some(text.as_str()))
            }
        };
        if let Some(text) = text {
            self.check_text(text).map_err(|error| format!("invalid value for [TEXT]: {error}"))?;
        }
        Ok((address, text))
    }

    fn check_text(&self, text: &str) -> Result<(), String> {
        if !self.split || text.len() <= MAX_CONTENT_SIZE {
            content(text, &self.room).map_err(|error| error.to_string())
        } else if text.len() > SPLIT_LINE_MAX {
            let len_bytes = text.len();
            Err(format!("it is {len_bytes} bytes long, at most {SPLIT_LINE_MAX} are allowed"))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        send: SendArgs,
    }

    #[test]
    fn send_tells_an_address_from_a_text() {
        let split = |positional: &[&str]| {
            let line = [&["send", "--user", "a", "--room", "b"], positional].concat();
            let send = Line::try_parse_from(line).unwrap().send;
            let (address, text) = send.address_and_text()?;
            Ok((address.to_string(), text.map(str::to_owned)))
        };
        let here = || Address::default().to_string();
        let ok = |address: String, text: Option<&str>| {
            Ok::<_, String>((address, text.map(str::to_owned)))
        };
        assert_eq!(split(&[]), ok(here(), None));
        assert_eq!(split(&["hello"]), ok(here(), Some("hello")));
        assert_eq!(split(&["meet at tea:5"]), ok(here(), Some("meet at tea:5")));
        assert_eq!(split(&["h:1"]), ok("tcp://h:1".to_owned(), None));
        assert_eq!(split(&["h:1", "12:30"]), ok("tcp://h:1".to_owned(), Some("12:30")));
        assert!(split(&["hello", "world"]).unwrap_err().contains("[ADDR]"));
        assert!(split(&["h:1", ""]).unwrap_err().contains("content is 0 bytes long"));
        assert!(split(&[&"x".repeat(513)]).unwrap_err().contains("513"));
    }
}
