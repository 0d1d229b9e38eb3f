//! `cafewire serve`: the server, with its log on standard error. A reader of its output or log that
//! is slow does not hold it up.

mod args;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};

use cafewire_net::{Address, Phase, Server, ServerConfig};
use sd_notify::NotifyState;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::escape;
use crate::failure::Failure;
use crate::interrupt;
use crate::line_queue::LineQueue;
use crate::log_format::LogFormat;
use crate::output;
use crate::settings::Settings;

pub(crate) use self::args::ServeArgs;

pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, Failure> {
    let settings = Settings::resolve(args.settings.clone(), args.config.as_ref())?;
    if args.print_config {
        let effective = settings.effective()?;
        output::text(&effective.to_toml()?)?;
        return tell_unset(&effective).map(|()| ExitCode::SUCCESS);
    }
    let config = settings.server_config()?;
    if args.check_config {
        return check(&config).map(|()| ExitCode::SUCCESS);
    }
    let _log = start_log(settings.log_format.unwrap_or(LogFormat::Text))?;
    let advice = if wants_certificate(&config) {
        format!(": {HOW_TO_SET_A_CERTIFICATE}")
    } else {
        String::new()
    };
    interrupt::take_over(&interrupt::ENDING);
    let mut server = Server::bind(config).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => Failure::Message(format!("{error}{advice}")),
        _ => Failure::Message(error.to_string()),
    })?;
    let (given, path, at_start) = (args.settings.clone(), args.config.clone(), settings.clone());
    server.on_reload(Box::new(move || {
        let reloaded =
            Settings::resolve(given.clone(), path.as_ref()).map_err(Failure::into_sentence)?;
        let config = reloaded.server_config().map_err(Failure::into_sentence)?;
        for setting in at_start.read_at_start_only_and_other_in(&reloaded) {
            tracing::warn!(setting, "this setting is read at the start only: restart to change it");
        }
        Ok(config)
    }));
    server.set_phase_hook(Box::new(tell_service_manager));
    let printer = if settings.print_data == Some(true) {
        Some(DataPrinter::start(&mut server)?)
    } else {
        None
    };
    for address in server.listen_addresses() {
        output::line(format_args!("listening on {address}"))?;
    }
    for address in server.http_addresses() {
        output::line(format_args!("listening on http://{address}"))?;
    }
    server.run().map_err(|error| Failure::Message(format!("the server failed: {error}")))?;
    printer.map_or(Ok(()), DataPrinter::end).map(|()| ExitCode::SUCCESS)
}

/// Checks the effective settings, as far as that can be done without serving, and reports those
/// that are raised or lowered.
fn check(config: &ServerConfig) -> Result<(), Failure> {
    for adjustment in config.effective_limits().adjustments {
        output::notice(adjustment);
    }
    match &config.tls {
        Some(tls) => tls.load().map(drop).map_err(|error| Failure::Message(error.to_string())),
        None if wants_certificate(config) => Err(Failure::Message(format!(
            "listen has a tls:// address: {HOW_TO_SET_A_CERTIFICATE}"
        ))),
        None => Ok(()),
    }
}

const HOW_TO_SET_A_CERTIFICATE: &str =
    "set tls_certificate and tls_key (--tls-certificate, --tls-key)";

fn wants_certificate(config: &ServerConfig) -> bool {
    config.tls.is_none()
        && config.listen.iter().any(|listen| matches!(listen.address, Address::Tls { .. }))
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

/// Prints the payloads of Data frames, on a thread of its own.
struct DataPrinter {
    queue: LineQueue,
    failed: Receiver<Failure>,
}

impl DataPrinter {
    fn start(server: &mut Server) -> Result<Self, Failure> {
        let (failures, failed) = channel();
        let handle = server.handle();
        // Without a reader of the output there is no reason to serve on, and one failure is enough
        // to say so.
        let mut failures = Some(failures);
        let queue = LineQueue::start("print-data", move |line| {
            if failures.is_some()
                && let Err(failure) = output::bytes(line)
            {
                failures.take().map(|failures| failures.send(failure));
                handle.shut_down();
            }
        })
        .map_err(no_thread)?;
        let (lines, mut is_told) = (queue.clone(), false);
        server.set_data_handler(Box::new(move |peer, payload| {
            let line = format!("data from {peer}: {}\n", escape::bytes(payload));
            if !lines.push(line.into_bytes()) && !is_told {
                is_told = true;
                tracing::warn!(
                    "the printed data is not read in time: lines of it are dropped from now on"
                );
            }
        }));
        Ok(Self { queue, failed })
    }

    fn end(self) -> Result<(), Failure> {
        let lines = self.queue.close();
        if lines > 0 {
            tracing::warn!(
                lines,
                "the printed data was not read in time: so many lines were dropped"
            );
        }
        self.failed.try_recv().map_or(Ok(()), Err)
    }
}

fn no_thread(error: io::Error) -> Failure {
    Failure::Message(format!("a thread cannot be started: {error}"))
}

/// Log level if RUST_LOG is not set: so many steps above or below the default.
const fn default_level(steps: i16) -> LevelFilter {
    match steps {
        ..=-2 => LevelFilter::ERROR,
        -1 => LevelFilter::WARN,
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        2.. => LevelFilter::TRACE,
    }
}

/// Writes the log, on a thread of its own.
struct Log(LineQueue);

impl Drop for Log {
    fn drop(&mut self) {
        let lines = self.0.dropped();
        if lines > 0 {
            tracing::warn!(lines, "the log was not read in time: so many lines were dropped");
        }
        self.0.close();
    }
}

/// One line of the log on its way into the queue.
struct LogLine(LineQueue);

impl Write for LogLine {
    /// The subscriber writes a whole line at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start_log(format: LogFormat) -> Result<Log, Failure> {
    let filter = EnvFilter::builder()
        .with_default_directive(default_level(output::verbosity()).into())
        .from_env()
        .map_err(|error| Failure::Message(format!("RUST_LOG is not understood: {error}")))?;
    // A log that cannot be written is no reason to stop serving: a full disk may have room again.
    let queue =
        LineQueue::start("log", |line| drop(io::stderr().write_all(line))).map_err(no_thread)?;
    let lines = queue.clone();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || LogLine(lines.clone()))
        .with_ansi(output::may_be_coloured(&io::stderr()))
        // A log that cannot be written is not told about that in the same place.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(Log(queue))
}
