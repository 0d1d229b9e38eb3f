//! The way to the server, for every client command: the version of IP.

use crate::support::{ClosedPort, Server, run};

/// The client commands, as far as they come without an address.
fn commands() -> [Vec<&'static str>; 6] {
    [
        vec!["ping", "-c", "1"],
        vec!["echo"],
        vec!["chat", "--plain", "--user", "a"],
        vec!["send", "--user", "a", "--room", "b", "text"],
        vec!["listen", "--user", "a", "--room", "b", "-t", "60"],
        vec!["bench", "echo", "-c", "1", "-n", "1", "--connect-retries", "0"],
    ]
}

/// The address stands before the text of `send`.
fn with_address<'a>(command: &[&'a str], address: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let place = command.iter().position(|&arg| arg == "text").unwrap_or(command.len());
    let (before, after) = command.split_at(place);
    [before, more, &[address], after].concat()
}

#[test]
fn a_name_without_an_address_of_the_version_is_one_sentence() {
    let closed_port = ClosedPort::new();
    for command in commands() {
        for option in ["-6", "--ipv6"] {
            run(&with_address(&command, &closed_port.address, &[option]), "")
                .assert_failed(1, "it has no IPv6 address, only IPv4");
        }
        run(&with_address(&command, "[::1]:1", &["-4"]), "")
            .assert_failed(1, "it has no IPv4 address, only IPv6");
    }
}

#[test]
fn an_address_of_the_version_is_connected_to() {
    let server = Server::start();
    run(&["ping", "-4", &server.address, "-c", "1"], "").assert_done();
    run(&["send", "-4", &server.address, "--user", "a", "--room", "b", "hi"], "").assert_done();
    run(&["bench", "echo", "-4", &server.address, "-c", "1", "-n", "1"], "").assert_done();
}

#[test]
fn where_there_is_no_ip_the_version_is_refused() {
    for command in commands() {
        for option in ["-4", "-6"] {
            let ended = run(&with_address(&command, "unix:///nowhere.sock", &[option]), "");
            assert_eq!(ended.code, Some(2), "{command:?}: {ended:?}");
            let sentence = "is for tcp:// and tls:// addresses, and unix:///nowhere.sock is none";
            assert!(ended.stderr.contains(sentence), "{command:?}: {ended:?}");
        }
        let both = run(&with_address(&command, "[::1]:1", &["-4", "-6"]), "");
        assert_eq!(both.code, Some(2), "{command:?}: {both:?}");
    }
}
