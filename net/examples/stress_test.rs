//! Puts a server under load and prints the report:
//!
//! ```sh
//! cargo run --release --example stress_test                       # its own server, in a thread
//! cargo run --release --example stress_test -- 127.0.0.1:8080     # another server
//! cargo run --release --example stress_test -- 127.0.0.1:8080 100 # rooms of 100 members
//! ```
//!
//! Two tests, three seconds each: messages echoed on 50 connections, 16 in flight on each; then
//! rooms with one publisher, whose messages all members receive. Every delivery is judged. The exit
//! code is 1 if any was lost, duplicated or reordered.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use cafewire_net::load::{self, Amount, LoadConfig, Monitor, Report, Work};
use cafewire_net::{Address, Server, ServerConfig};

const ROOMS: usize = 4;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().map(|text| text.parse()).transpose()?;
    let members = arguments.next().map_or(Ok(50), |text| text.parse())?;
    match target {
        Some(target) => stress(&target, members),
        None => with_own_server(|target| stress(target, members)),
    }
}

/// Runs a test against a server in this process. Server and generator then share the machine and
/// the process's file descriptors.
fn with_own_server<T>(
    test: impl FnOnce(&Address) -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let mut config = ServerConfig::default();
    config.listen = vec!["127.0.0.1:0".parse()?];
    let server = Server::bind(config)?;
    let (target, handle) = (server.local_addresses()[0].clone(), server.handle());
    let thread = std::thread::spawn(|| server.run());
    let outcome = test(&target);
    handle.shut_down();
    thread.join().map_err(|_| "the server panicked")??;
    outcome
}

fn stress(target: &Address, members: usize) -> Result<bool, Box<dyn Error>> {
    let echo = Work::Echo { connections: 50, in_flight: 16, size_bytes: 64 };
    let chat = Work::Chat {
        rooms: ROOMS,
        rooms_each: 1,
        members,
        publishers: 1,
        window: 16,
        size_bytes: 64,
    };
    let mut all_clean = true;
    for (name, work) in [("echo", echo), ("chat", chat)] {
        let mut config = LoadConfig::new(target.clone(), work);
        config.amount = Amount::Time(Duration::from_secs(3));
        config.warm_up = Duration::from_millis(500);
        println!("{name}: {work:?}");
        let report = load::run(&config, &Monitor::default())?;
        show(&report);
        all_clean &= report.is_clean();
    }
    Ok(all_clean)
}

fn show(report: &Report) {
    let deliveries = report.deliveries;
    println!("  {} of {} connections", report.connections.ready, report.connections.wanted);
    println!(
        "  {} messages sent, {} of {} delivered",
        report.sent, deliveries.received, deliveries.expected
    );
    println!(
        "  {} lost, {} duplicated, {} reordered, {} unexpected",
        deliveries.lost, deliveries.duplicated, deliveries.reordered, deliveries.unexpected
    );
    println!("  {:.0} deliveries a second", report.measured.received_per_second());
    if let Some(latency) = report.latency {
        let [p50, p99, max] =
            [latency.p50_ns, latency.p99_ns, latency.max_ns].map(Duration::from_nanos);
        println!("  latency: half within {p50:.1?}, 99 % within {p99:.1?}, all within {max:.1?}");
    }
    if report.measured.generator_was_busy() {
        println!("  the generator was busy all the time: the server may be faster than this rate");
    }
}
