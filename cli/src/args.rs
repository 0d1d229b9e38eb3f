//! The command line: arguments, and refusals before anything is done.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use cafewire_core::{FieldError, MessagePayload};
use cafewire_net::{Address, ClientConfig, ClientTls, TlsIdentity};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{
    ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use serde::{Deserialize, Serialize};

use crate::chat_screen::view::theme::ThemeName;
use crate::commands::bench::BenchArgs;
use crate::commands::top::TopArgs;
use crate::commands::version;
use crate::decode::args::{DecodeArgs, EncodeArgs};
use crate::help;
use crate::output;
use crate::profile::Profile;
use crate::settings::Settings;
use crate::verbosity;

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
        let matches = Self::command()
            .try_get_matches()
            .unwrap_or_else(|error| exit(&with_its_variable(error)));
        let arguments = Self::from_arg_matches(&matches).unwrap_or_else(|error| exit(&error));
        let refusal = match &arguments.command {
            Command::Send(send) => send.address_and_text().err(),
            Command::Bench(bench) => bench.load_config().err(),
            Command::Encode(encode) => encode.message().err(),
            _ => None,
        };
        if let Some(sentence) = refusal.or_else(|| arguments.tls_without_effect(&matches)) {
            command_asked_for(&matches).error(ErrorKind::ValueValidation, sentence).exit();
        }
        arguments
    }

    /// An option for TLS given on the command line for an address without TLS: ignoring it would
    /// let the user believe in a protection that is not there. The variables are for all addresses,
    /// and are used where they apply.
    fn tls_without_effect(&self, matches: &ArgMatches) -> Option<String> {
        let matches = innermost(matches);
        let address = match &self.command {
            Command::Send(send) => send.address_and_text().ok()?.0,
            // Errors of the profile are reported when it is loaded.
            Command::Chat(chat) => {
                chat.address(Profile::load(chat.profile.as_deref()).ok()?.address)
            }
            _ => matches.try_get_one::<Address>("address").ok()??.clone(),
        };
        let is_given = |id: &&str| {
            matches!(matches.try_contains_id(id), Ok(true))
                && matches.value_source(id) == Some(ValueSource::CommandLine)
        };
        let option = ["ca", "cert", "key"].into_iter().find(is_given)?;
        let is_plain = !matches!(address, Address::Tls { .. });
        is_plain.then(|| format!("--{option} is for tls:// addresses, and {address} is none"))
    }
}

/// As clap's own, but that help which cannot be printed is a failure like other output.
fn exit(error: &clap::Error) -> ! {
    let status = match error.print() {
        Err(why) if !error.use_stderr() && why.kind() != io::ErrorKind::BrokenPipe => {
            output::remark(format_args!("cafewire: cannot write to standard output: {why}"));
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
    #[command(after_help = help::TOP)]
    Top(TopArgs),
    /// Put a server under load; measure its throughput and its losses.
    #[command(after_help = help::BENCH)]
    Bench(BenchArgs),
    /// Print a script that completes commands and options in your shell.
    #[command(after_help = help::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Print the manual, or write all its pages.
    #[command(after_help = help::MAN)]
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write every page into this folder, which is created if need be; without it, print the first.
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// A TOML file with settings; keys are the options' names with _ for -.
    #[arg(long, env = "CAFEWIRE_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Check the settings: print what is wrong with them and, on standard error, what would be
    /// raised or lowered, and end.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object per line.
    Json,
}

/// The server to talk to.
#[derive(Debug, Args)]
pub(crate) struct ServerAddress {
    /// The server: tcp://HOST:PORT or HOST:PORT, tls://HOST:PORT, unix:///PATH.
    #[arg(value_name = "ADDR", default_value_t)]
    pub(crate) address: Address,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

/// Certificates to trust, and to show, at tls:// addresses. The server's certificate is always
/// checked.
#[derive(Debug, Args)]
pub(crate) struct TlsArgs {
    /// At tls:// addresses, trust the certificates in this PEM file and no others [default: those
    /// the system trusts].
    #[arg(long, env = "CAFEWIRE_CA", value_name = "FILE", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,
    /// At tls:// addresses, the PEM file with the certificate to show to a server that asks for
    /// one.
    #[arg(
        long,
        env = "CAFEWIRE_CERT",
        value_name = "FILE",
        hide_env_values = true,
        requires = "key"
    )]
    pub(crate) cert: Option<PathBuf>,
    /// The PEM file with that certificate's private key.
    #[arg(
        long,
        env = "CAFEWIRE_KEY",
        value_name = "FILE",
        hide_env_values = true,
        requires = "cert"
    )]
    pub(crate) key: Option<PathBuf>,
}

impl TlsArgs {
    /// A client's configuration with these files and the default time-outs.
    pub(crate) fn client_config(&self) -> ClientConfig {
        self.client_config_or(ClientTls::default())
    }

