//! The report in the form for people. Pure.

use std::fmt::Write as _;

use cafewire_net::load::{Amount, LatencySummary, LoadConfig, Report, Work};

use super::numbers::{count, duration, megabytes, rate, time};
use crate::escape;

/// The report, and the notes that belong beside it.
pub(super) fn report(config: &LoadConfig, report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}\n", headline(config));
    let (measured, deliveries) = (&report.measured, &report.deliveries);
    let is_idle = matches!(config.work, Work::Idle { .. });
    let mut row = |name: &str, number: u64, more: &str| {
        let line = format!("  {name:<12}{:>15}   {more}", count(number));
        let _ = writeln!(text, "{}", line.trim_end());
    };
    let connections = &report.connections;
    row("connections", connections.ready, &connection_notes(report));
    if is_idle {
        row("asked", report.sent, "");
        row("answered", deliveries.received, "");
    } else {
        // Of what was measured, a number and the rate that it makes.
        let of_measured = |number: u64, per_second: f64| {
            let [number, per_second] = [count(number), rate(per_second)];
            format!("measured {number:>13} {per_second:>14}")
        };
        if let Some(due) = report.due {
            #[allow(clippy::cast_precision_loss)] // of a rate a few digits are shown
            let per_second = config.rate_per_second.unwrap_or(0) as f64;
            row("due", due, &of_measured(measured.due.unwrap_or(0), per_second));
        }
        row("sent", report.sent, &of_measured(measured.sent, measured.sent_per_second()));
        let received = of_measured(measured.received, measured.received_per_second());
        row("delivered", deliveries.received, &received);
        row("expected", deliveries.expected, "");
    }
    row("lost", deliveries.lost, "");
    row("duplicated", deliveries.duplicated, "");
    row("reordered", deliveries.reordered, "");
    if deliveries.unexpected > 0 {
        row("unexpected", deliveries.unexpected, "not sent, or not to this room");
    }
    if !is_idle {
        let [payload, wire] =
            [measured.payload_bytes_per_second(), measured.bytes_per_second()].map(megabytes);
        let _ = writeln!(text, "\n  received {payload} of messages, {wire} on the wire");
    }
    text.push('\n');
    latency_table(&mut text, report);
    let _ = writeln!(text, "\n  {}\n  {}", stretch(config, report), verdict(report));
    text
}

/// What the exit status says, in words.
fn verdict(report: &Report) -> String {
    let (deliveries, connections) = (&report.deliveries, &report.connections);
    let faults: Vec<String> = [
        (connections.failed, "connections failed"),
        (connections.ended_early, "connections ended early"),
        (report.unsent(), "due messages were never sent"),
        (deliveries.lost, "deliveries lost"),
        (deliveries.duplicated, "deliveries duplicated"),
        (deliveries.reordered, "deliveries reordered"),
        (deliveries.unexpected, "frames unexpected"),
    ]
    .into_iter()
    .filter(|&(number, _)| number > 0)
    .map(|(number, what)| format!("{} {what}", count(number)))
    .collect();
    if !faults.is_empty() {
        format!("bad: {}", faults.join(", "))
    } else if report.sent == 0 {
        "nothing was sent".to_owned()
    } else {
        "good: every message came, once and in order".to_owned()
    }
}

/// The parameters of the test.
fn headline(config: &LoadConfig) -> String {
    let at_rate = |window: String| {
        config.rate_per_second.map_or(window, |rate| format!("{} messages/s", count(rate)))
    };
    let what = match config.work {
        Work::Echo { connections, in_flight, size_bytes } => format!(
            "echo: {}, {}, {size_bytes} bytes each",
            many(connections, "connection"),
            at_rate(format!("{in_flight} in flight on each"))
        ),
        Work::Chat { rooms, rooms_each, members, publishers, window, size_bytes } => format!(
            "chat: {} of {}, {} in each, {}{}, {size_bytes} bytes each",
            many(rooms, "room"),
            many(members, "member"),
            many(publishers, "publisher"),
            if rooms_each == 1 {
                String::new()
            } else {
                format!("every member in {}, ", many(rooms_each, "room"))
            },
            at_rate(format!("a window of {window}"))
        ),
        Work::Idle { connections } => format!("idle: {}", many(connections, "connection")),
    };
    format!("{what}, on {}", config.target)
}

fn many(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", count(number as u64))
}

fn connection_notes(report: &Report) -> String {
    let connections = &report.connections;
    let mut notes = format!("made in {}", duration(report.connect_time));
    for (number, what) in [
        (connections.retried, "retried"),
        (connections.failed, "failed"),
        (connections.ended_early, "ended early"),
    ] {
        if number > 0 {
            let _ = write!(notes, ", {} {what}", count(number));
        }
    }
    notes
}

