//! `SCHEMAS.md` names the members that `ping --json` and `listen --json` print, and no others.
//! (Those of `decode` and `bench` are checked by the tests of these commands.)

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::TcpListener;
use std::thread;

use serde_json::Value;

use crate::support::scripted::ScriptedServer;
use crate::support::{Server, cafewire, run};

/// The members named in the table of this command. A row may name several.
fn documented(command: &str) -> BTreeSet<String> {
    let schemas = include_str!("../../SCHEMAS.md");
    let heading = format!("`cafewire {command} --json`");
    let section =
        schemas.split("\n## ").find(|section| section.starts_with(&heading)).expect("a section");
    let names = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    names
        .flat_map(|names| names.split(", "))
        .map(|name| name.trim_matches('`').to_owned())
        .collect()
}

fn members<'l>(lines: impl IntoIterator<Item = &'l String>) -> BTreeSet<String> {
    lines
        .into_iter()
        .flat_map(|line| {
            serde_json::from_str::<serde_json::Map<String, Value>>(line).expect("an object")
        })
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn of_ping() {
    let server = Server::start();
    let mut lines = run(&["ping", &server.address, "--json", "-c", "1"], "").stdout;
    // A server that answers with something else: that ping is lost.
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = stranger.local_addr().expect("its address").to_string();
    let answering = thread::spawn(move || {
        stranger.accept().and_then(|(mut peer, _)| peer.write_all(b"HTTP/1.1 400\r\n"))
    });
    lines.extend(run(&["ping", &address, "--json", "-c", "1"], "").stdout);
    answering.join().expect("no panic").expect("it answered");
    assert_eq!(members(&lines), documented("ping"));
}

#[test]
fn of_listen() {
    let server = Server::start();
    let mut listen =
        cafewire(&["listen", &server.address, "--user", "ear", "--room", "lobby", "--json"]);
    let mut lines = vec![listen.next_line()];
    run(&["send", &server.address, "--user", "ada", "--room", "lobby", "hello"], "").assert_done();
    lines.extend((0..3).map(|_| listen.next_line()));
    // A connection that is lost and made again.
    let mut visits = 0;
    let losing = ScriptedServer::start_for(2, move |mut peer| {
        peer.sign_in_and_let_in("ear", "lobby");
        visits += 1;
        if visits == 2 {
            peer.broadcast(8, "ada", "lobby", "hello");
            peer.until_goodbye();
        }
    });
    let args = ["listen", &losing.address, "--user", "ear", "--room", "lobby", "--json", "--retry"];
    let again = run(&[&args[..], &["-n", "1"]].concat(), "").stdout;
    losing.finish();
    let kinds = |line: &String| serde_json::from_str::<Value>(line).unwrap()["kind"].to_string();
    let kinds: Vec<_> = again.iter().map(kinds).collect();
    assert_eq!(kinds, ["\"joined\"", "\"gap\"", "\"joined\"", "\"message\""]);
    lines.extend(again);
    assert_eq!(members(&lines), documented("listen"));
}
