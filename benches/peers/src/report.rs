//! The figures as one table for people and as raw ones for programs. Does no I/O.

use std::fmt::Write as _;

use serde::Serialize;

use crate::aims;
use crate::entrant::Role;
use crate::machine::Machine;
use crate::measure::{Sample, Series};
use crate::statistics::{Gate, Quartiles};

/// Rows and columns of the front page: the core, the peers that it is measured by, and a limit.
const FRONT_ROWS: [&str; 5] =
    ["cafewire", "bitcode", "rkyv (checked)", "wincode", "CRC walk alone (crc32fast)"];
const FRONT_COLUMNS: [&str; 3] = [aims::PARSE, aims::PARSE_MIXED, aims::ENCODE];

/// The peers that cafewire is compared with by name, beside the best of all.
const NAMED_PEERS: [&str; 3] = ["bitcode", "rkyv (checked)", "wincode"];

const NO_FIGURE: &str = "–";

/// What does not depend on the task.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// Of the core: which of its levels.
    pub(crate) level: Option<&'static str>,
    pub(crate) frame_bytes: f64,
    pub(crate) parse_allocations_per_frame: f64,
    pub(crate) encode_allocations_per_frame: Option<f64>,
}

/// One task's title and its samples, a series for each row.
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) series: Vec<Series>,
}

pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
    pub(crate) columns: Vec<Column>,
}

impl Report {
    /// What the run was, and the table.
    pub(crate) fn to_markdown(&self) -> String {
        let gate = Gate::new(self.samples());
        let rounds = self.columns.first().map_or(0, |column| column.series[0].len());
        let accepted = self.samples().filter(|sample| gate.accepts(sample)).count();
        let share = 100 * accepted / self.samples().count().max(1);
        let mut text = self.machine.lines().join("  \n");
        let _ = write!(
            text,
            "  \n{rounds} rounds, {share} % of the samples undisturbed.\n\n\
             Median ns per frame · ratio to {}, median (quartiles) of the rounds.\n\n",
            self.rows[0].name,
        );
        self.push_header(&mut text);
        for (index, row) in self.rows.iter().enumerate() {
            let cells = self.columns.iter().map(|column| time_cell(gate, column, index));
            let allocations = row.encode_allocations_per_frame.map_or(NO_FIGURE.to_owned(), count);
            let parse_allocations = count(row.parse_allocations_per_frame);
            push_row(
                &mut text,
                [row.name.to_owned(), format!("{:.0}", row.frame_bytes)]
                    .into_iter()
                    .chain(cells)
                    .chain([format!("{parse_allocations} / {allocations}")]),
            );
        }
        self.push_comparisons(&mut text, gate);
        text.push_str("\nThe aims, each a ratio of the core's time to a peer's:\n\n");
        push_row(&mut text, ["level", "", "aim", "measured", ""].map(str::to_owned).into_iter());
        text.push_str("|---|---|---:|---:|---|\n");
        for row in aims::rows(self, gate) {
            push_row(&mut text, row.into_iter());
        }
        text.push_str("\nWhere cafewire is not ahead:\n\n");
        let behind = aims::behind(self, gate);
        for line in &behind {
            let _ = writeln!(text, "- {line}");
        }
        if behind.is_empty() {
            text.push_str("- Nowhere in this run.\n");
        }
        text
    }

    /// The rows and columns of the front page, and what the run was.
    pub(crate) fn to_front_page(&self) -> String {
        let gate = Gate::new(self.samples());
        let columns: Vec<_> =
            self.columns.iter().filter(|column| FRONT_COLUMNS.contains(&column.title)).collect();
        let mut text = String::new();
        let titles = columns.iter().map(|column| column.title.to_owned());
        push_row(&mut text, [String::new()].into_iter().chain(titles));
        let _ = writeln!(text, "|---|{}", "---:|".repeat(columns.len()));
        for (index, row) in self.rows.iter().enumerate() {
            if FRONT_ROWS.contains(&row.name) {
                let cells = columns.iter().map(|column| time_cell(gate, column, index));
                push_row(&mut text, [row.name.to_owned()].into_iter().chain(cells));
            }
        }
        let _ = write!(text, "\n{}.", self.machine.lines()[..2].join(", by "));
        text
    }

    /// The ratio in one column of the core, held to a level, to a peer.
    pub(crate) fn ratio_of_level(
        &self,
        gate: Gate,
        level: &str,
        title: &str,
        peer: &str,
    ) -> Option<Quartiles> {
        let is_core = |row: &Row| row.role == Role::Cafewire && row.level == Some(level);
        let core = self.rows.iter().position(is_core)?;
        let peer = self.rows.iter().position(|row| row.name == peer)?;
        let column = self.columns.iter().find(|column| column.title == title)?;
        gate.ratios(&column.series[core], &column.series[peer])
    }

    /// The ratio of the core to itself.
    pub(crate) fn control(&self, gate: Gate, title: &str) -> Option<Quartiles> {
        let control = self.rows.iter().position(|row| row.role == Role::Control)?;
        let column = self.columns.iter().find(|column| column.title == title)?;
        gate.ratios(&column.series[control], &column.series[0])
    }

