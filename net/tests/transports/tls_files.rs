//! The files of TLS settings: what a server must not read it refuses at once, and each certificate
//! of a file must be one, wherever it stands.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use cafewire_net::{ConfigFaults, Server, ServerConfig, ServerTls};

use super::certificates::Authority;
use crate::support::PATIENCE;

fn config(tls: ServerTls) -> ServerConfig {
    let mut config = ServerConfig::default();
    config.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
    config.tls = Some(tls);
    config
}

/// Why a server does not start with these files. It may not take long over them.
fn refusal(tls: ServerTls) -> String {
    let (sender, outcome) = mpsc::channel();
    std::thread::spawn(move || {
        sender.send(Server::bind(config(tls)).map(drop).unwrap_err().to_string())
    });
    outcome.recv_timeout(PATIENCE).expect("a start that ends")
}

/// Settings in which each file in turn is this one.
fn each_file(good: &ServerTls, path: &Path) -> [ServerTls; 3] {
    let mut all = [(); 3].map(|()| good.clone());
    all[0].identity.certificate = path.into();
    all[1].identity.key = path.into();
    all[2].client_ca = Some(path.into());
    all
}

/// Its end may never come, and the thread that reads it is the one that serves.
#[test]
#[cfg(target_os = "linux")] // where rustix makes a named pipe
fn a_pipe_or_a_device_is_refused_at_once() {
    use rustix::fs::{CWD, Mode, mkfifoat};
    let authority = Authority::new();
    let good = authority.server_tls();
    let pipe = authority.file("pipe", "");
    std::fs::remove_file(&pipe).unwrap();
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
    let large = authority.file("large.pem", &"x".repeat((1 << 20) + 1));
    for (path, says) in [
        (pipe, "cannot be read: it is no regular file, and no other is read"),
        ("/dev/null".into(), "cannot be read: it is no regular file, and no other is read"),
        (large, "cannot be read: it has more than 1 MiB, and no more is read"),
    ] {
        for tls in each_file(&good, &path) {
            let told = refusal(tls);
            assert!(told.ends_with(says) && told.contains(path.to_str().unwrap()), "{told}");
        }
    }
}

/// Each is a fault of its own, and all are told.
#[test]
fn every_file_that_cannot_be_used_is_told() {
    let authority = Authority::new();
    let mut tls = authority.server_tls();
    tls.identity.certificate = "/nowhere/server.pem".into();
    tls.identity.key = "/nowhere/server.key".into();
    tls.client_ca = Some("/nowhere/ca.pem".into());
    let error = Server::bind(config(tls)).unwrap_err();
    let faults = error.get_ref().and_then(|error| error.downcast_ref::<ConfigFaults>()).unwrap();
    let settings: Vec<_> = faults.0.iter().map(cafewire_net::ConfigFault::setting).collect();
    assert_eq!(settings, ["tls_certificate", "tls_key", "tls_client_ca"]);
    assert_eq!(error.to_string().matches("/nowhere/").count(), 3, "{error}");
}

fn block(label: &str, base64: &str) -> String {
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}

/// Clients would meet it, and not the operator.
#[test]
fn a_rubbish_certificate_behind_a_good_one_is_refused_with_its_place() {
    let authority = Authority::new();
    let good = authority.server_tls();
    let certificate = std::fs::read_to_string(&good.identity.certificate).unwrap();
    let line = certificate.lines().count() + 2;
    let half = &certificate[..certificate.len() / 2];
    let trailing = certificate.replace("-----END", "AAAA\n-----END");
    for (rubbish, says) in [
        (block("CERTIFICATE", "AAAA"), "bad encoding"),
        (block("CERTIFICATE", ""), "bad encoding"),
        (block("CERTIFICATE", "?"), "a section is no Base64"),
        (block("PUBLIC KEY", "AAAA"), "its label is \"PUBLIC KEY\""),
        (block("CERTIFICATE REQUEST", "AAAA"), "its label is \"CERTIFICATE REQUEST\""),
        (block("RUBBISH", "AAAA"), "its label is \"RUBBISH\""),
        ("-----BEGIN CERTIFICATE---\n".to_owned(), "a BEGIN line is malformed"),
        (format!("{half}\n"), "a section has no END line"),
        (trailing, ""),
    ] {
        let chain = format!("{certificate}# a comment\n{rubbish}{certificate}");
        let path = authority.file("chain.pem", &chain);
        let place = format!("block 2 of {}, which begins in line {line}, ", path.display());
        let [of_chain, _, of_ca] = each_file(&good, &path);
        for tls in [of_chain, of_ca] {
            let told = refusal(tls);
            assert!(told.contains(&place) && told.ends_with(says), "{rubbish}: {told}");
        }
    }
}

/// Many keep the key, and what openssl writes in front of it, in the same file.
#[test]
fn a_key_and_parameters_may_stand_beside_the_certificates() {
    let authority = Authority::new();
    let good = authority.server_tls();
    let [certificate, key] = [&good.identity.certificate, &good.identity.key]
        .map(|path: &PathBuf| std::fs::read_to_string(path).unwrap());
    let parameters = block("EC PARAMETERS", "BggqhkjOPQMBBw==");
    let path = authority.file("all.pem", &format!("{parameters}{key}{certificate}"));
    let mut tls = good;
    (tls.identity.certificate, tls.identity.key) = (path.clone(), path);
    Server::bind(config(tls)).unwrap();
}
