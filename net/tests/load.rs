//! The load tester against the real server, with exact numbers, and against a faulty one, whose
//! faults it must report.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

#[path = "load/faulty.rs"]
mod faulty;
#[path = "load/noticed.rs"]
mod noticed;
mod support;

#[allow(dead_code)] // other tests use the rest
#[path = "transports/certificates.rs"]
mod certificates;

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use cafewire_core::ErrorCode;
use cafewire_net::load::{
    self, Amount, Deliveries, LoadConfig, LoadError, Monitor, Phase, Report, Work,
};
use cafewire_net::{Address, ClientTls, Server, ServerConfig};

use socket2::{Domain, Socket, Type};

use certificates::Authority;
use faulty::Fault;
use support::standstill::{Standstills, stood_still};
use support::{PATIENCE, TestServer, wait_until};

const ECHO: Work = Work::Echo { connections: 5, in_flight: 8, size_bytes: 64 };
const CHAT: Work =
    Work::Chat { rooms: 3, rooms_each: 1, members: 7, publishers: 2, window: 16, size_bytes: 100 };

fn run_with(
    target: &Address,
    work: Work,
    messages: u64,
    change: impl FnOnce(&mut LoadConfig),
) -> Report {
    let mut config = LoadConfig::new(target.clone(), work);
    config.amount = Amount::Messages(messages);
    config.drain_timeout = Duration::from_millis(500);
    change(&mut config);
    load::run(&config, &Monitor::default()).unwrap()
}

fn run(target: &Address, work: Work, messages: u64) -> Report {
    run_with(target, work, messages, |_| {})
}

fn all_came(expected: u64) -> Deliveries {
    Deliveries { expected, received: expected, ..Deliveries::default() }
}

#[test]
fn echo_comes_back_once_and_in_order() {
    let server = TestServer::start();
    let report = run(&server.address().into(), ECHO, 10_000);
    assert_eq!((report.sent, report.deliveries), (10_000, all_came(10_000)));
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(
        (report.connections.wanted, report.connections.ready, report.connections.retried),
        (5, 5, 0)
    );
    let latency = report.latency.unwrap();
    assert_eq!(latency.count, 10_000);
    let rising = [
        latency.min_ns,
        latency.p50_ns,
        latency.p90_ns,
        latency.p99_ns,
        latency.p99_9_ns,
        latency.max_ns,
    ];
    assert!(rising.is_sorted() && latency.min_ns > 0, "{latency:?}");
    assert_eq!((report.measured.sent, report.measured.received), (10_000, 10_000));
    assert!(report.measured.received_per_second() > 0.0 && report.send_lag.is_none());
    // The server counted a ping of each connection, and the messages.
    let metrics = server.metrics();
    assert_eq!((metrics.messages_processed, metrics.bytes_received), (10_005, 5 * 5 + 10_000 * 69));
}

#[test]
fn the_largest_messages_of_both_families_come_through() {
    let server = TestServer::start();
    let target = server.address().into();
    let echo = run(&target, Work::Echo { connections: 2, in_flight: 4, size_bytes: 65_535 }, 200);
    assert_eq!(echo.deliveries, all_came(200));
    let chat = run(
        &target,
        Work::Chat {
            rooms: 1,
            rooms_each: 1,
            members: 3,
            publishers: 3,
            window: 4,
            size_bytes: 512,
        },
        200,
    );
    assert_eq!(chat.deliveries, all_came(600));
}

#[test]
fn chat_reaches_every_member_of_its_room_once_and_in_one_order() {
    let server = TestServer::start();
    let report = run(&server.address().into(), CHAT, 3000);
    assert_eq!((report.sent, report.deliveries), (3000, all_came(21_000)));
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.latency.unwrap().count, 21_000);
    assert_eq!((report.connections.wanted, report.connections.ready), (21, 21));
    let metrics = server.metrics();
    assert_eq!((metrics.broadcasts, metrics.parse_errors), (3000, 0));
    server.wait_until_empty();
}

/// Two groups of four members, each in three rooms of its own, where two speak by turns.
const ROOMS_EACH: Work =
    Work::Chat { rooms: 6, rooms_each: 3, members: 4, publishers: 2, window: 16, size_bytes: 100 };

