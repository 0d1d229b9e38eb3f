//! Many clients at once: every message reaches every member, once and in one order; and when all
//! have gone, in any of four ways, the server holds nothing of them.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cafewire_core::MessagePayload;
use cafewire_net::CloseReason;

use support::{Peer, Random, Received, TestServer, chat, parse, publish};

/// Runs the tests of this file one after another: together they would need more descriptors than
/// the 1,024 that many systems allow a process.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

const MEMBERS: usize = 200;
const MESSAGES_EACH: usize = 20;
const ROOM: &str = "large room";

fn member_name(member: usize) -> String {
    format!("member {member:03}")
}

fn content(member: usize, number: usize) -> String {
    format!("{member:03} sends {number:02}")
}

fn joined_size() -> usize {
    MessagePayload::UserJoined { user_id: 0, username: &member_name(0), room: ROOM }.encoded_len()
}

fn broadcast_size() -> usize {
    let (username, content) = (member_name(0), content(0, 0));
    MessagePayload::MessageBroadcast {
        user_id: 0,
        timestamp: 0,
        username: &username,
        room: ROOM,
        content: &content,
    }
    .encoded_len()
}

/// 200 members send 20 messages each, all at once: 800,000 deliveries. From its own join on, each
/// member receives the same bytes as the first one: each frame once, in one order.
#[test]
fn everything_reaches_every_member_once_and_in_one_order() {
    const READER_THREADS: usize = 4;
    let _alone = alone();
    let server = TestServer::start();
    let mut members: Vec<Peer> =
        (0..MEMBERS).map(|member| server.user(&member_name(member))).collect();
    for (index, member) in members.iter_mut().enumerate() {
        // Each member joins once the one before has joined, so that the joins each one receives are
        // known.
        member.send_chat(&MessagePayload::JoinRoom { room: ROOM });
        let joined = ((index + 1) * joined_size()) as u64;
        server.wait_until("the member's joining", |metrics| metrics.log_bytes_appended == joined);
    }

    let sockets: Vec<TcpStream> =
        members.iter().map(|member| member.socket.try_clone().unwrap()).collect();
    let senders: Vec<_> =
        halves(sockets.into_iter().enumerate().collect()).map(send_in_rounds).into();
    let mut groups: Vec<Vec<(usize, Peer)>> = (0..READER_THREADS).map(|_| Vec::new()).collect();
    for (index, member) in members.into_iter().enumerate() {
        groups[index % READER_THREADS].push((index, member));
    }
    let readers: Vec<_> =
        groups.into_iter().map(|group| std::thread::spawn(|| read_all(group))).collect();
    let mut received: Vec<(Peer, Vec<u8>)> =
        readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect();
    senders.into_iter().for_each(|sender| sender.join().unwrap());

    let whole =
        received.iter().map(|(_, bytes)| bytes).max_by_key(|bytes| bytes.len()).unwrap().clone();
    for (_, bytes) in &received {
        assert!(whole.ends_with(bytes), "a member received other bytes than the first one");
    }
    assert_each_once_and_in_its_senders_order(&whole);
    let metrics = server.metrics();
    assert_eq!(metrics.broadcasts, (MEMBERS * MESSAGES_EACH) as u64);
    assert!(received.iter_mut().all(|(member, _)| member.has_nothing()), "a frame came twice");
    drop(received);
    server.wait_until_empty();
}

fn halves<T>(mut all: Vec<T>) -> [Vec<T>; 2] {
    let second = all.split_off(all.len() / 2);
    [all, second]
}

/// Starts a thread that sends for many members, a message of each in every round.
fn send_in_rounds(mut members: Vec<(usize, TcpStream)>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        for number in 0..MESSAGES_EACH {
            for (member, socket) in &mut members {
                socket.write_all(&publish(ROOM, &content(*member, number))).unwrap();
            }
        }
    })
}

