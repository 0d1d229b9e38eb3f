//! The result as Markdown for people and as JSON for programs. No measuring, no I/O.

use std::fmt::{self, Write};

use serde::Serialize;

use super::figures::{Figures, Ratios};
use super::measure::{Outcome, Rounds, Sample};
use super::peers::Peer;
use super::plan::Plan;

/// From this on the generator was what held up the rest, and the throughput is not the server's.
const BOTTLENECK_LOAD: f64 = 0.95;
/// From this on other programs held up server or generator. Below it, ticks of the clock may be
/// wrong.
const DISTURBED_LOAD: f64 = 0.1;

/// All that a run of the program found out.
#[derive(Debug, Serialize)]
pub struct Report {
    /// When, in UTC.
    pub date: String,
    /// The processor, its cores, and the kernel.
    pub machine: String,
    /// Samples of each contender.
    pub rounds: usize,
    /// For how long each sample published.
    pub sample_seconds: f64,
    /// The contenders, in their order.
    pub contenders: Vec<Name>,
    /// The contenders that ratios are to: the first peer, if there is one, and cafewire.
    pub references: Vec<String>,
    /// One for each workload.
    pub rows: Vec<Row>,
    /// Workloads for which there was no time.
    pub skipped: Vec<Plan>,
}

/// A contender.
#[derive(Debug, Serialize)]
pub struct Name {
    /// Its name in the table.
    pub name: String,
    /// What its program says it is.
    pub version: String,
}

/// One workload.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The workload.
    pub plan: Plan,
    /// One for each contender, in their order.
    pub cells: Vec<Cell>,
}

/// One contender under one workload.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// It was measured.
    Figures(Figures),
    /// Something was lost or went wrong.
    Fault(String),
}

