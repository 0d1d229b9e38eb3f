//! The command line itself: what is explained, what is refused, and with which exit status.

use crate::support::{Nobody, cafewire, run};

const COMMANDS: [&str; 11] =
    ["serve", "ping", "echo", "chat", "send", "listen", "decode", "encode", "bench", "completions", "man"];

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
    let tests_of_bench = [["bench", "echo"], ["bench", "chat"], ["bench", "idle"]];
    for command in COMMANDS.iter().map(std::slice::from_ref).chain(tests_of_bench.iter().map(<[_; 2]>::as_slice)) {
        let help = run(&[command, &["--help"]].concat(), "");
        help.assert_done();
        let text = help.stdout.join("\n");
        assert!(text.contains("Examples:") && text.contains(&format!("cafewire {}", command.join(" "))), "{text}");
    }
}

#[test]
fn wrong_arguments_end_with_2() {
    let long_name = "x".repeat(33);
    let long_room = "x".repeat(65);
    let long_text = "x".repeat(513);
    let cases: [(&[&str], &str); 14] = [
        (&[], "Usage"),
        (&["dance"], "dance"),
        (&["ping", "nowhere"], "HOST:PORT"),
        (&["ping", "udp://h:1"], "tcp://HOST:PORT"),
        (&["ping", "-c", "0"], "0"),
        (&["ping", "-i", "soon"], "seconds"),
        (&["echo", "--loud"], "--loud"),
        (&["chat"], "--user"),
        (&["chat", "--user", ""], "username is 0 bytes long, 1 to 32 are allowed"),
        (&["chat", "--user", &long_name], "username is 33 bytes long"),
        (&["send", "--user", "a", "--room", "b\tc"], "room name holds a control character at its byte 1"),
        (&["send", "--user", "a", "--room", "b", &long_text], "content is 513 bytes long, 1 to 512 are allowed"),
        (&["listen", "--user", "a", "--room", &long_room], "room name is 65 bytes long"),
        (&["serve", "--log-format", "xml"], "xml"),
    ];
    for (args, needle) in cases {
        let ended = run(args, "");
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(needle), "{args:?}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{args:?}: {ended:?}");
    }
}

#[test]
fn nobody_listening_is_one_sentence_and_1() {
    let nobody = Nobody::new();
    let address = nobody.address.as_str();
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
