//! `cafewire completions`: scripts that make a shell complete our commands and options.

use std::process::ExitCode;

use clap::{Args, Command};

use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// `program` is the definition of all commands.
pub(crate) fn run(args: &CompletionsArgs, mut program: Command) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "cafewire", &mut script);
    output::text(&String::from_utf8_lossy(&script)).map(|()| ExitCode::SUCCESS)
}
