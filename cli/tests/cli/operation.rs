//! `serve` as a service: reloads at SIGHUP, sockets and notifications of a service manager, TLS and
//! Unix-domain sockets from the command line, the log.

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cafewire_net::Client;
use rcgen::{CertificateParams, KeyPair};

use crate::support::{Folder, PATIENCE, Running, Signal, cafewire, command, program, run};

fn address_of(serve: &mut Running) -> String {
    serve.line_with("listening on ").replace("listening on ", "")
}

#[test]
fn a_broken_config_at_sighup_keeps_the_old_one_and_says_why() {
    let folder = Folder::new("reload");
    let config =
        |rest: &str| folder.write("cafewire.toml", &format!("listen = [\"127.0.0.1:0\"]\n{rest}"));
    let path = config("connections = 1\n");
    let mut serve = cafewire(&["serve", "--config", &path]);
    let address = address_of(&mut serve);
    let mut ada = cafewire(&["listen", &address, "--user", "ada", "--room", "tea"]);
    ada.remark_with("listening to");
    let is_full = || {
        run(&["send", &address, "--user", "bob", "--room", "tea", "x"], "")
            .assert_failed(1, "as many connections");
    };
    is_full();
    for (broken, why) in [
        ("connections = 2\nroms = 3\n", "did you mean"),
        ("connections = many\n", "line 2"),
        ("connections = 2\ntls_key = \"/nowhere.key\"\n", "a key needs its certificate"),
        (
            "connections = 2\ntls_key = \"/nowhere.key\"\ntls_certificate = \"/nowhere.pem\"\n",
            "/nowhere.pem",
        ),
    ] {
        config(broken);
        serve.signal(Signal::HUP);
        let remark = serve.remark_with("not reloaded");
        assert!(remark.contains(why), "{remark}");
        is_full();
    }
    config("connections = 2\n");
    serve.signal(Signal::HUP);
    serve.remark_with("was reloaded");
    run(&["ping", &address, "-c", "1"], "").assert_done();
    serve.signal(Signal::TERM);
    serve.end_by_itself().assert_done();
}

/// Settings that a reload cannot change are reported: each by its name, and only when it differs.
#[test]
fn what_needs_a_restart_is_told_at_sighup() {
    let folder = Folder::new("restart");
    let config =
        |rest: &str| folder.write("cafewire.toml", &format!("listen = [\"127.0.0.1:0\"]\n{rest}"));
    let path = config("");
    let mut serve = cafewire(&["serve", "--config", &path]);
    let address = address_of(&mut serve);
    for (rest, told) in [
        (
            "print_data = true\nhttp = [\"127.0.0.1:0\"]\n",
            &["addresses", "setting=\"print_data\""][..],
        ),
        ("log_format = \"json\"\n", &["setting=\"log_format\""]),
        ("print_data = false\n", &[]),
    ] {
        config(rest);
        serve.signal(Signal::HUP);
        let mut missing = told.to_vec();
        loop {
            let remark = serve.remark_with("");
            if remark.contains("was reloaded") {
                break;
            }
            if remark.contains("restart") {
                let before = missing.len();
                missing.retain(|needle| !remark.contains(needle));
                assert!(missing.len() < before, "{rest:?}: {remark}");
            }
        }
        assert!(missing.is_empty(), "{rest:?}: not reported: {missing:?}");
    }
    // The setting has indeed not changed: nothing is printed.
    run(&["ping", &address, "-c", "1"], "").assert_done();
    serve.signal(Signal::TERM);
    serve.end_by_itself().assert_done();
}

/// The log reports connections that did not read their queue before the end.
#[test]
fn the_log_counts_peers_that_missed_the_rest() {
    let stop = |mut serve: Running| {
        serve.signal(Signal::TERM);
        let remark = serve.remark_with("stopped");
        serve.end_by_itself().assert_done();
        remark
    };
    let start = || cafewire(&["serve", "--listen", "127.0.0.1:0", "--drain-timeout", "300ms"]);
    let mut serve = start();
    let address = address_of(&mut serve);
    let _idle = TcpStream::connect(address.trim_start_matches("tcp://")).expect("it listens");
    run(&["ping", &address, "-c", "1"], "").assert_done();
    let remark = stop(serve);
    assert!(remark.contains("every queue was flushed"), "{remark}");

    let mut serve = start();
    let address = address_of(&mut serve);
    let mut deaf = TcpStream::connect(address.trim_start_matches("tcp://")).expect("it listens");
    deaf.set_write_timeout(Some(Duration::from_millis(500))).expect("a time-out");
    let mut frame = vec![0; 5 + 60_000];
    frame[..5].copy_from_slice(&[0xCA, 0xFE, 0x03, 0xEA, 0x60]);
    // Writes until the server holds as much as it will for a peer that does not read, and reads no
    // more itself. Several writes in a row are refused then; a single refusal may be a machine that
    // stood still.
    let (mut sent, mut times_refused) = (0, 0);
    while times_refused < 4 {
        match deaf.write(&frame[sent % frame.len()..]) {
            Ok(count) => (sent, times_refused) = (sent + count, 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => times_refused += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}"),
        }
    }
    let remark = stop(serve);
    assert!(remark.contains("not all took all") && remark.contains("connections=1"), "{remark}");
}

