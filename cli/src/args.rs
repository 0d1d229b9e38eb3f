//! The command line: which commands there are, and refusals before anything is done. The arguments
//! of each command are beside it. Opens no file.

use cafewire_net::Address;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

#[cfg(feature = "bench")]
use crate::commands::bench::BenchArgs;
use crate::commands::chat::ChatArgs;
use crate::commands::completions::CompletionsArgs;
#[cfg(feature = "top")]
use crate::commands::connections::ConnectionsArgs;
use crate::commands::echo::EchoArgs;
use crate::commands::listen::ListenArgs;
use crate::commands::man::ManArgs;
use crate::commands::ping::PingArgs;
use crate::commands::send::SendArgs;
use crate::commands::serve::ServeArgs;
#[cfg(feature = "top")]
use crate::commands::top::TopArgs;
use crate::commands::version;
use crate::decode::args::{DecodeArgs, EncodeArgs};
use crate::failure::Failure;
use crate::help;
use crate::output;
use crate::server_args;

/// Server and client of the cafewire binary protocol.
#[derive(Debug, Parser)]
#[command(
    name = "cafewire",
    version,
    long_version = version::LONG,
    arg_required_else_help = true,
    after_help = help::GENERAL
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// The arguments of this process. Help and version are printed and end the process with 0;
    /// invalid arguments are explained and end it with 2.
    pub(crate) fn parse_or_exit() -> Self {
        let matches = without_empty_variables(Self::command())
            .try_get_matches()
            .unwrap_or_else(|error| exit(&with_its_variable(error)));
        let mut arguments = Self::from_arg_matches(&matches).unwrap_or_else(|error| exit(&error));
        let refusal = match &arguments.command {
            Command::Send(send) => send.address_and_text().err(),
            #[cfg(feature = "bench")]
            Command::Bench(bench) => bench.load_config().err(),
            Command::Encode(encode) => encode.message().err(),
            _ => None,
        };
        if let Some(sentence) = refusal.or_else(|| arguments.without_effect(&matches)) {
            command_asked_for(&matches).error(ErrorKind::ValueValidation, sentence).exit();
        }
        arguments
    }

    /// Steps up (more) or down (less) from the default verbosity.
    pub(crate) fn verbosity(&self) -> i16 {
        match &self.command {
            Command::Serve(serve) => serve.verbosity.steps(),
            Command::Ping(ping) => ping.verbosity.steps(),
            Command::Echo(echo) => echo.verbosity.steps(),
            Command::Send(send) => send.verbosity.steps(),
            Command::Chat(chat) => chat.verbosity.steps(),
            Command::Listen(listen) => listen.verbosity.steps(),
            Command::Decode(decode) => decode.verbosity.steps(),
            Command::Encode(encode) => encode.verbosity.steps(),
            #[cfg(feature = "bench")]
            Command::Bench(bench) => bench.common().verbosity.steps(),
            #[cfg(feature = "top")]
            Command::Top(_) | Command::Connections(_) => 0,
            Command::Completions(_) | Command::Man(_) => 0,
        }
    }

    /// An option given on the command line for an address where it has no effect: ignoring one for
    /// TLS would let the user believe in a protection that is not there. The variables are for all
    /// addresses, and are used where they apply.
    fn without_effect(&mut self, matches: &ArgMatches) -> Option<String> {
        let matches = innermost(matches);
        let is_given = |id: &&str| {
            matches!(matches.try_contains_id(id), Ok(true))
                && matches.value_source(id) == Some(ValueSource::CommandLine)
        };
        let option = server_args::OPTIONS.into_iter().find(is_given)?;
        let address = match &mut self.command {
            Command::Send(send) => send.address_and_text().ok()?.0,
            // The address may be a profile's, which is read later.
            Command::Chat(chat) => {
                chat.way.given = Some(option);
                return None;
            }
            _ => matches.try_get_one::<Address>("address").ok()??.clone(),
        };
        server_args::without_effect(option, &address)
    }
}

/// A variable that is set to nothing, as in `CAFEWIRE_CA= cafewire ping`, is none.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &std::ffi::OsStr| std::env::var_os(name).is_some_and(|it| it.is_empty());
    command
        .mut_args(|argument| match argument.get_env() {
            Some(name) if is_empty(name) => argument.env(None::<&'static str>),
            _ => argument,
        })
        .mut_subcommands(without_empty_variables)
}

/// As clap's own, but that help which cannot be printed is a failure like other output.
fn exit(error: &clap::Error) -> ! {
    let status = match error.print() {
        Err(why) if !error.use_stderr() => {
            let sentence = Failure::output(&why).into_sentence();
            output::remark(format_args!("cafewire: {sentence}"));
            1
        }
        _ => error.exit_code(),
    };
    std::process::exit(status)
}

/// Names the variable in errors about a value that came from the environment, not an option that
/// was not given.
fn with_its_variable(mut error: clap::Error) -> clap::Error {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (Some(option), Some(value)) =
        (said(ContextKind::InvalidArg), said(ContextKind::InvalidValue))
    else {
        return error;
    };
    if option == "[ADDR]" && std::env::var("CAFEWIRE_ADDR").is_ok_and(|held| held == value) {
        let of_environment = "CAFEWIRE_ADDR in the environment".to_owned();
        error.insert(ContextKind::InvalidArg, ContextValue::String(of_environment));
        return error;
    }
    // The name is followed by its value: ` <TIME>`, `[=<BOOL>]`.
    let flag = option.split([' ', '[', '=']).next().unwrap_or_default();
    if !std::env::args().any(|given| given.starts_with(flag))
        && let Some(variable) = variable_of(&Arguments::command(), flag, &value)
    {
        error.insert(
            ContextKind::InvalidArg,
            ContextValue::String(format!("{variable} in the environment")),
        );
    }
    error
}

