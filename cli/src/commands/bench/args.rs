//! Arguments of `bench`, and the load test that they describe.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cafewire_net::load::{Amount, INTERVAL_MIN, LoadConfig, Work};
use clap::{Args, Subcommand};

use crate::help;
use crate::server_args::ServerAddress;
use crate::settings::units::{Size, Span};
use crate::verbosity;

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(super) test: Test,
}

#[derive(Debug, Subcommand)]
pub(super) enum Test {
    /// Messages go to the server and come back, on every connection.
    #[command(after_help = help::BENCH_ECHO)]
    Echo(EchoTest),
    /// Publishers speak in rooms, and every member of a room hears them.
    #[command(after_help = help::BENCH_CHAT)]
    Chat(ChatTest),
    /// Connections sign in and do nothing; in the end each must answer a request.
    #[command(after_help = help::BENCH_IDLE)]
    Idle(IdleTest),
}

#[derive(Debug, Args)]
pub(super) struct EchoTest {
    #[command(flatten)]
    common: CommonArgs,
    /// Connections.
    #[arg(short, long, value_name = "N", default_value_t = 50)]
    connections: usize,
    /// Messages of one connection that are under way at a time.
    #[arg(short, long, value_name = "N", default_value_t = 1, conflicts_with = "rate")]
    in_flight: u64,
    /// Bytes of a message's payload, 32 to 65535.
    #[arg(short, long, value_name = "SIZE", default_value = "64")]
    size: Size,
    #[command(flatten)]
    sending: SendingArgs,
}

#[derive(Debug, Args)]
pub(super) struct ChatTest {
    #[command(flatten)]
    common: CommonArgs,
    /// Rooms, a multiple of those that each member is in [default: so many].
    #[arg(long, value_name = "N")]
    rooms: Option<usize>,
    /// Rooms that each member is in; its publishers speak in them by turns.
    #[arg(long, value_name = "N", default_value_t = 1)]
    rooms_each: usize,
    /// Members of each room, publishers included; each is a connection, whatever the rooms that it
    /// is in.
    #[arg(short, long, value_name = "N", default_value_t = 50)]
    members: usize,
    /// Members of each room that speak.
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    publishers: usize,
    /// Messages of one publisher that are under way to itself at a time, in all of its rooms.
    #[arg(short, long, value_name = "N", default_value_t = 1, conflicts_with = "rate")]
    window: u64,
    /// Bytes of a message's content, 32 to 512.
    #[arg(short, long, value_name = "SIZE", default_value = "64")]
    size: Size,
    #[command(flatten)]
    sending: SendingArgs,
}

#[derive(Debug, Args)]
pub(super) struct IdleTest {
    #[command(flatten)]
    common: CommonArgs,
    /// Connections.
    #[arg(short, long, value_name = "N", default_value_t = 1000)]
    connections: usize,
    /// How long to hold them.
    #[arg(short, long, value_name = "TIME", default_value = "10s")]
    duration: Span,
}

/// How much is sent, and when.
#[derive(Debug, Args)]
struct SendingArgs {
    /// Send so many messages in all, instead of sending for a time.
    #[arg(
        short = 'n',
        long,
        value_name = "N",
        conflicts_with = "duration",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    count: Option<u64>,
    /// How long to send, after the warm-up [default: 10s].
    #[arg(short, long, value_name = "TIME")]
    duration: Option<Span>,
    /// Send so many messages per second in all, each when it is due, whether or not replies come.
    /// Latency counts from when a message was due.
    #[arg(short, long, value_name = "N")]
    rate: Option<u64>,
    /// Time at the beginning that is not measured [default: 1s, with --count 0].
    #[arg(long, value_name = "TIME")]
    warm_up: Option<Span>,
}

