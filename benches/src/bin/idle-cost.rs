//! Cost of an idle connection: many chat users sign in and then nothing happens. How many bytes
//! does the server hold for each of them, and how often does its loop wake up?
//!
//! The server runs in a process of its own, this program once more, with an allocator that knows
//! how much is in use; the users are sockets of the first process. Linux only: it reads `/proc`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cafewire_benches::heap::{self, WeighingAllocator};
use cafewire_core::{MessagePayload, chat};
use cafewire_net::{Address, Server, ServerConfig, ServerHandle};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

#[global_allocator]
static ALLOCATOR: WeighingAllocator = WeighingAllocator;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Until then each connection is checked once for its sign-in; later wake-ups of the loop are
/// wasted.
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(10);

/// Far longer than any step takes here.
const PATIENCE: Duration = Duration::from_secs(120);
/// Without a tick for this long the loop has no timer left to wait for.
const QUIET: Duration = Duration::from_secs(1);

const DESCRIPTORS_BESIDES: u64 = 100;

/// Measures the server's memory for each idle connection, and its needless wake-ups.
#[derive(Parser)]
struct Options {
    /// Users that sign in; two processes have that many descriptors each.
    #[arg(short = 'n', long, default_value_t = 10_000)]
    connections: u32,
    /// Addresses that they come from, all of 127.0.0.0/8.
    #[arg(long, default_value_t = 16)]
    addresses: u32,
    /// Seconds in which nothing happens.
    #[arg(short, long, default_value_t = 10)]
    seconds: u64,
    /// Fail if a connection costs more bytes of private memory than this, or the loop wakes up at
    /// all.
    #[arg(long)]
    budget: Option<f64>,
    /// Run as the server.
    #[arg(long, hide = true)]
    serve: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = if options.serve { serve() } else { measure(&options) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("idle-cost: {error}");
            ExitCode::FAILURE
        }
    }
}

// ---- The server's process -----------------------------------------------------------------------

/// Serves on the main thread, whose context switches are counted; another one answers each line of
/// standard input with the current counts, and ends the process with the input.
fn serve() -> Outcome<()> {
    let mut config = ServerConfig::default();
    config.listen = vec!["127.0.0.1:0".parse()?];
    config.limits.connections_per_address = 0;
    config.limits.sign_in_timeout = SIGN_IN_TIMEOUT;
    let server = Server::bind(config)?;
    println!("{}", server.local_addresses()[0]);
    let handle = server.handle();
    thread::spawn(move || answer_lines(&handle));
    Ok(server.run()?)
}

fn answer_lines(handle: &ServerHandle) {
    for _ in io::stdin().lines() {
        let (heap, metrics) = (heap::in_use(), handle.metrics());
        println!("{} {} {} {}", heap.bytes, heap.blocks, metrics.users, metrics.ticks);
    }
    handle.shut_down();
}

// ---- The users' process -------------------------------------------------------------------------

struct ServerProcess {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    address: SocketAddr,
}

/// Counts of the server at one moment.
struct State {
    heap_bytes: u64,
    heap_blocks: u64,
    users: u64,
    ticks: u64,
    private_bytes: u64,
    /// Number of times its thread went to sleep.
    sleeps: u64,
}

impl ServerProcess {
    fn start() -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let questions = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let address = line.trim().parse::<Address>()?.resolve()?[0];
        Ok(Self { child, questions, answers, address })
    }

    fn state(&mut self) -> Outcome<State> {
        self.questions.as_mut().ok_or("it has ended")?.write_all(b"\n")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        let [heap_bytes, heap_blocks, users, ticks] = numbers[..] else {
            return Err("an answer cut short".into());
        };
        let id = self.child.id();
        let private_bytes =
            1024 * number_after(&format!("/proc/{id}/smaps_rollup"), "Private_Dirty:")?;
        let sleeps =
            number_after(&format!("/proc/{id}/task/{id}/status"), "voluntary_ctxt_switches:")?;
        Ok(State { heap_bytes, heap_blocks, users, ticks, private_bytes, sleeps })
    }

    fn wait_for_users(&mut self, users: u64) -> Outcome<State> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let state = self.state()?;
            if state.users == users {
                return Ok(state);
            }
            if Instant::now() > deadline {
                return Err(format!("{} users are there, not {users}", state.users).into());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until its loop has had no tick for a while: on a busy machine due work may come late.
    fn wait_until_quiet(&mut self) -> Outcome<State> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state()?;
        loop {
            thread::sleep(QUIET);
            let later = self.state()?;
            if later.ticks == state.ticks {
                return Ok(later);
            }
            if Instant::now() > deadline {
                return Err("the loop wakes up again and again though nothing happens".into());
            }
            state = later;
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.questions = None;
        let _ = self.child.wait();
    }
}

