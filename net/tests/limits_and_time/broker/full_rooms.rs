//! Rooms whose log is full, readers that are behind, and who is closed for what is held.

use std::time::Duration;

use cafewire_core::MessagePayload;
use cafewire_net::{CloseReason, LimitReached};

use super::Bench;
use crate::support::{chat, publish};

const LONG: usize = 512;

fn content(number: usize) -> String {
    format!("{number:0>LONG$}")
}

fn said(messages: std::ops::Range<usize>) -> Vec<u8> {
    messages.flat_map(|number| publish("tea", &content(number))).collect()
}

/// The room waits, nothing is lost, and its other members hear all as well.
#[test]
fn a_full_room_waits_for_a_member_that_reads_in_time() {
    let mut bench = Bench::new(|limits| limits.room_log_bytes = 32 << 10);
    let ada = bench.member("ada", &["tea"]);
    let slow = bench.member("slow", &["tea"]);
    bench.written.clear();
    bench.deaf.insert(slow);
    bench.send(ada, &said(0..200));
    for _ in 0..500 {
        bench.tick(); // half a second of the second that it has
        bench.broker.resume(ada, bench.now);
    }
    let heard = bench.heard(ada).len();
    assert!(heard < 100, "a log of 32 KiB held {heard} messages");
    assert!(bench.metrics().limits_reached(LimitReached::RoomLogBytes) > 0);
    assert!(!bench.broker.is_reading(ada), "who speaks there waits too");
    bench.hear(slow);
    bench.run(&[ada]);
    let expected: Vec<_> = (0..200).map(|number| format!("tea: {}", content(number))).collect();
    for id in [ada, slow] {
        let heard = bench.heard(id);
        assert!(heard == expected, "{} messages of {}", heard.len(), expected.len());
    }
    assert_eq!(bench.closes(CloseReason::SlowConsumer), 0);
}

/// For as long as `full_room_time`, and once: then it is closed, and the room goes on.
#[test]
fn a_member_that_reads_nothing_holds_up_its_room_once() {
    let mut bench = Bench::new(|limits| limits.room_log_bytes = 32 << 10);
    let ada = bench.member("ada", &["tea"]);
    let deaf = bench.member("deaf", &["tea"]);
    bench.written.clear();
    bench.deaf.insert(deaf);
    bench.send(ada, &said(0..200));
    let mut waited_ms = 0;
    while bench.closes(CloseReason::SlowConsumer) == 0 {
        assert!(waited_ms <= 1000, "it waits for longer than full_room_time");
        bench.tick();
        waited_ms += 1;
    }
    assert!(waited_ms >= 990, "it was closed after {waited_ms} ms already");
    bench.run(&[ada]);
    let heard = bench.heard(ada);
    assert_eq!(heard.iter().filter(|line| line.starts_with("tea: ")).count(), 200);
    assert_eq!(heard.iter().filter(|line| *line == "tea - deaf").count(), 1);
}

/// It has all of that time, also if nothing was done for long before the room spoke: the clock of
/// the tick in which a chunk is delivered counts, not that of the tick before.
#[test]
fn a_full_room_waits_as_long_after_a_silence() {
    let mut bench = Bench::new(|limits| limits.room_log_bytes = 32 << 10);
    let ada = bench.member("ada", &["tea"]);
    let deaf = bench.member("deaf", &["tea"]);
    bench.deaf.insert(deaf);
    bench.now.monotonic_ms += 5_000;
    let start_ms = bench.now.monotonic_ms;
    bench.send(ada, &said(0..200));
    while bench.closes(CloseReason::SlowConsumer) == 0 {
        bench.tick();
    }
    let waited_ms = bench.now.monotonic_ms - start_ms;
    assert!((990..=1010).contains(&waited_ms), "closed after {waited_ms} ms");
}

