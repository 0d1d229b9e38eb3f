//! Completions, the manual, the long version, verbosity, and a quiet end when the output is closed:
//! the interface for scripts and packagers.

use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Running, Server, Signal, cafewire, command, run};

#[test]
fn completions_know_every_command() {
    for (shell, needle) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef cafewire"),
        ("fish", "complete -c cafewire"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let ended = run(&["completions", shell], "");
        ended.assert_done();
        let script = ended.stdout.join("\n");
        assert!(
            script.contains(needle) && script.contains("bench") && script.contains("idle-timeout"),
            "{shell}"
        );
    }
    assert_eq!(run(&["completions", "tcl"], "").code, Some(2));
}

#[test]
fn the_manual_is_printed_or_written() {
    let ended = run(&["man"], "");
    ended.assert_done();
    let folder = std::env::temp_dir().join(format!("cafewire-man-{}", std::process::id()));
    run(&["man", folder.join("deep").to_str().unwrap()], "").assert_done();
    let mut pages: Vec<String> = std::fs::read_dir(folder.join("deep"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    for page in &pages {
        let text = std::fs::read_to_string(folder.join("deep").join(page)).unwrap();
        let title = text.lines().find(|line| line.starts_with(".TH ")).unwrap();
        let (name, section) = page.rsplit_once('.').unwrap();
        let rest = title.strip_prefix(&format!(".TH {name} {section} ")).expect(title);
        let (date, rest) = rest.split_once(' ').unwrap();
        assert!(date.len() == 10 && date.starts_with("20"), "no date: {title}");
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(rest, format!("\"cafewire {version}\" \"cafewire manual\""), "{title}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    for page in [
        "cafewire.1",
        "cafewire-serve.1",
        "cafewire-bench.1",
        "cafewire-bench-chat.1",
        "cafewire.toml.5",
    ] {
        assert!(pages.iter().any(|there| there == page), "{page}: {pages:?}");
    }
    let ended = run(&["man", "/dev/null/nowhere"], "");
    ended.assert_failed(1, "cannot write the manual into /dev/null/nowhere");
}

#[test]
fn the_long_version_tells_how_it_was_built() {
    let ended = run(&["--version"], "");
    ended.assert_done();
    let number = format!("cafewire {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(ended.stdout[0], number);
    for (line, start) in ended.stdout[1..].iter().zip(["protocol: ", "features: tcp", "build: "]) {
        assert!(line.starts_with(start), "{ended:?}");
    }
    // Tests are built as the program is: same profile, same machine, same compiler.
    let build: Vec<_> = ended.stdout[3]["build: ".len()..].split(", ").collect();
    assert_eq!(build.len(), 3, "{build:?}");
    let path = std::path::Path::new(env!("CARGO_BIN_EXE_cafewire"));
    let folder = path.parent().and_then(std::path::Path::file_name).expect("that of the profile");
    assert!(
        folder != "release" && folder != "debug" || folder == build[0],
        "{build:?} in {folder:?}"
    );
    let architecture = build[1].split('-').next();
    assert!(architecture.is_some_and(|name| name.starts_with(std::env::consts::ARCH)), "{build:?}");
    assert!(
        build[1].contains(std::env::consts::OS) && build[2].starts_with("rustc 1."),
        "{build:?}"
    );
    assert_eq!(ended.stdout.len(), 4);
    assert_eq!(run(&["-V"], "").stdout, [number]);
}

/// The log of `serve` from its start to its end.
fn log_of(verbosity: &[&str]) -> String {
    let server = Server::start_with(verbosity);
    run(&["ping", &server.address, "-c", "1"], "").assert_done();
    server.running.signal(Signal::TERM);
    server.running.end_by_itself().stderr
}

#[test]
fn the_log_says_more_or_less_as_asked() {
    let usual = log_of(&[]);
    assert!(usual.contains("INFO") && !usual.contains("DEBUG"), "{usual}");
    assert!(log_of(&["-v"]).contains("DEBUG"));
    assert_eq!(log_of(&["-q"]), "");
    assert_eq!(run(&["serve", "-q", "-v"], "").code, Some(2));
}

#[test]
fn rust_log_has_the_last_word() {
    let mut child = command(&["serve", "--listen", "127.0.0.1:0", "-q"]);
    let mut running = Running::start(child.env("RUST_LOG", "info"));
    running.line_with("listening");
    running.signal(Signal::TERM);
    assert!(running.end_by_itself().stderr.contains("INFO"));
}

#[test]
fn a_quiet_client_says_only_what_was_asked_for() {
    let server = Server::start();
    let listen = ["listen", &server.address, "--user", "ear", "--room", "lobby", "-t", "0.2", "-q"];
    let ended = run(&listen, "");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(27), ""));
    // Errors are printed all the same.
    let ended =
        run(&["listen", "unix:///nowhere.sock", "--user", "ear", "--room", "lobby", "-q"], "");
    ended.assert_failed(1, "cannot connect");
}

#[test]
fn a_client_says_where_it_connected_if_asked() {
    let server = Server::start();
    let connected = format!(
        "connected to {0}, at {1}",
        server.address,
        server.address.trim_start_matches("tcp://")
    );
    let talk = ["--user", "ear", "--room", "lobby"];
    for args in [
        &["ping", &server.address, "-c", "1", "-v"][..],
        &["echo", &server.address, "-v"],
        &[&["send", &server.address, "hello", "-v"], &talk[..]].concat(),
        &[&["chat", &server.address, "-v"], &talk[..]].concat(),
    ] {
        let ended = run(args, "");
        assert!(ended.stderr.starts_with(&connected), "{args:?}: {ended:?}");
    }
    let mut listen = cafewire(&[&["listen", &server.address, "-v"], &talk[..]].concat());
    assert_eq!(listen.remark_with(""), connected);
    assert!(!run(&["ping", &server.address, "-c", "1"], "").stderr.contains("connected"));
}

#[test]
fn a_command_with_no_more_or_less_to_say_refuses_to_be_told() {
    for (line, refused) in [
        ("ping -q", "-q"),
        ("echo --quiet", "--quiet"),
        ("send --user a --room b hello -q", "-q"),
        ("encode echo ping -q", "-q"),
        ("top --once -v", "-v"),
        ("top --once -q", "-q"),
        ("completions bash -q", "-q"),
        ("man --verbose", "--verbose"),
        ("-v ping", "-v"),
        ("-q decode", "-q"),
    ] {
        let ended = run(&line.split(' ').collect::<Vec<_>>(), "");
        assert_eq!((ended.code, ended.stdout.len()), (Some(2), 0), "{line}: {ended:?}");
        assert!(
            ended.stderr.contains(&format!("unexpected argument '{refused}' found")),
            "{line}: {ended:?}"
        );
    }
}

#[test]
fn decode_and_encode_say_more_if_asked() {
    let ended = run(&["decode", "--json", "-v"], "CAFE010000");
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (Some(0), "standard input is read as hexadecimal digits")
    );
    let ended = run(&["encode", "echo", "-v", "ping", "--payload", "hello", "--hex"], "");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), "1 frame, 10 bytes"));
    let line = r#"{"family":"echo","message":{"type":"Ping"}}"#;
    let ended =
        run(&["encode", "json", "--hex", "--verbose"], &format!("{line}\n{line}\nnonsense\n"));
    assert!(ended.code == Some(1) && ended.stderr.starts_with("2 frames, 10 bytes\n"), "{ended:?}");
}

