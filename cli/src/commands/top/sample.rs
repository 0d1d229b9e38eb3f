//! Counts of a server at one moment, parsed from its `/metrics`, and rates between two such
//! moments. Pure. The text is not trusted.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus_parse::{HistogramCount, Scrape, Value};

/// Reasons and versions longer than this are cut, because a line has limited room.
const LABEL_MAX_CHARS: usize = 40;

/// Counts at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Time of the sample, on the sampler's clock.
    pub(super) at: Duration,
    pub(super) version: String,
    /// Seconds since 1970.
    pub(super) started_unix_s: f64,
    pub(super) is_draining: bool,
    pub(super) now: Gauges,
    totals: Totals,
    /// Connections that ended, by reason.
    pub(super) closes: Counts,
    /// How often a limit refused work or put it off, by limit.
    pub(super) reached: Counts,
    /// The limits as they count, by name; those without a bound are absent.
    pub(super) limits: BTreeMap<String, f64>,
    ticks: Buckets,
    frames: Buckets,
}

/// A count for each label, the most frequent first; those of 0 are left out.
pub(super) type Counts = Vec<(String, u64)>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gauges {
    pub(super) connections: f64,
    pub(super) users: f64,
    pub(super) rooms: f64,
    pub(super) buffer_bytes: f64,
    pub(super) room_log_storage_bytes: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Totals {
    accepted: f64,
    messages: f64,
    broadcasts: f64,
    deliveries: f64,
    received_bytes: f64,
    sent_bytes: f64,
    gathered_writes: f64,
    slow_consumer_graces: f64,
    closed: f64,
    put_off: f64,
}

/// Rates per second between two samples, and quantiles of ticks and frames meanwhile, if there were
/// any.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) accepted: f64,
    pub(super) closed: f64,
    pub(super) messages: f64,
    pub(super) broadcasts: f64,
    pub(super) deliveries: f64,
    pub(super) received_bytes: f64,
    pub(super) sent_bytes: f64,
    pub(super) gathered_writes: f64,
    pub(super) slow_consumer_graces: f64,
    pub(super) put_off: f64,
    pub(super) tick_p50_s: Option<f64>,
    pub(super) tick_p99_s: Option<f64>,
    pub(super) frame_p50_s: Option<f64>,
    pub(super) frame_p99_s: Option<f64>,
}

/// Upper bounds in seconds, ascending, each with the number of values that it holds.
#[derive(Clone, Debug, PartialEq)]
struct Buckets(Vec<(f64, f64)>);

