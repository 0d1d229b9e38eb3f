//! `cafewire serve`: the server, with its log on standard error. A reader of its output or log that
//! is slow does not hold it up.

mod args;
mod log;
mod logfmt;
mod printer;
mod reload;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use cafewire_net::{HeldSignals, Phase, Server, ServerConfig};
use sd_notify::NotifyState;

use self::printer::Printer;
use self::reload::Reload;
use crate::config_file;
use crate::failure::Failure;
use crate::interrupt;
use crate::log_format::LogFormat;
use crate::output;
use crate::settings::{Judged, Reading, Settings};

pub(crate) use self::args::ServeArgs;

/// The name of this command, which stands in front of all its options.
const COMMAND: &str = "serve";

/// Holds the signals that mean something to a server, if this process is to be one. The arguments
/// are not parsed yet: that takes a moment, in which a signal may come.
pub(crate) fn hold_signals_if_asked_for() -> Option<HeldSignals> {
    let is_asked_for = std::env::args_os().nth(1).is_some_and(|command| command == COMMAND);
    // Without them the server does what it can: it takes the signals when it listens.
    if is_asked_for { HeldSignals::hold().ok() } else { None }
}

pub(crate) fn run(args: &ServeArgs, signals: Option<HeldSignals>) -> Result<ExitCode, Failure> {
    let text = args.config.as_ref().map(|path| config_file::read(path)).transpose()?;
    let file = args.config.as_deref().zip(text.as_deref());
    let reading = Reading::new(&args.settings, file);
    if args.print_config {
        let effective = reading.into_set()?.or_defaults().effective()?;
        output::text(&effective.to_toml()?)?;
        return tell_unset(&effective).map(|()| ExitCode::SUCCESS);
    }
    let Judged { set, settings, config } = reading.judge()?;
    if args.check_config {
        return tell_good(&config, args.config.as_deref()).map(|()| ExitCode::SUCCESS);
    }
    let _log = log::start(settings.log_format.unwrap_or(LogFormat::Text))?;
    interrupt::take_over(&interrupt::ENDING);
    let bound = match signals {
        Some(signals) => Server::bind_with_signals(config, signals),
        None => Server::bind(config),
    };
    let mut server = bound.map_err(|error| Failure::Message(error.to_string()))?;
    let reload = Reload {
        given: args.settings.clone(),
        file: args.config.clone(),
        current: set,
        handle: server.handle(),
    };
    server.on_reload(reload.into_source());
    server.set_phase_hook(Box::new(tell_service_manager));
    let printer = Printer::start(&server)?;
    if settings.print_data == Some(true) {
        printer.print_data(&mut server);
    }
    for address in server.listen_addresses() {
        printer.line(format_args!("listening on {address}"));
    }
    for address in server.http_addresses() {
        printer.line(format_args!("listening on http://{address}"));
    }
    server.run().map_err(|error| Failure::Message(format!("the server failed: {error}")))?;
    printer.end().map(|()| ExitCode::SUCCESS)
}

/// Says that nothing is wrong, behind what a server would raise or lower, and certificates that are
/// out of their time.
fn tell_good(config: &ServerConfig, path: Option<&Path>) -> Result<(), Failure> {
    for adjustment in config.effective_limits().adjustments {
        output::notice(adjustment);
    }
    // They were read a moment ago.
    let validities = config.tls.as_ref().and_then(|tls| tls.validities().ok()).unwrap_or_default();
    let now = SystemTime::now();
    for warning in validities.iter().filter_map(|validity| validity.warning(now)) {
        output::notice(warning);
    }
    match path {
        _ if !output::is_talkative() => Ok(()),
        Some(path) => output::line(format_args!("config file {}: all is good", path.display())),
        None => output::line("all settings are good"),
    }
}

/// Prints a comment for the settings that have no default, so that all are listed.
fn tell_unset(settings: &Settings) -> Result<(), Failure> {
    let unset = settings.unset_keys();
    if unset.is_empty() {
        Ok(())
    } else {
        output::line(format_args!("# not set, and without a default: {}", unset.join(", ")))
    }
}

/// Notifies systemd of a phase, if it asked for that (`Type=notify`; `sd_notify(3)`).
fn tell_service_manager(phase: Phase) {
    let told = match phase {
        Phase::Ready => sd_notify::notify(&[NotifyState::Ready]),
        Phase::Reloading => NotifyState::monotonic_usec_now()
            .and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])),
        Phase::Draining => sd_notify::notify(&[NotifyState::Stopping]),
        _ => Ok(()),
    };
    if let Err(error) = told {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

fn no_thread(error: io::Error) -> Failure {
    Failure::Message(format!("a thread cannot be started: {error}"))
}
