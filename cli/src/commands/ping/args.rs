//! The arguments of `ping`.

use std::time::Duration;

use clap::Args;

use crate::server_args::ServerAddress;
use crate::values::time;
use crate::verbosity;

#[derive(Debug, Args)]
pub(crate) struct PingArgs {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    /// Stop after this many pings; without it, at Ctrl-C.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Time between two pings, such as 0.2 or 200ms; a number alone is of seconds. 0 sends the next
    /// one as soon as the reply is there.
    #[arg(short, long, value_name = "TIME", default_value = "1", value_parser = time)]
    pub(crate) interval: Duration,
    /// Print a JSON object per ping, and one for the summary.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::ConnectionVerbosity,
}
