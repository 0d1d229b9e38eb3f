//! How long to wait before connecting again. Pure: the random numbers follow from a seed.
//!
//! The delay doubles with each failure up to a bound, and a random part of up to half is taken off:
//! when a server comes back, its clients do not all arrive at once.

use std::time::Duration;

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Backoff {
    failures: u32,
    random_state: u64,
}

impl Backoff {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { failures: 0, random_state: seed }
    }

    /// The delay after one more failure.
    pub(crate) fn next_delay(&mut self) -> Duration {
        // 2^16 times the first delay is far beyond the bound.
        let full = FIRST_DELAY.saturating_mul(1 << self.failures.min(16)).min(LONGEST_DELAY);
        self.failures = self.failures.saturating_add(1);
        let half_ms = u64::try_from(full.as_millis() / 2).unwrap_or(u64::MAX);
        full - Duration::from_millis(self.random() % (half_ms + 1))
    }

    /// How many delays there have been since the last [`reset`](Self::reset).
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    const fn random(&mut self) -> u64 {
        self.random_state = self.random_state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed =
            (self.random_state ^ (self.random_state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_bound_and_each_loses_at_most_half() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(seed);
            for full_ms in [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
                let full = Duration::from_millis(full_ms);
                let delay = backoff.next_delay();
                assert!(delay >= full / 2 && delay <= full, "seed {seed}: {delay:?} of {full:?}");
            }
        }
    }

    #[test]
    fn a_success_resets_the_backoff() {
        let mut backoff = Backoff::new(1);
        for _ in 0..1000 {
            assert!(backoff.next_delay() <= LONGEST_DELAY);
        }
        assert_eq!(backoff.failures(), 1000);
        backoff.reset();
        assert!(backoff.next_delay() <= FIRST_DELAY);
    }

    #[test]
    fn different_seeds_wait_differently() {
        let delays: std::collections::BTreeSet<_> =
            (0..100).map(|seed| Backoff::new(seed).next_delay()).collect();
        assert!(delays.len() > 50, "{delays:?}");
    }
}
