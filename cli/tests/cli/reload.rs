//! What a reload of `serve` makes of a config file that was emptied, cut short or mended, and how
//! it tells.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{Folder, Running, Signal, cafewire, run};

/// A server with a config file of its own, which also says where it listens.
struct Served {
    folder: Folder,
    serve: Running,
    http: String,
}

impl Served {
    fn start(name: &str, rest: &str) -> Self {
        let folder = Folder::new(name);
        let path = folder.write("cafewire.toml", &text(rest));
        let mut serve = cafewire(&["serve", "--config", &path]);
        let http = serve.line_with("listening on http://").replace("listening on http://", "");
        Self { folder, serve, http }
    }

    /// Writes the file and reloads. Returns what the log says of settings, and of the outcome.
    fn reload(&mut self, text: &str) -> Vec<String> {
        self.folder.write("cafewire.toml", text);
        self.serve.signal(Signal::HUP);
        let mut lines = Vec::new();
        loop {
            let line = self.serve.remark_with("");
            let is_outcome = line.contains("reloaded");
            if is_outcome || line.contains("setting=") {
                lines.push(line);
            }
            if is_outcome {
                return lines;
            }
        }
    }

    fn metric(&self, name: &str) -> u64 {
        let mut socket = TcpStream::connect(&self.http).expect("it answers HTTP");
        socket.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("it reads");
        let mut metrics = String::new();
        socket.read_to_string(&mut metrics).expect("it answers");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        value.expect(name).parse().expect("a whole number")
    }
}

fn text(rest: &str) -> String {
    format!("listen = [\"127.0.0.1:0\"]\nhttp = [\"127.0.0.1:0\"]\n{rest}")
}

const SUCCEEDED: &str = "cafewire_config_last_reload_successful";
const SINCE: &str = "cafewire_config_last_reload_success_timestamp_seconds";

/// Its loop would stand still while it reads.
#[test]
fn a_file_that_is_too_large_is_refused() {
    let mut served = Served::start("reload-large", "rooms = 7\n");
    let large = text(&format!("rooms = 8\n#{}\n", "x".repeat(1 << 20)));
    let lines = served.reload(&large);
    assert!(lines[0].contains("not reloaded") && lines[0].contains("more than 1 MiB"), "{lines:?}");
    assert_eq!(served.metric(SUCCEEDED), 0);
    assert!(served.reload(&text("rooms = 8\n"))[0].contains("rooms (7 -> 8)"));
}

#[test]
fn an_emptied_file_is_refused_and_the_metrics_say_so() {
    let mut served = Served::start("emptied", "rooms = 7\n");
    let started = served.metric(SINCE);
    assert!(started > 1_700_000_000, "{started}");
    for emptied in ["", "\n"] {
        assert_eq!(served.metric(SUCCEEDED), 1);
        let told = served.reload(emptied);
        let last = &told[told.len() - 1];
        assert!(last.contains("not reloaded") && last.contains("it is empty"), "{told:?}");
        assert_eq!(served.metric(SUCCEEDED), 0);
        let told = served.reload(&text("rooms = 7\n"));
        assert!(told[0].contains("was reloaded changed=\"nothing\""), "{told:?}");
    }
    assert!(served.metric(SINCE) >= started);
    let path = served.folder.write("cafewire.toml", "");
    run(&["serve", "--config", &path, "--check-config"], "").assert_failed(1, "it is empty");
}

/// A file that an editor has written the first lines of is a good one, too.
#[test]
fn what_is_not_set_any_more_is_said_and_so_is_what_changed() {
    let mut served = Served::start("cut-short", "rooms = 7\nidle_timeout = \"1m\"\n");
    let told = served.reload(&text("rooms = 8\n"));
    assert!(
        told[0].contains(" WARN ") && told[0].contains("is not any more: the default counts"),
        "{told:?}"
    );
    assert!(told[0].contains("setting=\"idle_timeout\"") && told.len() == 2, "{told:?}");
    let changed = "was reloaded changed=\"idle_timeout (60s -> 300s), rooms (7 -> 8)\"";
    assert!(told[1].contains(changed), "{told:?}");
}

/// What was read in between and never came into force is not what was set before.
#[test]
fn what_is_not_set_any_more_is_said_once_the_reload_succeeds() {
    let mut served = Served::start("cut-short-twice", "rooms = 7\n");
    let no_file = "tls_certificate = \"/nowhere.pem\"\ntls_key = \"/nowhere.key\"\n";
    let told = served.reload(&text(no_file));
    assert!(told.len() == 1 && told[0].contains("was not reloaded"), "{told:?}");
    assert!(told[0].contains("line 3: /nowhere.pem,") && told[0].contains("line 4: /nowhere.key,"));
    let told = served.reload(&text(""));
    assert!(told[0].contains("setting=\"rooms\"") && told[1].contains("was reloaded"), "{told:?}");
    let told = served.reload(&text(""));
    assert!(told[0].contains("was reloaded changed=\"nothing\""), "{told:?}");
}

/// What one of them refuses, none may take.
#[test]
fn check_start_and_reload_judge_alike() {
    let mut served = Served::start("alike", "");
    let path = served.folder.path("cafewire.toml");
    for (text, says) in [
        ("listen = []\n", "line 1: there is no address to listen on"),
        (
            "listen = [\"127.0.0.1:7\", \"tcp://127.0.0.1:7\"]\n",
            "line 1: tcp://127.0.0.1:7 is there twice",
        ),
        (
            "listen = [\"127.0.0.1:7\"]\n\nhttp = [\"127.0.0.1:7\"]\n",
            "line 3: tcp://127.0.0.1:7 and http://127.0.0.1:7 cannot both be listened on",
        ),
        (
            "\nlisten = [\"tls://127.0.0.1:7\"]\n",
            "line 2: TLS needs a certificate and its key, and tls://127.0.0.1:7 has none",
        ),
        (
            "listen = [\"tcp+proxy://127.0.0.1:7\"]\n",
            "line 1: tcp+proxy://127.0.0.1:7 is for proxies",
        ),
    ] {
        let told = served.reload(text);
        assert!(told.len() == 1 && told[0].contains("was not reloaded"), "{text:?}: {told:?}");
        assert!(told[0].contains(says), "{text:?}: {told:?}");
        for more in [&["--check-config"][..], &[]] {
            run(&[&["serve", "--config", &path], more].concat(), "").assert_failed(1, says);
        }
    }
    assert!(served.reload(&text(""))[0].contains("changed=\"nothing\""));
}

/// `systemctl reload` fails where the file has an error, instead of leaving it to the log.
#[test]
fn the_packaged_unit_checks_the_file_before_it_reloads() {
    let unit = include_str!("../../packaging/cafewire.service");
    let values = |key: &str| -> Vec<Vec<String>> {
        let lines = unit.lines().filter_map(|line| line.strip_prefix(key));
        lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    };
    let (start, reload) = (values("ExecStart="), values("ExecReload="));
    let [check, hang_up] = reload.as_slice() else { panic!("{reload:?}") };
    assert_eq!(hang_up[1..], ["-HUP", "$MAINPID"]);
    assert_eq!(check[..4], start[0][..4], "the same program and file");
    let folder = Folder::new("exec-reload");
    for (text, status) in [("roms = 3\n", 1), ("", 1), ("rooms = 3\n", 0)] {
        let file = folder.write("cafewire.toml", text);
        let with_file = |arg: &String| {
            if arg.ends_with(".toml") { file.clone() } else { arg.clone() }
        };
        let args: Vec<String> = check[1..].iter().map(with_file).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        assert_eq!(run(&args, "").code, Some(status), "{text:?}");
    }
}
