//! Reloading: limits and certificates change while connections stay open, and a bad configuration
//! is refused as a whole.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cafewire_core::echo::MessageType;
use cafewire_core::{ErrorCode, Message};
use cafewire_net::{Client, CloseReason, Phase, ServerConfig, ServerTls};

use super::certificates::Authority;
use super::tls::address;
use crate::support::{PATIENCE, Peer, Received, TestServer, echo};

/// A server whose next configuration the test sets, and the phases it goes through.
struct Reloading {
    server: TestServer,
    http: Vec<SocketAddr>,
    next: Arc<Mutex<Result<ServerConfig, String>>>,
    phases: mpsc::Receiver<Phase>,
}

impl Reloading {
    fn start(config: &ServerConfig) -> Self {
        let next = Arc::new(Mutex::new(Ok(config.clone())));
        let (tell, phases) = mpsc::channel();
        let source = Arc::clone(&next);
        let mut http = Vec::new();
        let server = TestServer::with_prepared(
            |present| *present = config.clone(),
            |server| {
                server.on_reload(Box::new(move || source.lock().unwrap().clone()));
                server.set_phase_hook(Box::new(move |phase| tell.send(phase).unwrap()));
                http = server.http_addresses().to_vec();
            },
        );
        let this = Self { server, http, next, phases };
        this.expect(Phase::Ready);
        this
    }

    fn expect(&self, phase: Phase) {
        assert_eq!(self.phases.recv_timeout(PATIENCE), Ok(phase));
    }

    /// Reloads, and waits until the reload has succeeded or failed.
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
fn limits_apply_at_once_to_present_connections_too() {
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
    // Bob signed in with an idle time-out of five minutes, and is in no room.
    bystander.expect_error(ErrorCode::IdleTimeout);
    bystander.expect_end();
    drop(bystander); // otherwise bob would count until the close time-out
    let mut carl = server.peer();
    let mut dora = server.peer();
    dora.expect_error(ErrorCode::ServerFull);
    carl.sign_in("carl");
    reloading.reload(Ok(config()));
    ada.join("cake");
    drop((ada, carl));
}

#[test]
fn limits_of_the_http_server_apply_to_the_next_connection() {
    let mut with_http = config();
    with_http.http = vec!["127.0.0.1:0".parse().unwrap()];
    let reloading = Reloading::start(&with_http);
    let status = |peer: &mut TcpStream| {
        let mut status_line = [0; "HTTP/1.1 200".len()];
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        peer.read_exact(&mut status_line).unwrap();
        String::from_utf8_lossy(&status_line[9..]).into_owned()
    };
    let ask = || {
        let mut peer = TcpStream::connect(reloading.http[0]).unwrap();
        peer.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        (status(&mut peer), peer)
    };
    let (mut first, mut second) = (ask(), ask());
    assert_eq!((&*first.0, &*second.0), ("200", "200"));
    for (_, peer) in [&mut first, &mut second] {
        peer.write_all(b"GET /hea").unwrap(); // an idle one would make room
    }
    with_http.limits.http_connections = 2;
    reloading.reload(Ok(with_http));
    let mut third = TcpStream::connect(reloading.http[0]).unwrap();
    assert_eq!(status(&mut third), "503");
}

#[test]
fn the_limit_on_a_read_applies_at_once() {
    const FRAMES: usize = 200;
    let reloading = Reloading::start(&config());
    let mut peer = reloading.server.peer();
    let mut changed = config();
    changed.limits.read_bytes_per_tick = 1024;
    reloading.reload(Ok(changed));
    let ticks_before = reloading.server.metrics().ticks;
    let sent = echo(&Message::Data(&[7; 1000])).repeat(FRAMES);
    peer.send(&sent);
    let metrics =
        reloading.server.wait_until("all of it", |metrics| metrics.data_messages == FRAMES as u64);
    assert!(metrics.ticks - ticks_before >= (sent.len() / 1024) as u64, "{metrics:?}");
}

#[test]
fn rates_apply_at_once_to_present_connections_too() {
    let reloading = Reloading::start(&config());
    let mut peer = reloading.server.peer();
    let mut has_all_answers = || {
        peer.send(&echo(&Message::Ping(b"x")).repeat(2));
        assert!(matches!(peer.next(), Received::Echo(MessageType::Pong, _)));
        matches!(peer.next(), Received::Echo(MessageType::Pong, _))
    };
    assert!(has_all_answers());
    let mut changed = config();
    changed.limits.frames_per_second = 1;
    reloading.reload(Ok(changed));
    assert!(!has_all_answers());
    reloading.reload(Ok(config()));
    assert!(has_all_answers());
}

#[test]
fn a_bad_configuration_changes_nothing() {
    let authority = Authority::new();
    let mut with_tls = config();
    with_tls.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
    with_tls.tls = Some(authority.server_tls());
    let reloading = Reloading::start(&with_tls);
    let works = || {
        let mut client =
            Client::connect_with(&address(&reloading.server), &authority.client_config()).unwrap();
        assert_eq!(client.echo(b"x").unwrap(), b"x");
        client
    };
    let mut before = works();
    // The limit in these configurations would show: no further connection would be accepted.
    let mut bad = with_tls.clone();
    bad.limits.connections = 1;
    bad.tls =
        Some(ServerTls { client_ca: Some("/nowhere/ca.pem".into()), ..authority.server_tls() });
    reloading.reload(Ok(bad.clone()));
    works();
    bad.tls = None;
    reloading.reload(Ok(bad.clone()));
    works();
    // A device that never ends, in place of the key: the loop goes on.
    let mut endless = authority.server_tls();
    endless.identity.key = "/dev/zero".into();
    bad.tls = Some(endless);
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
    let connect = |authority: &Authority| {
        Client::connect_with(&address(&reloading.server), &authority.client_config())
    };
    let mut before = connect(&old).unwrap();
    connect(&new).unwrap_err();
    with_tls.tls = Some(new.server_tls());
    reloading.reload(Ok(with_tls));
    connect(&old).unwrap_err();
    assert_eq!(connect(&new).unwrap().echo(b"new").unwrap(), b"new");
    assert_eq!(before.echo(b"old").unwrap(), b"old");
    reloading.server.wait_for_closes(CloseReason::TlsFailed, 2);
}

/// To a service manager another `Ready` would mean that the server is not stopping.
#[test]
fn a_draining_server_does_not_reload() {
    let mut reloading = Reloading::start(&config());
    let mut peer = Peer::connect(reloading.server.address());
    peer.send_echo(&Message::ping());
    peer.expect_echo(&Message::pong());
    reloading.server.handle().shut_down();
    reloading.expect(Phase::Draining);
    // The server has sent the peer an Error frame, and waits for its end.
    reloading.server.handle().reload();
    drop(peer);
    reloading.server.wait_for_end();
    assert_eq!(reloading.phases.try_recv(), Err(mpsc::TryRecvError::Disconnected), "another phase");
}

#[test]
fn draining_is_a_phase() {
    let mut reloading = Reloading::start(&config());
    reloading.server.handle().shut_down();
    reloading.expect(Phase::Draining);
    reloading.server.wait_for_end();
}
