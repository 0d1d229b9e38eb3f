//! Reloading: limits and certificates that change while connections go on, and what is refused as a whole.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cafewire_core::ErrorCode;
use cafewire_net::{Client, CloseReason, Phase, ServerConfig, ServerTls};

use super::certificates::Authority;
use super::tls::address;
use crate::support::{PATIENCE, TestServer};

/// A server whose next configuration the test lays down, and the phases it goes through.
struct Reloading {
    server: TestServer,
    next: Arc<Mutex<Result<ServerConfig, String>>>,
    phases: mpsc::Receiver<Phase>,
}

impl Reloading {
    fn start(config: &ServerConfig) -> Self {
        let next = Arc::new(Mutex::new(Ok(config.clone())));
        let (tell, phases) = mpsc::channel();
        let source = Arc::clone(&next);
        let server = TestServer::with_tap(
            |present| *present = config.clone(),
            |server| {
                server.on_reload(Box::new(move || source.lock().unwrap().clone()));
                server.on_phase(Box::new(move |phase| tell.send(phase).unwrap()));
            },
        );
        let this = Self { server, next, phases };
        this.expect(Phase::Ready);
        this
    }

    fn expect(&self, phase: Phase) {
        assert_eq!(self.phases.recv_timeout(PATIENCE), Ok(phase));
    }

    /// Reloads, and waits until that is done, well or not.
    fn reload(&self, next: Result<ServerConfig, String>) {
        *self.next.lock().unwrap() = next;
        self.server.handle().reload();
        self.expect(Phase::Reloading);
        self.expect(Phase::Ready);
    }
}

fn config() -> ServerConfig {
    let mut config = ServerConfig::default();
    config.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config
}

#[test]
fn limits_count_at_once_for_those_who_are_here_too() {
    let reloading = Reloading::start(&config());
    let server = &reloading.server;
    let mut ada = server.member("ada", "tea");
    let mut bystander = server.user("bob");
    let mut changed = config();
    changed.limits.rooms_per_connection = 1;
    changed.limits.idle_timeout = Duration::from_millis(100);
    changed.limits.connections = 2;
    reloading.reload(Ok(changed));
    ada.send_chat(&cafewire_core::MessagePayload::JoinRoom { room: "cake" });
    ada.expect_error(ErrorCode::LimitReached);
    // He signed in under five minutes of idle time, and has nothing to listen to.
    bystander.expect_error(ErrorCode::IdleTimeout);
    bystander.expect_end();
    let mut carl = server.peer();
    let mut dora = server.peer();
    dora.expect_error(ErrorCode::ServerFull);
    carl.sign_in("carl");
    reloading.reload(Ok(config()));
    ada.join("cake");
    drop((ada, carl));
}

#[test]
fn a_configuration_that_will_not_do_changes_nothing() {
    let authority = Authority::new();
    let mut with_tls = config();
    with_tls.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
    with_tls.tls = Some(authority.server_tls());
    let reloading = Reloading::start(&with_tls);
    let works = || {
        let mut client = Client::connect_with(&address(&reloading.server), &authority.client_config()).unwrap();
        assert_eq!(client.echo(b"x").unwrap(), b"x");
        client
    };
    let mut before = works();
    // The limit in these would show: nobody could come in.
    let mut bad = with_tls.clone();
    bad.limits.connections = 1;
    bad.tls = Some(ServerTls { client_ca: Some("/nowhere/ca.pem".into()), ..authority.server_tls() });
    reloading.reload(Ok(bad.clone()));
    works();
    bad.tls = None;
    reloading.reload(Ok(bad));
    works();
    reloading.reload(Err("the file is gone".to_owned()));
    works();
    assert_eq!(before.echo(b"still here").unwrap(), b"still here");
}

#[test]
fn a_new_certificate_is_shown_from_the_next_connection_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let mut with_tls = config();
    with_tls.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
    with_tls.tls = Some(old.server_tls());
    let reloading = Reloading::start(&with_tls);
    let connect = |authority: &Authority| Client::connect_with(&address(&reloading.server), &authority.client_config());
    let mut before = connect(&old).unwrap();
    connect(&new).unwrap_err();
    with_tls.tls = Some(new.server_tls());
    reloading.reload(Ok(with_tls));
    connect(&old).unwrap_err();
    assert_eq!(connect(&new).unwrap().echo(b"new").unwrap(), b"new");
    assert_eq!(before.echo(b"old").unwrap(), b"old");
    reloading.server.wait_for_closes(CloseReason::TlsFailed, 2);
}

#[test]
fn draining_is_a_phase() {
    let mut reloading = Reloading::start(&config());
    reloading.server.handle().shut_down();
    reloading.expect(Phase::Draining);
    reloading.server.wait_for_end();
}
