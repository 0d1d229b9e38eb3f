//! The report in the form for programs: a JSON object, or CSV. `SCHEMAS.md` documents the fields.

use std::collections::BTreeMap;

use cafewire_net::load::{Amount, LatencySummary, LoadConfig, Report, Work};
use serde::Serialize;
use serde_json::Value;

use crate::stats::duration_ns;

/// Incremented when a field changes its meaning or is removed; not when one is added.
const SCHEMA: u32 = 1;

/// One load test.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    kind: &'static str,
    schema: u32,
    test: &'static str,
    address: String,
    clean: bool,
    interrupted: bool,
    settings: SettingsRecord,
    connections: ConnectionsRecord<'a>,
    due: Option<u64>,
    sent: u64,
    deliveries: DeliveriesRecord,
    server_errors: Vec<Told<'a>>,
    measured: MeasuredRecord,
    latency_ns: Option<TimesRecord>,
    send_lag_ns: Option<TimesRecord>,
    connect_time_ns: u64,
    drain_time_ns: u64,
}

#[derive(Default, Serialize)]
struct SettingsRecord {
    connections: usize,
    rooms: Option<usize>,
    rooms_each: Option<usize>,
    members: Option<usize>,
    publishers: Option<usize>,
    window: Option<u64>,
    size_bytes: Option<usize>,
    rate_per_second: Option<u64>,
    messages: Option<u64>,
    duration_ns: Option<u64>,
    warm_up_ns: u64,
}

#[derive(Serialize)]
struct ConnectionsRecord<'a> {
    wanted: u64,
    ready: u64,
    failed: u64,
    retried: u64,
    ended_early: u64,
    reasons: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    text: &'a str,
    count: u64,
}

#[derive(Serialize)]
struct DeliveriesRecord {
    expected: u64,
    received: u64,
    lost: u64,
    duplicated: u64,
    reordered: u64,
    unexpected: u64,
}

#[derive(Serialize)]
struct MeasuredRecord {
    duration_ns: u64,
    due: Option<u64>,
    sent: u64,
    received: u64,
    bytes_received: u64,
    payload_bytes_received: u64,
    sent_per_second: f64,
    received_per_second: f64,
    bytes_per_second: f64,
    payload_bytes_per_second: f64,
    generator_cpu: Option<f64>,
}

#[derive(Serialize)]
struct TimesRecord {
    count: u64,
    min: u64,
    mean: u64,
    p50: u64,
    p90: u64,
    p99: u64,
    p99_9: u64,
    max: u64,
}

impl<'a> Record<'a> {
    pub(super) fn of(config: &LoadConfig, report: &'a Report) -> Self {
        let (deliveries, measured, connections) =
            (&report.deliveries, &report.measured, &report.connections);
        Self {
            kind: "bench",
            schema: SCHEMA,
            test: match config.work {
                Work::Echo { .. } => "echo",
                Work::Chat { .. } => "chat",
                Work::Idle { .. } => "idle",
            },
            address: config.target.to_string(),
            clean: report.is_clean(),
            interrupted: report.was_interrupted,
            settings: SettingsRecord::of(config),
            connections: ConnectionsRecord {
                wanted: connections.wanted,
                ready: connections.ready,
                failed: connections.failed,
                retried: connections.retried,
                ended_early: connections.ended_early,
                reasons: told(&connections.reasons),
            },
            due: report.due,
            sent: report.sent,
            deliveries: DeliveriesRecord {
                expected: deliveries.expected,
                received: deliveries.received,
                lost: deliveries.lost,
                duplicated: deliveries.duplicated,
                reordered: deliveries.reordered,
                unexpected: deliveries.unexpected,
            },
            server_errors: told(&report.server_errors),
            measured: MeasuredRecord {
                duration_ns: duration_ns(measured.duration),
                due: measured.due,
                sent: measured.sent,
                received: measured.received,
                bytes_received: measured.bytes_received,
                payload_bytes_received: measured.payload_bytes_received,
                sent_per_second: measured.sent_per_second(),
                received_per_second: measured.received_per_second(),
                bytes_per_second: measured.bytes_per_second(),
                payload_bytes_per_second: measured.payload_bytes_per_second(),
                generator_cpu: measured.generator_cpu,
            },
            latency_ns: report.latency.as_ref().map(TimesRecord::of),
            send_lag_ns: report.send_lag.as_ref().map(TimesRecord::of),
            connect_time_ns: duration_ns(report.connect_time),
            drain_time_ns: duration_ns(report.drain_time),
        }
    }