impl Report {
    /// A report without rows, of now.
    #[must_use]
    pub fn new(machine: String, peers: &[Peer], references: &[&str], rounds: &Rounds) -> Self {
        let name = |peer: &Peer| Name { name: peer.name.clone(), version: peer.version.clone() };
        Self {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            machine,
            rounds: rounds.count,
            sample_seconds: rounds.sample.as_secs_f64(),
            contenders: peers.iter().map(name).collect(),
            references: references.iter().map(|&name| name.to_owned()).collect(),
            rows: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// Adds what was measured under a workload, one outcome for each contender.
    pub fn add(&mut self, plan: Plan, outcomes: &[Outcome]) {
        let number = |name: &String| self.contenders.iter().position(|one| one.name == *name);
        let references: Vec<Option<&Vec<Sample>>> = (self.references.iter())
            .map(|name| number(name).and_then(|number| outcomes[number].as_ref().ok()))
            .collect();
        let cell = |outcome: &Outcome| match outcome {
            Ok(samples) => Cell::Figures(Figures::new(samples, &references)),
            Err(fault) => Cell::Fault(fault.to_string()),
        };
        let cells = outcomes.iter().map(cell).collect();
        self.rows.push(Row { plan, cells });
    }

    /// Whether every contender has figures for every workload that was taken up.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let mut cells = self.rows.iter().flat_map(|row| &row.cells);
        cells.all(|cell| matches!(cell, Cell::Figures(_)))
    }

    /// What was measured how, and one table.
    ///
    /// # Errors
    /// None while memory lasts.
    pub fn markdown(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let versions: Vec<String> =
            self.contenders.iter().map(|one| format!("{}: {}", one.name, one.version)).collect();
        writeln!(text, "{}, {}. {}.", self.date, self.machine, versions.join(", "))?;
        if let Some(Row { plan, .. }) = self.rows.first() {
            let (bytes, window) = (plan.content_bytes, plan.window);
            let (rounds, seconds) = (self.rounds, self.sample_seconds);
            write!(
                text,
                "{bytes}-byte messages, {window} in flight, one core each for server and "
            )?;
            writeln!(
                text,
                "generator, {rounds} rounds of {seconds} s by turns: median (quartiles)."
            )?;
        }
        text.push_str("\n| rooms | members | in | server | M deliveries/s | server ns/delivery |");
        for reference in &self.references {
            write!(text, " throughput × {reference} | CPU × {reference} |")?;
        }
        text.push_str(" generator | others |\n|---:|---:|---|---|---:|---:|");
        text.push_str(&"---:|---:|".repeat(self.references.len()));
        text.push_str("---:|---:|\n");
        for row in &self.rows {
            for (contender, cell) in self.contenders.iter().zip(&row.cells) {
                let Plan { rooms, members, spread, .. } = row.plan;
                write!(text, "| {rooms} | {members} | {spread} | {} |", contender.name)?;
                match cell {
                    Cell::Figures(figures) => figures.write(&mut text)?,
                    Cell::Fault(fault) => {
                        write!(
                            text,
                            " **{fault}** |{}",
                            " |".repeat(3 + 2 * self.references.len())
                        )?;
                    }
                }
                text.push('\n');
            }
        }
        for Plan { rooms, members, spread, .. } in &self.skipped {
            writeln!(
                text,
                "\nNo time was left for {rooms} rooms, {members} members, in {spread}."
            )?;
        }
        Ok(text)
    }
}

impl Figures {
    fn write(&self, text: &mut String) -> fmt::Result {
        let [lower, median, upper] = self.deliveries_per_second.map(|figure| figure / 1e6);
        write!(text, " {median:.2} ({lower:.2}–{upper:.2}) |")?;
        let [lower, median, upper] = self.server_ns_per_delivery;
        write!(text, " {median:.0} ({lower:.0}–{upper:.0}) |")?;
        for ratios in &self.ratios {
            match ratios {
                Some(Ratios { throughput: [.., throughput, _], server_time: [.., time, _] }) => {
                    write!(text, " {throughput:.2} | {time:.2} |")?;
                }
                None => text.push_str(" | |"),
            }
        }
        for (load, limit, remark) in [
            (self.generator_load, BOTTLENECK_LOAD, ", the bottleneck"),
            (self.others_load, DISTURBED_LOAD, ", disturbed"),
        ] {
            let [_, load, _] = load;
            let remark = if load >= limit { remark } else { "" };
            write!(text, " {:.0} %{remark} |", load * 100.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::versus::fault::Fault;
    use crate::versus::plan::Spread;

    fn report() -> Report {
        let name = |name: &str| Name { name: name.to_owned(), version: "1".to_owned() };
        Report {
            date: "now".to_owned(),
            machine: "a machine".to_owned(),
            rounds: 3,
            sample_seconds: 1.0,
            contenders: ["cafewire", "Redis"].map(name).into(),
            references: ["Redis", "cafewire"].map(str::to_owned).into(),
            rows: Vec::new(),
            skipped: Vec::new(),
        }
    }

    fn sample(deliveries: u64, server_time_ms: u64, generator_time_ms: u64) -> Sample {
        Sample {
            deliveries,
            elapsed: Duration::from_secs(1),
            server_time: Duration::from_millis(server_time_ms),
            generator_time: Duration::from_millis(generator_time_ms),
            others_time: Duration::from_millis(1000 - generator_time_ms) / 5,
        }
    }

    const PLAN: Plan =
        Plan { rooms: 2, members: 100, spread: Spread::All, window: 64, content_bytes: 64 };

    #[test]
    fn ratios_are_of_one_round() {
        let mut report = report();
        let fast = [(20, 900), (10, 450), (40, 800)]
            .map(|(millions, ms)| sample(millions * 1_000_000, ms, 500));
        let slow = [(10, 900), (2, 180), (10, 500)]
            .map(|(millions, ms)| sample(millions * 1_000_000, ms, 960));
        report.add(PLAN, &[Ok(fast.into()), Ok(slow.into())]);
        let text = report.markdown().unwrap();
        let rows: Vec<&str> = text.lines().skip(5).collect();
        assert_eq!(
            rows,
            [
                "| 2 | 100 | all | cafewire | 20.00 (10.00–40.00) | 45 (20–45) | \
                   4.00 | 0.50 | 1.00 | 1.00 | 50 % | 10 %, disturbed |",
                "| 2 | 100 | all | Redis | 10.00 (2.00–10.00) | 90 (50–90) | \
                   1.00 | 1.00 | 0.25 | 2.00 | 96 %, the bottleneck | 1 % |",
            ]
        );
    }

    #[test]
    fn a_loss_stands_in_place_of_figures() {
        let mut report = report();
        let lost = Fault::Lost { missing: 3, in_flight: 2 };
        report.add(PLAN, &[Ok(vec![sample(1_000_000, 100, 100)]), Err(lost)]);
        assert!(!report.is_complete());
        let text = report.markdown().unwrap();
        let rows: Vec<&str> = text.lines().skip(5).collect();
        assert_eq!(
            rows,
            [
                "| 2 | 100 | all | cafewire | 1.00 (1.00–1.00) | 100 (100–100) | \
                   | | 1.00 | 1.00 | 10 % | 18 %, disturbed |",
                "| 2 | 100 | all | Redis | **lost 3 deliveries of 2 messages in flight** | \
                   | | | | | | |",
            ]
        );
        let columns = |row: &str| row.matches('|').count();
        assert!(text.lines().skip(3).all(|row| columns(row) == columns(rows[0])));
    }
}
