//! What was said before: replayed to who joins, read page by page, and gone on with after a break.

use std::num::NonZeroU32;
use std::time::Duration;

use cafewire_core::ErrorCode;
use cafewire_core::chat::v2::{MessagePayload, Resume};

use crate::support::peer_v2::{PeerV2, parse};
use crate::support::{TestServer, publish};

/// What a Joined told: the epoch, the last sequence, and from where the replay begins.
#[derive(Debug, PartialEq, Eq)]
struct Joined {
    epoch: u32,
    sequence: u64,
    replay_from: u64,
}

/// Joins, and takes the replay: the sequences that it had, and whether there was more.
fn join(peer: &mut PeerV2, resume: Option<Resume>, replay: u16) -> (Joined, Vec<u64>, bool) {
    let request = peer.ask(&MessagePayload::JoinRoom { resume, replay, room: "tea" });
    let frame = peer.next_frame();
    let (answered, MessagePayload::Joined { epoch, sequence, replay_from, room: "tea", .. }) =
        parse(&frame)
    else {
        panic!("{:?}", parse(&frame))
    };
    assert_eq!(answered, request);
    let (sequences, more) = if replay > 0 { page(peer, request) } else { (Vec::new(), false) };
    (Joined { epoch, sequence, replay_from }, sequences, more)
}

/// Broadcasts in answer to this request, whose chain holds, up to the end of the list.
fn page(peer: &mut PeerV2, request: u16) -> (Vec<u64>, bool) {
    let mut sequences: Vec<u64> = Vec::new();
    loop {
        let frame = peer.next_frame();
        match parse(&frame) {
            (answered, MessagePayload::MessageBroadcast { sequence, previous, content, .. }) => {
                assert_eq!(answered, request);
                assert_eq!(content, format!("message {sequence}"));
                assert!(sequences.last().is_none_or(|&last| last == previous));
                sequences.push(sequence);
            }
            (answered, MessagePayload::ListEnd { count, more }) => {
                assert_eq!((answered, usize::from(count)), (request, sequences.len()));
                return (sequences, more);
            }
            other => panic!("{other:?}"),
        }
    }
}

fn history(peer: &mut PeerV2, before: u64, count: u16) -> (Vec<u64>, bool) {
    let request = peer.ask(&MessagePayload::History { before, count, room: "tea" });
    page(peer, request)
}

/// A member who has said so many things.
fn speaker(server: &TestServer, messages: u64) -> PeerV2 {
    let mut ada = PeerV2::user(server.address(), "ada");
    ada.join("tea");
    for number in 1..=messages {
        assert_eq!(ada.say("tea", &format!("message {number}")), number);
    }
    ada
}

fn resume(epoch: u32, after: u64) -> Option<Resume> {
    NonZeroU32::new(epoch).map(|epoch| Resume { epoch, after })
}

#[test]
fn who_joins_gets_the_newest_that_it_asks_for() {
    let server = TestServer::start();
    let _ada = speaker(&server, 10);
    for (number, (replay, replay_from, first)) in
        [(0, 10, 11), (3, 7, 8), (10, 0, 1), (500, 0, 1)].into_iter().enumerate()
    {
        let mut bob = PeerV2::user(server.address(), &format!("bob-{number}"));
        let (joined, sequences, more) = join(&mut bob, None, replay);
        assert_eq!((joined.sequence, joined.replay_from), (10, replay_from));
        assert_eq!(sequences, (first..=10).collect::<Vec<u64>>());
        assert_eq!(more, replay == 3);
    }
}

#[test]
fn a_replay_and_a_page_end_where_the_limit_is() {
    let server = TestServer::with(|config| config.limits.replay_max = 4);
    let _ada = speaker(&server, 10);
    let mut bob = PeerV2::user(server.address(), "bob");
    let (joined, sequences, more) = join(&mut bob, None, 9);
    assert_eq!((joined.replay_from, sequences, more), (6, vec![7, 8, 9, 10], true));
    for count in [0, 9] {
        assert_eq!(history(&mut bob, 7, count), (vec![3, 4, 5, 6], true));
    }
    assert_eq!(history(&mut bob, 3, 0), (vec![1, 2], false));
    assert_eq!(history(&mut bob, 1, 0), (vec![], false));
}

