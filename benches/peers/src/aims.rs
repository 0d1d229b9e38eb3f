//! What the core is to be beside its peers, and whether it is: the ratios that were agreed on, for
//! each level of instructions. Pure.

use crate::entrant::Role;
use crate::report::Report;
use crate::statistics::{Gate, Quartiles};

/// Columns, as their titles have it.
pub(crate) const PARSE: &str = "parse, ASCII";
pub(crate) const PARSE_MIXED: &str = "parse, 20 % non-ASCII";
pub(crate) const ENCODE: &str = "encode, ASCII";

/// A level, a column, a peer, and the largest ratio of the core's time to the peer's.
const AIMS: [(&str, &str, &str, f64); 9] = [
    ("avx512", PARSE, "bitcode", 0.32),
    ("avx512", PARSE_MIXED, "rkyv (checked)", 0.35),
    ("avx512", ENCODE, "wincode", 0.60),
    ("sse4.1", PARSE, "bitcode", 0.43),
    ("sse4.1", PARSE_MIXED, "rkyv (checked)", 0.97),
    ("sse4.1", ENCODE, "wincode", 0.80),
    ("portable", PARSE, "bitcode", 0.63),
    ("portable", PARSE_MIXED, "rkyv (checked)", 1.10),
    ("portable", ENCODE, "wincode", 1.00),
];

/// Rows of one aim each: level, column, peer, aim, measured, verdict.
pub(crate) fn rows(report: &Report, gate: Gate) -> Vec<[String; 5]> {
    AIMS.iter().map(|aim| row(report, gate, aim)).collect()
}

fn row(report: &Report, gate: Gate, aim: &(&str, &str, &str, f64)) -> [String; 5] {
    let &(level, title, peer, limit) = aim;
    let measured = report.ratio_of_level(gate, level, title, peer);
    let (figures, verdict) = match measured {
        None => ("–".to_owned(), "not on this machine"),
        Some(ratio) => (ratio.to_string(), verdict(ratio, limit, report.control(gate, title))),
    };
    let what = format!("{title} / {peer}");
    [level.to_owned(), what, format!("{limit:.2}"), figures, verdict.to_owned()]
}

/// A ratio that misses its limit by less than the control differs from itself is no miss.
fn verdict(ratio: Quartiles, limit: f64, control: Option<Quartiles>) -> &'static str {
    let spread = control.map_or(1.0, |control| control.upper.max(1.0));
    if ratio.median <= limit {
        "reached"
    } else if ratio.median <= limit * spread {
        "reached within the control's spread"
    } else {
        "not reached"
    }
}

/// The columns in which a peer is ahead of the core at its best, each a line.
pub(crate) fn behind(report: &Report, gate: Gate) -> Vec<String> {
    let Some(core) = report.rows.iter().position(|row| row.role == Role::Cafewire) else {
        return Vec::new();
    };
    let columns = report.columns.iter().filter_map(|column| {
        let (peer, ratio) = report.best_peer(gate, column, core)?;
        let spread = report.control(gate, column.title).map_or(1.0, |control| control.upper);
        (ratio.median > spread.max(1.0)).then(|| {
            format!("{}: {peer} is ahead, cafewire takes {ratio} of its time.", column.title)
        })
    });
    columns.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(median: f64) -> Quartiles {
        Quartiles { lower: median * 0.9, median, upper: median * 1.05 }
    }

    #[test]
    fn a_miss_is_one_only_beyond_the_control() {
        let control = Some(around(1.0));
        assert_eq!(verdict(around(0.43), 0.43, control), "reached");
        assert_eq!(verdict(around(0.44), 0.43, control), "reached within the control's spread");
        assert_eq!(verdict(around(0.46), 0.43, control), "not reached");
        assert_eq!(verdict(around(0.44), 0.43, None), "not reached");
    }
}
