//! One sample for scripts: as lines of text, or as a JSON object. Pure, but for fetching it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::figures::{bytes, count, seconds};
use super::sample::{Counts, Sample, whole};

/// Two samples as one JSON object; `--help` documents the fields. Times past the histograms' last
/// bound, and those without any sample, are null.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    url: &'a str,
    version: &'a str,
    start_time_unix_s: f64,
    draining: bool,
    interval_s: f64,
    connections: u64,
    users: u64,
    rooms: u64,
    buffer_bytes: u64,
    room_log_storage_bytes: u64,
    accepted_per_s: f64,
    closed_per_s: f64,
    messages_per_s: f64,
    broadcasts_per_s: f64,
    deliveries_per_s: f64,
    received_bytes_per_s: f64,
    sent_bytes_per_s: f64,
    put_off_per_s: f64,
    gathered_writes_per_s: f64,
    slow_consumer_graces_per_s: f64,
    tick_p50_s: Option<f64>,
    tick_p99_s: Option<f64>,
    frame_p50_s: Option<f64>,
    frame_p99_s: Option<f64>,
    closes: BTreeMap<&'a str, u64>,
    limits_reached: BTreeMap<&'a str, u64>,
    limits: BTreeMap<&'a str, Bound>,
}

/// Counts and sizes as whole numbers, times as they are.
#[derive(Serialize)]
#[serde(untagged)]
enum Bound {
    Whole(u64),
    Fraction(f64),
}

impl Bound {
    fn of(value: f64) -> Self {
        if value.fract() == 0.0 { Self::Whole(whole(value)) } else { Self::Fraction(value) }
    }
}

impl<'a> Report<'a> {
    pub(super) fn of(url: &'a str, before: &Sample, sample: &'a Sample) -> Self {
        let rates = sample.since(before);
        let table = |counts: &'a Counts| {
            counts.iter().map(|(label, count)| (label.as_str(), *count)).collect()
        };
        let finite = |time: Option<f64>| time.filter(|time| time.is_finite());
        Self {
            url,
            version: &sample.version,
            start_time_unix_s: sample.started_unix_s,
            draining: sample.is_draining,
            interval_s: sample.at.saturating_sub(before.at).as_secs_f64(),
            connections: whole(sample.now.connections),
            users: whole(sample.now.users),
            rooms: whole(sample.now.rooms),
            buffer_bytes: whole(sample.now.buffer_bytes),
            room_log_storage_bytes: whole(sample.now.room_log_storage_bytes),
            accepted_per_s: rates.accepted,
            closed_per_s: rates.closed,
            messages_per_s: rates.messages,
            broadcasts_per_s: rates.broadcasts,
            deliveries_per_s: rates.deliveries,
            received_bytes_per_s: rates.received_bytes,
            sent_bytes_per_s: rates.sent_bytes,
            put_off_per_s: rates.put_off,
            gathered_writes_per_s: rates.gathered_writes,
            slow_consumer_graces_per_s: rates.slow_consumer_graces,
            tick_p50_s: finite(rates.tick_p50_s),
            tick_p99_s: finite(rates.tick_p99_s),
            frame_p50_s: finite(rates.frame_p50_s),
            frame_p99_s: finite(rates.frame_p99_s),
            closes: table(&sample.closes),
            limits_reached: table(&sample.reached),
            limits: sample
                .limits
                .iter()
                .map(|(name, &value)| (name.as_str(), Bound::of(value)))
                .collect(),
        }
    }
}

/// The same as lines of a name and a figure.
pub(super) fn lines(before: &Sample, sample: &Sample) -> String {
    let rates = sample.since(before);
    let time = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), seconds);
    let mut text =
        format!("{:<13} {}\n", "server", if sample.is_draining { "draining" } else { "serving" });
    for (name, figure) in [
        ("version", sample.version.clone()),
        ("connections", count(sample.now.connections)),
        ("users", count(sample.now.users)),
        ("rooms", count(sample.now.rooms)),
        ("buffers", bytes(sample.now.buffer_bytes)),
        ("room logs", bytes(sample.now.room_log_storage_bytes)),
        ("accepted/s", count(rates.accepted)),
        ("closed/s", count(rates.closed)),
        ("messages/s", count(rates.messages)),
        ("broadcasts/s", count(rates.broadcasts)),
        ("deliveries/s", count(rates.deliveries)),
        ("received/s", bytes(rates.received_bytes)),
        ("sent/s", bytes(rates.sent_bytes)),
        ("put off/s", count(rates.put_off)),
        ("gathered/s", count(rates.gathered_writes)),
        ("slow grace/s", count(rates.slow_consumer_graces)),
        ("tick p50", time(rates.tick_p50_s)),
        ("tick p99", time(rates.tick_p99_s)),
        ("frame p50", time(rates.frame_p50_s)),
        ("frame p99", time(rates.frame_p99_s)),
    ] {
        text += &format!("{name:<13} {figure}\n");
    }
    for (reason, total) in &sample.closes {
        text += &format!("closed        {total} {reason}\n");
    }
    for (limit, times) in &sample.reached {
        text += &format!("reached       {times} {limit}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;

    #[test]
    fn a_report_has_every_field_and_stands_for_two_samples() {
        let (before, after) = (sample(10, 1000, 5), sample(12, 3000, 6));
        let json =
            serde_json::to_string(&Report::of("http://h:1/metrics", &before, &after)).unwrap();
        // A member per line, for the eye.
        insta::assert_snapshot!(json.replace(",\"", ",\n\""), @r#"
        {"url":"http://h:1/metrics",
        "version":"1.2.3",
        "start_time_unix_s":1700000000.5,
        "draining":false,
        "interval_s":2.0,
        "connections":6,
        "users":6,
        "rooms":3,
        "buffer_bytes":65536,
        "room_log_storage_bytes":4096,
        "accepted_per_s":1000.0,
        "closed_per_s":1000.0,
        "messages_per_s":1000.0,
        "broadcasts_per_s":1000.0,
        "deliveries_per_s":1000.0,
        "received_bytes_per_s":1000.0,
        "sent_bytes_per_s":1000.0,
        "put_off_per_s":1000.0,
        "gathered_writes_per_s":1000.0,
        "slow_consumer_graces_per_s":1000.0,
        "tick_p50_s":0.00001,
        "tick_p99_s":null,
        "frame_p50_s":0.00001,
        "frame_p99_s":null,
        "closes":{"end_of_input":3000,
        "slow_consumer":2},
        "limits_reached":{"frames_per_tick":3000,
        "rooms_per_connection":3},
        "limits":{"buffer_bytes":536870912,
        "connections":65536,
        "frames_per_tick":256,
        "idle_timeout":300,
        "rooms":65536}}
        "#);
    }

    #[test]
    fn lines_say_the_same() {
        let (before, after) = (sample(10, 1000, 5), sample(12, 3000, 6));
        insta::assert_snapshot!(lines(&before, &after), @r#"
        server        serving
        version       1.2.3
        connections   6
        users         6
        rooms         3
        buffers       65.5 kB
        room logs     4.10 kB
        accepted/s    1k
        closed/s      1k
        messages/s    1k
        broadcasts/s  1k
        deliveries/s  1k
        received/s    1 kB
        sent/s        1 kB
        put off/s     1k
        gathered/s    1k
        slow grace/s  1k
        tick p50      10 µs
        tick p99      >1 s
        frame p50     10 µs
        frame p99     >1 s
        closed        3000 end_of_input
        closed        2 slow_consumer
        reached       3000 frames_per_tick
        reached       3 rooms_per_connection
        "#);
    }
}
