//! cafewire-core's parser and encoder beside those of other crates: the same messages, the same
//! envelope and checksum, all contenders by turns within one run. README.md of the benches says how
//! to read the table.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use self::entrant::{Entrant, Role};
use self::machine::Machine;
use self::measure::{Task, measure};
use self::report::{Column, Report, Row};

mod aims;
#[path = "../../src/allocations.rs"]
#[expect(unreachable_pub, reason = "a public module of the other benches' library")]
mod allocations;
mod contenders;
mod entrant;
mod envelope;
mod machine;
mod measure;
mod message;
mod pages;
mod report;
mod statistics;
mod verify;
mod workload;

#[global_allocator]
static ALLOCATOR: allocations::CountingAllocator = allocations::CountingAllocator;

const FULL_RUN: Duration = Duration::from_secs(100);
const QUICK_RUN: Duration = Duration::from_secs(12);

/// How often a single frame is worked on in one sample.
const SINGLE_REPEATS: usize = 4_000;

/// Contents of the single frames in bytes, with the titles of their columns.
const SINGLES: [(usize, &str, &str); 3] = [
    (16, "parse one, content 16", "encode one, content 16"),
    (64, "parse one, content 64", "encode one, content 64"),
    (512, "parse one, content 512", "encode one, content 512"),
];

/// Times cafewire-core and its peers, and prints one table.
#[derive(Debug, Parser)]
struct Arguments {
    /// Fewer rounds: some 15 seconds instead of two minutes.
    #[arg(long)]
    quick: bool,
    /// Also write every sample to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also put the tables on their pages: README.md and benches/README.md.
    #[arg(long)]
    write: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let machine = Machine::pin_and_describe();
    let ascii = workload::stream(0);
    let mixed = workload::stream(20);
    let singles = SINGLES.map(|(content_bytes, ..)| [workload::single(content_bytes)]);

    let entrants = contenders::all(&ascii, 1);
    let rows: Vec<_> = entrants.iter().map(row).collect();
    for row in rows.iter().filter(|row| row.role == Role::Cafewire) {
        let allocations = (row.parse_allocations_per_frame, row.encode_allocations_per_frame);
        assert_eq!(allocations, (0.0, Some(0.0)), "{} allocates", row.name);
    }
    let [parse, encode] = tasks(aims::PARSE, aims::ENCODE, ascii.len(), entrants);
    let [parse_mixed, _] = tasks(aims::PARSE_MIXED, "", mixed.len(), contenders::all(&mixed, 1));
    let mut all = vec![parse, parse_mixed, encode];
    for (messages, (_, parse_title, encode_title)) in singles.iter().zip(SINGLES) {
        let entrants = contenders::all(messages, SINGLE_REPEATS);
        all.extend(tasks(parse_title, encode_title, SINGLE_REPEATS, entrants));
    }

    let series = measure(&mut all, if arguments.quick { QUICK_RUN } else { FULL_RUN });
    let titles = all.iter().map(|task| task.title);
    let columns = titles.zip(series).map(|(title, series)| Column { title, series }).collect();
    let report = Report { machine, rows, columns };
    let markdown = report.to_markdown();
    print!("{markdown}");
    if arguments.write {
        pages::write("../README.md", &markdown)?;
        pages::write("../../README.md", &report.to_front_page())?;
    }
    if let Some(path) = arguments.json {
        fs::write(path, report.to_json()?)?;
    }
    Ok(())
}

fn row(entrant: &Entrant<'_>) -> Row {
    Row {
        name: entrant.name,
        role: entrant.role,
        level: entrant.level,
        frame_bytes: entrant.frame_bytes,
        parse_allocations_per_frame: entrant.parse.allocations_per_frame,
        encode_allocations_per_frame: entrant
            .encode
            .as_ref()
            .map(|pass| pass.allocations_per_frame),
    }
}

/// Parsing and encoding of one workload.
fn tasks<'w>(
    parse_title: &'static str,
    encode_title: &'static str,
    frames: usize,
    entrants: Vec<Entrant<'w>>,
) -> [Task<'w>; 2] {
    let (parse, encode) =
        entrants.into_iter().map(|entrant| (Some(entrant.parse), entrant.encode)).unzip();
    [
        Task { title: parse_title, frames, passes: parse },
        Task { title: encode_title, frames, passes: encode },
    ]
}
