//! `cafewire bench`: puts a server under load and reports the results.

mod args;
mod files;
mod numbers;
mod progress;
mod record;
mod table;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use cafewire_net::load::{self, LoadConfig, Monitor, Report};

pub(crate) use self::args::BenchArgs;
use self::files::CsvFile;
use self::progress::Bar;
use self::record::Record;
use crate::escape;
use crate::failure::Failure;
use crate::interrupt;
use crate::output;
use crate::tls_remarks;

pub(crate) fn run(args: &BenchArgs) -> Result<ExitCode, Failure> {
    let config = args.load_config().map_err(Failure::Message)?;
    tls_remarks::make(&config.target, &config.tls);
    let common = args.common();
    let mut series = common.series.as_deref().map(CsvFile::create).transpose()?;
    let mut histogram = common.histogram.as_deref().map(CsvFile::create).transpose()?;
    let monitor = Monitor::default();
    let stopping = monitor.clone();
    interrupt::watch(move || {
        stopping.stop();
        true
    })?;
    let verbosity = output::verbosity();
    if verbosity > 0 {
        tell_what_happens();
    }
    let shows_progress = !args.common().no_progress && verbosity == 0 && io::stderr().is_terminal();
    let bar = shows_progress.then(|| Bar::start(monitor.clone(), &config));
    let outcome = match &mut series {
        None => load::run(&config, &monitor),
        Some(series) => {
            series.begin_series();
            let interval = common.series_interval.0;
            load::run_in_intervals(&config, &monitor, interval, |told| series.write_interval(told))
        }
    };
    drop(bar);
    let report = outcome.map_err(|error| Failure::Message(error.to_string()))?;
    if let Some(histogram) = &mut histogram {
        histogram.write_histogram(&report.latency_buckets);
    }
    let exit_code = if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    // The files are for another reader.
    let shown = show(args, &config, &report);
    for file in [series, histogram].into_iter().flatten() {
        file.finish()?;
    }
    shown.map(|()| exit_code)
}

/// Prints events of the load test on standard error from now on.
fn tell_what_happens() {
    let log = tracing_subscriber::fmt().with_env_filter("cafewire_net::load=debug");
    log.without_time()
        .with_level(false)
        .with_target(false)
        .with_ansi(false)
        .with_writer(|| Details)
        .init();
}

/// A line on standard error for each event that is logged.
struct Details;

impl io::Write for Details {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        output::detail(escape::text(String::from_utf8_lossy(event).trim_end()));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn show(args: &BenchArgs, config: &LoadConfig, report: &Report) -> Result<(), Failure> {
    for remark in table::remarks(config, report) {
        output::notice(format_args!("cafewire: {remark}"));
    }
    let record = Record::of(config, report);
    if args.common().json {
        return output::json(&record);
    }
    if args.common().csv {
        let csv = record
            .to_csv()
            .map_err(|error| Failure::Message(format!("cannot write CSV: {error}")))?;
        return output::text(&csv);
    }
    output::text(&table::report(config, report))
}