#[test]
fn history_is_read_backwards_page_by_page_by_members_alone() {
    let server = TestServer::start();
    let _ada = speaker(&server, 10);
    let mut bob = PeerV2::user(server.address(), "bob");
    let question = |room| MessagePayload::History { before: 0, count: 3, room };
    bob.refused(&question("tea"), ErrorCode::NotInRoom);
    bob.refused(&question("nowhere"), ErrorCode::NoSuchRoom);
    bob.join("tea");
    let mut before = 0;
    let mut pages = Vec::new();
    loop {
        let (sequences, more) = history(&mut bob, before, 4);
        before = sequences[0];
        pages.push(sequences);
        if !more {
            break;
        }
    }
    assert_eq!(pages, [vec![7, 8, 9, 10], vec![3, 4, 5, 6], vec![1, 2]]);
    assert_eq!(server.metrics().replayed_messages, 10);
}

#[test]
fn who_comes_back_goes_on_where_it_was() {
    let server = TestServer::start();
    let mut ada = speaker(&server, 2);
    let mut bob = PeerV2::user(server.address(), "bob");
    let (before, ..) = join(&mut bob, None, 0);
    let _ = ada.next_frame();
    drop(bob);
    let _ = ada.next_frame();
    for number in 3..=5 {
        ada.say("tea", &format!("message {number}"));
    }
    let mut bob = PeerV2::user(server.address(), "bob");
    let (joined, sequences, more) = join(&mut bob, resume(before.epoch, 2), 100);
    assert_eq!(joined, Joined { epoch: before.epoch, sequence: 5, replay_from: 2 });
    assert_eq!((sequences, more), (vec![3, 4, 5], false));
    // Live frames follow, in the same numbering.
    let _ = ada.next_frame();
    ada.say("tea", "message 6");
    assert_eq!(bob.next_broadcast(), (0, 6, 5, "message 6".to_owned()));
    let metrics = server.metrics();
    assert_eq!((metrics.resumes, metrics.resume_gaps), (1, 0));
}

#[test]
fn what_cannot_be_gone_on_with_is_told_as_a_gap() {
    let server = TestServer::start();
    let _ada = speaker(&server, 5);
    let mut first = PeerV2::user(server.address(), "first");
    let (epoch, _) = first.join("tea");
    for (number, (asked, replay, replay_from)) in [
        // Fewer than were missed.
        (resume(epoch, 1), 2, 3),
        // None at all.
        (resume(epoch, 1), 0, 5),
        // Another life of the room, or one that has not come as far.
        (resume(epoch ^ 1, 5), 0, 5),
        (resume(epoch, 6), 100, 0),
    ]
    .into_iter()
    .enumerate()
    {
        let mut peer = PeerV2::user(server.address(), &format!("peer-{number}"));
        let (joined, sequences, _) = join(&mut peer, asked, replay);
        assert_eq!(joined, Joined { epoch, sequence: 5, replay_from });
        if replay > 0 {
            assert_eq!(sequences, (replay_from + 1..=5).collect::<Vec<u64>>());
        }
    }
    let metrics = server.metrics();
    assert_eq!((metrics.resumes, metrics.resume_gaps), (4, 4));
}

