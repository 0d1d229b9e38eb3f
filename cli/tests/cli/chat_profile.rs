//! `chat`'s profiles: settings from the user's config folder.

use std::fs;
use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair};

use crate::support::{Ended, Running, Server, cafewire, command, run};

/// A config folder of a test's own, removed with it.
struct ConfigFolder(PathBuf);

impl ConfigFolder {
    fn with(test: &str, config: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("cafewire-cli-{}-{test}", std::process::id()));
        fs::create_dir_all(folder.join("cafewire")).expect("a folder");
        fs::write(folder.join("cafewire/config.toml"), config).expect("a file");
        Self(folder)
    }

    fn start(&self, args: &[&str]) -> Running {
        Running::start(command(args).env("XDG_CONFIG_HOME", &self.0))
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.start(args).end()
    }
}

impl Drop for ConfigFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_profile_gives_address_and_name_and_the_command_line_wins() {
    let server = Server::start();
    let config = format!(
        "[profile.default]\nuser = \"default-user\"\n\
         [profile.work]\naddress = \"{}\"\nuser = \"ada\"\nrooms = [\"lobby\", \"tea\"]\n",
        server.address
    );
    let folder = ConfigFolder::with("where", &config);
    let mut chat = folder.start(&["chat", "--profile", "work"]);
    chat.line_with("[lobby] * <ada> joined");
    chat.line_with("[tea] * <ada> joined");
    chat.write("to the first room\n");
    chat.line_with("[lobby] <ada> to the first room");
    let mut other =
        folder.start(&["chat", "--profile", "work", "--user", "grace", "--room", "attic"]);
    other.line_with("[attic] * <grace> joined");
    let ended = other.end();
    ended.assert_done();
    assert_eq!(ended.stdout, [] as [String; 0]);
    chat.end().assert_done();
    let mut default = folder.start(&["chat", &server.address, "--room", "lobby"]);
    default.line_with("[lobby] * <default-user> joined");
    default.end().assert_done();
}

/// A server that verifies client certificates, and a profile with all the files that TLS needs.
#[test]
fn a_profile_holds_what_tls_takes_and_options_and_variables_win() {
    let folder = ConfigFolder::with("tls", "");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let files = folder.0.join("cafewire");
    fs::write(files.join("cert.pem"), certificate.pem()).expect("a file");
    fs::write(files.join("key.pem"), key.serialize_pem()).expect("a file");
    let path = |name| files.join(name).to_str().expect("a plain path").to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let identity = ["--tls-certificate", &cert, "--tls-key", &key, "--tls-client-ca", &cert];
    let mut serve =
        cafewire(&[&["serve", "--listen", "tls://localhost:0"], &identity[..]].concat());
    let listening = serve.line_with("listening on tls://");
    let address = format!("tls://localhost:{}", listening.rsplit(':').next().expect("a port"));

    let profile = |tls: &str| {
        let config = format!(
            "[profile.work]\naddress = \"{address}\"\nuser = \"ada\"\nrooms = [\"tea\"]\n{tls}"
        );
        fs::write(files.join("config.toml"), config).expect("a file");
    };
    let joins = |args: &[&str], variables: &[(&str, &str)]| {
        let mut chat = command(&[&["chat", "--profile", "work"], args].concat());
        let mut chat =
            Running::start(chat.env("XDG_CONFIG_HOME", &folder.0).envs(variables.iter().copied()));
        chat.line_with("[tea] * <ada> joined");
        chat.end().assert_done();
    };
    let fails = |args: &[&str], variables: &[(&str, &str)], says: &str| {
        let mut chat = command(&[&["chat", "--profile", "work"], args].concat());
        let chat =
            Running::start(chat.env("XDG_CONFIG_HOME", &folder.0).envs(variables.iter().copied()));
        chat.end().assert_failed(1, says);
    };
    profile("ca = \"cert.pem\"\ncert = \"cert.pem\"\nkey = \"key.pem\"\n");
    joins(&[], &[]);
    fails(&["--ca", "/option.pem"], &[], "/option.pem");
    fails(&[], &[("CAFEWIRE_CA", "/variable.pem")], "/variable.pem");
    joins(&["--ca", &cert], &[("CAFEWIRE_CA", "/variable.pem")]);
    fails(&["--cert", "/option.pem", "--key", &key], &[], "/option.pem");
    profile("ca = \"cert.pem\"\n");
    joins(&["--cert", &cert, "--key", &key], &[]);
    profile("ca = \"elsewhere.pem\"\n");
    fails(&[], &[], files.join("elsewhere.pem").to_str().expect("a plain path"));
}

#[test]
fn what_is_wrong_in_the_file_is_said() {
    let folder = ConfigFolder::with("wrong", "[profile.work]\nuesr = \"ada\"\n");
    folder.run(&["chat", "--profile", "work"]).assert_failed(1, "did you mean \"user\"?");
    folder.run(&["chat", "--user", "ada"]).assert_failed(1, "cafewire/config.toml: profile.work:");
    let folder = ConfigFolder::with("none", "[profile.work]\n");
    folder.run(&["chat", "--profile", "wrok"]).assert_failed(1, "did you mean \"work\"?");
    run(&["chat", "--profile", "work"], "")
        .assert_failed(1, "there is no config file /nonexistent/");
}

#[test]
fn without_a_name_from_anywhere_one_is_asked_for_by_its_option() {
    let folder = ConfigFolder::with("nameless", "[profile.work]\nrooms = [\"lobby\"]\n");
    let ended = folder.run(&["chat", "--profile", "work", "--plain"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("--user <NAME> is needed"), "{ended:?}");
}
