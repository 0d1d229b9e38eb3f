//! `/metrics` is well-formed and complete, and counts every close by its reason.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::{CloseReason, LimitReached, Limits, MetricsSnapshot};

use super::peer::{HttpPeer, server};
use super::prometheus::{Family, parse};
use crate::support::{Peer, chat, publish};

fn metrics(address: SocketAddr) -> HashMap<String, Family> {
    parse(&HttpPeer::connect(address).get("/metrics").body)
}

fn number(families: &HashMap<String, Family>, name: &str) -> f64 {
    families.get(name).unwrap_or_else(|| panic!("no {name}")).value(name)
}

#[test]
fn the_exposed_numbers_are_the_servers() {
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let (server, address) = server(|_| {});
    let mut ada = server.member("ada", "tea");
    let mut bob = server.member("bob", "tea");
    ada.next_chat(); // bob joined
    ada.send(&publish("tea", "hello"));
    ada.next_chat();
    bob.next_chat();
    ada.send_chat(&MessagePayload::JoinRoom { room: "tea" });
    ada.expect_error(ErrorCode::AlreadyInRoom);
    let mut echoing = server.peer();
    echoing.send_echo(&Message::Data(b"21.5"));
    echoing.send_echo(&Message::Ping(b""));
    echoing.expect_echo(&Message::Pong(b""));

    let shown = metrics(address);
    let counted = server.metrics();
    for (name, value) in [
        ("cafewire_connections_accepted_total", counted.connections_accepted),
        ("cafewire_connections", 3),
        ("cafewire_users", 2),
        ("cafewire_rooms", 1),
        ("cafewire_received_bytes_total", counted.bytes_received),
        ("cafewire_sent_bytes_total", counted.bytes_sent),
        ("cafewire_messages_processed_total", 8),
        ("cafewire_data_messages_total", 1),
        ("cafewire_broadcasts_total", 1),
        ("cafewire_deliveries_total", counted.deliveries),
        ("cafewire_draining", 0),
        ("cafewire_http_connections", 1),
        ("cafewire_http_responses_total", 0),
    ] {
        assert_eq!(number(&shown, name), value as f64, "{name}");
    }
    assert_eq!(
        shown["cafewire_errors_sent_total"]
            .value("cafewire_errors_sent_total{code=\"AlreadyInRoom\"}"),
        1.0
    );
    for &limit in LimitReached::ALL {
        let name = format!("cafewire_limits_reached_total{{limit=\"{}\"}}", limit.label());
        assert_eq!(
            shown["cafewire_limits_reached_total"].value(&name),
            counted.limits_reached(limit) as f64
        );
    }
    let frames = &shown["cafewire_parse_to_flush_seconds"];
    assert_eq!(frames.value("cafewire_parse_to_flush_seconds_count"), 8.0);
    let ticks = shown["cafewire_tick_seconds"].value("cafewire_tick_seconds_count");
    // The tick that made the response is not over yet.
    assert_eq!(ticks + 1.0, number(&shown, "cafewire_ticks_total"));
    assert!(number(&shown, "process_start_time_seconds") >= before.floor());
    #[cfg(target_os = "linux")]
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_max_fds"] {
        assert!(number(&shown, name) > 0.0, "{name}");
    }
    let version = format!("cafewire_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(shown["cafewire_build_info"].value(&version), 1.0);
}

/// The value of a limit; `None` if it has no bound.
fn limit(families: &HashMap<String, Family>, name: &str) -> Option<f64> {
    let sample = format!("cafewire_limit{{limit=\"{name}\"}}");
    let samples = &families["cafewire_limit"].samples;
    samples.iter().find(|(name, _)| *name == sample).map(|&(_, value)| value)
}

#[test]
fn the_limits_are_those_that_count_after_a_reload_too() {
    let (server, address) = server(|config| {
        config.limits.connections = 7;
        config.limits.read_bytes_per_tick = 1;
        config.limits.idle_timeout = Duration::from_millis(1500);
        config.limits.rooms = 0;
    });
    let shown = metrics(address);
    for (name, value) in [
        ("connections", Some(7.0)),
        ("read_bytes_per_tick", Some(1024.0)), // moved into its range
        ("idle_timeout", Some(1.5)),
        ("rooms", None),
        ("rooms_per_connection", Some(64.0)),
        ("bytes_per_second", None),
    ] {
        assert_eq!(limit(&shown, name), value, "{name}");
    }
    server.change_limits(|limits| {
        limits.connections = 8;
        limits.rooms = 9;
        limits.idle_timeout = Duration::ZERO;
        limits.bytes_per_second = 10;
    });
    let shown = metrics(address);
    for (name, value) in [
        ("connections", Some(8.0)),
        ("read_bytes_per_tick", Some(1024.0)),
        ("idle_timeout", None),
        ("rooms", Some(9.0)),
        ("bytes_per_second", Some(10.0)),
    ] {
        assert_eq!(limit(&shown, name), value, "{name}");
    }
    let Limits { connections, rooms, read_bytes_per_tick, .. } = server.metrics().limits;
    assert_eq!((connections, rooms, read_bytes_per_tick), (8, 9, 1024));
}