/// The number behind a word that begins a line of a file in `/proc`.
fn number_after(path: &str, word: &str) -> Outcome<u64> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix(word))
        .ok_or_else(|| format!("{path}: no {word}"))?;
    Ok(rest.split_whitespace().next().ok_or("no number")?.parse()?)
}

fn measure(options: &Options) -> Outcome<()> {
    raise_descriptors(options.connections)?;
    let mut server = ServerProcess::start()?;
    // One user comes and goes first, so that one-time allocations are not counted as the users'.
    drop(sign_in(server.address, 0, options)?);
    let before = server.wait_for_users(0)?;
    let users = (0..options.connections).map(|number| sign_in(server.address, number, options));
    let users = users.collect::<Outcome<Vec<TcpStream>>>()?;
    server.wait_for_users(options.connections.into())?;
    thread::sleep(SIGN_IN_TIMEOUT + Duration::from_millis(500));

    let idle = server.wait_until_quiet()?;
    thread::sleep(Duration::from_secs(options.seconds));
    let after = server.state()?;
    if after.users != u64::from(options.connections) {
        return Err(
            format!("only {} of {} users are left", after.users, options.connections).into()
        );
    }
    let each = |now: u64, then: u64| (now as f64 - then as f64) / f64::from(options.connections);
    let private_bytes = each(after.private_bytes, before.private_bytes);
    let ticks = after.ticks - idle.ticks;
    println!("{} idle chat users from {} addresses", options.connections, options.addresses);
    println!("  private memory         {private_bytes:7.1} bytes each");
    println!(
        "  the heap grew by       {:7.1} bytes each",
        each(after.heap_bytes, before.heap_bytes)
    );
    println!("  in pieces of it        {:7.2} each", each(after.heap_blocks, before.heap_blocks));
    println!("  ticks of the loop      {ticks:7} in {} s", options.seconds);
    println!("  sleeps of its thread   {:7} in {} s", after.sleeps - idle.sleeps, options.seconds);
    drop(users);
    match options.budget {
        Some(budget) if private_bytes > budget => {
            Err(format!("more than the {budget} bytes of the budget").into())
        }
        Some(_) if ticks > 0 => Err("the loop woke up though nothing happened".into()),
        _ => Ok(()),
    }
}

/// A user with a name of ten bytes, from one of the addresses.
fn sign_in(server: SocketAddr, number: u32, options: &Options) -> Outcome<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let source =
        Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + number % options.addresses.max(1));
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    socket.connect(&server.into())?;
    let mut socket = TcpStream::from(socket);
    let mut frame = [0; chat::MAX_FRAME_SIZE];
    socket.write_all(
        MessagePayload::Connect { username: &format!("user-{number:05}") }
            .encode_into(&mut frame)?,
    )?;
    // The answer is read whole: its header has its length.
    socket.read_exact(&mut frame[..chat::HEADER_SIZE])?;
    let rest = usize::from(u16::from_be_bytes([frame[2], frame[3]])) + chat::CHECKSUM_SIZE;
    socket.read_exact(&mut frame[chat::HEADER_SIZE..][..rest])?;
    Ok(socket)
}

/// Both processes need one descriptor per connection; the server's inherits the limit.
fn raise_descriptors(connections: u32) -> Outcome<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let needed = u64::from(connections) + DESCRIPTORS_BESIDES;
    if maximum.is_some_and(|maximum| maximum < needed) {
        let most = maximum.unwrap_or(0).saturating_sub(DESCRIPTORS_BESIDES);
        return Err(format!(
            "this process may have too few descriptors: -n {most} is the most, or raise ulimit -Hn"
        )
        .into());
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}
