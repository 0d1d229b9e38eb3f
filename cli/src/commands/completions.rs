//! `cafewire completions`: scripts that make a shell complete our commands and options.

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::args::{Arguments, CompletionsArgs};
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "cafewire", &mut script);
    output::text(&String::from_utf8_lossy(&script)).map(|()| ExitCode::SUCCESS)
}
