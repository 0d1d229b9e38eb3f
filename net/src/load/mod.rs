//! A load test of a server: one thread holds thousands of connections, sends at a fixed rate or
//! within windows, and judges every single delivery.
//!
//! [`run`] makes the connections that [`Work`] asks for. In an *echo* test each of them sends
//! messages and receives them back; in a *chat* test publishers send to rooms and all members
//! receive; in an *idle* test they stay idle. Each message carries its sender, its number and the
//! time at which it was due. So lost, duplicated, reordered and wrong deliveries are counted
//! exactly for each receiver, and at a fixed rate latency counts from when a message was *due*: a
//! stall of the server shows even while it keeps the generator from sending (coordinated omission).
//!
//! A run is logged at debug level (`tracing`, target `cafewire_net::load`): the address, the start
//! of each phase, and each connection that fails, with the reason.
//!
//! ```
//! use cafewire_net::load::{self, Amount, LoadConfig, Monitor, Work};
//! use cafewire_net::{Server, ServerConfig};
//!
//! let mut config = ServerConfig::default();
//! config.listen = vec!["127.0.0.1:0".parse()?]; // any free port
//! let server = Server::bind(config)?;
//! let address = server.local_addresses()[0].clone();
//! let handle = server.handle();
//! let thread = std::thread::spawn(|| server.run());
//!
//! let chat = Work::Chat {
//!     rooms: 2,
//!     rooms_each: 1,
//!     members: 5,
//!     publishers: 1,
//!     window: 8,
//!     size_bytes: 64,
//! };
//! let mut config = LoadConfig::new(address, chat);
//! config.amount = Amount::Messages(1000);
//! let report = load::run(&config, &Monitor::default())?;
//! assert!(report.is_clean());
//! assert_eq!((report.sent, report.deliveries.received), (1000, 5000));
//!
//! handle.shut_down();
//! thread.join().unwrap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chat;
mod checker;
mod config;
mod connections;
mod connector;
mod echo;
mod engine;
mod idle;
mod latencies;
mod measure;
mod monitor;
mod payload;
mod report;
mod schedule;
mod series;
mod stream;
mod tally;
mod timer;
mod workload;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use config::{Amount, LoadConfig, LoadError, SIZE_BYTES_MIN, Work};
pub use monitor::{Monitor, Phase, Progress};
pub use report::{Connections, Deliveries, LatencySummary, Measured, Report};
pub use series::{INTERVAL_MIN, Interval};

use crate::fd_limit::connections_that_fit;
use engine::Engine;
use series::Series;
use stream::Target;

/// Tests a server on the caller's thread and returns the report. Raises the process's limit on file
/// descriptors as far as it may.
///
/// # Errors
/// The reasons why a test cannot start: see [`LoadError`]. Later faults are in the report.
///
/// ```
/// use cafewire_net::{Server, ServerConfig};
/// use cafewire_net::load::{self, Amount, LoadConfig, Monitor, Work};
/// let mut config = ServerConfig::default();
/// config.listen = vec!["127.0.0.1:0".parse()?]; // any free port
/// let server = Server::bind(config)?;
/// let (address, handle) = (server.local_addresses()[0].clone(), server.handle());
/// let thread = std::thread::spawn(|| server.run());
///
/// let echo = Work::Echo { connections: 4, in_flight: 8, size_bytes: 64 };
/// let mut config = LoadConfig::new(address, echo);
/// config.amount = Amount::Messages(1000);
/// let report = load::run(&config, &Monitor::default())?;
/// assert_eq!((report.sent, report.deliveries.received), (1000, 1000));
///
/// handle.shut_down();
/// thread.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(config: &LoadConfig, monitor: &Monitor) -> Result<Report, LoadError> {
    run_and_tell(config, monitor, None)
}

/// The same, and calls `tell` at the end of each interval of this length, on the caller's thread.
/// An interval shorter than [`INTERVAL_MIN`] is made that long.
///
/// # Errors
/// As of [`run`].
pub fn run_in_intervals(
    config: &LoadConfig,
    monitor: &Monitor,
    interval: Duration,
    mut tell: impl FnMut(&Interval),
) -> Result<Report, LoadError> {
    let interval_ns = u64::try_from(interval.max(INTERVAL_MIN).as_nanos()).unwrap_or(u64::MAX);
    run_and_tell(config, monitor, Some(Series::new(interval_ns, &mut tell)))
}

fn run_and_tell<'a>(
    config: &LoadConfig,
    monitor: &'a Monitor,
    series: Option<Series<'a>>,
) -> Result<Report, LoadError> {
    config.validate()?;
    let target = Target::resolve(config)
        .map_err(|source| LoadError::Unresolved { target: config.target.clone(), source })?;
    tracing::debug!("connecting to {}{target}", config.target);
    match config.work {
        Work::Echo { connections, size_bytes, .. } => {
            check_descriptors(connections)?;
            let workload = echo::Echo::new(connections, size_bytes);
            Engine::new(config, target, monitor, workload, series)?.run(config)
        }
        Work::Chat { rooms, rooms_each, members, publishers, size_bytes, .. } => {
            let shape = chat::Shape { rooms, rooms_each, members, publishers, size_bytes };
            check_descriptors(config.work.connections())?;
            let workload = chat::Chat::new(&run_name(), shape);
            Engine::new(config, target, monitor, workload, series)?.run(config)
        }
        Work::Idle { connections } => {
            check_descriptors(connections)?;
            let workload = idle::Idle::new(&run_name(), connections);
            Engine::new(config, target, monitor, workload, series)?.run(config)
        }
    }
}

fn check_descriptors(wanted: usize) -> Result<(), LoadError> {
    match connections_that_fit() {
        Some(fit) if fit < wanted => Err(LoadError::TooManyConnections { wanted, fit }),
        _ => Ok(()),
    }
}

/// A name that is unique among runs at the same time; users and rooms are named after it.
fn run_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", std::process::id(), now.as_micros() & 0xFFFF_FFFF)
}
