//! Readers of standard output that are gone: every command says so, with status 1. A program
//! cannot tell one that has read enough from one that died.

use std::process::Stdio;

use crate::support::{Running, Server, command};

/// Runs a command to its end whose output no reader takes.
fn without_reader(args: &[&str], input: &str) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut running = Running::start(command(args).stdout(Stdio::from(writer)));
    running.write(input);
    running.end().assert_failed(1, "the reader of standard output has closed it");
}

#[test]
fn every_command_says_that_the_reader_of_its_output_is_gone() {
    let server = Server::start();
    let address = server.address.as_str();
    without_reader(&["--help"], "");
    without_reader(&["--version"], "");
    without_reader(&["serve", "--listen", "127.0.0.1:0"], "");
    without_reader(&["serve", "--print-config"], "");
    without_reader(&["ping", address, "-c", "1"], "");
    without_reader(&["echo", address], "hello\n");
    without_reader(&["chat", "--plain", address, "--user", "a", "--room", "b"], "");
    without_reader(&["listen", address, "--user", "a", "--room", "b", "--json"], "");
    without_reader(&["decode"], "CAFE 01 0000\n");
    without_reader(&["encode", "echo", "ping", "--hex"], "");
    let ping = r#"{"family":"echo","message":{"type":"Ping"}}"#;
    without_reader(&["encode", "json", "--hex"], ping);
    without_reader(&["bench", "echo", address, "-c", "1", "-n", "1"], "");
    without_reader(&["completions", "bash"], "");
    without_reader(&["man"], "");
}

#[test]
fn a_command_without_output_needs_no_reader() {
    let server = Server::start();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let args = ["send", &server.address, "--user", "a", "--room", "b", "hello"];
    Running::start(command(&args).stdout(Stdio::from(writer))).end().assert_done();
}