fn latency_table(text: &mut String, report: &Report) {
    let row = |text: &mut String, cells: [&str; 8]| {
        let [name, rest @ ..] = cells;
        let _ = write!(text, "  {name:<10}");
        for cell in rest {
            let _ = write!(text, "{cell:>9}");
        }
        text.push('\n');
    };
    let Some(latency) = &report.latency else {
        text.push_str("  no latency: nothing was delivered of what is measured\n");
        return;
    };
    let times = |latency: &LatencySummary| {
        let &LatencySummary { min_ns, mean_ns, p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns, .. } =
            latency;
        [min_ns, mean_ns, p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns].map(time)
    };
    row(text, ["", "min", "mean", "p50", "p90", "p99", "p99.9", "max"]);
    let [a, b, c, d, e, f, g] = &times(latency);
    row(text, ["latency", a, b, c, d, e, f, g]);
    if let Some(lag) = &report.send_lag {
        let [a, b, c, d, e, f, g] = &times(lag);
        row(text, ["sent late", a, b, c, d, e, f, g]);
    }
}

/// Duration of the measurement, and load of the generator.
fn stretch(config: &LoadConfig, report: &Report) -> String {
    let mut text = match config.amount {
        Amount::Time(held) if matches!(config.work, Work::Idle { .. }) => {
            format!("held for {}", duration(held))
        }
        _ => format!("measured for {}", duration(report.measured.duration)),
    };
    if !config.warm_up.is_zero() {
        let _ = write!(text, " after {} of warm-up", duration(config.warm_up));
    }
    if let Some(cpu) = report.measured.generator_cpu {
        let _ = write!(text, "; the generator used {:.0} % of a core", cpu * 100.0);
    }
    text
}

/// Caveats for reading the figures, a line each.
pub(super) fn remarks(config: &LoadConfig, report: &Report) -> Vec<String> {
    let mut remarks = Vec::new();
    if report.was_interrupted {
        remarks.push("interrupted: what there is up to then is reported".to_owned());
    }
    for (reason, times) in &report.connections.reasons {
        remarks.push(format!("connections, {}: {}", so_often(*times), escape::text(reason)));
    }
    for (error, times) in &report.server_errors {
        remarks.push(format!(
            "the server complained, {}: {}",
            so_often(*times),
            escape::text(error)
        ));
    }
    if report.measured.generator_was_busy() {
        remarks.push(
            "the generator was busy all the time: the server may be faster than this".to_owned(),
        );
    }
    if let Some(due) = report.due.filter(|_| report.unsent() > 0) {
        let (sent, due) = (count(report.sent), count(due));
        remarks.push(format!(
            "the rate was not kept: {sent} messages were sent of {due} that were due, \
             and the rest never"
        ));
    }
    let is_idle = matches!(config.work, Work::Idle { .. });
    if !is_idle && report.measured.duration.is_zero() {
        remarks.push(format!("nothing was measured: {}", why_nothing_was_measured(config, report)));
    }
    remarks
}

fn so_often(times: u64) -> String {
    if times == 1 { "once".to_owned() } else { format!("{} times", count(times)) }
}

