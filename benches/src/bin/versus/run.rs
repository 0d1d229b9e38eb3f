//! Arguments in, table out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, fs};

use cafewire_benches::versus::machine::machine;
use cafewire_benches::versus::measure::{Rounds, measure};
use cafewire_benches::versus::peers::Peer;
use cafewire_benches::versus::process::{BECOME_SERVER, Cores, become_server, pin_to};
use cafewire_benches::versus::table::Report;
use cafewire_benches::versus::{Plan, Spread};
use clap::{Parser, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

type AnyResult<T> = Result<T, Box<dyn std::error::Error>>;

const CAFEWIRE: &str = "cafewire";
const CONTENT_BYTES: usize = 64;
/// No further workload is taken up after this time with `--quick`, so that it ends within two
/// minutes.
const QUICK_TIME: Duration = Duration::from_secs(75);
const DESCRIPTORS_BESIDES: u64 = 100;

/// Measures cafewire and its peers under the same load, from the same generator, by turns.
#[derive(Parser)]
struct Options {
    /// The peers; the first one is what ratios are to.
    #[arg(long, value_delimiter = ',', default_value = "redis", value_name = "NAMES")]
    peers: Vec<PeerName>,
    /// The cafewire to measure [default: the one beside this program].
    #[arg(long, value_name = "PATH")]
    cafewire: Option<PathBuf>,
    /// Another build of cafewire to measure as well.
    #[arg(long, value_name = "PATH")]
    baseline: Option<PathBuf>,
    /// Fewer workloads and shorter samples: within two minutes.
    #[arg(long)]
    quick: bool,
    /// Only workloads with these numbers of rooms.
    #[arg(long, value_delimiter = ',', value_name = "N")]
    rooms: Vec<usize>,
    /// Only workloads with these numbers of members.
    #[arg(long, value_delimiter = ',', value_name = "N")]
    members: Vec<usize>,
    /// Only workloads in which members are in these rooms.
    #[arg(long, value_delimiter = ',', value_name = "SPREADS")]
    spreads: Vec<SpreadName>,
    /// Messages in flight.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    window: u16,
    /// Samples of each contender [default: 7, quick 3].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: Option<u16>,
    /// Write the result to a file, too, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PeerName {
    Redis,
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SpreadName {
    /// Every member is in all rooms.
    All,
    /// Every member is in one of the rooms.
    One,
    /// Half of the members are in all rooms, half in one.
    Mixed,
}

impl SpreadName {
    const fn spread(self) -> Spread {
        match self {
            Self::All => Spread::All,
            Self::One => Spread::One,
            Self::Mixed => Spread::Mixed,
        }
    }
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    if arguments.get(1).is_some_and(|first| first == BECOME_SERVER) {
        eprintln!("versus: {}", become_server(&arguments[2..]));
        return ExitCode::FAILURE;
    }
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("versus: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> AnyResult<()> {
    let (peers, references) = contenders(options)?;
    let plans = plans(options);
    let most_members = plans.iter().map(|plan| plan.members).max();
    raise_descriptors(most_members.ok_or("no workload is left")? * peers.len())?;
    let cores = Cores::first_two()?;
    pin_to(cores.generator)?;
    let rounds = rounds(options);

    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    let mut report = Report::new(machine(), &peers, &references, &rounds);
    let start = Instant::now();
    for (number, plan) in plans.iter().enumerate() {
        if options.quick && start.elapsed() > QUICK_TIME {
            report.skipped = plans[number..].to_vec();
            break;
        }
        let Plan { rooms, members, spread, .. } = plan;
        let seconds = start.elapsed().as_secs();
        eprintln!(
            "{seconds} s, {} of {}: {rooms} rooms, {members} members, in {spread}",
            number + 1,
            plans.len()
        );
        report.add(*plan, &measure(&peers, plan, &rounds, cores));
    }
    eprintln!("{} s", start.elapsed().as_secs());
    print!("{}", report.markdown()?);
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    if !report.is_complete() {
        return Err("not every contender could be measured: the table tells why".into());
    }
    Ok(())
}

/// The contenders, and the names of those that ratios are to.
fn contenders(options: &Options) -> AnyResult<(Vec<Peer>, Vec<String>)> {
    let beside = env::current_exe()?.with_file_name(CAFEWIRE);
    let program = options.cafewire.as_ref().unwrap_or(&beside);
    let cafewire = found(CAFEWIRE, program)?;
    let control = cafewire.named("cafewire again (control)");
    let mut contenders = vec![cafewire];
    if let Some(program) = &options.baseline {
        contenders.push(found("baseline", program)?);
    }
    let ours = contenders.len();
    for peer in &options.peers {
        match peer {
            PeerName::Redis => contenders.push(Peer::redis()?),
            PeerName::None => {}
        }
    }
    let mut references: Vec<String> =
        contenders.get(ours).iter().map(|peer| peer.name.clone()).collect();
    references.push(CAFEWIRE.to_owned());
    contenders.push(control);
    Ok((contenders, references))
}

fn found(name: &str, program: &Path) -> AnyResult<Peer> {
    if !program.is_file() {
        let path = program.display();
        return Err(format!(
            "there is no {path}: build it (cargo build --release -p cafewire-cli) or name another"
        )
        .into());
    }
    Ok(Peer::cafewire(name, program)?)
}

fn rounds(options: &Options) -> Rounds {
    let (count, warm_up_ms, sample_ms) = if options.quick { (3, 100, 400) } else { (7, 200, 1000) };
    Rounds {
        count: options.rounds.map_or(count, usize::from),
        warm_up: Duration::from_millis(warm_up_ms),
        sample: Duration::from_millis(sample_ms),
    }
}

/// The workloads, those first that the project's aims are about.
fn plans(options: &Options) -> Vec<Plan> {
    let mut plans = Vec::new();
    for spread in [SpreadName::All, SpreadName::One, SpreadName::Mixed] {
        for rooms in [1, 2, 8] {
            for members in [100, 1000] {
                // In one room all spreads are the same.
                let is_new = spread == SpreadName::All || rooms > 1;
                let is_quick = spread == SpreadName::All || (rooms, members) == (8, 100);
                let is_asked = is_in(&options.rooms, &rooms)
                    && is_in(&options.members, &members)
                    && is_in(&options.spreads, &spread);
                if is_new && is_asked && (is_quick || !options.quick) {
                    let (window, spread) = (options.window.into(), spread.spread());
                    let content_bytes = CONTENT_BYTES;
                    plans.push(Plan { rooms, members, spread, window, content_bytes });
                }
            }
        }
    }
    plans
}

/// Whether a list, if it names anything, names this.
fn is_in<T: PartialEq>(list: &[T], one: &T) -> bool {
    list.is_empty() || list.contains(one)
}

/// The generator needs a descriptor per member and server; the servers inherit the limit.
fn raise_descriptors(connections: usize) -> AnyResult<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let needed = connections as u64 + DESCRIPTORS_BESIDES;
    if maximum.is_some_and(|maximum| maximum < needed) {
        return Err(format!("{needed} descriptors are needed: raise ulimit -Hn").into());
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}
