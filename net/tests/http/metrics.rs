//! `/metrics` is well-formed and complete, and counts every close by its reason.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::{CloseReason, LimitReached};

use super::peer::{HttpPeer, server};
use super::prometheus::{Family, parse};
use crate::support::{chat, publish};

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
    let version = format!("cafewire_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(shown["cafewire_build_info"].value(&version), 1.0);
}

/// Every field of the snapshot has a family: the Debug output lists the fields, and their number
/// must match.
#[test]
fn every_metric_is_exposed() {
    let (server, address) = server(|_| {});
    let fields = format!("{:#?}", server.metrics());
    // These are fields of the snapshot itself, not those of its parts.
    let fields = fields.lines().filter(|line| {
        line.starts_with("    ") && !line.starts_with("     ") && line.contains(": ")
    });
    assert_eq!(fields.count() + "build_info start_time".split(' ').count(), metrics(address).len());
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