#[test]
fn a_quiet_decode_says_what_it_found_and_no_sum() {
    let ended = run(&["decode", "-q"], "CAFE010000");
    ended.assert_done();
    assert!(ended.stderr.is_empty() && !ended.stdout.is_empty(), "{ended:?}");
}

/// Starts the command and closes the other end of its standard output after so many lines.
fn ends_after(lines: usize, args: &[&str], input: &str) {
    let mut running = cafewire(args);
    running.write(input);
    for _ in 0..lines {
        running.next_line();
    }
    running.stop_reading();
    // The pipe is closed once the next line has come; the number of lines until then depends on
    // scheduling.
    let (next_line, deadline) = (
        input.lines().next().map_or_else(String::new, |line| format!("{line}\n")),
        Instant::now() + PATIENCE,
    );
    while !running.has_ended() && Instant::now() < deadline {
        running.write(&next_line);
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = running.end_by_itself();
    ended.assert_failed(1, "the reader of standard output has closed it");
    assert!(!ended.stderr.contains("panic"), "{args:?}: {ended:?}");
}

#[test]
fn every_command_ends_in_order_when_its_output_is_closed() {
    let server = Server::start();
    let address = server.address.as_str();
    ends_after(1, &["ping", address, "-i", "0"], "");
    ends_after(1, &["echo", address], &"hello\n".repeat(100));
    ends_after(1, &["chat", address, "--user", "a", "--room", "r"], &"hello\n".repeat(100));
    let mut talker = cafewire(&["chat", address, "--user", "talker", "--room", "lobby"]);
    talker.line_with("joined");
    let listen = std::thread::scope(|scope| {
        let ending = scope.spawn(|| {
            ends_after(1, &["listen", address, "--user", "ear", "--room", "lobby"], "");
        });
        while !ending.is_finished() {
            talker.write("again\n");
            // Limits the flood; nothing waits for it.
            std::thread::sleep(Duration::from_millis(5));
        }
        ending.join()
    });
    listen.unwrap();
}
