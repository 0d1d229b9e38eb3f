//! `cafewire serve`: the server, with its log on standard error.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};

use cafewire_net::{Address, PeerAddress, Phase, Server, ServerConfig, ServerHandle};
use sd_notify::NotifyState;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::args::{LogFormat, ServeArgs};
use crate::escape;
use crate::failure::Failure;
use crate::output;
use crate::settings::Settings;

pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, Failure> {
    let settings = Settings::resolve(args.settings.clone(), args.config.as_ref())?;
    if args.print_config {
        return output::text(&settings.in_force()?.to_toml()?).map(|()| ExitCode::SUCCESS);
    }
    let config = settings.server_config()?;
    if args.check_config {
        return check(&config).map(|()| ExitCode::SUCCESS);
    }
    let _log = start_log(settings.log_format.unwrap_or(LogFormat::Text))?;
    let mut server = Server::bind(config).map_err(|error| Failure::Sentence(error.to_string()))?;
    let (given, path, at_start) = (args.settings.clone(), args.config.clone(), settings.clone());
    server.on_reload(Box::new(move || {
        let anew = Settings::resolve(given.clone(), path.as_ref()).map_err(Failure::into_sentence)?;
        let config = anew.server_config().map_err(Failure::into_sentence)?;
        for setting in at_start.read_at_start_only_and_other_in(&anew) {
            tracing::warn!(setting, "this setting is read at the start only: restart to change it");
        }
        Ok(config)
    }));
    server.on_phase(Box::new(tell_service_manager));
    let (failures, failed) = channel();
    if settings.print_data == Some(true) {
        let handle = server.handle();
        server.on_data(Box::new(move |peer, payload| print_data(peer, payload, &handle, &failures)));
    }
    for address in server.local_addresses() {
        output::line(format_args!("listening on {address}"))?;
    }
    for address in server.http_addresses() {
        output::line(format_args!("listening on http://{address}"))?;
    }
    server.run().map_err(|error| Failure::Sentence(format!("the server failed: {error}")))?;
    match failed.try_recv() {
        Ok(failure) => Err(failure),
        Err(_) => Ok(ExitCode::SUCCESS),
    }
}

/// Looks at what the settings lead to, as far as that can be done without serving, and tells which of them would not count
/// as they are.
fn check(config: &ServerConfig) -> Result<(), Failure> {
    for adjustment in config.limits_in_force().1 {
        output::notice(adjustment);
    }
    let needs_certificate = config.listen.iter().any(|address| matches!(address, Address::Tls { .. }));
    match &config.tls {
        Some(tls) => tls.load().map(drop).map_err(|error| Failure::Sentence(error.to_string())),
        None if needs_certificate => {
            Err(Failure::Sentence("listen has a tls:// address: set tls_certificate and tls_key".to_owned()))
        }
        None => Ok(()),
    }
}

/// Tells systemd, if it started us and wants to know (`Type=notify`; `sd_notify(3)`).
fn tell_service_manager(phase: Phase) {
    let told = match phase {
        Phase::Ready => sd_notify::notify(&[NotifyState::Ready]),
        Phase::Reloading => {
            NotifyState::monotonic_usec_now().and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now]))
        }
        Phase::Draining => sd_notify::notify(&[NotifyState::Stopping]),
        _ => Ok(()),
    };
    if let Err(error) = told {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

/// On the server's thread, which so waits for whoever reads the output. When nobody does any more there is no reason
/// to serve on.
fn print_data(peer: PeerAddress, payload: &[u8], handle: &ServerHandle, failures: &Sender<Failure>) {
    if let Err(failure) = output::line(format_args!("data from {peer}: {}", escape::bytes(payload))) {
        // Only the first one is looked at, when the server has drained.
        if failures.send(failure).is_ok() {
            handle.shut_down();
        }
    }
}

/// What is logged if RUST_LOG does not say: so many steps above or below what is by default.
const fn default_level(steps: i16) -> LevelFilter {
    match steps {
        ..=-2 => LevelFilter::ERROR,
        -1 => LevelFilter::WARN,
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        2.. => LevelFilter::TRACE,
    }
}

/// Lines of the log that wait to be written. What comes while so many wait is dropped, and counted: whoever does not read
/// the log must not hold up the server.
const LOG_LINES_MAX: usize = 16_384;

/// Writes the log, on a thread of its own, as long as it lives.
struct Log {
    dropped: ErrorCounter,
    _writer: WorkerGuard,
}

impl Drop for Log {
    fn drop(&mut self) {
        let lines = self.dropped.dropped_lines();
        if lines > 0 {
            tracing::warn!(lines, "nobody read the log in time: so many lines were dropped");
        }
    }
}

fn start_log(format: LogFormat) -> Result<Log, Failure> {
    let filter = EnvFilter::builder()
        .with_default_directive(default_level(output::verbosity()).into())
        .from_env()
        .map_err(|error| Failure::Sentence(format!("RUST_LOG is not understood: {error}")))?;
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(LOG_LINES_MAX).lossy(true).finish(io::stderr());
    let dropped = writer.error_counter();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(io::stderr().is_terminal())
        // A log that nobody reads is no reason to write to the same place about it.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(Log { dropped, _writer: guard })
}