/// A member that does not read pins what it needs of its room's log: that is told, and gone with
/// it. What others read at once is not held.
#[test]
fn what_logs_hold_for_a_member_that_is_behind_is_told() {
    let (server, address) = server(|config| config.limits.send_buffer_bytes = 4096);
    let mut deaf = Peer::connect_with_small_buffer(server.address());
    deaf.sign_in("deaf");
    deaf.join("tea");
    let mut ada = server.member("ada", "tea");
    let content = "x".repeat(512);
    let holds = |metrics: &MetricsSnapshot| metrics.log_storage_bytes > 64 << 10;
    for _ in 0..10_000 {
        if holds(&server.metrics()) {
            break;
        }
        ada.send(&publish("tea", &content));
        ada.next_chat();
    }
    let counted = server.wait_until("a log that is held", holds);
    assert!(counted.log_storage_bytes <= counted.buffer_bytes, "{counted:?}");
    assert_eq!(
        number(&metrics(address), "cafewire_room_log_storage_bytes"),
        counted.log_storage_bytes as f64
    );
    deaf.reset();
    server.wait_until("a log that is held no more", |metrics| metrics.log_storage_bytes == 0);
    assert_eq!(number(&metrics(address), "cafewire_room_log_storage_bytes"), 0.0);
    drop(ada);
}

/// ARCHITECTURE.md has a table of all metrics, with the kind and the help text of each.
#[test]
fn the_document_has_every_metric() {
    let (_server, address) = server(|_| {});
    let document = include_str!("../../ARCHITECTURE.md");
    let rows = document.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ").collect();
        let &[name, kind, help] = &cells[..] else { return None };
        let name = name.split(['`', '{']).next()?;
        let is_metric = name.starts_with("cafewire_") || name.starts_with("process_");
        is_metric.then(|| (name.to_owned(), kind.to_owned(), help.to_owned()))
    });
    let documented: BTreeSet<_> = rows.collect();
    let exposed: BTreeSet<_> = metrics(address)
        .into_iter()
        .map(|(name, family)| (name, family.kind, family.help))
        .collect();
    // Systems differ in what they tell of a process, and this server has no certificate.
    let documented: BTreeSet<_> = documented
        .into_iter()
        .filter(|row| {
            let may_lack = ["process_", "cafewire_tls_"];
            exposed.contains(row) || !may_lack.iter().any(|start| row.0.starts_with(start))
        })
        .collect();
    let missing: Vec<_> = exposed.difference(&documented).collect();
    let too_many: Vec<_> = documented.difference(&exposed).collect();
    assert!(missing.is_empty() && too_many.is_empty(), "{missing:#?} {too_many:#?}");
}

/// Every field of the snapshot has a family: the Debug output lists the fields, and their number
/// must match.
#[test]
fn every_metric_is_exposed() {
    let (server, address) = server(|_| {});
    let fields = format!("{:#?}", server.metrics());
    // These are fields of the snapshot itself, not those of its parts.
    let fields = fields.lines().filter(|line| {
        line.starts_with("    ")
            && !line.starts_with("     ")
            && line.contains(": ")
            // This server has none.
            && !line.contains("certificate_expiries")
    });
    let families = metrics(address);
    let of_server = families
        .keys()
        .filter(|name| name.starts_with("cafewire_") && *name != "cafewire_build_info");
    assert_eq!(fields.count(), of_server.count());
}

#[test]
fn every_close_is_explained() {
    let (server, address) = server(|config| config.limits.connections = 1);
    for bytes in [
        &[0x7f][..],
        &[0x01, 0x7f, 0, 0],
        &[0x01, 0x01, 0, 3],
        &chat(&MessagePayload::JoinRoom { room: "tea" }),
    ] {
        let mut peer = server.peer();
        peer.send(bytes);
        peer.half_close();
        peer.next();
        peer.expect_end();
        drop(peer);
        server.wait_until("its end", |metrics| metrics.clients_connected == 0);
    }
    let stays = server.user("ada");
    server.peer().expect_error(ErrorCode::ServerFull);

    server.wait_for_closes(CloseReason::ServerFull, 1);
    let shown = metrics(address);
    let closes = &shown["cafewire_closes_total"];
    let closes_of = |reason: CloseReason| {
        closes.value(&format!("cafewire_closes_total{{reason=\"{reason}\"}}"))
    };
    for reason in [
        CloseReason::UnsupportedVersion,
        CloseReason::UnknownType,
        CloseReason::CutFrame,
        CloseReason::NotConnected,
        CloseReason::ServerFull,
    ] {
        assert_eq!(closes_of(reason), 1.0, "{reason}");
    }
    assert_eq!(closes.samples.len(), CloseReason::ALL.len());
    let total: f64 = closes.samples.iter().map(|(_, count)| count).sum();
    let accepted = number(&shown, "cafewire_connections_accepted_total");
    assert_eq!((total, accepted), (5.0, total + number(&shown, "cafewire_connections")));
    assert_eq!(shown["cafewire_errors_sent_total"].samples.len(), ErrorCode::ALL.len());
    assert!(closes.help.contains("by reason"));
    drop(stays);
}
