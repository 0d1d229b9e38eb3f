//! The arguments of `top`.

use std::time::Duration;

use clap::Args;

use super::fetch::MetricsUrl;

/// Shorter intervals would measure the measurement.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// The server's HTTP address, as given to `serve --http`: http://HOST:PORT, HOST:PORT or a port
    /// of this machine.
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub(super) url: MetricsUrl,
    /// Seconds between two samples, from 0.1 up.
    #[arg(short, long, value_name = "SECS", default_value = "1", value_parser = interval)]
    pub(super) interval: Duration,
    /// Print one sample, with the rates of one interval, and end.
    #[arg(long)]
    pub(super) once: bool,
    /// Print that sample as a JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    interval
        .filter(|interval| *interval >= INTERVAL_MIN)
        .ok_or_else(|| "a number of seconds from 0.1 up is wanted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_tenth_of_a_second_at_least() {
        assert_eq!(interval("0.1"), Ok(Duration::from_millis(100)));
        for text in ["0.09", "0", "-1", "NaN", "inf", "soon"] {
            assert!(interval(text).unwrap_err().contains("from 0.1 up"), "{text}");
        }
    }
}