#[test]
fn a_room_that_everybody_has_left_is_kept_for_a_while() {
    let server = TestServer::start();
    let ada = speaker(&server, 3);
    drop(ada);
    server.wait_until("no user", |metrics| (metrics.users, metrics.rooms) == (0, 0));
    let mut bob = PeerV2::user(server.address(), "bob");
    // It is not listed, and counts as none.
    let request = bob.ask(&MessagePayload::ListRooms { count: 0, after: "" });
    bob.expect(request, &MessagePayload::ListEnd { count: 0, more: false });
    let (joined, sequences, _) = join(&mut bob, None, 100);
    assert_eq!((joined.sequence, sequences), (3, vec![1, 2, 3]));
    assert_eq!(server.metrics().rooms, 1);
    bob.ask(&MessagePayload::Disconnect);
    bob.expect_end();
    // Version 1 alone finds it, too, and what it says is numbered on.
    let mut old = server.member("carl", "tea");
    old.send(&publish("tea", "message 4"));
    let _ = old.next_chat();
    let mut eve = PeerV2::user(server.address(), "eve");
    let (again, sequences, _) = join(&mut eve, resume(joined.epoch, 3), 100);
    assert_eq!(again, Joined { epoch: joined.epoch, sequence: 4, replay_from: 3 });
    assert_eq!(sequences, [4]);
}

#[test]
fn a_room_whose_time_is_over_is_another_one() {
    let server = TestServer::with(|config| {
        config.limits.room_linger = Duration::from_millis(1);
    });
    let mut ada = speaker(&server, 3);
    let request = ada.ask(&MessagePayload::LeaveRoom { room: "tea" });
    let frame = ada.next_frame();
    assert_eq!(parse(&frame).0, request);
    server.wait_until("nothing kept", |metrics| metrics.buffer_bytes == 0);
    let (epoch, sequence) = ada.join("tea");
    assert_eq!(sequence, 0);
    assert!(epoch > 0);
}

#[test]
fn rooms_that_wait_make_place_for_others() {
    let server = TestServer::with(|config| config.limits.rooms = 1);
    let mut ada = speaker(&server, 1);
    let join = MessagePayload::JoinRoom { resume: None, replay: 0, room: "coffee" };
    ada.refused(&join, ErrorCode::LimitReached);
    let request = ada.ask(&MessagePayload::LeaveRoom { room: "tea" });
    let frame = ada.next_frame();
    assert_eq!(parse(&frame).0, request);
    let (_, sequence) = ada.join("coffee");
    assert_eq!(sequence, 0);
    server.wait_until("nothing kept", |metrics| metrics.buffer_bytes == 0);
}

/// What was said is kept as far as the room's log goes, and no room keeps more than that.
#[test]
fn the_oldest_goes_when_the_log_is_full() {
    let server = TestServer::with(|config| config.limits.room_log_bytes = 64 << 10);
    let mut ada = PeerV2::user(server.address(), "ada");
    ada.join("tea");
    let content = "x".repeat(4000);
    for number in 1..=100 {
        assert_eq!(ada.say("tea", &content), number);
    }
    let request = ada.ask(&MessagePayload::History { before: 0, count: 0, room: "tea" });
    let mut sequences = Vec::new();
    let more = loop {
        let frame = ada.next_frame();
        match parse(&frame) {
            (answered, MessagePayload::MessageBroadcast { sequence, .. }) => {
                assert_eq!(answered, request);
                sequences.push(sequence);
            }
            (_, MessagePayload::ListEnd { more, .. }) => break more,
            other => panic!("{other:?}"),
        }
    };
    assert!(!more && (4..=16).contains(&sequences.len()), "{sequences:?}");
    let first = sequences[0];
    assert_eq!(sequences, (first..=100).collect::<Vec<u64>>());
}

/// All rooms together have a bound of their own, and each in turn gives up its oldest.
#[test]
fn all_rooms_together_keep_no_more_than_they_may() {
    let server = TestServer::with(|config| config.limits.history_bytes = 256 << 10);
    let mut ada = PeerV2::user(server.address(), "ada");
    let content = "x".repeat(4000);
    for room in ["one", "two", "three", "four"] {
        ada.join(room);
        for _ in 0..50 {
            ada.say(room, &content);
        }
    }
    let kept = server.metrics().log_storage_bytes;
    assert!((128 << 10..=384 << 10).contains(&kept), "{kept}");
}
