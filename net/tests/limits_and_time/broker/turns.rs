//! Rooms that speak by turns: they cost what one room costs, and nothing is lost or moved.

use cafewire_net::CloseReason;

use super::Bench;
use crate::support::publish;

/// 200 frames to 50 members: each member is written to once, whatever rooms they came from.
#[test]
fn rooms_that_take_turns_cost_one_write_for_each_member() {
    for rooms in [&["a"][..], &["a", "b"], &["a", "b", "c", "d", "e", "f", "g", "h"]] {
        let mut bench = Bench::new(|_| {});
        let members: Vec<_> =
            (0..50).map(|number| bench.member(&format!("member {number}"), rooms)).collect();
        let said: Vec<_> = (0..200).map(|number| (rooms[number % rooms.len()], number)).collect();
        let frames: Vec<u8> =
            said.iter().flat_map(|(room, number)| publish(room, &number.to_string())).collect();
        let before = bench.writes;
        bench.send(members[7], &frames);
        bench.tick();
        assert_eq!(bench.writes - before, members.len(), "{} rooms", rooms.len());
        let expected: Vec<_> =
            said.iter().map(|(room, number)| format!("{room}: {number}")).collect();
        for &member in &members {
            assert_eq!(bench.heard(member), expected);
        }
        assert_eq!(bench.metrics().buffer_bytes, 0, "nothing is left of it");
    }
}

/// Some members are in one of the rooms, some in several, in every combination.
#[test]
fn each_member_hears_its_rooms_and_no_others_in_order() {
    const ROOMS: [&str; 4] = ["a", "b", "c", "d"];
    let mut bench = Bench::new(|_| {});
    let speaker = bench.member("speaker", &ROOMS);
    let members: Vec<_> = (1..16)
        .map(|set| {
            let rooms = (0..4).filter(|bit| set >> bit & 1 == 1).map(|bit| ROOMS[bit]);
            let rooms: Vec<_> = rooms.collect();
            (bench.member(&format!("member {set}"), &rooms), rooms)
        })
        .collect();
    let said: Vec<_> = (0..300_usize).map(|number| (ROOMS[number * 7 % 11 % 4], number)).collect();
    for part in said.chunks(90) {
        let frames = part.iter().flat_map(|(room, number)| publish(room, &number.to_string()));
        bench.send(speaker, &frames.collect::<Vec<u8>>());
        bench.tick();
    }
    for (member, rooms) in members {
        let expected = said.iter().filter(|(room, _)| rooms.contains(room));
        let expected: Vec<_> = expected.map(|(room, number)| format!("{room}: {number}")).collect();
        assert_eq!(bench.heard(member), expected);
    }
}

/// What one connection sees is the order in which the server did things: what others said in its
/// rooms, its own answers, its coming and going.
#[test]
fn answers_stand_where_they_belong_among_what_rooms_say() {
    let mut bench = Bench::new(|_| {});
    let ada = bench.member("ada", &["a", "b"]);
    let bob = bench.member("bob", &["a", "b"]);
    bench.written.clear();
    bench.send(ada, &publish("a", "1"));
    bench.send(bob, &publish("b", "2"));
    bench.send(bob, &publish("elsewhere", "refused"));
    bench.send(ada, &publish("a", "3"));
    bench.send(bob, &crate::support::chat(&cafewire_core::MessagePayload::LeaveRoom { room: "a" }));
    bench.send(ada, &[publish("a", "4"), publish("b", "5")].concat());
    bench.send(bob, &crate::support::chat(&cafewire_core::MessagePayload::JoinRoom { room: "a" }));
    bench.send(ada, &publish("a", "6"));
    bench.tick();
    let all = ["a: 1", "b: 2", "a: 3", "a - bob", "a: 4", "b: 5", "a + bob", "a: 6"];
    assert_eq!(bench.heard(ada), all);
    assert_eq!(
        bench.heard(bob),
        ["a: 1", "b: 2", "NotInRoom", "a: 3", "a - bob", "b: 5", "a + bob", "a: 6"]
    );
}

/// The server stood still while twenty people spoke in twenty rooms: the member that is in all of
/// them gets every frame, though they are more than its outbox may hold in the long run.
#[test]
fn a_member_of_many_rooms_gets_all_that_was_said_while_the_server_stood_still() {
    const ROOMS: usize = 20;
    const MESSAGES: usize = 110;
    let names: Vec<String> = (0..ROOMS).map(|number| format!("room {number}")).collect();
    let mut bench = Bench::new(|_| {});
    let speakers: Vec<_> =
        names.iter().map(|name| bench.member(&format!("of {name}"), &[name])).collect();
    let rooms: Vec<&str> = names.iter().map(String::as_str).collect();
    let reader = bench.member("reader", &rooms);
    for (speaker, room) in speakers.iter().zip(&rooms) {
        let frames = (0..MESSAGES).flat_map(|number| publish(room, &format!("{number:0>512}")));
        bench.send(*speaker, &frames.collect::<Vec<u8>>());
    }
    bench.run(&speakers);
    assert_eq!(bench.heard(reader).len(), ROOMS * MESSAGES);
    assert_eq!(bench.closes(CloseReason::SlowConsumer), 0);
}