    /// A line of names and a line of values, in the same order each time. Names are the paths
    /// within the JSON object, with `_` between; lists of reasons are left out.
    pub(super) fn to_csv(&self) -> serde_json::Result<String> {
        // Sorted by name, since a JSON object has no order.
        let mut columns = BTreeMap::new();
        flatten(String::new(), serde_json::to_value(self)?, &mut columns);
        for (name, times) in [("latency_ns", &self.latency_ns), ("send_lag_ns", &self.send_lag_ns)]
        {
            if times.is_none() {
                columns.remove(name);
                columns.extend(
                    TimesRecord::NAMES.map(|column| (format!("{name}_{column}"), String::new())),
                );
            }
        }
        let names: Vec<&str> = columns.keys().map(String::as_str).collect();
        let values: Vec<&str> = columns.values().map(String::as_str).collect();
        Ok(format!("{}\n{}\n", names.join(","), values.join(",")))
    }
}

impl SettingsRecord {
    fn of(config: &LoadConfig) -> Self {
        let (messages, duration) = match config.amount {
            Amount::Messages(messages) => (Some(messages), None),
            Amount::Time(duration) => (None, Some(duration_ns(duration))),
        };
        let rate_per_second = config.rate_per_second;
        let common = Self {
            rate_per_second,
            messages,
            duration_ns: duration,
            warm_up_ns: duration_ns(config.warm_up),
            ..Self::default()
        };
        // With a rate the number of messages in flight is not limited.
        let at_no_rate = |window| if rate_per_second.is_some() { None } else { Some(window) };
        match config.work {
            Work::Echo { connections, in_flight, size_bytes } => Self {
                connections,
                window: at_no_rate(in_flight),
                size_bytes: Some(size_bytes),
                ..common
            },
            Work::Chat { rooms, rooms_each, members, publishers, window, size_bytes } => Self {
                connections: config.work.connections(),
                rooms: Some(rooms),
                rooms_each: Some(rooms_each),
                members: Some(members),
                publishers: Some(publishers),
                window: at_no_rate(window),
                size_bytes: Some(size_bytes),
                ..common
            },
            Work::Idle { connections } => Self { connections, ..common },
        }
    }
}

impl TimesRecord {
    const NAMES: [&'static str; 8] = ["count", "min", "mean", "p50", "p90", "p99", "p99_9", "max"];

    const fn of(times: &LatencySummary) -> Self {
        Self {
            count: times.count,
            min: times.min_ns,
            mean: times.mean_ns,
            p50: times.p50_ns,
            p90: times.p90_ns,
            p99: times.p99_ns,
            p99_9: times.p99_9_ns,
            max: times.max_ns,
        }
    }
}

fn told(reasons: &[(String, u64)]) -> Vec<Told<'_>> {
    reasons.iter().map(|(text, count)| Told { text, count: *count }).collect()
}

fn flatten(name: String, value: Value, columns: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = if name.is_empty() { field } else { format!("{name}_{field}") };
                flatten(name, value, columns);
            }
        }
        Value::Array(_) => {}
        Value::Null => {
            columns.insert(name, String::new());
        }
        Value::String(text) => {
            columns.insert(name, quoted(&text));
        }
        other => {
            columns.insert(name, other.to_string());
        }
    }
}

/// RFC 4180: a value with a comma, a quote or a line break stands in quotes, and quotes within are
/// doubled.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_of_csv_is_quoted() {
        assert_eq!(quoted("tcp://h:1"), "tcp://h:1");
        assert_eq!(quoted("unix:///a,\"b\""), "\"unix:///a,\"\"b\"\"\"");
    }
}