#[test]
fn members_of_several_rooms_get_all_that_is_said_in_them_in_one_order() {
    let server = TestServer::start();
    let report = run(&server.address().into(), ROOMS_EACH, 3000);
    assert_eq!((report.sent, report.deliveries), (3000, all_came(12_000)));
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.connections.wanted, report.connections.ready), (8, 8));
    let metrics = server.metrics();
    assert_eq!((metrics.broadcasts, metrics.parse_errors), (3000, 0));
    // In each of the six rooms the first member was told of four joins, the next of three, and so
    // on; what is told of those that go is counted on top.
    assert!(metrics.deliveries >= 12_000 + 6 * (4 + 3 + 2 + 1), "{metrics:?}");
    server.wait_until_empty();
}

#[test]
fn at_a_fixed_rate_rooms_are_spoken_in_by_turns_too() {
    let server = TestServer::start();
    let report = run_with(&server.address().into(), ROOMS_EACH, 500, |config| {
        config.rate_per_second = Some(1000);
    });
    assert_eq!((report.sent, report.deliveries), (500, all_came(2000)));
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn as_many_rooms_as_the_server_lets_a_connection_be_in_and_no_more() {
    let server = TestServer::with(|config| config.limits.rooms_per_connection = 3);
    let target = server.address().into();
    assert_eq!(run(&target, ROOMS_EACH, 100).deliveries, all_came(400));
    server.wait_until_empty();
    let Work::Chat { members, publishers, window, size_bytes, .. } = ROOMS_EACH else {
        unreachable!("it is a chat")
    };
    let (rooms, rooms_each) = (4, 4);
    let work = Work::Chat { rooms, rooms_each, members, publishers, window, size_bytes };
    let mut config = LoadConfig::new(target, work);
    config.connect_retries = 0;
    let error = load::run(&config, &Monitor::default()).unwrap_err().to_string();
    assert!(error.contains("as many rooms as one connection may be"), "{error}");
    assert!(error.contains(&ErrorCode::LimitReached.to_string()), "{error}");
}

#[test]
fn a_unix_domain_socket_works_as_well() {
    let path = std::env::temp_dir().join(format!("cafewire-load-{}.sock", std::process::id()));
    let server =
        TestServer::with(|config| config.listen.push(Address::Unix { path: path.clone() }.into()));
    for (work, deliveries) in [(ECHO, 1000), (CHAT, 7000)] {
        assert_eq!(
            run(&Address::Unix { path: path.clone() }, work, 1000).deliveries,
            all_came(deliveries)
        );
    }
    drop(server);
}

#[test]
fn tls_works_if_the_certificate_is_trusted() {
    let authority = Authority::new();
    let mut config = ServerConfig::default();
    config.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
    config.tls = Some(authority.server_tls());
    let server = Server::bind(config).unwrap();
    let (target, handle) = (server.local_addresses()[0].clone(), server.handle());
    let thread = std::thread::spawn(|| server.run());
    let trusted = ClientTls { ca: Some(authority.certificate.clone()), identity: None };
    for (work, deliveries) in [(ECHO, 1000), (CHAT, 7000)] {
        let report = run_with(&target, work, 1000, |config| config.tls = trusted.clone());
        assert_eq!(report.deliveries, all_came(deliveries));
    }
    let mut config = LoadConfig::new(target, ECHO);
    (config.tls.ca, config.connect_retries) = (Some(Authority::new().certificate.clone()), 0);
    let error = load::run(&config, &Monitor::default()).unwrap_err().to_string();
    assert!(error.contains("cannot connect to tls://"), "{error}");
    handle.shut_down();
    thread.join().unwrap().unwrap();
}

#[test]
fn a_fixed_rate_is_kept() {
    let server = TestServer::start();
    for work in [ECHO, CHAT] {
        let started = Instant::now();
        let report = run_with(&server.address().into(), work, 500, |config| {
            config.rate_per_second = Some(1000);
        });
        assert!(
            started.elapsed() >= Duration::from_millis(499),
            "500 at 1,000 a second in {:?}",
            started.elapsed()
        );
        assert_eq!(report.sent, 500);
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.send_lag.unwrap().count, 500);
    }
}

