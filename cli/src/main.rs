//! cafewire on the command line: parses the arguments, runs the command, and returns its exit
//! status.

#![cfg_attr(
    not(all(feature = "bench", feature = "capture", feature = "chat-screen", feature = "top")),
    allow(dead_code, reason = "commands share it that this build is without")
)]

mod args;
mod backoff;
mod chat_line;
#[cfg(feature = "chat-screen")]
mod chat_screen;
mod commands;
mod config_file;
mod conversation;
mod decode;
mod escape;
mod failure;
mod format;
mod help;
mod interrupt;
mod line_queue;
mod lines;
mod log_format;
mod output;
mod pace;
mod profile;
mod requests;
mod retry;
mod server_args;
mod settings;
mod stats;
#[cfg(any(feature = "chat-screen", feature = "top"))]
mod terminal;
mod theme_name;
mod tls_remarks;
mod values;
mod verbosity;

use std::process::ExitCode;

use args::{Arguments, Command};
use clap::CommandFactory as _;
use failure::Failure;
use signal_hook::consts::SIGHUP;

fn main() -> ExitCode {
    // Before anything else: a service manager may ask a server that is still starting to reload.
    let signals = commands::serve::hold_signals_if_asked_for();
    interrupt::heed_as_first_process(if signals.is_some() { &[SIGHUP] } else { &[] });
    let arguments = Arguments::parse_or_exit();
    output::set_verbosity(arguments.verbosity());
    let outcome = match &arguments.command {
        Command::Serve(args) => commands::serve::run(args, signals),
        Command::Ping(args) => commands::ping::run(args),
        Command::Echo(args) => commands::echo::run(args),
        Command::Chat(args) => commands::chat::run(args),
        Command::Send(args) => commands::send::run(args),
        Command::Listen(args) => commands::listen::run(args),
        Command::Decode(args) => commands::decode::run(args),
        Command::Encode(args) => commands::encode::run(args),
        #[cfg(feature = "bench")]
        Command::Bench(args) => commands::bench::run(args),
        Command::Completions(args) => commands::completions::run(args, Arguments::command()),
        Command::Man(args) => commands::man::run(args, Arguments::command()),
        #[cfg(feature = "top")]
        Command::Top(args) => commands::top::run(args),
        #[cfg(feature = "top")]
        Command::Connections(args) => commands::connections::run(args),
    };
    outcome.unwrap_or_else(|failure| {
        let exit_code = failure.exit_code();
        if !matches!(failure, Failure::TerminalGone) {
            for sentence in failure.into_sentences() {
                output::remark(format_args!("cafewire: {}", escape::text(&sentence)));
            }
        }
        exit_code
    })
}
