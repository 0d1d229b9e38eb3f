//! The arguments of `chat`. What is not given here, a profile may have: see
//! [`profile`](crate::profile).

use cafewire_net::Address;
use clap::error::ErrorKind;
use clap::{Args, Command};

use crate::server_args::{ProbeArgs, WayArgs};
#[cfg(feature = "chat-screen")]
use crate::theme_name::ThemeName;
use crate::values::{address, room, username};
use crate::verbosity;

#[derive(Debug, Args)]
pub(crate) struct ChatArgs {
    /// The server: tcp://HOST:PORT or HOST:PORT, tls://HOST:PORT, unix:///PATH; without a port,
    /// 8080 or for tls 8443 [default: tcp://127.0.0.1:8080].
    #[arg(
        value_name = "ADDR",
        env = "CAFEWIRE_ADDR",
        hide_env_values = true,
        value_parser = address
    )]
    pub(crate) address: Option<Address>,
    #[command(flatten)]
    pub(crate) way: WayArgs,
    /// The name to sign in under: 1 to 32 bytes, no control characters. The full screen asks for
    /// one if none is given.
    #[arg(
        short,
        long,
        env = "CAFEWIRE_USER",
        value_name = "NAME",
        hide_env_values = true,
        value_parser = username
    )]
    pub(crate) user: Option<String>,
    /// A room to join first: 1 to 64 bytes, no control characters; may be repeated.
    #[arg(short, long = "room", value_name = "ROOM", value_parser = room)]
    pub(crate) rooms: Vec<String>,
    /// Take address, name, rooms, theme and TLS files from [profile.NAME] of the config file, where
    /// they are not given here.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Colours of the full screen [default: dark].
    #[cfg(feature = "chat-screen")]
    #[arg(long, value_name = "THEME")]
    pub(crate) theme: Option<ThemeName>,
    /// Line by line, even on a terminal.
    #[cfg_attr(feature = "chat-screen", arg(long, conflicts_with = "theme"))]
    #[cfg_attr(not(feature = "chat-screen"), arg(long))]
    pub(crate) plain: bool,
    #[command(flatten)]
    pub(crate) probe: ProbeArgs,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::ChatVerbosity,
}

impl ChatArgs {
    /// The server's address: the command line takes precedence over the profile.
    pub(crate) fn address(&self, profile: Option<Address>) -> Address {
        self.address.clone().or(profile).unwrap_or_default()
    }
}

/// Ends the process as clap does when an argument is missing: in line mode there is no prompt for a
/// name.
pub(super) fn exit_without_user() -> ! {
    refuse(
        ErrorKind::MissingRequiredArgument,
        "--user <NAME> is needed, here or as `user` in a profile: the name to sign in under",
    )
}

/// Ends the process as clap does, for a reason that only the profile shows.
pub(super) fn refuse(kind: ErrorKind, sentence: &str) -> ! {
    ChatArgs::augment_args(Command::new("cafewire chat")).error(kind, sentence).exit()
}