impl Sample {
    /// Parses the text of `/metrics`.
    ///
    /// # Errors
    /// The text is not that of a cafewire server. A sentence names what is missing.
    pub(super) fn parse(text: &str, at: Duration) -> Result<Self, String> {
        let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned())))
            .map_err(|error| format!("/metrics cannot be read: {error}"))?;
        let samples =
            |name: &'static str| scrape.samples.iter().filter(move |sample| sample.metric == name);
        let number = |name: &'static str| {
            samples(name)
                .find_map(|sample| match sample.value {
                    Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value)
                        if value.is_finite() =>
                    {
                        Some(value.max(0.0))
                    }
                    _ => None,
                })
                .ok_or_else(|| format!("this is no cafewire server's /metrics: there is no {name}"))
        };
        let buckets = |name: &'static str| {
            samples(name)
                .find_map(|sample| match &sample.value {
                    Value::Histogram(counts) => Some(Buckets::of(counts)),
                    _ => None,
                })
                .ok_or_else(|| format!("this is no cafewire server's /metrics: there is no {name}"))
        };
        let closes = counts(samples("cafewire_closes_total"), "reason");
        let reached = counts(samples("cafewire_limits_reached_total"), "limit");
        let sum = |counts: &Counts, counted: fn(&str) -> bool| -> f64 {
            let counted = counts.iter().filter(|(label, _)| counted(label));
            counted.map(|&(_, count)| count as f64).sum()
        };
        let (closed, put_off) = (sum(&closes, |_| true), sum(&reached, is_put_off));
        let version = samples("cafewire_build_info")
            .find_map(|sample| sample.labels.get("version"))
            .unwrap_or("?");
        Ok(Self {
            at,
            version: short(version),
            started_unix_s: number("process_start_time_seconds")?,
            is_draining: number("cafewire_draining")? > 0.0,
            now: Gauges {
                connections: number("cafewire_connections")?,
                users: number("cafewire_users")?,
                rooms: number("cafewire_rooms")?,
                buffer_bytes: number("cafewire_buffer_bytes")?,
                room_log_storage_bytes: number("cafewire_room_log_storage_bytes")?,
            },
            totals: Totals {
                accepted: number("cafewire_connections_accepted_total")?,
                messages: number("cafewire_messages_processed_total")?,
                broadcasts: number("cafewire_broadcasts_total")?,
                deliveries: number("cafewire_deliveries_total")?,
                received_bytes: number("cafewire_received_bytes_total")?,
                sent_bytes: number("cafewire_sent_bytes_total")?,
                gathered_writes: number("cafewire_gathered_writes_total")?,
                slow_consumer_graces: number("cafewire_slow_consumer_graces_total")?,
                closed,
                put_off,
            },
            closes,
            reached,
            limits: bounds(samples("cafewire_limit")),
            ticks: buckets("cafewire_tick_seconds")?,
            frames: buckets("cafewire_parse_to_flush_seconds")?,
        })
    }

    /// Whether both are of the same server, without a restart between them.
    pub(super) fn continues(&self, before: &Self) -> bool {
        self.started_unix_s == before.started_unix_s && self.at > before.at
    }

    /// Rates since an earlier sample of the same server.
    pub(super) fn since(&self, before: &Self) -> Rates {
        let seconds = self.at.saturating_sub(before.at).as_secs_f64().max(f64::MIN_POSITIVE);
        let per_second = |total: fn(&Totals) -> f64| {
            (total(&self.totals) - total(&before.totals)).max(0.0) / seconds
        };
        Rates {
            accepted: per_second(|totals| totals.accepted),
            closed: per_second(|totals| totals.closed),
            messages: per_second(|totals| totals.messages),
            broadcasts: per_second(|totals| totals.broadcasts),
            deliveries: per_second(|totals| totals.deliveries),
            received_bytes: per_second(|totals| totals.received_bytes),
            sent_bytes: per_second(|totals| totals.sent_bytes),
            gathered_writes: per_second(|totals| totals.gathered_writes),
            slow_consumer_graces: per_second(|totals| totals.slow_consumer_graces),
            put_off: per_second(|totals| totals.put_off),
            tick_p50_s: self.ticks.quantile_since(&before.ticks, 0.5),
            tick_p99_s: self.ticks.quantile_since(&before.ticks, 0.99),
            frame_p50_s: self.frames.quantile_since(&before.frames, 0.5),
            frame_p99_s: self.frames.quantile_since(&before.frames, 0.99),
        }
    }
}

/// The count of a label.
pub(super) fn count_of(counts: &Counts, label: &str) -> u64 {
    counts.iter().find(|(name, _)| name == label).map_or(0, |&(_, count)| count)
}

fn counts<'s>(samples: impl Iterator<Item = &'s prometheus_parse::Sample>, label: &str) -> Counts {
    let mut counts: Counts = samples
        .filter_map(|sample| match sample.value {
            Value::Counter(count) if count >= 1.0 => {
                Some((short(sample.labels.get(label)?), whole(count)))
            }
            _ => None,
        })
        .collect();
    counts.sort_by(|(one, one_count), (other, other_count)| {
        other_count.cmp(one_count).then(one.cmp(other))
    });
    counts
}

/// The limits by name, those without a bound left out.
fn bounds<'s>(
    samples: impl Iterator<Item = &'s prometheus_parse::Sample>,
) -> BTreeMap<String, f64> {
    let bound = |sample: &prometheus_parse::Sample| match sample.value {
        Value::Gauge(value) if value.is_finite() && value > 0.0 => {
            Some((short(sample.labels.get("limit")?), value))
        }
        _ => None,
    };
    samples.filter_map(bound).collect()
}

/// Whether a limit puts work off, rather than refuses it.
fn is_put_off(limit: &str) -> bool {
    limit.ends_with("_per_tick") || limit == "room_log_bytes"
}