    fn push_header(&self, text: &mut String) {
        let titles = self.columns.iter().map(|column| column.title);
        let titles: Vec<_> = ["", "bytes per frame"].into_iter().chain(titles).collect();
        let last = "allocations per frame, parse / encode".to_owned();
        push_row(text, titles.iter().map(ToString::to_string).chain([last]));
        let _ = writeln!(text, "|---|{}", "---:|".repeat(titles.len()));
    }

    /// cafewire's rows over the best peer of each column, and over some by name.
    fn push_comparisons(&self, text: &mut String, gate: Gate) {
        let cafewire = self.rows.iter().enumerate().filter(|(_, row)| row.role == Role::Cafewire);
        for (index, row) in cafewire {
            let best = self.columns.iter().map(|column| self.best_cell(gate, column, index));
            self.push_comparison(text, format!("**{} / best peer**", row.name), best);
            for peer in NAMED_PEERS {
                let Some(other) = self.rows.iter().position(|row| row.name == peer) else {
                    continue;
                };
                let cells = self
                    .columns
                    .iter()
                    .map(|column| ratio(gate.ratios(&column.series[index], &column.series[other])));
                self.push_comparison(text, format!("**{} / {peer}**", row.name), cells);
            }
        }
    }

    fn push_comparison(
        &self,
        text: &mut String,
        name: String,
        cells: impl Iterator<Item = String>,
    ) {
        push_row(text, [name, String::new()].into_iter().chain(cells).chain([String::new()]));
    }

    fn best_cell(&self, gate: Gate, column: &Column, index: usize) -> String {
        let best = self.best_peer(gate, column, index);
        best.map_or(NO_FIGURE.to_owned(), |(peer, ratio)| format!("{ratio} {peer}"))
    }

    /// The fastest peer of a column, and the ratio of a row to it.
    pub(crate) fn best_peer(
        &self,
        gate: Gate,
        column: &Column,
        index: usize,
    ) -> Option<(&'static str, Quartiles)> {
        let peers = self.rows.iter().zip(&column.series).filter(|(row, _)| row.role == Role::Peer);
        let timed =
            peers.filter_map(|(row, series)| Some((gate.times(series)?.median, row, series)));
        let (_, row, series) = timed.min_by(|(one, ..), (other, ..)| one.total_cmp(other))?;
        Some((row.name, gate.ratios(&column.series[index], series)?))
    }

    /// The raw figures: every sample, and the quartiles that the table was made of.
    ///
    /// # Errors
    /// None that is known of: there is nothing here that JSON cannot say.
    pub(crate) fn to_json(&self) -> serde_json::Result<String> {
        let gate = Gate::new(self.samples());
        let columns = self.columns.iter().map(|column| RawColumn {
            title: column.title,
            rows: column.series.iter().map(|series| raw(gate, series, &column.series[0])).collect(),
        });
        let (machine, rows) = (&self.machine, &self.rows);
        serde_json::to_string(&RawReport { machine, rows, columns: columns.collect() })
    }

    fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.columns.iter().flat_map(|column| column.series.iter().flatten())
    }
}

#[derive(Serialize)]
struct RawReport<'r> {
    machine: &'r Machine,
    rows: &'r [Row],
    columns: Vec<RawColumn>,
}

#[derive(Serialize)]
struct RawColumn {
    title: &'static str,
    /// In the order of the report's rows.
    rows: Vec<RawSeries>,
}

#[derive(Serialize)]
struct RawSeries {
    ns_per_frame: Option<Quartiles>,
    ratio_to_first_row: Option<Quartiles>,
    /// For each round ns per frame, ns of the probes before and after, and the share of the core.
    samples: Vec<[f64; 4]>,
}

fn raw(gate: Gate, series: &Series, reference: &Series) -> RawSeries {
    let samples = series.iter().map(|sample| {
        let [before, after] = sample.probes_ns;
        [sample.ns_per_frame, before, after, sample.core_share]
    });
    RawSeries {
        ns_per_frame: gate.times(series),
        ratio_to_first_row: gate.ratios(series, reference),
        samples: samples.collect(),
    }
}

fn time_cell(gate: Gate, column: &Column, index: usize) -> String {
    let series = &column.series[index];
    gate.times(series).map_or(NO_FIGURE.to_owned(), |times| {
        format!("{:.1} · {}", times.median, ratio(gate.ratios(series, &column.series[0])))
    })
}

fn ratio(quartiles: Option<Quartiles>) -> String {
    quartiles.map_or(NO_FIGURE.to_owned(), |quartiles| quartiles.to_string())
}

fn count(per_frame: f64) -> String {
    if per_frame == 0.0 { "0".to_owned() } else { format!("{per_frame:.2}") }
}

fn push_row(text: &mut String, cells: impl Iterator<Item = String>) {
    for cell in cells {
        let _ = write!(text, "| {cell} ");
    }
    text.push_str("|\n");
}