#[test]
fn a_service_manager_is_told() {
    let folder = Folder::new("notify");
    let path = folder.path("notify.sock");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let told = || {
        let mut buffer = [0; 256];
        let count = manager.recv(&mut buffer).expect("a notification");
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    };
    let mut serve =
        Running::start(command(&["serve", "--listen", "127.0.0.1:0"]).env("NOTIFY_SOCKET", &path));
    assert_eq!(told().trim_end(), "READY=1");
    serve.signal(Signal::HUP);
    let reloading = told();
    assert!(
        reloading.contains("RELOADING=1") && reloading.contains("MONOTONIC_USEC="),
        "{reloading:?}"
    );
    assert_eq!(told().trim_end(), "READY=1");
    serve.signal(Signal::TERM);
    assert_eq!(told().trim_end(), "STOPPING=1");
    serve.remark_with("stopped");
    serve.end_by_itself().assert_done();
}

/// As systemd starts a service with a socket unit: the socket is descriptor 3.
fn serve_on(socket: OwnedFd) -> Running {
    serve_on_named(socket, "cafewire.socket", &[])
}

/// The same with `FileDescriptorName=` in the unit.
fn serve_on_named(socket: OwnedFd, name: &str, more_args: &[&str]) -> Running {
    let mut shell = program("sh");
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"";
    shell.env("LISTEN_FDNAMES", name);
    shell.args([
        "-c",
        script,
        "sh",
        env!("CARGO_BIN_EXE_cafewire"),
        "serve",
        "--listen",
        "127.0.0.1:1",
    ]);
    shell.args(more_args);
    shell.stdin(Stdio::from(socket)).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::start(&mut shell)
}

#[test]
fn sockets_of_a_service_manager_are_taken_over() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("its address");
    let mut serve = serve_on(socket.into());
    assert_eq!(serve.next_line(), format!("listening on tcp://{address}"));
    run(&["ping", &address.to_string(), "-c", "2", "-i", "0"], "").assert_done();
}

/// A name in the socket unit says that proxies connect there, with TLS behind their header or not.
#[test]
fn a_socket_of_a_service_manager_that_is_named_so_is_for_proxies() {
    let folder = Folder::new("proxy-socket");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .and_then(|params| params.self_signed(&key))
        .expect("a certificate");
    let cert = folder.write("cert.pem", &certificate.pem());
    let key = folder.write("key.pem", &key.serialize_pem());
    let tls = ["--tls-certificate", &cert, "--tls-key", &key];
    for (name, scheme) in [("proxy", "tcp+proxy"), ("tls+proxy", "tls+proxy"), ("tls", "tls")] {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("its address");
        let args = [&["--proxy-from", "127.0.0.1"][..], &tls].concat();
        let mut serve = serve_on_named(socket.into(), name, &args);
        assert_eq!(serve.next_line(), format!("listening on {scheme}://{address}"));
        if scheme == "tcp+proxy" {
            let mut proxy = TcpStream::connect(address).expect("it listens");
            let header = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 8080\r\n";
            proxy.write_all(header.as_bytes()).expect("it reads");
            proxy.write_all(b"\x47").expect("it reads");
            let closed = serve.remark_with("reason=unsupported_version");
            assert!(closed.contains("peer=192.0.2.7:4711"), "{closed}");
        }
    }
    // From where they may come must be said.
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    serve_on_named(socket.into(), "proxy", &[])
        .end_by_itself()
        .assert_failed(1, "proxy_from names no network that they may come from");
}

#[test]
fn an_address_for_proxies_wants_to_know_where_they_come_from() {
    let serve = ["serve", "--listen", "tcp+proxy://127.0.0.1:0"];
    for more in [&["--check-config"][..], &[]] {
        run(&[&serve[..], more].concat(), "").assert_failed(
            1,
            "tcp+proxy://127.0.0.1:0 is for proxies: set proxy_from (--proxy-from), the networks \
             from which they may come",
        );
    }
    let refused = run(&[&serve[..], &["--proxy-from", "somewhere"]].concat(), "");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--proxy-from <NET>"), "{refused:?}");
}

