//! Hardly any descriptors: while many more peers connect than there are descriptors for, and stay,
//! the server neither spins nor stalls, answers probes and reloads, and accepts again when
//! descriptors are free.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use cafewire_net::{Address, Client};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::neighbour::Neighbour;
use crate::support::{Folder, PATIENCE, Running, Signal, program};

const DESCRIPTORS: usize = 60;
const CROWD: usize = 150;

/// What the server is left with while it runs: fewer than it has planned with, so that it is
/// descriptors that it runs out of and not places. Another process of the machine may do so to it.
const DESCRIPTORS_LEFT: usize = 24;

/// Time that the crowd stays; the server may use a part of one processor meanwhile. A loop that
/// spins uses all of it.
const STAY: Duration = Duration::from_secs(2);
const BUSY_PERCENT_MAX: u128 = 50;

/// Processor time that a process has used so far: fields 14 and 15 of proc_pid_stat(5), in ticks of
/// which Linux reports a hundred per second on every machine that Rust's standard library runs on.
fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The second field is the program's name in parentheses, and may hold anything.
    let after_name = stat.rsplit_once(") ").expect("a name").1;
    let ticks: u64 =
        after_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * ticks)
}

/// The server with so few descriptors that half of them are for connections, and no time-out for
/// peers that do not sign in.
fn serve() -> (Running, Address) {
    serve_with(&["--listen", "127.0.0.1:0", "--sign-in-timeout", "1h", "--close-timeout", "1h"])
}

fn serve_with(arguments: &[&str]) -> (Running, Address) {
    let mut limited = program("sh");
    let script = format!("ulimit -n {DESCRIPTORS}; exec \"$0\" serve \"$@\"");
    limited.args(["-c", &script, env!("CARGO_BIN_EXE_cafewire")]).args(arguments);
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut serve = Running::start(&mut limited);
    let address = serve.next_line().strip_prefix("listening on ").unwrap().parse().unwrap();
    (serve, address)
}

/// Whether the server has closed this connection already.
fn is_closed(peer: &mut TcpStream) -> bool {
    peer.set_nonblocking(true).unwrap();
    loop {
        match peer.read(&mut [0; 1024]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn while_there_are_none_it_serves_on_without_spinning_and_accepts_again_later() {
    let (serve, address) = serve();
    let mut neighbour = Neighbour::move_in(&address);
    let socket_address = address.resolve().unwrap()[0];
    // The cost of the neighbour alone, for comparison: it goes on in both intervals.
    let cost_of = |neighbour: &mut Neighbour, stay: &mut dyn FnMut()| {
        let (before, started) = (processor_time(serve.id()), Instant::now());
        neighbour.notices_nothing_of(stay);
        let used = processor_time(serve.id()) - before;
        100 * used.as_millis() / started.elapsed().as_millis()
    };
    let alone_percent = cost_of(&mut neighbour, &mut || thread::sleep(STAY));
    let left = Some(DESCRIPTORS_LEFT as u64);
    let server = Pid::from_raw(serve.id().try_into().unwrap());
    prlimit(server, Resource::Nofile, Rlimit { current: left, maximum: left }).unwrap();

    let mut crowd: Vec<TcpStream> = Vec::new();
    neighbour.notices_nothing_of(|| {
        // Each of these connects: the backlog is emptied though no descriptor is free.
        crowd.extend(
            (0..CROWD).map(|_| TcpStream::connect_timeout(&socket_address, PATIENCE).unwrap()),
        );
    });
    let crowded_percent = cost_of(&mut neighbour, &mut || {
        // New peers keep coming, so that the listener always has work; they are closed at once.
        let until = Instant::now() + STAY;
        while Instant::now() < until {
            drop(TcpStream::connect_timeout(&socket_address, PATIENCE).unwrap());
            thread::sleep(Duration::from_millis(50));
        }
    });
    println!(
        "processor time: {alone_percent} % with the neighbour alone, \
         {crowded_percent} % in the crowd"
    );
    assert!(
        crowded_percent <= alone_percent + BUSY_PERCENT_MAX,
        "it spins: {crowded_percent} % of a processor, {alone_percent} % without the crowd"
    );

    // Some peers were accepted, the others rejected. The accepted ones leave.
    let kept = crowd.iter_mut().filter_map(|peer| (!is_closed(peer)).then_some(())).count();
    assert!((1..DESCRIPTORS_LEFT).contains(&kept), "{kept} of {CROWD} were accepted");
    neighbour.notices_nothing_of(|| {
        drop(crowd);
        let deadline = Instant::now() + PATIENCE;
        while Client::connect(&address).and_then(|mut client| client.ping()).is_err() {
            assert!(Instant::now() < deadline, "no connection is taken any more");
        }
    });
    drop(neighbour);
    serve.signal(Signal::TERM);
    serve.end_by_itself().assert_done();
}

/// A peer over the limit holds a descriptor while it is told so, and may take its time. Those for
/// probes of the server's health and for a reload are not among them.
#[test]
#[cfg(target_os = "linux")]
fn those_who_are_refused_leave_descriptors_for_probes_and_reloads() {
    let folder = Folder::new("descriptors");
    let path = folder.write(
        "cafewire.toml",
        "listen = [\"127.0.0.1:0\"]\nhttp = [\"127.0.0.1:0\"]\n\
         sign_in_timeout = \"1h\"\nclose_timeout = \"1h\"\n",
    );
    let (mut serve, address) = serve_with(&["--config", &path]);
    let http = serve.line_with("listening on http://").replace("listening on http://", "");
    let socket_address = address.resolve().unwrap()[0];
    let mut crowd: Vec<TcpStream> = (0..CROWD)
        .map(|_| TcpStream::connect_timeout(&socket_address, PATIENCE).unwrap())
        .collect();
    // The last of them was accepted when it is answered, or closed.
    let last = crowd.last_mut().unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(last.read(&mut [0; 1024]), Ok(0) | Err(_)), "it was not turned away");
    for _ in 0..3 {
        let mut probe = TcpStream::connect(&http).unwrap();
        probe.set_read_timeout(Some(PATIENCE)).unwrap();
        probe.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
        let mut response = String::new();
        probe.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    }
    serve.signal(Signal::HUP);
    serve.remark_with("was reloaded");
    drop(crowd);
    serve.signal(Signal::TERM);
    serve.end_by_itself().assert_done();
}
