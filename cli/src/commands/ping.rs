//! `cafewire ping`: round trips, one after another, and their statistics.

mod args;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use cafewire_net::Address;
use cafewire_net::{Client, ClientConfig, ClientError};
use serde::Serialize;

use crate::escape;
use crate::failure::{self, Failure};
use crate::format;
use crate::interrupt;
use crate::output;
use crate::stats::{RoundTrips, duration_ns, milliseconds};
use crate::tls_remarks;

pub(crate) use self::args::PingArgs;

/// Time within which a reply must come before its ping counts as lost.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// Time that the ping under way has left after Ctrl-C, so that an interrupt does not count as a
/// loss.
const LAST_REPLY_WAIT: Duration = Duration::from_millis(500);

enum PingEvent {
    Sent,
    Reply {
        seq: u64,
        round_trip: Duration,
    },
    Lost {
        seq: u64,
        reason: ClientError,
    },
    /// All requested pings have been sent, and answered or lost.
    Finished,
    Interrupted,
}

/// A line of `--json`; `--help` documents the fields.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum PingJson<'a> {
    Reply {
        address: &'a str,
        seq: u64,
        time_ns: u64,
    },
    Lost {
        address: &'a str,
        seq: u64,
        reason: &'a str,
    },
    Summary {
        address: &'a str,
        sent: u64,
        received: u64,
        lost: u64,
        min_ns: Option<u64>,
        avg_ns: Option<u64>,
        max_ns: Option<u64>,
        p99_ns: Option<u64>,
    },
}

pub(crate) fn run(args: &PingArgs) -> Result<ExitCode, Failure> {
    let target = Target {
        address: args.server.address.clone(),
        config: ClientConfig {
            read_timeout: Some(REPLY_TIMEOUT),
            ..args.server.way.client_config()
        },
    };
    tls_remarks::make(&target.address, &target.config.tls);
    let client = target.connect()?;
    // A short queue, so that pinging waits for the reader of the output.
    let (queue, events) = sync_channel(1);
    let interrupts = queue.clone();
    interrupt::watch(move || interrupts.send(PingEvent::Interrupted).is_ok())?;
    let (count, interval) = (args.count, args.interval);
    thread::spawn(move || ping_on(&target, client, count, interval, &queue));
    let trips = report_each(args, &events)?;
    report_summary(args, &trips)?;
    Ok(if trips.lost() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The server and the way to reach it.
struct Target {
    address: Address,
    config: ClientConfig,
}

impl Target {
    fn connect(&self) -> Result<Client, ClientError> {
        let client = Client::connect_with(&self.address, &self.config)?;
        format::connected(&self.address, client.peer_address());
        Ok(client)
    }
}

/// Pings until the count is reached or the receiver of the results is gone.
fn ping_on(
    target: &Target,
    client: Client,
    count: Option<u64>,
    interval: Duration,
    queue: &SyncSender<PingEvent>,
) {
    let mut connected = Some(client);
    for seq in 0..count.unwrap_or(u64::MAX) {
        let started = Instant::now();
        if queue.send(PingEvent::Sent).is_err() {
            return;
        }
        let event = match ping_once(target, &mut connected) {
            Ok(round_trip) => PingEvent::Reply { seq, round_trip },
            Err(reason) => PingEvent::Lost { seq, reason },
        };
        if queue.send(event).is_err() {
            return;
        }
        if count != Some(seq + 1) {
            thread::sleep(interval.saturating_sub(started.elapsed()));
        }
    }
    // Sending fails only when the receiver is gone.
    let _ = queue.send(PingEvent::Finished);
}

/// One round trip. A connection with a failed one may still deliver its late reply, so it is not
/// used again.
fn ping_once(target: &Target, connected: &mut Option<Client>) -> Result<Duration, ClientError> {
    let mut client = match connected.take() {
        Some(client) => client,
        None => target.connect()?,
    };
    let round_trip = client.ping()?;
    *connected = Some(client);
    Ok(round_trip)
}

/// Shows and counts every ping until the last, or until Ctrl-C.
fn report_each(args: &PingArgs, events: &Receiver<PingEvent>) -> Result<RoundTrips, Failure> {
    let mut trips = RoundTrips::new();
    let mut is_one_under_way = false;
    let mut was_interrupted = false;
    loop {
        let event = if was_interrupted {
            events.recv_timeout(LAST_REPLY_WAIT).unwrap_or(PingEvent::Finished)
        } else {
            events.recv().unwrap_or(PingEvent::Finished)
        };
        match event {
            PingEvent::Sent => {
                trips.record_sent();
                is_one_under_way = true;
            }
            PingEvent::Reply { seq, round_trip } => {
                trips.record_reply(round_trip);
                is_one_under_way = false;
                report_reply(args, seq, duration_ns(round_trip))?;
            }
            PingEvent::Lost { seq, reason } => {
                is_one_under_way = false;
                report_lost(args, seq, &reason)?;
            }
            // The second Ctrl-C does not wait.
            PingEvent::Interrupted if was_interrupted => return Ok(trips),
            PingEvent::Interrupted => {
                was_interrupted = true;
                if io::stdout().is_terminal() {
                    // The cursor stands behind the ^C that the terminal shows.
                    output::line("")?;
                }
            }
            PingEvent::Finished => return Ok(trips),
        }
        if was_interrupted && !is_one_under_way {
            return Ok(trips);
        }
    }
}

fn report_reply(args: &PingArgs, seq: u64, time_ns: u64) -> Result<(), Failure> {
    let address = args.server.address.to_string();
    if args.json {
        output::json(&PingJson::Reply { address: &address, seq, time_ns })
    } else {
        output::line(format_args!(
            "reply from {address}: seq={seq} time={} ms",
            milliseconds(time_ns)
        ))
    }
}

fn report_lost(args: &PingArgs, seq: u64, reason: &ClientError) -> Result<(), Failure> {
    let (address, reason) = (args.server.address.to_string(), failure::sentence(reason));
    if args.json {
        output::json(&PingJson::Lost { address: &address, seq, reason: &reason })
    } else {
        output::line(format_args!("no reply from {address}: seq={seq}: {}", escape::text(&reason)))
    }
}

fn report_summary(args: &PingArgs, trips: &RoundTrips) -> Result<(), Failure> {
    let address = args.server.address.to_string();
    let (sent, received, lost) = (trips.sent(), trips.received(), trips.lost());
    let figures = trips.figures();
    if args.json {
        return output::json(&PingJson::Summary {
            address: &address,
            sent,
            received,
            lost,
            min_ns: figures.map(|figures| figures.min_ns),
            avg_ns: figures.map(|figures| figures.avg_ns),
            max_ns: figures.map(|figures| figures.max_ns),
            p99_ns: figures.map(|figures| figures.p99_ns),
        });
    }
    output::line(format_args!("--- {address} ---"))?;
    output::line(format_args!("{sent} sent, {received} received, {lost} lost"))?;
    let Some(figures) = figures else { return Ok(()) };
    let [min, avg, max, p99] =
        [figures.min_ns, figures.avg_ns, figures.max_ns, figures.p99_ns].map(milliseconds);
    output::line(format_args!("round trip min/avg/max/p99 = {min}/{avg}/{max}/{p99} ms"))
}
