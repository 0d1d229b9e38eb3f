//! The arguments of `serve`. Its settings are in [`settings`](crate::settings).

use std::path::PathBuf;

use clap::Args;

use crate::settings::Settings;
use crate::verbosity;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// A TOML file with settings; keys are the options' names with _ for -.
    #[arg(long, env = "CAFEWIRE_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Check the settings, the files of TLS included: print all that is wrong with them, or that
    /// nothing is, and on standard error what would be raised or lowered, and end.
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Print the effective value of each setting, those raised or lowered by the server included,
    /// as a config file, and end.
    #[arg(long)]
    pub(crate) print_config: bool,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::LogVerbosity,
    #[command(flatten)]
    pub(crate) settings: Settings,
}