/// The variable that supplied this value for this option, of the command or of one below it.
fn variable_of(command: &clap::Command, flag: &str, value: &str) -> Option<String> {
    let holds = |variable: &&std::ffi::OsStr| {
        std::env::var(variable)
            .is_ok_and(|held| held.split(',').any(|part| part == value) || held == value)
    };
    let own =
        command.get_arguments().find(|argument| argument.get_long() == flag.strip_prefix("--"));
    own.and_then(clap::Arg::get_env)
        .filter(holds)
        .map(|variable| variable.to_string_lossy().into_owned())
        .or_else(|| command.get_subcommands().find_map(|below| variable_of(below, flag, value)))
}

/// The arguments of the command itself, however deep it is nested.
fn innermost(mut matches: &ArgMatches) -> &ArgMatches {
    while let Some((_, deeper)) = matches.subcommand() {
        matches = deeper;
    }
    matches
}

/// The definition of that command, for its usage.
fn command_asked_for(matches: &ArgMatches) -> clap::Command {
    let mut command = Arguments::command();
    command.build();
    let mut matches = matches;
    while let Some((name, deeper)) = matches.subcommand() {
        let Some(found) = command.find_subcommand(name) else { break };
        (command, matches) = (found.clone(), deeper);
    }
    command
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server.
    #[command(after_help = help::SERVE)]
    Serve(Box<ServeArgs>),
    /// Measure round trips to a server.
    #[command(after_help = help::PING)]
    Ping(PingArgs),
    /// Send lines to a server, which sends them back.
    #[command(after_help = help::ECHO)]
    Echo(EchoArgs),
    /// Talk in rooms: full screen on a terminal, else line by line.
    #[command(after_help = help::CHAT)]
    Chat(ChatArgs),
    /// Send one message, or each line of standard input, and see it delivered.
    #[command(
        after_help = help::SEND,
        override_usage = "cafewire send [ADDR] --user <NAME> --room <ROOM> [TEXT]"
    )]
    Send(SendArgs),
    /// Print the messages of a room.
    #[command(after_help = help::LISTEN)]
    Listen(ListenArgs),
    /// Show what bytes mean, frame by frame: hexadecimal digits, raw bytes or a capture.
    #[command(after_help = help::DECODE)]
    Decode(DecodeArgs),
    /// Make frames: from arguments, or from what `decode --json` prints.
    #[command(after_help = help::ENCODE)]
    Encode(EncodeArgs),
    /// Watch a server at work.
    #[cfg(feature = "top")]
    #[command(after_help = help::TOP)]
    Top(TopArgs),
    /// List who is connected to a server on this machine.
    #[cfg(feature = "top")]
    #[command(after_help = help::CONNECTIONS)]
    Connections(ConnectionsArgs),
    /// Put a server under load; measure its throughput and its losses.
    #[cfg(feature = "bench")]
    #[command(after_help = help::BENCH)]
    Bench(BenchArgs),
    /// Print a script that completes commands and options in your shell.
    #[command(after_help = help::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Print the manual, or write all its pages.
    #[command(after_help = help::MAN)]
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parse(line: &str) -> Result<Command, ErrorKind> {
        Arguments::try_parse_from(line.split(' '))
            .map(|arguments| arguments.command)
            .map_err(|error| error.kind())
    }

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn everything_but_name_and_room_has_a_default() {
        let Ok(Command::Ping(ping)) = parse("cafewire ping") else { panic!() };
        assert_eq!(
            (ping.server.address, ping.count, ping.interval),
            (Address::default(), None, Duration::from_secs(1))
        );
        let Ok(Command::Chat(chat)) = parse("cafewire chat") else { panic!() };
        assert!(chat.address.is_none() && chat.user.is_none() && chat.rooms.is_empty());
        assert_eq!(
            parse("cafewire listen --user a").unwrap_err(),
            ErrorKind::MissingRequiredArgument
        );
    }

    #[test]
    fn serve_listens_on_the_default_or_on_all_that_are_given() {
        let listen = |line| match parse(line) {
            Ok(Command::Serve(serve)) => serve
                .settings
                .server_config()
                .ok()
                .unwrap()
                .listen
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(listen("cafewire serve"), ["tcp://127.0.0.1:8080"]);
        assert_eq!(
            listen("cafewire serve --listen h:1 --listen tcp://[::1]:2"),
            ["tcp://h:1", "tcp://[::1]:2"]
        );
    }

    #[test]
    fn what_is_given_replaces_the_default() {
        let Ok(Command::Ping(ping)) = parse("cafewire ping h:1 -c 3 -i 0.25 --json") else {
            panic!()
        };
        assert_eq!(
            (ping.count, ping.interval, ping.json),
            (Some(3), Duration::from_millis(250), true)
        );
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let long = format!("cafewire chat --user {}", "x".repeat(33));
        for line in [
            "cafewire ping no:where",
            "cafewire ping -c 0",
            "cafewire ping -i=-1",
            "cafewire ping -i NaN",
            "cafewire ping -i inf",
            "cafewire chat --user a\u{1b}b",
            "cafewire chat --user=",
            &long,
            "cafewire listen --user a --room b -n 0",
            "cafewire serve --log-format xml",
            "cafewire serve --outbox-bytes much",
            "cafewire serve --rooms=-1",
        ] {
            let kind = parse(line).unwrap_err();
            assert!(
                matches!(kind, ErrorKind::ValueValidation | ErrorKind::InvalidValue),
                "{line}: {kind:?}"
            );
        }
    }
}
