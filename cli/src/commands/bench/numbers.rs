//! Figures in the form for people. Pure.

use std::time::Duration;

/// Three digits, and the unit that leaves one to three of them before the point: `999 ns`, `1.23
/// µs`, `45.6 ms`, `7.89 s`.
pub(super) fn time(ns: u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("ns", 1), ("µs", 1000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    // A figure that rounds to a thousand is one of the next unit.
    let unit =
        UNITS.iter().rfind(|(_, unit_ns)| u128::from(ns) * 2000 >= u128::from(*unit_ns) * 1999);
    let &(name, unit_ns) = unit.unwrap_or(&UNITS[0]);
    scaled(ns, unit_ns, name)
}

/// The same for a duration.
pub(super) fn duration(duration: Duration) -> String {
    time(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

#[allow(clippy::cast_precision_loss)] // three digits are shown
fn scaled(ns: u64, unit_ns: u64, unit: &str) -> String {
    let value = ns as f64 / unit_ns as f64;
    let decimals = match value {
        _ if unit_ns == 1 => 0,
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// A whole number with its thousands apart: `12,345,678`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Something per second: whole, or with a digit if it is small.
// A rate is positive, and saturates.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(super) fn rate(per_second: f64) -> String {
    if per_second < 99.95 {
        format!("{per_second:.1}/s")
    } else {
        format!("{}/s", count(per_second.round() as u64))
    }
}

/// A rate for a line that is redrawn often: `1.23 M/s`.
pub(super) fn short_rate(per_second: f64) -> String {
    match per_second {
        rate if rate < 999.5 => format!("{rate:.0}/s"),
        rate if rate < 999_500.0 => format!("{:.1} k/s", rate / 1e3),
        rate => format!("{:.2} M/s", rate / 1e6),
    }
}

/// Bytes per second, in millions.
pub(super) fn megabytes(bytes_per_second: f64) -> String {
    format!("{:.1} MB/s", bytes_per_second / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        for (ns, shown) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1000, "1.00 µs"),
            (9_994, "9.99 µs"),
            (9_996, "10.0 µs"),
            (123_456, "123 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (45_600_000, "45.6 ms"),
            (7_890_000_000, "7.89 s"),
            (3_600_000_000_000, "3600 s"),
        ] {
            assert_eq!(time(ns), shown, "{ns}");
        }
        assert_eq!(duration(Duration::from_millis(1500)), "1.50 s");
    }

    #[test]
    fn counts_have_their_thousands_apart() {
        for (number, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")]
        {
            assert_eq!(count(number), shown);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn rates() {
        assert_eq!([rate(0.0), rate(12.34), rate(1234.5)], ["0.0/s", "12.3/s", "1,235/s"]);
        let short = [
            short_rate(12.3),
            short_rate(999_400.0),
            short_rate(999_600.0),
            short_rate(12_345_678.0),
        ];
        assert_eq!(short, ["12/s", "999.4 k/s", "1.00 M/s", "12.35 M/s"]);
        assert_eq!(megabytes(85_250_000.0), "85.2 MB/s");
    }
}
