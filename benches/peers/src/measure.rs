//! The measurement: all rows of all tasks by turns, round after round, each sample between two
//! probes that tell whether the sibling thread was busy, and with the processor time it took, which
//! tells whether another program ran meanwhile.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::entrant::Pass;

/// One column of the table: the same work for every row that can do it.
pub(crate) struct Task<'w> {
    pub(crate) title: &'static str,
    pub(crate) frames: usize,
    /// In the order of the table's rows.
    pub(crate) passes: Vec<Option<Pass<'w>>>,
}

/// One timed pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) ns_per_frame: f64,
    /// Times of the probe before and after.
    pub(crate) probes_ns: [f64; 2],
    /// Processor time over time: less than 1 if another program had the core for a while.
    pub(crate) core_share: f64,
}

/// Samples of one row in one task, one for each round.
pub(crate) type Series = Vec<Sample>;

/// Rounds until the time is over, of all rows of all tasks: `[task][row][round]`. A row that has no
/// part in a task has an empty series there.
pub(crate) fn measure(tasks: &mut [Task<'_>], budget: Duration) -> Vec<Vec<Series>> {
    let mut series: Vec<_> =
        tasks.iter().map(|task| vec![Series::new(); task.passes.len()]).collect();
    let start = Instant::now();
    let mut round = 0;
    while start.elapsed() < budget {
        for (task, series) in tasks.iter_mut().zip(&mut series) {
            let rows = task.passes.len();
            // Another row is the first in every round, so that none always follows the same one.
            for row in (0..rows).map(|turn| (turn + round) % rows) {
                if let Some(pass) = &mut task.passes[row] {
                    series[row].push(sample(pass, task.frames));
                }
            }
        }
        round += 1;
    }
    series
}

fn sample(pass: &mut Pass<'_>, frames: usize) -> Sample {
    // Untimed: the other rows have driven this one's stream and code out of the caches.
    pass.run();
    let before = probe();
    let cpu_start = thread_cpu_time();
    let start = Instant::now();
    pass.run();
    let elapsed = start.elapsed();
    let cpu_elapsed = thread_cpu_time().saturating_sub(cpu_start);
    let after = probe();
    Sample {
        ns_per_frame: ns(elapsed) / frames as f64,
        probes_ns: [ns(before), ns(after)],
        core_share: cpu_elapsed.as_secs_f64() / elapsed.as_secs_f64(),
    }
}

fn thread_cpu_time() -> Duration {
    // The clock of a running thread is never negative.
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// The time of a fixed loop that keeps the core's ports busy, some 20 µs. A busy sibling thread
/// nearly doubles it.
fn probe() -> Duration {
    const ITERATIONS: u64 = 4_000;
    let mut lanes = black_box([1_u64, 2, 3, 4, 5, 6, 7, 8]);
    let start = Instant::now();
    for iteration in 0..ITERATIONS {
        for lane in &mut lanes {
            *lane = (*lane ^ iteration).wrapping_add(*lane >> 3);
        }
    }
    let elapsed = start.elapsed();
    black_box(lanes);
    elapsed
}

fn ns(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}