/// Accepting would fail for ever, in silence.
#[cfg(target_os = "linux")]
#[test]
fn a_handed_over_socket_that_cannot_accept_is_refused() {
    let folder = Folder::new("handed-over");
    let bound = |domain, kind, address: socket2::SockAddr| {
        let socket = socket2::Socket::new(domain, kind, None).expect("a socket");
        socket.bind(&address).expect("a free address");
        OwnedFd::from(socket)
    };
    let ip = || std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into();
    let path = |name| socket2::SockAddr::unix(folder.path(name)).expect("a short path");
    let (ipv4, unix) = (socket2::Domain::IPV4, socket2::Domain::UNIX);
    let (stream, datagram) = (socket2::Type::STREAM, socket2::Type::DGRAM);
    let file = std::fs::File::open("/dev/null").expect("it is everywhere");
    for (socket, says) in [
        (bound(ipv4, stream, ip()), "it does not listen"),
        (bound(unix, stream, path("stream")), "it does not listen"),
        (bound(ipv4, datagram, ip()), "no stream socket"),
        (bound(unix, datagram, path("datagram")), "no stream socket"),
        (file.into(), "no stream socket"),
    ] {
        let refused = serve_on(socket).end_by_itself();
        refused.assert_failed(1, "cannot use socket 0 of the service manager");
        assert!(refused.stderr.contains(says), "{says}: {refused:?}");
    }
}

#[test]
fn the_mode_of_a_sockets_file_is_a_setting_whatever_the_umask() {
    let folder = Folder::new("unix-mode");
    for (umask, option, mode) in [
        ("077", &["--unix-mode", "0666"][..], 0o666),
        ("000", &["--unix-mode", "600"], 0o600),
        ("027", &[], 0o750),
    ] {
        let path = folder.path("cafewire.sock");
        let unix = format!("unix://{path}");
        let mut shell = program("sh");
        shell.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"]);
        shell.args([env!("CARGO_BIN_EXE_cafewire"), "serve", "--listen", &unix]).args(option);
        let mut serve = Running::start(&mut shell);
        assert_eq!(address_of(&mut serve), unix);
        let rights = std::fs::metadata(&path).expect("the socket's file").permissions().mode();
        assert_eq!(rights & 0o777, mode, "umask {umask}, {option:?}");
        serve.signal(Signal::TERM);
        serve.end_by_itself().assert_done();
    }
    let refused = run(&["serve", "--unix-mode", "rw"], "");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("octal digits are wanted"), "{refused:?}");
}

/// It listens, and never answers: neither is its file taken away, nor is it waited for.
#[test]
fn starting_on_the_path_of_a_stopped_server_ends_with_a_sentence() {
    let folder = Folder::new("stopped");
    let unix = format!("unix://{}", folder.path("cafewire.sock"));
    let mut stopped = cafewire(&["serve", "--listen", &unix]);
    assert_eq!(address_of(&mut stopped), unix);
    stopped.signal(Signal::STOP);
    let second = run(&["serve", "--listen", &unix], "");
    stopped.signal(Signal::CONT);
    second.assert_failed(1, "another program listens there");
    run(&["ping", &unix, "-c", "1"], "").assert_done();
}

#[test]
fn tls_and_unix_sockets_from_the_command_line() {
    let folder = Folder::new("tls");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .and_then(|params| params.self_signed(&key))
        .expect("a certificate");
    let (cert, key) = (
        folder.write("cert.pem", &certificate.pem()),
        folder.write("key.pem", &key.serialize_pem()),
    );
    let unix = format!("unix://{}", folder.path("cafewire.sock"));
    let listen = ["serve", "--listen", "tls://localhost:0", "--listen", &unix];
    let mut serve =
        cafewire(&[&listen[..], &["--tls-certificate", &cert, "--tls-key", &key]].concat());
    let tls = address_of(&mut serve);
    // One line for each address of the name comes before it.
    serve.line_with(&unix);
    let port = tls.rsplit(':').next().expect("a port");
    let tls = format!("tls://localhost:{port}");

    run(&["ping", &unix, "-c", "1"], "").assert_done();
    run(&["ping", &tls, "--ca", &cert, "-c", "1"], "").assert_done();
    let mut ada =
        cafewire(&["listen", &tls, "--ca", &cert, "--user", "ada", "--room", "tea", "-n", "1"]);
    ada.remark_with("listening to");
    run(&["send", &unix, "--user", "bob", "--room", "tea", "through another door"], "")
        .assert_done();
    assert!(ada.line_with("through another door").contains("bob"));
    // The system trusts other certificates, not ours; verification cannot be turned off.
    run(&["ping", &tls, "-c", "1"], "").assert_failed(1, "cannot connect to tls://localhost");
    run(&["ping", &tls, "--ca", "/nowhere.pem", "-c", "1"], "").assert_failed(1, "/nowhere.pem");
    serve.signal(Signal::TERM);
    serve.end_by_itself().assert_done();
    assert!(!Path::new(&folder.path("cafewire.sock")).exists());
}