/// Reads all frames of the members: member `k` (from 0) receives all joins but those of the `k`
/// members before it, and all broadcasts.
fn read_all(group: Vec<(usize, Peer)>) -> Vec<(Peer, Vec<u8>)> {
    let read = |(index, mut member): (usize, Peer)| {
        let broadcasts = MEMBERS * MESSAGES_EACH * broadcast_size();
        let bytes = member.take_bytes((MEMBERS - index) * joined_size() + broadcasts);
        (member, bytes)
    };
    group.into_iter().map(read).collect()
}

fn assert_each_once_and_in_its_senders_order(stream: &[u8]) {
    let mut next_number = [0; MEMBERS];
    let (joins, broadcasts) = stream.split_at(MEMBERS * joined_size());
    for (member, frame) in joins.chunks(joined_size()).enumerate() {
        let is_join = matches!(parse(frame), MessagePayload::UserJoined { username, room: ROOM, .. }
            if username == member_name(member));
        assert!(is_join, "{:?} where member {member} joins", parse(frame));
    }
    for frame in broadcasts.chunks(broadcast_size()) {
        let MessagePayload::MessageBroadcast { username, content: actual, .. } = parse(frame)
        else {
            panic!("{:?} where a broadcast was expected", parse(frame));
        };
        let member: usize = username["member ".len()..].parse().unwrap();
        assert_eq!(
            actual,
            content(member, next_number[member]),
            "another message of {username} was due"
        );
        next_number[member] += 1;
    }
    assert_eq!(next_number, [MESSAGES_EACH; MEMBERS]);
}

/// 1,000 connections, up to 400 at a time, join and leave 20 rooms, send messages, and end in one
/// of four ways.
#[test]
fn a_thousand_connections_that_come_and_go_leave_nothing_behind() {
    const THREADS: usize = 4;
    let _alone = alone();
    let server = TestServer::start();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let server = &server;
            scope.spawn(move || come_and_go(server, thread, 1000 / THREADS, 400 / THREADS));
        }
    });
    server.wait_until_empty();
    let metrics = server.metrics();
    assert_eq!(metrics.connections_accepted, 1000);
    let ended = |reason| metrics.closes(reason);
    let in_order = ended(CloseReason::Disconnected) + ended(CloseReason::EndOfInput);
    assert_eq!(
        in_order + ended(CloseReason::ConnectionLost),
        1000,
        "a connection was closed by the server: {metrics:#?}"
    );
    assert_eq!(metrics.parse_errors, 0);
    assert!(metrics.broadcasts > 1000, "too few broadcasts to show anything");
}

fn come_and_go(server: &TestServer, thread: usize, total: usize, at_a_time: usize) {
    let mut random = Random(thread as u64);
    let mut present: Vec<Peer> = Vec::new();
    let mut arrived = 0;
    while arrived < total || !present.is_empty() {
        if arrived < total && present.len() < at_a_time {
            let mut peer = server.peer();
            let username = format!("{thread} {arrived}");
            peer.send_chat(&MessagePayload::Connect { username: &username });
            present.push(peer);
            arrived += 1;
        }
        for _ in 0..20 {
            let peer = random.below(present.len());
            let room = format!("room {}", random.below(20));
            let request = match random.below(3) {
                0 => chat(&MessagePayload::JoinRoom { room: &room }),
                1 => chat(&MessagePayload::LeaveRoom { room: &room }),
                _ => publish(&room, "hello all"),
            };
            present[peer].send(&request);
        }
        if present.len() == at_a_time || arrived == total {
            end(present.swap_remove(random.below(present.len())), random.below(4));
        }
    }
}

fn end(mut peer: Peer, way: usize) {
    match way {
        0 => peer.send_chat(&MessagePayload::Disconnect),
        1 => peer.half_close(),
        2 => return peer.reset(),
        _ => return, // closed with bytes unread
    }
    while peer.next() != Received::End {}
}
