//! Figures in the form for people: three digits and a unit.

/// A count or a rate: 7, 0.25, 950, 12.3k, 1.2M.
pub(super) fn count(value: f64) -> String {
    scaled(value, 1000.0, &["", "k", "M", "G", "T"])
}

/// Bytes, or bytes per second: 950 B, 12.3 kB.
pub(super) fn bytes(value: f64) -> String {
    scaled(value, 1000.0, &[" B", " kB", " MB", " GB", " TB"])
}

/// A bound of a histogram: 20 µs, 5 ms, >1 s where it is the one past the last.
pub(super) fn seconds(value: f64) -> String {
    if value.is_infinite() {
        ">1 s".to_owned()
    } else {
        scaled(value * 1e6, 1000.0, &[" µs", " ms", " s"])
    }
}

/// A duration in its two largest units: 3 d 4 h, 12 s.
pub(super) fn age(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let first = UNITS.iter().position(|&(size, _)| seconds >= size).unwrap_or(UNITS.len() - 1);
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (size, unit) in UNITS.iter().skip(first).take(2) {
        parts.push(format!("{} {unit}", rest / size));
        rest %= size;
    }
    parts.join(" ")
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut unit = 0;
    // A figure that would be rounded up to the step is one of the next unit.
    while value >= step - 0.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let decimals = match value {
        _ if value >= 99.95 || value == value.round() => 0,
        _ if value >= 9.995 => 1,
        _ if unit == 0 && value >= 0.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}{}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        for (value, shown) in [
            (0.0, "0"),
            (0.25, "0.25"),
            (7.0, "7"),
            (7.25, "7.2"),
            (99.96, "100"),
            (950.4, "950"),
            (999.4, "999"),
            (999.6, "1.00k"),
            (1000.0, "1k"),
            (12_345.0, "12.3k"),
            (1_234_567.0, "1.23M"),
            (1e18, "1000000T"),
        ] {
            assert_eq!(count(value), shown, "{value}");
        }
        assert_eq!((bytes(950.0), bytes(65_536.0)), ("950 B".to_owned(), "65.5 kB".to_owned()));
        assert_eq!(
            (seconds(0.000_02), seconds(0.005), seconds(1.0)),
            ("20 µs".into(), "5 ms".into(), "1 s".into())
        );
        assert_eq!(seconds(f64::INFINITY), ">1 s");
    }

    #[test]
    fn an_age_has_two_units() {
        for (seconds, shown) in [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (3_600, "1 h 0 min"),
            (273_600, "3 d 4 h"),
        ] {
            assert_eq!(age(seconds), shown);
        }
    }
}
