//! The healthy neighbour: an echo peer and two chat users in a room of their own, who must notice
//! nothing of the faults of others. It uses the public clients alone, so that any server can have
//! one.
//!
//! Its round trips are measured first in quiet times and then during the fault, in the same run on
//! the same machine. Each must be answered correctly. The slowest percent may be twenty times as
//! slow as in quiet times, and two seconds in any case: that tells "slowed down by other work of
//! the machine" from "stalled", and nothing finer. Time in which the machine itself stood still
//! does not count. Speed is measured in benches, never in tests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cafewire_net::{Address, ChatClient, Client, Event};

use super::standstill::{Standstills, stood_still};

const ROOM: &str = "the quiet neighbours";

/// The rounds in quiet times, and the fewest during a fault, so that one percent is two rounds.
const ROUNDS_MIN: usize = 200;

const PAUSE_BETWEEN_ROUNDS: Duration = Duration::from_millis(1);

const SLOWDOWN_MAX: u32 = 20;
/// With eight programs competing for each processor, 0.36 s were measured while five thousand peers
/// connected.
const ALWAYS_ALLOWED: Duration = Duration::from_secs(2);

pub(crate) struct Neighbour {
    echoing: Client,
    speaker: ChatClient,
    listener: ChatClient,
    rounds: u64,
    quiet_p99: Duration,
}

impl Neighbour {
    /// Connects, and measures round trips in quiet times.
    pub(crate) fn move_in(address: &Address) -> Self {
        let mut speaker = ChatClient::connect(address, "a quiet speaker").unwrap();
        let mut listener = ChatClient::connect(address, "a quiet listener").unwrap();
        speaker.join(ROOM).unwrap();
        listener.join(ROOM).unwrap();
        let came = speaker.next_event().unwrap();
        assert!(
            matches!(&came, Event::Joined { username, .. } if username == listener.username()),
            "{came:?}"
        );
        let echoing = Client::connect(address).unwrap();
        let mut this = Self { echoing, speaker, listener, rounds: 0, quiet_p99: Duration::ZERO };
        this.quiet_p99 = p99((0..ROUNDS_MIN).map(|_| this.paced_round()).collect());
        this
    }

    /// Runs `fault` beside the neighbour's rounds, and asserts that the neighbour was not stalled.
    pub(crate) fn notices_nothing_of<T>(&mut self, fault: impl FnOnce() -> T) -> T {
        let is_over = AtomicBool::new(false);
        let quiet_p99 = self.quiet_p99;
        let standstills = Standstills::watch();
        let (outcome, trips) = thread::scope(|scope| {
            let life = scope.spawn(|| {
                let mut trips = Vec::new();
                while trips.len() < ROUNDS_MIN || !is_over.load(Ordering::Acquire) {
                    let took = self.paced_round();
                    trips.push((Instant::now(), took));
                }
                trips
            });
            // The flag is set on any path: a failure of the fault must not leave the neighbour
            // running.
            let over = Over(&is_over);
            let outcome = fault();
            drop(over);
            (outcome, life.join().expect("the neighbour's rounds succeed"))
        });
        let standstills = standstills.end();
        let by_itself = |(end, took): (Instant, Duration)| {
            took - stood_still(&standstills, end - took, end).min(took)
        };
        let (rounds, during_p99) = (trips.len(), p99(trips.into_iter().map(by_itself).collect()));
        let allowed = (quiet_p99 * SLOWDOWN_MAX).max(ALWAYS_ALLOWED);
        println!(
            "the neighbour's p99: {quiet_p99:?} in quiet times, \
             {during_p99:?} over {rounds} rounds of the fault"
        );
        assert!(
            during_p99 <= allowed,
            "the neighbour was stalled: {during_p99:?} where {quiet_p99:?} is usual"
        );
        outcome
    }

    fn paced_round(&mut self) -> Duration {
        thread::sleep(PAUSE_BETWEEN_ROUNDS);
        self.round_trip()
    }

    /// One echo there and back; one message to both chat users.
    fn round_trip(&mut self) -> Duration {
        self.rounds += 1;
        let said = format!("round {}", self.rounds);
        let started = Instant::now();
        assert_eq!(self.echoing.echo(said.as_bytes()).unwrap(), said.as_bytes());
        self.speaker.send(ROOM, &said).unwrap();
        for user in [&mut self.speaker, &mut self.listener] {
            match user.next_event().unwrap() {
                Event::Message { room, content, .. } => {
                    assert_eq!((room.as_str(), &content), (ROOM, &said));
                }
                other => panic!("{other:?} where {said:?} was expected"),
            }
        }
        started.elapsed()
    }
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn p99(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations[durations.len() * 99 / 100]
}
