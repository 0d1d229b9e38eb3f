//! State of watching a server: its last sample, the rates before it, and whether it answers. Pure:
//! time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use super::sample::{Counts, Gauges, Rates, Sample, count_of};

/// Moments that are kept; more than the widest terminal shows.
const HISTORY_MAX: usize = 1024;

/// All values that are drawn.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) url: String,
    pub(super) sample: Option<Sample>,
    /// The newest first.
    pub(super) history: VecDeque<Moment>,
    /// Connections that ended between the last two samples, by reason.
    recent_closes: Counts,
    /// Times that a limit refused work or put it off between them, by limit.
    recent_reached: Counts,
    pub(super) trouble: Option<Trouble>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    pub(super) now: Gauges,
    /// Since the moment before; `None` for the first one.
    pub(super) rates: Option<Rates>,
}

/// Why there is no answer, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) since: Duration,
    pub(super) why: String,
}

impl Watch {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            sample: None,
            history: VecDeque::new(),
            recent_closes: Counts::new(),
            recent_reached: Counts::new(),
            trouble: None,
        }
    }

    /// The server answered.
    pub(super) fn heard(&mut self, sample: Sample) {
        self.trouble = None;
        self.recent_closes.clear();
        self.recent_reached.clear();
        match self.sample.take_if(|before| sample.continues(before)) {
            Some(before) => {
                self.history
                    .push_front(Moment { now: sample.now, rates: Some(sample.since(&before)) });
                self.history.truncate(HISTORY_MAX);
                self.recent_closes = new_in(&sample.closes, &before.closes);
                self.recent_reached = new_in(&sample.reached, &before.reached);
            }
            // The first sample, or a restarted server: earlier counts do not apply to it.
            None => {
                self.history.clear();
                self.history.push_front(Moment { now: sample.now, rates: None });
            }
        }
        self.sample = Some(sample);
    }

    /// The server did not answer, or not as it should. Earlier samples stay.
    pub(super) fn failed(&mut self, at: Duration, why: String) {
        let since = self.trouble.take().map_or(at, |trouble| trouble.since);
        self.trouble = Some(Trouble { since, why });
    }

    /// The last sample with its rates.
    pub(super) fn latest(&self) -> Option<&Moment> {
        self.history.front()
    }

    /// What a limit counts as, if it has a bound.
    pub(super) fn limit(&self, name: &str) -> Option<f64> {
        self.sample.as_ref()?.limits.get(name).copied()
    }

    /// Number of connections that ended for this reason between the last two samples.
    pub(super) fn recent_closes_of(&self, reason: &str) -> u64 {
        count_of(&self.recent_closes, reason)
    }

    /// Times that this limit refused work or put it off between the last two samples.
    pub(super) fn recent_reached_of(&self, limit: &str) -> u64 {
        count_of(&self.recent_reached, limit)
    }
}

/// What was counted since.
fn new_in(counts: &Counts, before: &Counts) -> Counts {
    let new = counts.iter().map(|(label, count)| {
        let new = count - count_of(before, label).min(*count);
        (label.clone(), new)
    });
    new.filter(|&(_, new)| new > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::{exposition, sample};
    use super::*;

    fn messages_per_s(watch: &Watch) -> Option<f64> {
        watch.latest()?.rates.map(|rates| rates.messages)
    }

    #[test]
    fn two_samples_make_a_moment() {
        let mut watch = Watch::new("here".to_owned());
        watch.heard(sample(1, 100, 5));
        assert_eq!(
            watch.latest().map(|moment| (moment.now.connections, moment.rates)),
            Some((5.0, None))
        );
        watch.heard(sample(2, 300, 6));
        assert_eq!(messages_per_s(&watch), Some(200.0));
        assert_eq!(
            (watch.recent_closes_of("end_of_input"), watch.recent_closes_of("slow_consumer")),
            (200, 0)
        );
        assert_eq!(
            ["frames_per_tick", "rooms_per_connection"].map(|limit| watch.recent_reached_of(limit)),
            [200, 0]
        );
        watch.heard(sample(3, 300, 6));
        assert_eq!((watch.history.len(), watch.recent_closes_of("end_of_input")), (3, 0));
    }

    #[test]
    fn a_restarted_server_has_no_past() {
        let mut watch = Watch::new("here".to_owned());
        (1..4).for_each(|second| watch.heard(sample(second, 1000, 5)));
        let text = exposition(3, 1).replace("1700000000.5", "1700000009.5");
        watch.heard(Sample::parse(&text, Duration::from_secs(4)).unwrap());
        assert_eq!((watch.history.len(), messages_per_s(&watch)), (1, None));
    }

    #[test]
    fn trouble_counts_from_its_start_and_forgets_nothing() {
        let mut watch = Watch::new("here".to_owned());
        watch.heard(sample(1, 100, 5));
        watch.failed(Duration::from_secs(3), "refused".to_owned());
        watch.failed(Duration::from_secs(9), "timed out".to_owned());
        assert_eq!(
            watch.trouble,
            Some(Trouble { since: Duration::from_secs(3), why: "timed out".to_owned() })
        );
        assert!(watch.sample.is_some());
        // The time without an answer is one long interval: rates stay true.
        watch.heard(sample(11, 1100, 5));
        assert_eq!((watch.trouble.is_none(), messages_per_s(&watch)), (true, Some(100.0)));
    }

    #[test]
    fn the_past_is_bounded() {
        let mut watch = Watch::new("here".to_owned());
        (0..2000).for_each(|second| watch.heard(sample(second, second, 5)));
        assert_eq!(watch.history.len(), HISTORY_MAX);
    }
}
