//! TLS as `serve` tells of it: certificates that are not valid, keys that are written, handshakes
//! that fail.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::support::{Folder, PATIENCE, Running, Signal, cafewire, command, run};

/// A self-signed certificate for localhost, valid in these years, and its key.
fn certificate(folder: &Folder, from: i32, until: i32) -> [String; 2] {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.self_signed(&key).expect("a certificate");
    [folder.write("cert.pem", &certificate.pem()), folder.write("key.pem", &key.serialize_pem())]
}

#[test]
fn certificates_that_are_not_valid_are_told_at_check_start_and_reload() {
    let folder = Folder::new("expired");
    let [cert, key] = certificate(&folder, 2020, 2021);
    let ca = folder.path("ca.pem");
    std::fs::copy(&cert, &ca).expect("a copy");
    let config = format!(
        "listen = [\"tls://127.0.0.1:0\"]\nhttp = [\"127.0.0.1:0\"]\ntls_certificate = {cert:?}\n\
         tls_key = {key:?}\ntls_client_ca = {ca:?}\n"
    );
    let config = folder.write("cafewire.toml", &config);
    let has_expired = "has expired: it was valid until Fri, 01 Jan 2021 00:00:00 +0000";
    let ca_has = format!("in {ca} {has_expired}; other certificates that it signed are taken");
    let checked = run(&["serve", "--config", &config, "--check-config"], "");
    checked.assert_done();
    for says in [&format!("in {cert} {has_expired}"), &ca_has] {
        assert!(checked.stderr.contains(says), "{checked:?}");
    }
    let mut serve = cafewire(&["serve", "--config", &config]);
    serve.remark_with(&format!("in {cert} {has_expired}"));
    serve.remark_with(&ca_has);
    let http = serve.line_with("listening on http://").replace("listening on http://", "");
    let metric = "cafewire_tls_certificate_expiry_seconds{certificate=\"server\"} 1609459200\n";
    assert!(metrics(&http).contains(metric));
    certificate(&folder, 2999, 3000);
    serve.signal(Signal::HUP);
    serve.remark_with("is not valid yet: from Tue, 01 Jan 2999 00:00:00 +0000 on");
    serve.remark_with("was reloaded");
}

fn metrics(http: &str) -> String {
    let mut socket = TcpStream::connect(http).expect("it answers HTTP");
    socket.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("it reads");
    let mut metrics = String::new();
    socket.read_to_string(&mut metrics).expect("it answers");
    metrics
}

fn serve_tls(folder: &Folder, variables: &[(&str, &str)]) -> (Running, String, String) {
    let [cert, key] = certificate(folder, 2020, 2999);
    let args = ["--listen", "tls://127.0.0.1:0", "--tls-certificate", &cert, "--tls-key", &key];
    let mut serve = command(&[&["serve"], &args[..]].concat());
    let mut serve = Running::start(serve.envs(variables.iter().copied()));
    let address = serve.line_with("listening on ").replace("listening on tls://127.0.0.1", "");
    (serve, address, cert)
}

#[test]
fn keys_of_sessions_are_written_where_the_variable_says_and_the_log_warns() {
    let folder = Folder::new("key-log");
    let keys = folder.path("keys.log");
    let (mut serve, port, cert) = serve_tls(&folder, &[("SSLKEYLOGFILE", &keys)]);
    let warning = serve.remark_with("SSLKEYLOGFILE is set");
    assert!(warning.contains(" WARN ") && warning.contains(&keys), "{warning}");
    let address = format!("tls://localhost{port}");
    run(&["ping", &address, "--ca", &cert, "-c", "1"], "").assert_done();
    let written = std::fs::read_to_string(&keys).expect("the keys");
    assert!(written.contains("CLIENT_TRAFFIC_SECRET_0 "), "{written}");
}

#[test]
fn clients_remark_on_keys_that_are_written_and_on_certificates_out_of_their_time() {
    let folder = Folder::new("client-key-log");
    let keys = folder.path("keys.log");
    let (_serve, port, cert) = serve_tls(&folder, &[]);
    let address = format!("tls://localhost{port}");
    let with_keys = |args: &[&str]| {
        let mut client = command(args);
        client.env("SSLKEYLOGFILE", &keys).output().expect("it runs")
    };
    let pinged = with_keys(&["ping", &address, "--ca", &cert, "-c", "1"]);
    let said = String::from_utf8_lossy(&pinged.stderr);
    assert!(pinged.status.success(), "{said}");
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [format!("cafewire: SSLKEYLOGFILE is set: those who read {keys} can read this connection")]
    );
    let written = std::fs::read_to_string(&keys).expect("the keys");
    assert!(written.contains("CLIENT_TRAFFIC_SECRET_0 "), "{written}");

    // What cannot be is not claimed.
    let nowhere = "/nonexistent/keys.log";
    let mut ping = command(&["ping", &address, "--ca", &cert, "-c", "1"]);
    let pinged = ping.env("SSLKEYLOGFILE", nowhere).output().expect("it runs");
    let said = String::from_utf8_lossy(&pinged.stderr);
    assert!(pinged.status.success(), "{said}");
    let says = format!("cafewire: SSLKEYLOGFILE is set, but {nowhere} cannot be written: No such");
    assert!(said.starts_with(&says) && said.lines().count() == 1, "{said}");
    let folder = Folder::new("no-key-log");
    let (mut serve, ..) = serve_tls(&folder, &[("SSLKEYLOGFILE", nowhere)]);
    let warning = serve.remark_with("SSLKEYLOGFILE is set");
    assert!(warning.contains("no keys are written: it cannot be opened"), "{warning}");
    assert!(warning.contains(nowhere) && warning.contains("No such file"), "{warning}");

    // Where nothing is sealed there is nothing to remark.
    let plain = with_keys(&["ping", "tcp://127.0.0.1:1", "-c", "1"]);
    assert!(!String::from_utf8_lossy(&plain.stderr).contains("SSLKEYLOGFILE"));

    let old = Folder::new("client-old-ca");
    let [old, _] = certificate(&old, 2020, 2021);
    let refused = run(&["send", &address, "--ca", &old, "--user", "a", "--room", "r", "x"], "");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let warning = "has expired: it was valid until Fri, 01 Jan 2021";
    assert!(refused.stderr.contains(warning), "{refused:?}");
}

#[test]
fn the_log_says_in_words_why_tls_failed_and_nothing_of_a_probe() {
    let folder = Folder::new("tls-failed");
    let (mut serve, port, _) = serve_tls(&folder, &[]);
    let address = format!("127.0.0.1{port}");
    // A probe of the port.
    drop(TcpStream::connect(&address).expect("it listens"));
    let mut plain = TcpStream::connect(&address).expect("it listens");
    plain.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it reads");
    let _ = plain.read_to_end(&mut Vec::new());
    let closed = serve.remark_with("reason=tls_failed");
    let words = "detail=\"what the peer sent is no TLS, or was damaged (invalid content type)\"";
    assert!(closed.contains(words), "{closed}");
    serve.signal(Signal::TERM);
    let rest = serve.end_by_itself();
    rest.assert_done();
    assert!(!rest.stderr.contains("tls_failed"), "{rest:?}");
}
