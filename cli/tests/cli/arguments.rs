//! The command line itself: help, refusals, and their exit statuses.

use crate::support::{ClosedPort, Running, cafewire, command, run};

const COMMANDS: [&str; 13] = [
    "serve",
    "ping",
    "echo",
    "chat",
    "send",
    "listen",
    "decode",
    "encode",
    "bench",
    "top",
    "connections",
    "completions",
    "man",
];

#[test]
fn version_and_help_end_with_0() {
    run(&["--version"], "").assert_done();
    let help = run(&["--help"], "");
    help.assert_done();
    for command in COMMANDS {
        assert!(help.stdout.iter().any(|line| line.trim_start().starts_with(command)), "{help:?}");
    }
}

#[test]
fn the_help_of_every_command_has_examples() {
    let mut left: Vec<Vec<String>> =
        COMMANDS.iter().map(|&command| vec![command.to_owned()]).collect();
    let mut seen = 0;
    while let Some(command) = left.pop() {
        let args: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = run(&args, "");
        help.assert_done();
        let text = help.stdout.join("\n");
        assert!(
            text.contains("Examples:") && text.contains(&format!("cafewire {}", command.join(" "))),
            "{text}"
        );
        // And the nested ones: the first words of the lines between two headings.
        let below = help.stdout.iter().skip_while(|line| *line != "Commands:").skip(1);
        for line in below.take_while(|line| !line.is_empty()) {
            let name = line.split_whitespace().next().expect("a command");
            if name != "help" {
                left.push([&command[..], &[name.to_owned()]].concat());
            }
        }
        seen += 1;
    }
    assert!(seen > COMMANDS.len() + 20, "only {seen} commands were seen");
}

#[test]
fn what_is_refused_late_is_refused_with_the_usage_of_its_command() {
    for (args, usage) in [
        (
            &["encode", "chat", "connect", "--username", ""][..],
            "Usage: cafewire encode chat connect ",
        ),
        (&["bench", "echo", "-s", "3"], "Usage: cafewire bench echo "),
        (&["send", "--user", "a", "--room", "b", ""], "Usage: cafewire send "),
        (&["chat", "--plain"], "Usage: cafewire chat "),
    ] {
        let ended = run(args, "");
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(usage), "{args:?}: {ended:?}");
    }
}

#[test]
fn tls_options_without_effect_are_refused() {
    let closed_port = ClosedPort::new();
    let address = closed_port.address.as_str();
    for args in [
        &["ping", address, "--ca", "ca.pem"][..],
        &["echo", "--ca", "ca.pem"],
        &["chat", address, "--user", "a", "--cert", "a.pem", "--key", "a.key"],
        &["chat", "--user", "a", "--ca", "ca.pem"],
        &["send", address, "--ca", "ca.pem", "--user", "a", "--room", "b", "hello"],
        &["listen", "unix:///nowhere.sock", "--ca", "ca.pem", "--user", "a", "--room", "b"],
        &["bench", "echo", address, "--ca", "ca.pem"],
    ] {
        let ended = run(args, "");
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains("is for tls:// addresses, and "), "{args:?}: {ended:?}");
    }
    // A variable applies to any address that uses it.
    let mut ping = command(&["ping", address]);
    Running::start(ping.env("CAFEWIRE_CA", "ca.pem")).end().assert_failed(1, "cannot connect");
}

#[test]
fn wrong_arguments_end_with_2() {
    let long_name = "x".repeat(33);
    let long_room = "x".repeat(65);
    let long_text = "x".repeat(513);
    let cases: [(&[&str], &str); 15] = [
        (&[], "Usage"),
        (&["dance"], "dance"),
        (&["ping", "no:where"], "is no port"),
        (&["ping", "udp://h:1"], "tcp://HOST:PORT"),
        (&["ping", "-c", "0"], "0"),
        (&["ping", "-i", "soon"], "seconds"),
        (&["echo", "--loud"], "--loud"),
        (&["chat"], "--user"),
        (&["chat", "--user", ""], "username is 0 bytes long, 1 to 32 are allowed"),
        (&["chat", "--user", &long_name], "username is 33 bytes long"),
        (
            &["send", "--user", "a", "--room", "b\tc"],
            "room name holds a control character at its byte 1",
        ),
        (
            &["send", "--user", "a", "--room", "b", &long_text],
            "content is 513 bytes long, 1 to 512 are allowed",
        ),
        (&["listen", "--user", "a", "--room", &long_room], "room name is 65 bytes long"),
        (&["serve", "--log-format", "xml"], "xml"),
        (&["serve", "--rooms", "many"], "a whole number from 0 up is wanted"),
    ];
    for (args, needle) in cases {
        let ended = run(args, "");
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(needle), "{args:?}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{args:?}: {ended:?}");
    }
}

#[test]
fn a_refused_connection_is_one_sentence_and_1() {
    let closed_port = ClosedPort::new();
    let address = closed_port.address.as_str();
    let cases: [&[&str]; 5] = [
        &["ping", address],
        &["echo", address],
        &["chat", address, "--user", "a"],
        &["send", address, "--user", "a", "--room", "b", "hello"],
        &["listen", address, "--user", "a", "--room", "b"],
    ];
    for args in cases {
        let ended = cafewire(args).end();
        ended.assert_failed(1, &format!("cannot connect to {address}"));
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        assert!(ended.stdout.is_empty(), "{ended:?}");
    }
}