#[test]
fn tls_settings_that_want_others_are_refused_before_anything_is_served() {
    for (args, says) in [
        (&["--tls-certificate", "a.pem"][..], "a certificate needs its key"),
        (&["--tls-key", "a.key"], "a key needs its certificate"),
        (&["--tls-client-ca", "a.pem"], "which TLS needs first"),
        (&["--listen", "tls://127.0.0.1:0"], "TLS needs a certificate"),
        // Both are told, each on a line of its own.
        (&["--tls-certificate", "/nowhere.pem", "--tls-key", "/nowhere.key"], "/nowhere.key"),
    ] {
        run(&[&["serve", "--listen", "127.0.0.1:0"], args].concat(), "").assert_failed(1, says);
    }
    run(&["serve", "--check-config", "--listen", "tls://127.0.0.1:0"], "")
        .assert_failed(1, "tls_certificate and tls_key");
    let unreadable = [
        "serve",
        "--check-config",
        "--tls-certificate",
        "/nowhere.pem",
        "--tls-key",
        "/nowhere.key",
    ];
    let told = run(&unreadable, "");
    told.assert_failed(1, "/nowhere.key");
    assert!(told.stderr.contains("/nowhere.pem"), "{told:?}");
}

#[test]
fn the_log_says_everything_of_a_connection_within_its_span() {
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    let mut serve = Running::start(serve.env("RUST_LOG", "debug"));
    let address = address_of(&mut serve);
    run(&["send", &address, "--user", "ada", "--room", "tea", "hello"], "").assert_done();
    let mut connections = Vec::new();
    for message in ["accepted", "closed"] {
        let line = serve.remark_with(&format!("\"message\":\"{message}\""));
        let entry: serde_json::Value = serde_json::from_str(&line).expect("a JSON object per line");
        assert_eq!(entry["span"]["name"], "connection", "{line}");
        assert!(
            entry["span"]["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")),
            "{line}"
        );
        connections.push(entry["span"]["id"].clone());
        if message == "closed" {
            assert_eq!(
                (&entry["fields"]["reason"], &entry["fields"]["family"]),
                (&"disconnected".into(), &"chat-v1".into())
            );
        }
    }
    assert_eq!(connections[0], connections[1]);
}

/// A peer of IPv4 is the same in every line, whatever socket it came through.
#[test]
fn ipv4_through_an_ipv6_socket_is_written_as_ipv4() {
    if TcpListener::bind("[::]:0").is_err() {
        return;
    }
    let listen = ["serve", "--listen", "[::]:0", "--http", "[::]:0", "--print-data"];
    let mut serve = Running::start(command(&listen).env("RUST_LOG", "debug"));
    let addresses = [(); 2].map(|()| address_of(&mut serve));
    let [peer, http] = addresses.map(|address| {
        let port = address.rsplit(':').next().expect("a port").to_owned();
        // Fails where the system gives `[::]` no IPv4 (ipv6(7), bindv6only).
        TcpStream::connect(format!("127.0.0.1:{port}")).ok()
    });
    let (Some(mut peer), Some(_http)) = (peer, http) else { return };
    peer.write_all(b"\xCA\xFE\x04\x00\x02hi\x09").expect("a Data frame, and nothing of ours");
    let printed = serve.line_with("data from");
    assert!(printed.starts_with("data from 127.0.0.1:"), "{printed}");
    let mut missing = vec!["accepted on the HTTP port", "connection{", "closed"];
    while !missing.is_empty() {
        let line = serve.remark_with("peer=");
        assert!(line.contains("peer=127.0.0.1:"), "{line}");
        missing.retain(|&needle| !line.contains(needle));
    }
}

/// The log's pipe is full, and the process at its other end does not read.
#[test]
fn an_unread_log_holds_up_no_connection() {
    let mut command = command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.env("RUST_LOG", "trace").spawn().expect("the binary starts");
    let unread = child.stderr.take();
    let mut serve = Running::adopt(child);
    let address = address_of(&mut serve).parse().expect("an address");
    // Two lines each: several times the capacity of a pipe, 64 KiB (pipe(7)).
    for _ in 0..1500 {
        Client::connect(&address).and_then(|mut client| client.ping()).expect("the server serves");
    }
    serve.signal(Signal::TERM);
    serve.end_by_itself().assert_done();
    drop(unread);
}
