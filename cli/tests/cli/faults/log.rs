//! A log that cannot be written stops neither serving nor an orderly end.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Instant;

use cafewire_net::Address;

use super::neighbour::Neighbour;
use crate::support::{PATIENCE, Running, Server, Signal, command};

/// Each is closed with a reason that is logged, whether or not it gets to the log.
const TROUBLEMAKERS: usize = 200;

/// The server with this standard error, whose reader is gone already if it is a pipe.
fn serve(stderr: Stdio, format: &str) -> (Running, Address) {
    let args = ["serve", "--listen", "127.0.0.1:0", "--log-format", format];
    // The more log output the better.
    let mut child =
        command(&args).env("RUST_LOG", "debug").stderr(stderr).spawn().expect("the binary starts");
    drop(child.stderr.take());
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let running = Running::adopt(child);
    let mut line = String::new();
    stdout.read_line(&mut line).expect("its first line");
    let address = line
        .trim()
        .strip_prefix("listening on ")
        .expect("where it listens")
        .parse()
        .expect("an address");
    (running, address)
}

fn make_trouble(address: &Address) {
    for _ in 0..TROUBLEMAKERS {
        let mut peer = TcpStream::connect(address.resolve().unwrap()[0]).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        peer.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        peer.read_to_end(&mut answer).expect("an Error frame and the end");
        assert_eq!(&answer[..2], [0x01, 0xFF], "{answer:?}");
    }
}

fn assert_serves_on((running, address): (Running, Address)) {
    let mut neighbour = Neighbour::move_in(&address);
    neighbour.notices_nothing_of(|| make_trouble(&address));
    drop(neighbour);
    running.signal(Signal::TERM);
    running.end_by_itself().assert_done();
}

/// One bad byte for each connection.
#[test]
fn strangers_do_not_fill_the_log() {
    const LINES_PER_WINDOW: u64 = 20;
    const WINDOW_SECONDS: u64 = 10;
    let server = Server::start();
    let started = Instant::now();
    make_trouble(&server.address.parse().unwrap());
    let windows = 1 + started.elapsed().as_secs() / WINDOW_SECONDS;
    server.running.signal(Signal::TERM);
    let ended = server.running.end_by_itself();
    ended.assert_done();
    let of_reason: Vec<&str> =
        ended.stderr.lines().filter(|line| line.contains("reason=unsupported_version")).collect();
    let more = |line: &&str| line.rsplit_once("more=").map(|(_, more)| more.parse::<u64>());
    let counted: u64 = of_reason.iter().filter_map(more).map(Result::unwrap).sum();
    let lines = of_reason.iter().filter(|line| more(line).is_none()).count() as u64;
    assert!(lines <= windows * LINES_PER_WINDOW, "{lines} lines in {windows} windows");
    assert_eq!(lines + counted, TROUBLEMAKERS as u64, "{of_reason:#?}");
}

#[test]
fn an_unread_log_stops_nothing() {
    for format in ["text", "json"] {
        assert_serves_on(serve(Stdio::piped(), format));
    }
}

/// On Linux, which has a device that is always full.
#[test]
#[cfg(target_os = "linux")]
fn the_disk_of_the_log_is_full() {
    for format in ["text", "json"] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_serves_on(serve(full.into(), format));
    }
}