/// What all tests have.
#[derive(Debug, Args)]
pub(crate) struct CommonArgs {
    #[command(flatten)]
    pub(super) server: ServerAddress,
    /// Connections begun per second.
    #[arg(long, value_name = "N", default_value_t = 5000)]
    connect_rate: u64,
    /// Time that a connection has to stand and, in chat, to be signed in and in its rooms.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    connect_timeout: Span,
    /// How often a connection that failed is tried again, after pauses from 0.1 s up, doubled each
    /// time.
    #[arg(long, value_name = "N", default_value_t = 3)]
    connect_retries: u32,
    /// How long to wait for another delivery in the end, before missing ones count as lost.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    drain_timeout: Span,
    /// Print the report as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
    /// Print the report as CSV: a line of names, and a line of values.
    #[arg(long, conflicts_with = "json")]
    pub(super) csv: bool,
    /// Write a line for each interval to a file, as CSV: what was sent and delivered in it, and its
    /// latencies.
    #[arg(long, value_name = "FILE")]
    pub(super) series: Option<PathBuf>,
    /// Length of an interval of --series, 0.1 s or more.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "1s",
        requires = "series",
        value_parser = interval
    )]
    pub(super) series_interval: Span,
    /// Write how many deliveries had which latency to a file, as CSV: a line for each bucket.
    #[arg(long, value_name = "FILE")]
    pub(super) histogram: Option<PathBuf>,
    /// Show no progress, even if standard error is a terminal.
    #[arg(long)]
    pub(super) no_progress: bool,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::BenchVerbosity,
}

impl BenchArgs {
    /// The load test that they describe.
    ///
    /// # Errors
    /// They contradict each other. A sentence for the user.
    pub(crate) fn load_config(&self) -> Result<LoadConfig, String> {
        let work = match &self.test {
            Test::Echo(test) => {
                let &EchoTest { connections, in_flight, size, .. } = test;
                Work::Echo { connections, in_flight, size_bytes: bytes(size) }
            }
            Test::Chat(test) => {
                let &ChatTest { rooms, rooms_each, members, publishers, window, size, .. } = test;
                Work::Chat {
                    rooms: rooms.unwrap_or(rooms_each),
                    rooms_each,
                    members,
                    publishers,
                    window,
                    size_bytes: bytes(size),
                }
            }
            Test::Idle(test) => Work::Idle { connections: test.connections },
        };
        let common = self.common();
        if let (Some(series), Some(histogram)) = (&common.series, &common.histogram)
            && are_same_file(series, histogram)
        {
            let path = series.display();
            return Err(format!("--series and --histogram cannot both write to {path}"));
        }
        let mut config = LoadConfig::new(common.server.address.clone(), work);
        match &self.test {
            Test::Echo(EchoTest { sending, .. }) | Test::Chat(ChatTest { sending, .. }) => {
                sending.set(&mut config);
            }
            Test::Idle(test) => config.amount = Amount::Time(test.duration.0),
        }
        config.tls = common.server.way.client_config().tls;
        config.ip_version = common.server.way.ip_version();
        config.connects_per_second = common.connect_rate;
        config.connect_timeout = common.connect_timeout.0;
        config.connect_retries = common.connect_retries;
        config.drain_timeout = common.drain_timeout.0;
        config.validate().map_err(|error| error.to_string())?;
        Ok(config)
    }

    pub(crate) const fn common(&self) -> &CommonArgs {
        match &self.test {
            Test::Echo(EchoTest { common, .. })
            | Test::Chat(ChatTest { common, .. })
            | Test::Idle(IdleTest { common, .. }) => common,
        }
    }
}

impl SendingArgs {
    fn set(&self, config: &mut LoadConfig) {
        config.rate_per_second = self.rate;
        let default_warm_up = match (self.count, self.duration) {
            (Some(count), _) => {
                config.amount = Amount::Messages(count);
                Duration::ZERO
            }
            (None, Some(duration)) => {
                config.amount = Amount::Time(duration.0);
                Duration::from_secs(1)
            }
            (None, None) => Duration::from_secs(1),
        };
        config.warm_up = self.warm_up.map_or(default_warm_up, |warm_up| warm_up.0);
    }
}

/// Whether both name one file, there already or not; what is no file, such as /dev/null, is written
/// by both.
fn are_same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| {
        path.canonicalize().or_else(|_| {
            let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
            std::io::Result::Ok(folder.join(path.file_name().unwrap_or_default()))
        })
    };
    let is_other_thing = one.metadata().is_ok_and(|found| !found.is_file());
    match (real(one), real(other)) {
        _ if is_other_thing => false,
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

fn interval(text: &str) -> Result<Span, String> {
    let span: Span = text.parse()?;
    if span.0 < INTERVAL_MIN {
        return Err("an interval has 0.1 s or more".to_owned());
    }
    Ok(span)
}

fn bytes(size: Size) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}
