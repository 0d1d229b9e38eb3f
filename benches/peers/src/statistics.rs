//! From samples to figures: which samples count, medians, quartiles, ratios. Pure.

use std::fmt;

use serde::Serialize;

use crate::measure::{Sample, Series};

/// A sample counts if neither of its probes took longer than this many times an undisturbed one.
const PROBE_RATIO_MAX: f64 = 1.10;

/// Share of the probes, in the order of their times, below which one is taken as undisturbed.
const UNDISTURBED_QUANTILE: f64 = 0.10;

/// A sample counts if it had at least this share of its core: interrupts take less than the rest,
/// another program takes more.
const CORE_SHARE_MIN: f64 = 0.98;

/// The rule by which samples count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    probe_ns_max: f64,
}

impl Gate {
    /// From all samples of a run, so that a disturbance of some seconds does not pass for the rule.
    pub(crate) fn new<'s>(samples: impl Iterator<Item = &'s Sample>) -> Self {
        let mut probes: Vec<_> = samples.flat_map(|sample| sample.probes_ns).collect();
        probes.sort_by(f64::total_cmp);
        let undisturbed = quantile(&probes, UNDISTURBED_QUANTILE);
        Self { probe_ns_max: undisturbed.map_or(0.0, |probe_ns| probe_ns * PROBE_RATIO_MAX) }
    }

    pub(crate) fn accepts(self, sample: &Sample) -> bool {
        sample.core_share >= CORE_SHARE_MIN
            && sample.probes_ns.iter().all(|&probe_ns| probe_ns <= self.probe_ns_max)
    }

    /// Quartiles of one series, in nanoseconds per frame; `None` without a sample that counts.
    pub(crate) fn times(self, series: &Series) -> Option<Quartiles> {
        let counting = series.iter().filter(|sample| self.accepts(sample));
        Quartiles::new(counting.map(|sample| sample.ns_per_frame))
    }

    /// Quartiles of the ratio in each round of one series to another.
    pub(crate) fn ratios(self, series: &Series, reference: &Series) -> Option<Quartiles> {
        let pairs = series.iter().zip(reference);
        let counting = pairs.filter(|(one, other)| self.accepts(one) && self.accepts(other));
        Quartiles::new(counting.map(|(one, other)| one.ns_per_frame / other.ns_per_frame))
    }
}

/// The middle half of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Quartiles {
    pub(crate) lower: f64,
    pub(crate) median: f64,
    pub(crate) upper: f64,
}

impl fmt::Display for Quartiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lower, median, upper } = self;
        write!(f, "{median:.2} ({lower:.2}–{upper:.2})")
    }
}

impl Quartiles {
    fn new(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.collect();
        values.sort_by(f64::total_cmp);
        Some(Self {
            lower: quantile(&values, 0.25)?,
            median: quantile(&values, 0.5)?,
            upper: quantile(&values, 0.75)?,
        })
    }
}

/// The value below which that share of the sorted values lies.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // below the length
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    sorted.get((sorted.len() as f64 * share) as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ns_per_frame: f64, probe_ns: f64) -> Sample {
        Sample { ns_per_frame, probes_ns: [100.0, probe_ns], core_share: 1.0 }
    }

    #[test]
    fn a_sample_during_which_another_program_ran_does_not_count() {
        let preempted = Sample { core_share: 0.5, ..sample(20.0, 100.0) };
        let series = vec![sample(10.0, 100.0), preempted, sample(12.0, 100.0)];
        let quartiles = Gate::new(series.iter()).times(&series).unwrap();
        assert_eq!((quartiles.lower, quartiles.upper), (10.0, 12.0));
    }

    #[test]
    fn a_sample_with_a_slow_probe_does_not_count() {
        let series = vec![sample(10.0, 100.0), sample(18.0, 180.0), sample(12.0, 109.0)];
        let gate = Gate::new(series.iter());
        let quartiles = gate.times(&series).unwrap();
        assert_eq!((quartiles.lower, quartiles.upper), (10.0, 12.0));
    }

    #[test]
    fn a_ratio_is_that_of_one_round() {
        let series = vec![sample(10.0, 100.0), sample(90.0, 200.0), sample(30.0, 100.0)];
        let reference = vec![sample(20.0, 100.0), sample(10.0, 100.0), sample(60.0, 100.0)];
        let gate = Gate::new(series.iter().chain(&reference));
        let half = Quartiles { lower: 0.5, median: 0.5, upper: 0.5 };
        assert_eq!(gate.ratios(&series, &reference), Some(half));
    }

    #[test]
    fn quartiles_of_some_values_and_of_none() {
        let quartiles = Quartiles::new([4.0, 1.0, 3.0, 2.0].into_iter());
        assert_eq!(quartiles, Some(Quartiles { lower: 2.0, median: 3.0, upper: 4.0 }));
        assert_eq!(Quartiles::new([].into_iter()), None);
    }
}
