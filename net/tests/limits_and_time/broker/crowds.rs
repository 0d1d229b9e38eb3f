//! Crowds: how much of what they cause is done in one tick, and who is told of joins and leaves.

use cafewire_core::MessagePayload;
use cafewire_net::{CloseReason, LimitReached};

use super::Bench;
use crate::support::{chat, publish};

fn crowd(
    bench: &mut Bench,
    members: usize,
    rooms: &[&str],
) -> Vec<cafewire_net::broker::ConnectionId> {
    let ids =
        (0..members).map(|number| bench.member(&format!("member {number:04}"), rooms)).collect();
    bench.written.clear();
    ids
}

/// The members are gone at once; that they went is told in order, so many in a tick.
#[test]
fn departures_of_a_crowd_are_spread_over_ticks() {
    const STAYING: usize = 20;
    const GOING: usize = 100;
    const PER_TICK: usize = 7;
    let mut bench = Bench::new(|limits| limits.departures_per_tick = PER_TICK);
    let members = crowd(&mut bench, STAYING + GOING, &["tea"]);
    let (staying, going) = members.split_at(STAYING);
    for &id in going {
        bench.broker.handle_reset(id, bench.now);
    }
    assert_eq!(bench.metrics().users, STAYING as u64, "their names are free at once");
    let mut ticks = 0;
    while bench.broker.has_work() || ticks == 0 {
        let before = bench.metrics().deliveries;
        bench.tick();
        let deliveries = bench.metrics().deliveries - before;
        assert!(deliveries <= (PER_TICK * STAYING) as u64, "{deliveries} in a tick");
        ticks += 1;
    }
    assert_eq!(ticks, GOING.div_ceil(PER_TICK));
    let expected: Vec<_> =
        (STAYING..STAYING + GOING).map(|number| format!("tea - member {number:04}")).collect();
    for &id in staying {
        assert_eq!(bench.heard(id), expected);
    }
}

/// Nothing is said in a room before the departures from it are told.
#[test]
fn a_room_tells_departures_before_it_says_anything_else() {
    let mut bench = Bench::new(|limits| limits.departures_per_tick = 2);
    let members = crowd(&mut bench, 10, &["tea"]);
    for &id in &members[5..] {
        bench.broker.handle_reset(id, bench.now);
    }
    bench.send(members[0], &publish("tea", "they are gone"));
    bench.run(&members[..1]);
    let heard = bench.heard(members[1]);
    assert_eq!(heard.len(), 6);
    assert_eq!(heard[5], "tea: they are gone");
}

#[test]
fn a_tick_makes_no_more_deliveries_than_it_may() {
    const MEMBERS: usize = 10;
    for (limit, frames_done) in [(1, 1), (10, 1), (11, 2), (30, 3), (31, 4), (0, 100)] {
        for is_of_one in [true, false] {
            let mut bench = Bench::new(|limits| {
                let bound = if is_of_one {
                    &mut limits.connection_deliveries_per_tick
                } else {
                    &mut limits.deliveries_per_tick
                };
                *bound = limit;
            });
            let members = crowd(&mut bench, MEMBERS, &["tea"]);
            let before = bench.metrics().deliveries;
            bench.send(members[0], &publish("tea", "x").repeat(100));
            let deliveries = bench.metrics().deliveries - before;
            assert_eq!(deliveries, (frames_done * MEMBERS) as u64, "at most {limit}");
            assert_eq!(bench.broker.is_tick_spent(), !is_of_one && limit > 0);
            let reached = if is_of_one {
                LimitReached::ConnectionDeliveriesPerTick
            } else {
                LimitReached::DeliveriesPerTick
            };
            assert_eq!(bench.metrics().limits_reached(reached), u64::from(limit > 0));
            bench.run(&members);
            assert_eq!(bench.heard(members[9]).len(), 100, "all of it in the end");
        }
    }
}

/// In a room with more members than that, joins and leaves are told to the member concerned; until
/// half as many are left.
#[test]
fn presence_goes_off_in_large_rooms_and_on_again_in_small_ones() {
    let mut bench = Bench::new(|limits| limits.presence_members_max = 4);
    let mut members = crowd(&mut bench, 4, &["tea"]);
    let join = chat(&MessagePayload::JoinRoom { room: "tea" });
    let leave = chat(&MessagePayload::LeaveRoom { room: "tea" });
    let fifth = bench.member("fifth", &[]);
    bench.send(fifth, &join);
    bench.tick();
    assert_eq!(bench.heard(fifth), ["tea + fifth"], "its own copy is its acknowledgement");
    assert!(
        members.iter().all(|&id| bench.heard(id).is_empty()),
        "a fifth is one too many to tell"
    );
    // Three are left after these two: still too many for presence to come on again.
    bench.send(fifth, &leave);
    bench.tick();
    assert_eq!(bench.heard(fifth).last().map(String::as_str), Some("tea - fifth"));
    bench.broker.handle_reset(members.pop().unwrap(), bench.now);
    bench.run(&[]);
    assert!(members.iter().all(|&id| bench.heard(id).is_empty()));
    // Half of four.
    let third = members.pop().unwrap();
    bench.send(third, &leave);
    bench.tick();
    assert!(members.iter().all(|&id| bench.heard(id).is_empty()), "it went before");
    bench.send(fifth, &join);
    bench.tick();
    for &id in &members {
        assert_eq!(bench.heard(id), ["tea + fifth"]);
    }
}

#[test]
fn rooms_that_one_address_makes_have_a_bound() {
    const LIMIT: usize = 3;
    let mut bench = Bench::new(|limits| limits.rooms_per_address = LIMIT);
    let join = |room: &str| chat(&MessagePayload::JoinRoom { room });
    let ada = bench.member("ada", &["r0", "r1"]);
    let bob = bench.member("bob", &["r2"]);
    let elsewhere = bench.accept(2);
    bench.send(elsewhere, &chat(&MessagePayload::Connect { username: "elsewhere" }));
    bench.tick();
    bench.written.clear();
    bench.send(bob, &join("r3"));
    bench.send(bob, &join("r0"));
    bench.send(elsewhere, &join("r3"));
    bench.tick();
    assert_eq!(bench.heard(bob), ["LimitReached", "r0 + bob"], "one more, and one that exists");
    assert_eq!(bench.heard(elsewhere), ["r3 + elsewhere"], "another address");
    assert_eq!(bench.metrics().limits_reached(LimitReached::RoomsPerAddress), 1);
    // A room that is gone makes room for another, whichever connection of the address left it last.
    bench.send(ada, &chat(&MessagePayload::LeaveRoom { room: "r1" }));
    bench.send(bob, &join("r4"));
    bench.tick();
    assert_eq!(bench.heard(bob).last().map(String::as_str), Some("r4 + bob"));
    assert_eq!(bench.closes(CloseReason::ConnectionLost), 0);
}
