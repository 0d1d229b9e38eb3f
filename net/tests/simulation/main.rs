//! The real sessions, hub, room logs and outboxes under a simulated network and clock, from a seed.
//!
//! Clients sign in, join, speak, leave, attack, go silent, half-close and vanish at random, up to
//! two dozen at a time and in one world of 64 up to three thousand. The network cuts their bytes
//! anywhere, takes the server's in pieces of any size or not at all, stalls, and reports readiness
//! late, twice and in any order. The clocks leap. In some worlds other limits come into force on
//! the way, as with a reload: looser ones, tighter ones, none. After every step the broker checks
//! its invariants. At the end:
//!
//! - every request of a client that is still there was answered, in order;
//! - what each client saw of a room, from its own UserJoined on, is byte for byte what the room's
//!   witness (a member that joins first and reads everything) saw, without a gap; to the very end
//!   for those still in the room;
//! - the witness heard each thing said once, from a client that was present, and of each client's
//!   coming and going;
//! - once everybody has gone, no user, no room and no buffer is left.
//!
//! `CAFEWIRE_SEED=n` replays one seed; `CAFEWIRE_SEEDS=n` runs n seeds (default 70), from
//! `CAFEWIRE_FIRST_SEED` (default 0) on. `.ci/simulation` runs many and shows that a damaged server
//! is found.

#![allow(clippy::unwrap_used)]

mod attack;
mod client;
mod close_log;
mod endpoint;
mod frames;
mod io;
mod judge;
mod network;
mod presence;
mod random;
mod watch;
mod work;
mod world;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cafewire_core::ErrorCode;
use cafewire_net::CloseReason;
use network::{Network, Outcome};

const SEEDS: u64 = 70;

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn nothing_is_lost_under_any_schedule() {
    if let Some(seed) = number("CAFEWIRE_SEED") {
        let network = Network::new(seed);
        println!("seed {seed}: {:#?}", network.world);
        println!("{:#?}", network.run());
        return;
    }
    let first = number("CAFEWIRE_FIRST_SEED").unwrap_or(0);
    let count = number("CAFEWIRE_SEEDS").unwrap_or(SEEDS);
    let start = Instant::now();
    let sums = run_seeds(first, count);
    println!(
        "simulation: {count} seeds from {first} on in {:.0} s: {} connections, at most {} at once, \
         {} frames, {} broadcasts, {} ticks, {} reloads",
        start.elapsed().as_secs_f64(),
        sums.connections,
        sums.connected_at_once,
        sums.frames,
        sums.broadcasts,
        sums.ticks,
        sums.reloads
    );
    let reasons: Vec<_> = CloseReason::ALL
        .iter()
        .zip(&sums.closes)
        .map(|(why, count)| format!("{why} {count}"))
        .collect();
    println!("simulation: closed: {}", reasons.join(", "));
    if count >= SEEDS {
        assert_trouble_was_met(&sums);
    }
}

/// A seed that fails would be worth nothing if it did not fail again.
#[test]
fn a_seed_replays_exactly() {
    for seed in [3, 32] {
        let [first, second] = [Network::new(seed).run(), Network::new(seed).run()];
        assert_eq!((first.digest, &first.metrics), (second.digest, &second.metrics), "seed {seed}");
        assert!(first.metrics.broadcasts > 0);
    }
    assert_ne!(Network::new(3).run().digest, Network::new(4).run().digest);
}

#[derive(Debug, Default)]
struct Sums {
    closes: Vec<u64>,
    refusals: Vec<u64>,
    connections: u64,
    connected_at_once: usize,
    frames: u64,
    broadcasts: u64,
    ticks: usize,
    reloads: usize,
}

impl Sums {
    fn add(&mut self, outcome: &Outcome) {
        let metrics = &outcome.metrics;
        self.closes.resize(CloseReason::ALL.len(), 0);
        self.refusals.resize(ErrorCode::ALL.len(), 0);
        self.closes
            .iter_mut()
            .zip(CloseReason::ALL)
            .for_each(|(sum, &reason)| *sum += metrics.closes(reason));
        self.refusals
            .iter_mut()
            .zip(ErrorCode::ALL)
            .for_each(|(sum, &code)| *sum += metrics.errors_sent(code));
        self.connections += metrics.connections_accepted;
        self.connected_at_once = self.connected_at_once.max(outcome.connected_at_once);
        self.frames += metrics.messages_processed;
        self.broadcasts += metrics.broadcasts;
        self.ticks += outcome.ticks;
        self.reloads += outcome.times_reloaded;
    }
}

/// Runs the seeds on as many threads as there are processors. One that fails ends all; of those
/// that did by then, the first says how to replay it.
fn run_seeds(first: u64, count: u64) -> Sums {
    let next = AtomicU64::new(first);
    let end = first + count;
    let sums = Mutex::new(Sums::default());
    let failed: Mutex<Vec<(u64, Box<dyn Any + Send>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    match catch_unwind(AssertUnwindSafe(|| Network::new(seed).run())) {
                        Ok(outcome) => sums.lock().unwrap().add(&outcome),
                        Err(panic) => {
                            next.store(end, Ordering::Relaxed);
                            failed.lock().unwrap().push((seed, panic));
                        }
                    }
                }
            });
        }
    });
    if let Some((seed, panic)) =
        failed.into_inner().unwrap().into_iter().min_by_key(|(seed, _)| *seed)
    {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or(panic.downcast_ref::<&str>().copied());
        eprintln!(
            "simulation: seed {seed} failed, number {} of {count}: {}",
            seed - first + 1,
            text.unwrap_or_default()
        );
        eprintln!("Replay it with\n\n    {}\n", replay(seed));
        resume_unwind(panic);
    }
    sums.into_inner().unwrap()
}

/// The command that runs this very program with this seed.
fn replay(seed: u64) -> String {
    let profile = if cfg!(debug_assertions) { "" } else { " --release" };
    let wrapper = " RUSTC_WORKSPACE_WRAPPER=$PWD/.ci/rustc-with-canary";
    let flags = if cfg!(cafewire_canary) { wrapper } else { "" };
    format!(
        "CAFEWIRE_SEED={seed}{flags} cargo test --package cafewire-net{profile} --test simulation \
         -- --nocapture nothing_is_lost"
    )
}

/// A simulation that never gets into trouble proves nothing.
fn assert_trouble_was_met(sums: &Sums) {
    // How fast an address connects: tests/limits_and_time/addresses.rs has that. Its clients speak
    // version 1: tests/versions.rs and tests/protocol_chat_v2 have the other.
    let elsewhere =
        [CloseReason::ConnectRate, CloseReason::UnsupportedFlags, CloseReason::NotSupported];
    for &reason in CloseReason::ALL.iter().filter(|reason| !elsewhere.contains(reason)) {
        assert!(sums.closes[reason.index()] > 0, "{reason} never happened");
    }
    for code in [
        ErrorCode::InvalidRoomName,
        ErrorCode::InvalidContent,
        ErrorCode::UsernameTaken,
        ErrorCode::NotInRoom,
        ErrorCode::AlreadyInRoom,
        ErrorCode::LimitReached,
        ErrorCode::RateLimited,
    ] {
        let index = ErrorCode::ALL.iter().position(|&other| other == code).unwrap();
        assert!(sums.refusals[index] > 0, "{code} never happened");
    }
    assert!(sums.reloads > 0, "the limits never changed");
    assert!(
        sums.connected_at_once > 1000,
        "{} connections at once are no crowd",
        sums.connected_at_once
    );
}
