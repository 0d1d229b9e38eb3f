//! Rounds of samples: every contender's server runs from the first round of a workload to the last,
//! and they are measured by turns, so that a slow minute of the machine is everyone's.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::fault::Fault;
use super::generator::{Load, Stop};
use super::machine::busy_time;
use super::peers::Peer;
use super::plan::Plan;
use super::process::{Cores, ServerProcess};

/// How a workload is measured.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// Samples of each contender.
    pub count: usize,
    /// The same load before each sample, not measured.
    pub warm_up: Duration,
    /// For how long a sample publishes. It ends when all of it has arrived.
    pub sample: Duration,
}

/// One sample of one server.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Messages that reached members.
    pub deliveries: u64,
    /// From the first message's sending until the last delivery.
    pub elapsed: Duration,
    /// Processor time of all the server's threads.
    pub server_time: Duration,
    /// Processor time of the generator.
    pub generator_time: Duration,
    /// What other programs had of the server's core or the generator's, whichever is more; counted
    /// in ticks of the clock.
    pub others_time: Duration,
}

impl Sample {
    /// Deliveries per second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.deliveries as f64 / self.elapsed.as_secs_f64()
    }

    /// The server's processor time per delivery, in nanoseconds.
    #[must_use]
    pub fn server_ns_per_delivery(&self) -> f64 {
        self.server_time.as_secs_f64() * 1e9 / self.deliveries as f64
    }

    /// How much of its core the generator used, 0 to 1.
    #[must_use]
    pub fn generator_load(&self) -> f64 {
        self.generator_time.as_secs_f64() / self.elapsed.as_secs_f64()
    }

    /// How much of one of the two cores other programs used, 0 to 1.
    #[must_use]
    pub fn others_load(&self) -> f64 {
        self.others_time.as_secs_f64() / self.elapsed.as_secs_f64()
    }
}

/// A contender's samples, round by round; or why it has none.
pub type Outcome = Result<Vec<Sample>, Fault>;

/// Measures all contenders under one workload, in their order.
#[must_use]
pub fn measure(peers: &[Peer], plan: &Plan, rounds: &Rounds, cores: Cores) -> Vec<Outcome> {
    let mut contenders: Vec<_> =
        peers.iter().map(|peer| Contender::start(peer, plan, cores)).collect();
    let mut samples = vec![Vec::with_capacity(rounds.count); peers.len()];
    for round in 0..rounds.count {
        for turn in 0..peers.len() {
            // The first in one round is the last in the next.
            let number = if round.is_multiple_of(2) { turn } else { peers.len() - 1 - turn };
            let Ok(contender) = &mut contenders[number] else { continue };
            match contender.sample(rounds, cores) {
                Ok(sample) => samples[number].push(sample),
                // Its server ends here, and its earlier samples count for nothing.
                Err(fault) => contenders[number] = Err(fault),
            }
        }
    }
    contenders
        .into_iter()
        .zip(samples)
        .map(|(contender, samples)| contender.map(|_| samples))
        .collect()
}

/// A server with all its members. It ends before their connections do: it need not see them go.
struct Contender {
    server: ServerProcess,
    load: Box<dyn Load>,
}

impl Contender {
    fn start(peer: &Peer, plan: &Plan, cores: Cores) -> Result<Self, Fault> {
        let server = peer.start(cores.server)?;
        let load = peer.connect(server.address(), plan)?;
        Ok(Self { server, load })
    }

    fn sample(&mut self, rounds: &Rounds, cores: Cores) -> Result<Sample, Fault> {
        self.load.run(Stop::After(rounds.warm_up))?;
        // Nothing is in flight, so the server sleeps, and the scheduler's figure is whole.
        let before = self.clocks(cores)?;
        let tally = self.load.run(Stop::After(rounds.sample))?;
        let after = self.clocks(cores)?;
        let [elapsed, server_time, generator_time, server_core, generator_core] =
            std::array::from_fn(|clock| after[clock].saturating_sub(before[clock]));
        let others_time = (server_core.saturating_sub(server_time))
            .max(generator_core.saturating_sub(generator_time));
        let deliveries = tally.deliveries;
        Ok(Sample { deliveries, elapsed, server_time, generator_time, others_time })
    }

    /// The time; what the server had of it, and the generator; for how long the core of each was
    /// busy.
    fn clocks(&self, cores: Cores) -> Result<[Duration; 5], Fault> {
        Ok([
            read_clock(ClockId::Monotonic),
            self.server.processor_time()?,
            read_clock(ClockId::ThreadCPUTime),
            busy_time(cores.server)?,
            busy_time(cores.generator)?,
        ])
    }
}

fn read_clock(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