#[test]
fn a_timed_run_ends_and_its_warm_up_is_kept_apart() {
    let server = TestServer::start();
    let (standstills, started) = (Standstills::watch(), Instant::now());
    let report = run_with(&server.address().into(), ECHO, 0, |config| {
        config.rate_per_second = Some(1000);
        config.warm_up = Duration::from_millis(300);
        config.amount = Amount::Time(Duration::from_millis(500));
    });
    assert!(report.is_clean(), "{report:?}");
    // Message 799 is due just before the end. Messages 0 to 299, due in the warm-up, were sent and
    // judged, but have no latency.
    assert_eq!((report.sent, report.latency.unwrap().count), (800, 500));
    let stood_still = stood_still(&standstills.end(), started, Instant::now());
    assert!(
        report.measured.duration + stood_still >= Duration::from_millis(400),
        "{report:?}, {stood_still:?}"
    );
}

#[test]
fn idle_connections_are_held_and_served_at_the_end() {
    let server = TestServer::start();
    let started = Instant::now();
    let report = run_with(&server.address().into(), Work::Idle { connections: 50 }, 0, |config| {
        config.amount = Amount::Time(Duration::from_millis(300));
    });
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!((report.sent, report.deliveries), (50, all_came(50)));
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn idle_connections_that_the_server_ends_are_reported() {
    let server = TestServer::start();
    let mut config = LoadConfig::new(server.address().into(), Work::Idle { connections: 5 });
    config.amount = Amount::Time(10 * PATIENCE);
    let monitor = Monitor::default();
    let report = std::thread::scope(|scope| {
        let run = scope.spawn(|| load::run(&config, &monitor).unwrap());
        wait_until(|| monitor.progress().phase == Phase::Idling && monitor.progress().ready == 5)
            .unwrap();
        server.change_limits(|limits| limits.idle_timeout = Duration::from_millis(200));
        wait_until(|| monitor.progress().ready == 0).unwrap();
        monitor.stop();
        run.join().unwrap()
    });
    assert_eq!((report.connections.ready, report.connections.ended_early, report.sent), (5, 5, 0));
    assert!(!report.is_clean());
    assert!(report.server_errors[0].0.contains(&ErrorCode::IdleTimeout.to_string()), "{report:?}");
}

/// A server that stalls once: a closed loop, which waits for each answer before it sends again,
/// sees one slow message, but at a fixed rate every message due meanwhile is late.
#[test]
fn at_a_fixed_rate_a_stall_shows_in_all_that_was_due_in_it() {
    const STALL: Duration = Duration::from_millis(500);
    const MESSAGES: u64 = 2000;
    let stall_once = |_, number| if number == 500 { Fault::Stall(STALL) } else { Fault::None };
    let work = Work::Echo { connections: 1, in_flight: 1, size_bytes: 64 };
    let ms = |ms: u64| ms * 1_000_000;

    // At 1,000 a second the stall delays a quarter of the messages, evenly from 500 ms down to
    // nothing.
    let (standstills, started) = (Standstills::watch(), Instant::now());
    let open = run_with(&faulty::start(stall_once), work, MESSAGES, |config| {
        config.rate_per_second = Some(1000);
    })
    .latency
    .unwrap();
    assert_eq!(open.count, MESSAGES);
    assert!(open.max_ns >= ms(495), "{open:?}");
    assert!(open.p99_ns >= ms(450), "{open:?}");
    assert!(open.p90_ns >= ms(250), "{open:?}");
    // A standstill of the machine delays messages as well.
    let stood_still = stood_still(&standstills.end(), started, Instant::now());
    assert!(
        open.p50_ns < ms(250) || stood_still > STALL,
        "{open:?}, stood still for {stood_still:?}"
    );

    let closed = run(&faulty::start(stall_once), work, MESSAGES).latency.unwrap();
    assert!(closed.max_ns >= ms(495) && closed.p99_ns < ms(250), "{closed:?}");
}

#[test]
fn more_connections_than_one_address_may_have_come_from_several() {
    let server = TestServer::with(|config| config.limits.connections_per_address = 1000);
    let work = Work::Echo { connections: 1100, in_flight: 1, size_bytes: 32 };
    let mut config = LoadConfig::new(server.address().into(), work);
    config.amount = Amount::Messages(1100);
    match load::run(&config, &Monitor::default()) {
        Ok(report) => {
            // Server and generator share this process's descriptors; without enough of them,
            // connections fail and are reported.
            let failed = report.connections.failed;
            assert_eq!(report.connections.ready + failed, 1100);
            assert!(failed == 0 || descriptors() < 2300, "{report:?}");
            assert_eq!((report.sent, report.deliveries), (1100, all_came(1100)));
        }
        Err(LoadError::TooManyConnections { wanted: 1100, fit }) => assert!(fit < 1100),
        Err(error) => panic!("{error}"),
    }
}

/// The most descriptors that this process may have.
fn descriptors() -> u64 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    line.and_then(|line| line.split_whitespace().nth(3))
        .and_then(|soft| soft.parse().ok())
        .unwrap_or(0)
}

