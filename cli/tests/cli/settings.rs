//! `serve`'s settings: options, variables, the config file, and their precedence.

use std::path::PathBuf;

use crate::support::{Running, Server, command, run};

/// A file of this test's own, deleted when dropped.
struct ConfigFile(PathBuf);

impl ConfigFile {
    fn new(name: &str, text: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("cafewire-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).expect("the temporary folder is writable");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain path")
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn print_config_prints_a_file_that_says_the_same() {
    let shown = run(&["serve", "--print-config"], "");
    shown.assert_done();
    assert!(shown.stdout.contains(&"idle_timeout = \"5m\"".to_owned()), "{shown:?}");
    // Settings without a value are listed too: this is the place to look for all of them.
    let unset = "# not set, and without a default: unix_mode, tls_certificate, tls_key, \
                 tls_client_ca"
        .to_owned();
    assert_eq!(shown.stdout.last(), Some(&unset));
    let file = ConfigFile::new("same", &shown.stdout.join("\n"));
    let again = run(&["serve", "--config", file.path(), "--print-config"], "");
    again.assert_done();
    assert_eq!(again.stdout, shown.stdout);
}

/// Limits that the server raises or lowers are printed and reported with their effective value, not
/// with the requested one.
#[test]
fn limits_that_do_not_count_as_set_are_shown_and_told_as_they_count() {
    let asked = ["outbox_bytes", "room_log_bytes", "read_pause_bytes", "read_bytes_per_tick"];
    let file = ConfigFile::new(
        "moved",
        "connections = 8\noutbox_bytes = 10\nroom_log_bytes = 10\nread_bytes_per_tick = 10\n",
    );
    let shown = run(&["serve", "--config", file.path(), "--print-config"], "");
    shown.assert_done();
    let counts = ["131080", "10080", "65540", "\"1KiB\""];
    for (name, value) in asked.into_iter().zip(counts) {
        let line = shown
            .stdout
            .iter()
            .find(|line| line.starts_with(&format!("{name} = ")))
            .expect("its line");
        assert!(line.ends_with(value) || line.ends_with(&format!("\"{value}\"")), "{line}");
    }
    let checked = run(&["serve", "--config", file.path(), "--check-config"], "");
    checked.assert_done();
    let mut serve =
        crate::support::cafewire(&["serve", "--config", file.path(), "--listen", "127.0.0.1:0"]);
    serve.line_with("listening on");
    serve.signal(crate::support::Signal::TERM);
    let served = serve.end_by_itself();
    for (name, count) in
        asked.into_iter().zip(["131080 bytes", "10080 bytes", "65540 bytes", "1 KiB"])
    {
        let told = format!("{name} counts as {count}, not as ");
        assert!(
            checked.stderr.contains(&told) && served.stderr.contains(&told),
            "{told}: {checked:?} {served:?}"
        );
    }
    assert_eq!(checked.stderr.lines().count(), asked.len(), "{checked:?}");
    assert_eq!(run(&["serve", "--config", file.path(), "--check-config", "-q"], "").stderr, "");
    // The effective values as input: no report is left.
    let same = ConfigFile::new("moved-same", &shown.stdout.join("\n"));
    let again = run(&["serve", "--config", same.path(), "--check-config"], "");
    assert_eq!((again.code, again.stderr.as_str()), (Some(0), ""));
}

#[test]
fn connections_are_shown_and_told_as_descriptors_allow() {
    let limited = |option: &str| {
        let mut shell = crate::support::program("sh");
        shell.args([
            "-c",
            "ulimit -n 60; exec \"$0\" serve \"$1\"",
            env!("CARGO_BIN_EXE_cafewire"),
            option,
        ]);
        let ended = Running::start(&mut shell).end();
        ended.assert_done();
        ended
    };
    let shown = limited("--print-config");
    assert!(shown.stdout.contains(&"connections = 27".to_owned()), "{shown:?}");
    let checked = limited("--check-config");
    assert!(
        checked.stderr.starts_with("refusals counts as 3, not as 256: file descriptors")
            && checked.stderr.contains("connections counts as 27, not as 65536: file descriptors"),
        "{checked:?}"
    );
}

/// Under a bound on memory there is room for so many buffers, and no more connections are let in
/// than the kernel can hold bytes for.
#[test]
fn buffers_are_shown_and_told_as_memory_allows() {
    let limited = |connections: &str, arguments: &[&str]| {
        let mut shell = crate::support::program("sh");
        shell.args(["-c", "ulimit -v 524288; exec \"$0\" serve --connections \"$@\""]);
        shell.args([env!("CARGO_BIN_EXE_cafewire"), connections]).args(arguments);
        let ended = Running::start(&mut shell).end();
        ended.assert_done();
        ended
    };
    let bound = "3/4 of RLIMIT_AS (ulimit -v) of 512 MiB";
    let told = [
        "connections counts as 2048, not as 4000: beside buffer_bytes, send buffers of 96 KiB \
         each must fit into ",
        "buffer_bytes counts as 192 MiB, not as 512 MiB: beside the kernel's send buffers of 192 \
         MiB it must fit into ",
        "send_buffer_bytes counts as 48 KiB, not as the system chooses: beside buffer_bytes, twice \
         this for each connection must fit into ",
    ];
    let checked = limited("4000", &["--check-config"]);
    assert_eq!(checked.stderr, told.map(|told| format!("{told}{bound}")).join("\n"));
    let shown = limited("4000", &["--print-config"]);
    for line in ["connections = 2048", "buffer_bytes = \"192MiB\"", "send_buffer_bytes = \"48KiB\""]
    {
        assert!(shown.stdout.contains(&line.to_owned()), "{line} is not in {shown:?}");
    }
    // As shown it counts: nothing is left to tell.
    let same = ConfigFile::new("memory", &shown.stdout.join("\n"));
    assert_eq!(limited("2048", &["--config", same.path(), "--check-config"]).stderr, "");
    // What fits is left alone, and so is the system's choice.
    let fits = ["--buffer-bytes", "100MiB", "--check-config"];
    assert_eq!(limited("2", &fits).stderr, "");
}

#[test]
fn an_option_wins_over_a_variable_and_that_over_the_file() {
    let file = ConfigFile::new(
        "order",
        "rooms = 1\nconnections = 1\nmembers_per_room = 1\nrooms_per_connection = 1\n",
    );
    let args = ["serve", "--config", file.path(), "--rooms", "3", "--print-config"];
    let mut all_places = command(&args);
    all_places
        .env("CAFEWIRE_ROOMS", "2")
        .env("CAFEWIRE_CONNECTIONS", "2")
        .env("CAFEWIRE_IDLE_TIMEOUT", "7s");
    let ended = Running::start(&mut all_places).end();
    ended.assert_done();
    for line in [
        "rooms = 3",
        "connections = 2",
        "members_per_room = 1",
        "idle_timeout = \"7s\"",
        "close_timeout = \"2s\"",
    ] {
        assert!(ended.stdout.contains(&line.to_owned()), "{line} is not in {ended:?}");
    }
}

#[test]
fn a_wrong_variable_is_called_by_its_name() {
    for (variable, value) in [
        ("CAFEWIRE_IDLE_TIMEOUT", "soon"),
        ("CAFEWIRE_LISTEN", "h:1,nowhere"),
        ("CAFEWIRE_LOG_FORMAT", "xml"),
        ("CAFEWIRE_PRINT_DATA", "perhaps"),
    ] {
        let ended =
            Running::start(command(&["serve", "--check-config"]).env(variable, value)).end();
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(
            ended.stderr.contains(&format!("for '{variable} in the environment'")),
            "{ended:?}"
        );
    }
    let option = ["serve", "--idle-timeout", "soon"];
    let ended = Running::start(command(&option).env("CAFEWIRE_IDLE_TIMEOUT", "soon")).end();
    assert!(ended.stderr.contains("for '--idle-timeout <TIME>'"), "{ended:?}");
}

#[test]
fn a_tls_address_without_a_certificate_is_told_how_to_get_one() {
    for more in [&["--check-config"][..], &[]] {
        let ended = run(&[&["serve", "--listen", "tls://127.0.0.1:0"], more].concat(), "");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let says = "set tls_certificate and tls_key (--tls-certificate, --tls-key)";
        assert!(
            ended.stderr.contains("tls://") && ended.stderr.contains(says),
            "{more:?}: {ended:?}"
        );
    }
}

#[test]
fn check_config_says_what_is_wrong_and_does_not_serve() {
    let good = ConfigFile::new(
        "good",
        "listen = [\"tcp://127.0.0.1:1\", \"[::1]:2\"]\nlog_format = \"json\"\nconnections = 8\n",
    );
    let checked = run(&["serve", "--config", good.path(), "--check-config"], "");
    checked.assert_done();
    assert_eq!(checked.stdout, [format!("config file {}: all is good", good.path())]);
    assert_eq!(checked.stderr, "");
    let quiet = run(&["serve", "--config", good.path(), "--check-config", "-q"], "");
    assert_eq!((quiet.code, quiet.stdout.len()), (Some(0), 0));
    let no_file = run(&["serve", "--check-config"], "");
    assert_eq!(no_file.stdout, ["all settings are good"], "{no_file:?}");
    for (name, text, says) in [
        (
            "typo",
            "rooms = 1\noutbox_byte = 1",
            "line 2: there is no setting \"outbox_byte\"; did you mean \"outbox_bytes\"?",
        ),
        ("kind", "rooms = -1", "line 1: a whole number from 0 up is wanted"),
        ("value", "rooms = 1\nidle_timeout = \"soon\"", "line 2: a time is wanted"),
        ("toml", "rooms = ", "line 1"),
    ] {
        let bad = ConfigFile::new(name, text);
        run(&["serve", "--config", bad.path(), "--check-config"], "").assert_failed(1, says);
        run(&["serve", "--config", bad.path()], "").assert_failed(1, bad.path());
    }
    run(&["serve", "--config", "/nowhere/cafewire.toml"], "")
        .assert_failed(1, "cannot read the config file");
}

#[test]
fn all_errors_are_told_at_once_with_their_lines() {
    let file = ConfigFile::new(
        "all-errors",
        "rooms = -1\nlisten = [\"tls://127.0.0.1:1\"]\nconnections = 8\nroms = 3\n\
         idle_timeout = \"soon\"\ntls_client_ca = \"/nowhere/ca.pem\"\n",
    );
    let wanted = [
        "line 1: a whole number from 0 up is wanted, not integer `-1`",
        "line 4: there is no setting \"roms\"; did you mean \"rooms\"?",
        "line 5: a time is wanted",
        "line 6: tls_client_ca is set without tls_certificate and tls_key",
    ];
    for more in [&["--check-config"][..], &[]] {
        let told = run(&[&["serve", "--config", file.path()], more].concat(), "");
        assert_eq!((told.code, told.stdout.len()), (Some(1), 0), "{told:?}");
        let lines: Vec<&str> = told.stderr.lines().collect();
        assert_eq!(lines.len(), wanted.len(), "{lines:#?}");
        for (line, wanted) in lines.iter().zip(wanted) {
            let start = format!("cafewire: config file {}: {wanted}", file.path());
            assert!(line.starts_with(&start), "{line}");
        }
    }
    // What an option sets instead is no error of the file.
    let given = ["serve", "--check-config", "--listen", "tls://127.0.0.1:1"];
    let told = run(&given, "");
    told.assert_failed(1, "TLS needs a certificate and its key, and tls://127.0.0.1:1 has none");
    assert!(!told.stderr.contains("config file"), "{told:?}");
}

#[test]
fn a_setting_has_its_effect() {
    let file = ConfigFile::new("effect", "listen = [\"127.0.0.1:0\"]\nconnections = 1\n");
    let mut serve = crate::support::cafewire(&["serve", "--config", file.path()]);
    let address = serve.next_line().strip_prefix("listening on ").expect("an address").to_owned();
    let mut first =
        crate::support::cafewire(&["listen", &address, "--user", "ada", "--room", "tea"]);
    first.remark_with("listening to");
    run(&["send", &address, "--user", "bob", "--room", "tea", "hello"], "")
        .assert_failed(1, "as many connections");
}

/// Without a setting in its config file the server trusts its peers; the packaged one is for a
/// server that strangers reach.
#[test]
fn the_packaged_file_bounds_what_strangers_may_send() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/cafewire.toml");
    let shown = run(&["serve", "--config", file, "--print-config"], "");
    shown.assert_done();
    for rate in
        ["frames_per_second = 100", "bytes_per_second = \"64KiB\"", "connects_per_second = 50"]
    {
        assert!(shown.stdout.contains(&rate.to_owned()), "{rate}: {shown:?}");
    }
}

/// `CAFEWIRE_ROOMS= cafewire serve`: as compose files and unit files have it.
#[test]
fn an_empty_variable_is_none() {
    for variable in
        ["CAFEWIRE_IDLE_TIMEOUT", "CAFEWIRE_LISTEN", "CAFEWIRE_PRINT_DATA", "CAFEWIRE_CONFIG"]
    {
        let mut serve = command(&["serve", "--check-config"]);
        Running::start(serve.env(variable, "")).end().assert_done();
    }
    let server = Server::start();
    let mut ping = command(&["ping", &server.address, "-c", "1"]);
    ping.env("CAFEWIRE_CA", "").env("CAFEWIRE_CERT", "").env("CAFEWIRE_ADDR", "");
    Running::start(&mut ping).end().assert_done();
    let mut nameless = command(&["listen", &server.address, "--room", "lobby"]);
    let ended = Running::start(nameless.env("CAFEWIRE_USER", "")).end();
    assert!(ended.stderr.contains("required arguments were not provided"), "{ended:?}");
}