impl Buckets {
    fn of(counts: &[HistogramCount]) -> Self {
        let mut buckets: Vec<(f64, f64)> =
            counts.iter().map(|bucket| (bucket.less_than, bucket.count)).collect();
        buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        Self(buckets)
    }

    /// The bound that this share of the values since `before` keeps to; infinity past the last.
    /// `None` if there were none.
    fn quantile_since(&self, before: &Self, quantile: f64) -> Option<f64> {
        let counted_before = |bound: f64| {
            before.0.iter().find(|&&(other, _)| other == bound).map_or(0.0, |bucket| bucket.1)
        };
        let since = |&(bound, count): &(f64, f64)| (bound, count - counted_before(bound));
        let (_, all) = self.0.last().map(since).filter(|&(_, all)| all > 0.0)?;
        self.0.iter().map(since).find(|&(_, count)| count >= quantile * all).map(|(bound, _)| bound)
    }
}

fn short(label: &str) -> String {
    crate::escape::text(label).chars().take(LABEL_MAX_CHARS).collect()
}

/// Counts are whole numbers, also where the exposition has them as `3.0`; shells compare no others.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped by `as`
pub(super) const fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The metrics of a server with this value in all of its counters, and so many connections.
    pub(in super::super) fn exposition(counted: u64, connections: u64) -> String {
        let mut text = format!(
            "# TYPE cafewire_connections gauge\ncafewire_connections {connections}\n\
             # TYPE cafewire_users gauge\ncafewire_users {connections}\n\
             # TYPE cafewire_rooms gauge\ncafewire_rooms 3\n\
             # TYPE cafewire_buffer_bytes gauge\ncafewire_buffer_bytes 65536\n\
             # TYPE cafewire_room_log_storage_bytes gauge\n\
             cafewire_room_log_storage_bytes 4096\n\
             # TYPE cafewire_limit gauge\ncafewire_limit{{limit=\"connections\"}} 65536.0\n\
             cafewire_limit{{limit=\"rooms\"}} 65536.0\n\
             cafewire_limit{{limit=\"buffer_bytes\"}} 536870912.0\n\
             cafewire_limit{{limit=\"frames_per_tick\"}} 256.0\n\
             cafewire_limit{{limit=\"idle_timeout\"}} 300.0\n\
             # TYPE cafewire_limits_reached_total counter\n\
             cafewire_limits_reached_total{{limit=\"frames_per_tick\"}} {counted}\n\
             cafewire_limits_reached_total{{limit=\"rooms_per_connection\"}} 3\n\
             cafewire_limits_reached_total{{limit=\"rooms\"}} 0\n\
             # TYPE cafewire_draining gauge\ncafewire_draining 0\n\
             # TYPE cafewire_build_info gauge\ncafewire_build_info{{version=\"1.2.3\"}} 1\n\
             # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1700000000.5\n\
             # TYPE cafewire_closes_total counter\n\
             cafewire_closes_total{{reason=\"end_of_input\"}} {counted}\n\
             cafewire_closes_total{{reason=\"slow_consumer\"}} 2\n\
             cafewire_closes_total{{reason=\"idle_timeout\"}} 0\n"
        );
        for name in [
            "connections_accepted",
            "messages_processed",
            "broadcasts",
            "deliveries",
            "received_bytes",
            "sent_bytes",
            "gathered_writes",
            "slow_consumer_graces",
        ] {
            text +=
                &format!("# TYPE cafewire_{name}_total counter\ncafewire_{name}_total {counted}\n");
        }
        for name in ["tick", "parse_to_flush"] {
            text += &format!(
                "# TYPE cafewire_{name}_seconds histogram\n\
                 cafewire_{name}_seconds_sum 1.5\ncafewire_{name}_seconds_count {counted}\n\
                 cafewire_{name}_seconds_bucket{{le=\"0.00001\"}} {}\n\
                 cafewire_{name}_seconds_bucket{{le=\"0.0002\"}} {}\n\
                 cafewire_{name}_seconds_bucket{{le=\"+Inf\"}} {counted}\n",
                counted / 2,
                counted * 9 / 10,
            );
        }
        text
    }

    pub(in super::super) fn sample(at_s: u64, counted: u64, connections: u64) -> Sample {
        Sample::parse(&exposition(counted, connections), Duration::from_secs(at_s)).unwrap()
    }

    #[test]
    fn rates_are_of_the_time_between() {
        let (before, after) = (sample(10, 1000, 5), sample(12, 3000, 6));
        assert!(after.continues(&before) && !before.continues(&after));
        let rates = after.since(&before);
        assert_eq!(
            (rates.messages, rates.deliveries, rates.sent_bytes, rates.closed),
            (1000.0, 1000.0, 1000.0, 1000.0)
        );
        assert_eq!((rates.tick_p50_s, rates.tick_p99_s), (Some(0.00001), Some(f64::INFINITY)));
        assert_eq!((after.now.connections, after.now.rooms), (6.0, 3.0));
        assert_eq!(
            after.closes,
            [("end_of_input".to_owned(), 3000), ("slow_consumer".to_owned(), 2)]
        );
        assert_eq!(
            after.reached,
            [("frames_per_tick".to_owned(), 3000), ("rooms_per_connection".to_owned(), 3)]
        );
        assert_eq!(
            (after.limits["frames_per_tick"], after.limits.get("rooms_per_connection")),
            (256.0, None)
        );
    }

    #[test]
    fn a_refusal_is_not_put_off() {
        let before = exposition(0, 1);
        let refused = before.replace("rooms_per_connection\"} 3", "rooms_per_connection\"} 13");
        let put_off = before.replace("frames_per_tick\"} 0", "frames_per_tick\"} 10");
        for (text, expected) in [(refused, 0.0), (put_off, 10.0)] {
            let sample = |text: &str, at| Sample::parse(text, Duration::from_secs(at)).unwrap();
            let rates = sample(&text, 1).since(&sample(&before, 0));
            assert_eq!((rates.put_off, rates.gathered_writes), (expected, 0.0));
        }
    }

    #[test]
    fn of_nothing_there_is_no_quantile() {
        let rates = sample(12, 1000, 5).since(&sample(10, 1000, 5));
        assert_eq!((rates.messages, rates.tick_p50_s, rates.frame_p99_s), (0.0, None, None));
    }

    #[test]
    fn a_quantile_counts_what_is_new_alone() {
        let buckets = |counts: [f64; 3]| {
            Buckets([0.001, 0.01, f64::INFINITY].into_iter().zip(counts).collect())
        };
        let before = buckets([100.0, 100.0, 100.0]);
        let after = buckets([100.0, 199.0, 200.0]);
        assert_eq!(after.quantile_since(&before, 0.99), Some(0.01));
        assert_eq!(after.quantile_since(&before, 0.991), Some(f64::INFINITY));
        assert_eq!(after.quantile_since(&buckets([0.0; 3]), 0.5), Some(0.001));
    }

    #[test]
    fn what_is_no_such_server_is_said_so() {
        let parse = |text: &str| Sample::parse(text, Duration::ZERO);
        assert_eq!(
            parse("<html>").unwrap_err(),
            "this is no cafewire server's /metrics: there is no process_start_time_seconds"
        );
        let whole = exposition(1, 1);
        for name in ["cafewire_users", "cafewire_deliveries_total", "cafewire_tick_seconds"] {
            let without = whole.replace(name, "other");
            assert_eq!(
                parse(&without).unwrap_err(),
                format!("this is no cafewire server's /metrics: there is no {name}")
            );
        }
        assert!(parse(&whole.replace("cafewire_users 1", "cafewire_users NaN")).is_err());
    }

    #[test]
    fn labels_cannot_drive_the_terminal() {
        let hostile = exposition(1, 1)
            .replace("1.2.3", "\u{1b}[2J")
            .replace("end_of_input", &"x".repeat(500));
        let sample = Sample::parse(&hostile, Duration::ZERO).unwrap();
        assert_eq!(sample.version, "\\u{1b}[2J");
        assert_eq!(sample.closes[1].0.len(), LABEL_MAX_CHARS);
    }
}