    /// The same, with others where none are given. A certificate and its key go together.
    pub(crate) fn client_config_or(&self, others: ClientTls) -> ClientConfig {
        let identity = self.cert.clone().zip(self.key.clone());
        let identity =
            identity.map(|(certificate, key)| TlsIdentity { certificate, key }).or(others.identity);
        ClientConfig {
            tls: ClientTls { ca: self.ca.clone().or(others.ca), identity },
            ..ClientConfig::default()
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PingArgs {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    /// Stop after this many pings; without it, at Ctrl-C.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Seconds between two pings, fractions allowed; 0 sends the next one as soon as the reply is
    /// there.
    #[arg(short, long, value_name = "SECS", default_value = "1", value_parser = seconds)]
    pub(crate) interval: Duration,
    /// Print a JSON object per ping, and one for the summary.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::ConnectionVerbosity,
}

#[derive(Debug, Args)]
pub(crate) struct EchoArgs {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::ConnectionVerbosity,
}

#[derive(Debug, Args)]
pub(crate) struct ChatArgs {
    /// The server: tcp://HOST:PORT or HOST:PORT, tls://HOST:PORT, unix:///PATH [default:
    /// tcp://127.0.0.1:8080].
    #[arg(value_name = "ADDR")]
    pub(crate) address: Option<Address>,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    /// The name to sign in under: 1 to 32 bytes, no control characters. The full screen asks for
    /// one if none is given.
    #[arg(short, long, value_name = "NAME", value_parser = username)]
    pub(crate) user: Option<String>,
    /// A room to join first: 1 to 64 bytes, no control characters; may be repeated.
    #[arg(short, long = "room", value_name = "ROOM", value_parser = room)]
    pub(crate) rooms: Vec<String>,
    /// Take address, name, rooms, theme and TLS files from [profile.NAME] of the config file, where
    /// they are not given here.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Colours of the full screen [default: dark].
    #[arg(long, value_name = "THEME")]
    pub(crate) theme: Option<ThemeName>,
    /// Line by line, even on a terminal.
    #[arg(long, conflicts_with = "theme")]
    pub(crate) plain: bool,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::ChatVerbosity,
}

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The server (tcp://HOST:PORT or HOST:PORT, tls://HOST:PORT, unix:///PATH; default
    /// tcp://127.0.0.1:8080), then the text to say.
    #[arg(value_name = "ADDR|TEXT", num_args = 0..=2)]
    address_and_text: Vec<String>,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    /// The name to sign in under: 1 to 32 bytes, no control characters.
    #[arg(short, long, value_name = "NAME", value_parser = username)]
    pub(crate) user: String,
    /// The room to say it in: 1 to 64 bytes, no control characters.
    #[arg(short, long, value_name = "ROOM", value_parser = room)]
    pub(crate) room: String,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::ConnectionVerbosity,
}

#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    /// The name to sign in under: 1 to 32 bytes, no control characters.
    #[arg(short, long, value_name = "NAME", value_parser = username)]
    pub(crate) user: String,
    /// The room to listen to: 1 to 64 bytes, no control characters.
    #[arg(short, long, value_name = "ROOM", value_parser = room)]
    pub(crate) room: String,
    /// Stop after this many messages.
    #[arg(
        short = 'n',
        long,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(crate) count: Option<u64>,
    /// Stop after this many seconds in all, fractions allowed.
    #[arg(short, long, value_name = "SECS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Print JSON objects instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::ListenVerbosity,
}

impl ChatArgs {
    /// The server's address: the command line takes precedence over the profile.
    pub(crate) fn address(&self, profile: Option<Address>) -> Address {
        self.address.clone().or(profile).unwrap_or_default()
    }
}

impl SendArgs {
    /// Tells the address and the text apart. A lone argument is the address if it parses as one.
    ///
    /// # Errors
    /// The first of two is no address, or the text cannot be a message. A sentence for the user.
    pub(crate) fn address_and_text(&self) -> Result<(Address, Option<&str>), String> {
        let (address, text) = match self.address_and_text.as_slice() {
            [] => (Address::default(), None),
            [lone] => match lone.parse() {
                Ok(address) if !lone.contains(char::is_whitespace) => (address, None),
                _ => (Address::default(), Some(lone.as_str())),
            },
            [address, text, ..] => {
                let parsed = address
                    .parse()
                    .map_err(|error| format!("invalid value '{address}' for [ADDR]: {error}"))?;
                (parsed, Some(text.as_str()))
            }
        };
        if let Some(text) = text {
            content(text, &self.room)
                .map_err(|error| format!("invalid value for [TEXT]: {error}"))?;
        }
        Ok((address, text))
    }
}

/// Ends the process as clap does when an argument is missing: in line mode there is no prompt for a
/// name.
pub(crate) fn exit_without_user() -> ! {
    let mut all = Arguments::command();
    all.build();
    all.find_subcommand("chat")
        .cloned()
        .unwrap_or(all)
        .error(
            ErrorKind::MissingRequiredArgument,
            "--user <NAME> is needed, here or as `user` in a profile: the name to sign in under",
        )
        .exit()
}

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

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 =
        text.parse().map_err(|_| "a number of seconds is wanted, such as 0.2".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "a number of seconds from 0 up is wanted".to_owned())
}

#[cfg(test)]
mod tests {
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
            "cafewire ping nowhere",
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
            "cafewire serve --idle-timeout 10",
            "cafewire serve --rooms=-1",
        ] {
            let kind = parse(line).unwrap_err();
            assert!(
                matches!(kind, ErrorKind::ValueValidation | ErrorKind::InvalidValue),
                "{line}: {kind:?}"
            );
        }
    }

    #[test]
    fn send_tells_an_address_from_a_text() {
        let split = |positional: &[&str]| {
            let line = [&["cafewire", "send", "--user", "a", "--room", "b"], positional].concat();
            let Ok(Arguments { command: Command::Send(send) }) = Arguments::try_parse_from(line)
            else {
                panic!()
            };
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