const fn why_nothing_was_measured(config: &LoadConfig, report: &Report) -> &'static str {
    match config.amount {
        Amount::Time(time) if time.is_zero() => "a duration of 0 leaves no time for it",
        _ if report.was_interrupted => "it was interrupted before that began",
        Amount::Time(_) => "sending ended before the warm-up did",
        Amount::Messages(_) => "all was sent during the warm-up",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cafewire_net::load::{Connections, Deliveries, Measured};

    use super::*;

    fn config(work: Work) -> LoadConfig {
        let mut config = LoadConfig::new("127.0.0.1:8080".parse().unwrap(), work);
        config.warm_up = Duration::from_secs(1);
        config
    }

    fn sample() -> Report {
        let mut report = Report::default();
        report.connections = Connections { wanted: 50, ready: 50, ..Connections::default() };
        report.sent = 1_100_000;
        report.deliveries =
            Deliveries { expected: 1_100_000, received: 1_100_000, ..Deliveries::default() };
        report.measured = Measured {
            duration: Duration::from_secs(10),
            due: None,
            sent: 1_000_000,
            received: 1_000_000,
            bytes_received: 69_000_000,
            payload_bytes_received: 64_000_000,
            generator_cpu: Some(0.42),
        };
        report.latency = Some(LatencySummary {
            count: 1_000_000,
            min_ns: 12_000,
            mean_ns: 34_500,
            p50_ns: 33_000,
            p90_ns: 45_600,
            p99_ns: 98_700,
            p99_9_ns: 1_230_000,
            max_ns: 4_560_000,
        });
        report.connect_time = Duration::from_millis(12);
        report
    }

    #[test]
    fn all_is_well() {
        let config = config(Work::Echo { connections: 50, in_flight: 16, size_bytes: 64 });
        let expected = "\
echo: 50 connections, 16 in flight on each, 64 bytes each, on tcp://127.0.0.1:8080

  connections              50   made in 12.0 ms
  sent              1,100,000   measured     1,000,000      100,000/s
  delivered         1,100,000   measured     1,000,000      100,000/s
  expected          1,100,000
  lost                      0
  duplicated                0
  reordered                 0

  received 6.4 MB/s of messages, 6.9 MB/s on the wire

                  min     mean      p50      p90      p99    p99.9      max
  latency     12.0 µs  34.5 µs  33.0 µs  45.6 µs  98.7 µs  1.23 ms  4.56 ms

  measured for 10.0 s after 1.00 s of warm-up; the generator used 42 % of a core
  good: every message came, once and in order
";
        assert_eq!(report(&config, &sample()), expected);
        assert_eq!(remarks(&config, &sample()), [""; 0]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let chat = Work::Chat {
            rooms: 1,
            rooms_each: 1,
            members: 10,
            publishers: 2,
            window: 1,
            size_bytes: 64,
        };
        let mut config = config(chat);
        config.rate_per_second = Some(1000);
        let mut bad = sample();
        bad.connections.failed = 2;
        bad.connections.reasons = vec![("Connection\x1brefused".to_owned(), 8)];
        bad.server_errors = vec![("too fast [RateLimited (15)]".to_owned(), 3)];
        (bad.due, bad.measured.due) = (Some(1_100_001), Some(1_000_001));
        bad.deliveries.lost = 5;
        bad.deliveries.unexpected = 1;
        bad.measured.generator_cpu = Some(0.97);
        bad.send_lag = bad.latency;
        bad.latency = None;
        let text = report(&config, &bad);
        assert!(text.starts_with(
            "chat: 1 room of 10 members, 2 publishers in each, 1,000 messages/s, 64 bytes each"
        ));
        for line in [
            "made in 12.0 ms, 2 failed",
            "lost                      5",
            "unexpected                1   not sent",
            "no latency",
            "due               1,100,001   measured     1,000,001        1,000/s",
            "bad: 2 connections failed, 1 due messages were never sent, 5 deliveries lost, \
             1 frames unexpected",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let remarks = remarks(&config, &bad);
        assert_eq!(remarks.len(), 4, "{remarks:?}");
        assert!(
            remarks[0].contains("8 times: Connection\\u{1b}refused") && remarks[2].contains("busy"),
            "{remarks:?}"
        );
    }

    #[test]
    fn members_of_several_rooms_are_told() {
        let chat = Work::Chat {
            rooms: 8,
            rooms_each: 2,
            members: 10,
            publishers: 1,
            window: 4,
            size_bytes: 64,
        };
        let text = report(&config(chat), &sample());
        let expected = "chat: 8 rooms of 10 members, 1 publisher in each, every member in 2 rooms, \
                        a window of 4, 64 bytes each, on tcp://127.0.0.1:8080\n";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn what_happened_once_did_not_happen_1_times() {
        let mut lost = sample();
        lost.connections.reasons =
            [("Connection reset", 1), ("gone", 2000)].map(|(why, n)| (why.to_owned(), n)).to_vec();
        let said = remarks(&config(Work::Idle { connections: 1 }), &lost);
        assert_eq!(
            said[..2],
            ["connections, once: Connection reset", "connections, 2,000 times: gone"]
        );
    }

    #[test]
    fn a_rate_that_was_not_kept_is_told() {
        let config = config(Work::Echo { connections: 1, in_flight: 1, size_bytes: 64 });
        let (mut kept, mut short) = (sample(), sample());
        (kept.due, short.due) = (Some(11_000), Some(11_000));
        (kept.sent, short.sent) = (11_000, 10_999);
        assert_eq!(remarks(&config, &kept), [""; 0], "the warm-up counts");
        let says = "the rate was not kept: 10,999 messages were sent of 11,000 that were due, \
                    and the rest never";
        assert_eq!(remarks(&config, &short), [says]);
    }

    #[test]
    fn idle_has_no_rates() {
        let mut config = config(Work::Idle { connections: 1 });
        config.warm_up = Duration::ZERO;
        let text = report(&config, &sample());
        assert!(
            text.starts_with("idle: 1 connection, on") && text.contains("held for 10.0 s;"),
            "{text}"
        );
        assert!(!text.contains("/s"), "{text}");
    }

    #[test]
    fn why_nothing_was_measured_is_told() {
        let mut config = config(Work::Echo { connections: 1, in_flight: 1, size_bytes: 64 });
        let mut short = sample();
        short.measured = Measured::default();
        config.amount = Amount::Messages(1);
        assert_eq!(
            remarks(&config, &short),
            ["nothing was measured: all was sent during the warm-up"]
        );
        config.amount = Amount::Time(Duration::from_secs(1));
        assert_eq!(
            remarks(&config, &short),
            ["nothing was measured: sending ended before the warm-up did"]
        );
        short.was_interrupted = true;
        assert_eq!(
            remarks(&config, &short)[1],
            "nothing was measured: it was interrupted before that began"
        );
        config.amount = Amount::Time(Duration::ZERO);
        assert_eq!(
            remarks(&config, &short)[1],
            "nothing was measured: a duration of 0 leaves no time for it"
        );
    }
}
