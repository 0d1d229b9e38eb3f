//! The arguments of `listen`.

use std::time::Duration;

use clap::Args;

use crate::server_args::{ProbeArgs, RetryArgs, ServerAddress};
use crate::values::{room, time, username};
use crate::verbosity;

#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
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
    /// The room to listen to: 1 to 64 bytes, no control characters; may be repeated.
    #[arg(short, long = "room", value_name = "ROOM", required = true, value_parser = room)]
    pub(crate) rooms: Vec<String>,
    #[command(flatten)]
    pub(crate) retry: RetryArgs,
    #[command(flatten)]
    pub(crate) probe: ProbeArgs,
    /// Stop after this many messages.
    #[arg(
        short = 'n',
        long,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(crate) count: Option<u64>,
    /// Stop after this time in all, such as 30s or 5m; a number alone is of seconds.
    #[arg(short, long, value_name = "TIME", value_parser = time)]
    pub(crate) timeout: Option<Duration>,
    /// Print JSON objects instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::ListenVerbosity,
}
