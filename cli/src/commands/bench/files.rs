//! The files that `bench` writes on request, as CSV (RFC 4180): the time series of a run, and the
//! histogram of its latencies.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cafewire_net::load::{Interval, LatencySummary};

use crate::failure::Failure;

const SERIES_COLUMNS: &str = "ended_s,duration_s,phase,sent,received,bytes_received,\
                              latency_count,p50_ns,p90_ns,p99_ns,p99_9_ns,max_ns";
const HISTOGRAM_COLUMNS: &str = "latency_ns,count,share";

/// A file that is made before the run, so that one which cannot be made costs no run.
pub(super) struct CsvFile {
    path: PathBuf,
    file: File,
    /// What went wrong first. The run goes on, and it is told in the end.
    failure: Option<io::Error>,
}

impl CsvFile {
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let path = path.to_owned();
        match File::create(&path) {
            Ok(file) => Ok(Self { path, file, failure: None }),
            Err(error) => Err(cannot_write(&path, &error)),
        }
    }

    pub(super) fn begin_series(&mut self) {
        self.write(&format!("{SERIES_COLUMNS}\r\n"));
    }

    /// Each interval is written as it ends, for those who watch the file.
    pub(super) fn write_interval(&mut self, interval: &Interval) {
        self.write(&series_line(interval));
    }

    pub(super) fn write_histogram(&mut self, buckets: &[(u64, u64)]) {
        self.write(&histogram(buckets));
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        match self.failure {
            None => Ok(()),
            Some(error) => Err(cannot_write(&self.path, &error)),
        }
    }

    fn write(&mut self, text: &str) {
        if self.failure.is_none() {
            self.failure = self.file.write_all(text.as_bytes()).err();
        }
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::Message(format!("cannot write {}: {error}", path.display()))
}

fn series_line(interval: &Interval) -> String {
    let seconds = [interval.ended, interval.duration].map(|time| time.as_secs_f64());
    let latency = interval.latency.map_or_else(
        || "0,,,,,".to_owned(),
        |LatencySummary { count, p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns, .. }| {
            format!("{count},{p50_ns},{p90_ns},{p99_ns},{p99_9_ns},{max_ns}")
        },
    );
    format!(
        "{:.6},{:.6},{},{},{},{},{latency}\r\n",
        seconds[0],
        seconds[1],
        interval.phase,
        interval.sent,
        interval.received,
        interval.bytes_received
    )
}

/// A line for each bucket: its longest latency, how many are in it, and the share of all that took
/// no longer.
#[allow(clippy::cast_precision_loss)] // a share needs few digits
fn histogram(buckets: &[(u64, u64)]) -> String {
    let all: u64 = buckets.iter().map(|(_, count)| count).sum();
    let mut text = format!("{HISTOGRAM_COLUMNS}\r\n");
    let mut so_far = 0;
    for (latency_ns, count) in buckets {
        so_far += count;
        let share = so_far as f64 / all as f64;
        text.push_str(&format!("{latency_ns},{count},{share:.9}\r\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_ends_with_all() {
        assert_eq!(
            histogram(&[(7, 1), (9, 3)]),
            "latency_ns,count,share\r\n7,1,0.250000000\r\n9,3,1.000000000\r\n"
        );
        assert_eq!(histogram(&[]), "latency_ns,count,share\r\n");
    }
}