/// The server is what it waits for.
#[test]
fn one_that_waits_for_a_full_room_is_not_idle() {
    let mut bench = Bench::new(|limits| {
        limits.room_log_bytes = 32 << 10;
        limits.idle_timeout = Duration::from_millis(100);
    });
    let ada = bench.member("ada", &["tea"]);
    let deaf = bench.member("deaf", &["tea"]);
    let late = bench.member("late", &[]);
    bench.deaf.insert(deaf);
    bench.send(ada, &said(0..200));
    bench.send(late, &chat(&MessagePayload::JoinRoom { room: "tea" }));
    while bench.closes(CloseReason::SlowConsumer) == 0 {
        assert_eq!(bench.closes(CloseReason::IdleTimeout), 0, "at {} ms", bench.now.monotonic_ms);
        bench.tick();
    }
    bench.run(&[ada, late]);
    assert_eq!(bench.closes(CloseReason::IdleTimeout), 0);
    assert!(bench.heard(late).iter().any(|line| line == "tea + late"), "{:?}", bench.heard(late));
}

/// A connection that waits for a full room and goes is no reason to wait any more.
#[test]
fn the_ones_that_wait_for_a_room_may_go() {
    let mut bench = Bench::new(|limits| limits.room_log_bytes = 32 << 10);
    let ada = bench.member("ada", &["tea"]);
    let deaf = bench.member("deaf", &["tea"]);
    let joins = bench.member("joins", &[]);
    bench.deaf.insert(deaf);
    bench.send(ada, &said(0..200));
    bench.tick();
    bench.send(joins, &chat(&MessagePayload::JoinRoom { room: "tea" }));
    bench.tick();
    assert!(!bench.broker.is_reading(joins));
    bench.broker.handle_reset(joins, bench.now);
    bench.broker.handle_reset(ada, bench.now);
    bench.tick();
    bench.broker.handle_reset(deaf, bench.now);
    bench.run(&[]);
    assert!(bench.broker.is_empty());
}

/// Whose log only a member that is gone has yet to read: who joins it is let in.
#[test]
fn a_room_that_only_a_former_member_reads_can_be_joined() {
    let mut bench = Bench::new(|limits| limits.room_log_bytes = 32 << 10);
    let deaf = bench.member("deaf", &["tea", "other"]);
    let ada = bench.member("ada", &["tea"]);
    bench.deaf.insert(deaf);
    bench.send(ada, &said(0..30));
    bench.tick();
    bench.send(deaf, &chat(&MessagePayload::LeaveRoom { room: "tea" }));
    bench.send(ada, &said(30..50));
    bench.send(ada, &chat(&MessagePayload::LeaveRoom { room: "tea" }));
    bench.tick();
    let bob = bench.member("bob", &[]);
    bench.send(bob, &chat(&MessagePayload::JoinRoom { room: "tea" }));
    bench.send(bob, &publish("tea", "hello"));
    bench.tick();
    assert_eq!(bench.heard(bob), ["tea + bob", "tea: hello"]);
    bench.hear(deaf);
    bench.tick();
    assert_eq!(bench.heard(deaf).last().map(String::as_str), Some("tea - deaf"));
    assert!(bench.metrics().buffer_bytes == 0);
}

/// A few bytes pin a chunk of a log, not all of it, and the one that pins the most goes first.
#[test]
fn the_reader_that_pins_the_most_storage_goes_first() {
    let mut bench = Bench::new(|limits| limits.buffer_bytes = 256 << 10);
    let honest = bench.member("honest", &["h"]);
    let friend = bench.member("friend", &["h"]);
    let deaf = bench.member("deaf", &["r0", "r1", "r2", "r3"]);
    let speaker = bench.member("speaker", &["r0", "r1", "r2", "r3"]);
    bench.deaf.extend([honest, deaf]);
    for number in 0..40 {
        bench.send(friend, &publish("h", &content(number)));
    }
    bench.tick();
    let mut number = 0;
    while bench.closes(CloseReason::BufferBudget) == 0 {
        number += 1;
        assert!(number < 2000, "there is no end to what is held");
        bench.send(speaker, &publish(["r0", "r1", "r2", "r3"][number % 4], &content(number)));
        bench.tick();
        assert!(bench.metrics().buffer_bytes <= 256 << 10);
    }
    assert_eq!(bench.closes(CloseReason::BufferBudget), 1);
    bench.hear(honest);
    bench.hear(deaf);
    bench.tick();
    assert_eq!(bench.heard(honest).len(), 40);
    assert_eq!(bench.heard(deaf).last().map(String::as_str), Some("SlowConsumer"));
}
