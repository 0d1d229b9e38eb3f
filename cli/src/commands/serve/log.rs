//! The server's log on standard error. A reader that is slow does not hold the server up.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::logfmt::Logfmt;
use super::no_thread;
use crate::failure::Failure;
use crate::line_queue::LineQueue;
use crate::log_format::LogFormat;
use crate::output;

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
pub(super) struct Log(LineQueue);

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

pub(super) fn start(format: LogFormat) -> Result<Log, Failure> {
    let filter = EnvFilter::builder()
        .with_default_directive(default_level(output::verbosity()).into())
        .from_env()
        .map_err(|error| Failure::Message(format!("RUST_LOG is not understood: {error}")))?;
    // A log that cannot be written is no reason to stop serving: a full disk may have room again.
    let queue =
        LineQueue::start("log", |line| drop(io::stderr().write_all(line))).map_err(no_thread)?;
    let lines = queue.clone();
    let log = tracing_subscriber::fmt()
        .fmt_fields(Logfmt)
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
