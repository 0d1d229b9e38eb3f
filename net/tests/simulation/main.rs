//! The real sessions, hub, room logs and outboxes under a simulated network and clock, from a seed.
//!
//! Clients sign in, join, speak, leave, say rubbish, go silent, half-close and vanish at random; the network cuts their
//! bytes anywhere and takes the server's in pieces of any size, some of them never. After every step the exchange
//! checks its invariants. At the end:
//!
//! - what each client saw of a room, from its own UserJoined on, is byte for byte what the room's witness (a member
//!   that joins first and reads everything) saw, without a gap; to the very end for those still in the room;
//! - once everybody has gone, no user, no room and no buffer is left.
//!
//! `CAFEWIRE_SEED=n` replays one seed; `CAFEWIRE_SEEDS=n` runs the seeds 0 to n - 1 (default 150).

#![allow(clippy::unwrap_used)]

mod client;
mod network;
mod random;

use cafewire_core::ErrorCode;
use cafewire_net::CloseReason;
use network::Network;

#[test]
fn nothing_is_lost_under_any_schedule() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("CAFEWIRE_SEED") {
        println!("{:#?}", Network::new(seed).run());
        return;
    }
    let mut closes = vec![0; CloseReason::ALL.len()];
    let mut refusals = 0;
    for seed in 0..number("CAFEWIRE_SEEDS").unwrap_or(100) {
        match std::panic::catch_unwind(|| Network::new(seed).run()) {
            Ok(metrics) => {
                CloseReason::ALL.iter().for_each(|&reason| closes[reason.index()] += metrics.closes(reason));
                refusals += metrics.errors_sent(ErrorCode::NotInRoom);
            }
            Err(panic) => {
                eprintln!("replay: CAFEWIRE_SEED={seed} cargo test -p cafewire-net --test simulation");
                std::panic::resume_unwind(panic);
            }
        }
    }
    // A simulation that never gets into trouble proves nothing.
    assert!(refusals > 0);
    for reason in [
        CloseReason::Disconnected,
        CloseReason::EndOfInput,
        CloseReason::CutFrame,
        CloseReason::ConnectionLost,
        CloseReason::UnsupportedVersion,
        CloseReason::SlowConsumer,
        CloseReason::BufferBudget,
        CloseReason::RateLimited,
    ] {
        assert!(closes[reason.index()] > 0, "{reason} never happened");
    }
}