#[test]
fn connections_that_fail_are_tried_again_and_then_given_up() {
    let server = TestServer::with(|config| config.limits.connections = 3);
    let report = run_with(&server.address().into(), ECHO, 300, |config| config.connect_retries = 1);
    assert_eq!(
        (report.connections.ready, report.connections.failed, report.connections.retried),
        (3, 2, 2)
    );
    assert!(report.connections.reasons[0].0.contains("refused"), "{report:?}");
    assert_eq!(report.deliveries, all_came(300), "the ready connections do the work");
    assert!(!report.is_clean());
}

#[test]
fn a_server_that_starts_late_is_waited_for() {
    // The socket is bound and does not listen, which reserves the port for the server: it may bind
    // it as well.
    let (address, _socket) = bound();
    let monitor = Monitor::default();
    let mut config = LoadConfig::new(address.into(), ECHO);
    (config.amount, config.connect_retries) = (Amount::Messages(100), 20);
    std::thread::scope(|scope| {
        let generator = scope.spawn(|| load::run(&config, &monitor).unwrap());
        wait_until(|| monitor.progress().retried > 0).unwrap();
        let _server = TestServer::with(|config| config.listen = vec![address.into()]);
        let report = generator.join().unwrap();
        assert!(report.connections.retried > 0 && report.is_clean(), "{report:?}");
        assert_eq!(report.deliveries, all_came(100));
    });
}

/// An address on which no program listens, and on which none can listen without sharing it while
/// the socket is open.
fn bound() -> (SocketAddr, Socket) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    (socket.local_addr().unwrap().as_socket().unwrap(), socket)
}

#[test]
fn a_closed_port_is_an_error_with_a_reason() {
    let (address, _socket) = bound();
    let target = Address::from(address);
    let mut config = LoadConfig::new(target.clone(), ECHO);
    config.connect_retries = 1;
    let error = load::run(&config, &Monitor::default()).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot connect to {target}: ")) && error.contains("refused"),
        "{error}"
    );
}

#[test]
fn a_silent_server_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = LoadConfig::new(listener.local_addr().unwrap().into(), CHAT);
    (config.connect_retries, config.connect_timeout) = (0, Duration::from_millis(100));
    let error = load::run(&config, &Monitor::default()).unwrap_err().to_string();
    assert!(error.contains("did not answer in time"), "{error}");
}

#[test]
fn a_stopped_run_returns_its_report() {
    let server = TestServer::start();
    let mut config = LoadConfig::new(server.address().into(), CHAT);
    config.amount = Amount::Time(10 * PATIENCE);
    let monitor = Monitor::default();
    let report = std::thread::scope(|scope| {
        let run = scope.spawn(|| load::run(&config, &monitor).unwrap());
        wait_until(|| {
            monitor.progress().phase == Phase::Measuring && monitor.progress().received > 1000
        })
        .unwrap();
        monitor.stop();
        run.join().unwrap()
    });
    assert!(report.was_interrupted && report.is_clean(), "{report:?}");
    assert_eq!(report.deliveries, all_came(report.sent * 7));
    assert_eq!(
        (monitor.progress().phase, monitor.progress().received),
        (Phase::Done, report.deliveries.received)
    );
}

#[test]
fn error_frames_of_the_server_are_reported() {
    let server = TestServer::with(|config| config.limits.frames_per_second = 100);
    let work = Work::Chat {
        rooms: 1,
        rooms_each: 1,
        members: 1,
        publishers: 1,
        window: 500,
        size_bytes: 64,
    };
    let report = run(&server.address().into(), work, 400);
    assert!(report.deliveries.lost > 0 && !report.is_clean(), "{report:?}");
    assert!(report.server_errors[0].0.contains(&ErrorCode::RateLimited.to_string()), "{report:?}");
}
