//! Deliveries to the members of a group, in the orders in which they may come.

use super::*;
use Verdict::{Duplicated, InOrder, Reordered, Unexpected};

impl Run {
    const fn deliveries(&self) -> usize {
        self.places.end - self.places.start
    }
}

/// Publishers `a` (7), `b` (8) and `c` (9); each sends ten messages.
fn group(members: usize) -> GroupChecker {
    GroupChecker::new(7, 3, members)
}

fn stamp(name: &str) -> Stamp {
    let (publisher, number) = name.split_at(1);
    let sender = 7 + usize::from(publisher.as_bytes()[0] - b'a');
    Stamp { key: MessageKey::new(sender, number.parse().unwrap()), at_ns: 1 }
}

/// The deliveries of a member whose verdict is not `InOrder`.
fn irregular<'a>(
    group: &mut GroupChecker,
    member: usize,
    deliveries: &'a str,
) -> Vec<(&'a str, Verdict)> {
    let judge =
        |name| (name, group.receive(member, stamp(name), 10, format!("<{name}>").as_bytes()));
    deliveries.split(' ').map(judge).filter(|&(_, verdict)| verdict != InOrder).collect()
}

#[test]
fn one_order_for_all_members_is_in_order() {
    let mut group = group(2);
    assert_eq!(irregular(&mut group, 0, "a0 b0 a1"), []);
    assert_eq!(irregular(&mut group, 1, "a0 b0 a1 a2 c0"), []);
    assert_eq!(irregular(&mut group, 0, "a2 c0"), []);
}

#[test]
fn a_message_lost_for_one_member_is_blamed_on_no_other() {
    // The first member misses b0, whose place shows in the deliveries of the others.
    let mut group = group(3);
    assert_eq!(irregular(&mut group, 0, "a0 a1 b1"), []);
    assert_eq!(irregular(&mut group, 1, "a0 b0 a1 b1"), []);
    assert_eq!(irregular(&mut group, 2, "a0 b0 a1 b1"), []);
    assert_eq!(
        group.members.iter().map(|member| member.missing.len()).collect::<Vec<_>>(),
        [1, 0, 0]
    );
}

#[test]
fn a_message_lost_at_the_end_of_the_first_members_deliveries_is_not_blamed() {
    let mut group = group(2);
    assert_eq!(irregular(&mut group, 0, "a0 a1"), []);
    assert_eq!(irregular(&mut group, 1, "a0 b0 a1 b1"), []);
    assert_eq!(irregular(&mut group, 0, "b1 b0"), [("b0", Reordered)]);
}

#[test]
fn a_member_in_between_also_misses_an_inferred_message() {
    let mut group = group(3);
    assert_eq!(irregular(&mut group, 0, "a0 a1 b1 a2"), []);
    assert_eq!(irregular(&mut group, 1, "a0 a1"), []);
    assert_eq!(irregular(&mut group, 2, "a0 b0 a1 b1 a2"), []);
    assert_eq!(irregular(&mut group, 1, "b1 b0 a2"), [("b0", Reordered)]);
}

#[test]
fn a_duplicate_is_noticed_at_any_place() {
    let mut group = group(2);
    assert_eq!(
        irregular(&mut group, 0, "a0 a1 a0 b0 b0"),
        [("a0", Duplicated), ("b0", Duplicated)]
    );
    assert_eq!(irregular(&mut group, 1, "a0 a0 a1 b0"), [("a0", Duplicated)]);
    assert_eq!(irregular(&mut group, 0, "a2"), []);
}

#[test]
fn a_reordering_is_blamed_on_the_late_message() {
    let mut group = group(3);
    assert_eq!(irregular(&mut group, 0, "a0 a2 a1 a3"), [("a1", Reordered)]);
    assert_eq!(irregular(&mut group, 1, "a0 a1 a2 a3"), []);
    assert_eq!(irregular(&mut group, 2, "a0 a1 a3 a2"), [("a2", Reordered)]);
}

#[test]
fn one_order_of_several_publishers_is_the_same_for_all() {
    let mut group = group(2);
    assert_eq!(irregular(&mut group, 0, "a0 b0 c0 a1"), []);
    assert_eq!(irregular(&mut group, 1, "a0 c0 b0 a1"), [("b0", Reordered)]);
}

#[test]
fn between_publishers_the_order_of_the_first_member_counts() {
    let mut group = group(3);
    assert_eq!(irregular(&mut group, 0, "a0 c0 b0 a1"), []);
    assert_eq!(irregular(&mut group, 1, "a0 b0 c0 a1"), [("c0", Reordered)]);
    assert_eq!(irregular(&mut group, 2, "a0 b0 c0 a1"), [("c0", Reordered)]);
}

#[test]
fn among_one_publishers_messages_the_late_one_is_blamed_whichever_member_was_first() {
    let mut group = group(3);
    assert_eq!(irregular(&mut group, 0, "a0 b0 a2 a1 b1"), [("a1", Reordered)]);
    assert_eq!(irregular(&mut group, 1, "a0 a1 b0 a2 b1"), []);
    assert_eq!(irregular(&mut group, 2, "a0 a1 b0 a2 b1"), []);
}

#[test]
fn a_message_not_sent_to_this_group_is_unexpected() {
    let mut group = group(1);
    let elsewhere = |sender| Stamp { key: MessageKey::new(sender, 0), at_ns: 0 };
    assert_eq!(group.receive(0, elsewhere(6), 10, b"x"), Unexpected);
    assert_eq!(group.receive(0, elsewhere(10), 10, b"x"), Unexpected);
    assert_eq!(irregular(&mut group, 0, "a0 a10"), [("a10", Unexpected)]);
}

#[test]
fn equal_bytes_are_taken_at_once() {
    let mut group = group(2);
    assert_eq!(
        group.receive_bytes(0, b"<a0>"),
        Some(Run { bytes: 0, places: 0..0 }),
        "nothing is known yet"
    );
    assert_eq!(irregular(&mut group, 0, "a0 b0 a1"), []);
    let run = group.receive_bytes(1, b"<a0><b0><a").unwrap();
    assert_eq!((run.bytes, run.deliveries()), (8, 2));
    assert_eq!(group.stamps(&run).collect::<Vec<_>>(), [stamp("a0"), stamp("b0")]);
    let run = group.receive_bytes(1, b"<a1><b1>").unwrap();
    assert_eq!((run.bytes, run.deliveries()), (4, 1));
    assert_eq!(irregular(&mut group, 1, "b1"), []);
    assert_eq!(group.receive_bytes(0, b"<b1>").unwrap().deliveries(), 1);
}

#[test]
fn differing_bytes_are_compared_one_by_one() {
    let mut group = group(2);
    assert_eq!(irregular(&mut group, 0, "a0 b0 a1"), []);
    assert_eq!(group.receive_bytes(1, b"<!!>"), None);
    assert_eq!(group.receive_bytes(1, b"<a0>").unwrap().deliveries(), 1);
    // After an irregular delivery the group's bytes are no longer those that all should
    // receive.
    assert_eq!(irregular(&mut group, 1, "a0"), [("a0", Duplicated)]);
    assert_eq!(group.receive_bytes(1, b"<b0>"), None);
    assert_eq!(irregular(&mut group, 1, "b0 a1"), []);
}

#[test]
fn a_common_prefix_is_dropped_and_a_lagging_member_is_reported() {
    let mut group = GroupChecker::new(0, 1, 2);
    group.window_max = 3 * FIRST_TRIM;
    let frame = [b'x'; 10];
    let give = |group: &mut GroupChecker, members: Range<usize>, numbers: Range<u64>| {
        for (number, member) in
            numbers.flat_map(|number| members.clone().map(move |member| (number, member)))
        {
            let stamp = Stamp { key: MessageKey::new(0, number), at_ns: 0 };
            assert_eq!(group.receive(member, stamp, u64::MAX, &frame), InOrder);
        }
    };
    give(&mut group, 0..2, 0..10_000);
    assert!(
        group.order.len() <= FIRST_TRIM && group.bytes.as_ref().unwrap().len() <= 10 * FIRST_TRIM
    );
    assert_eq!(group.take_lagging(), None);
    give(&mut group, 0..1, 10_000..20_000);
    assert_eq!(group.take_lagging(), Some(1));
    group.leave(1);
    give(&mut group, 0..1, 20_000..40_000);
    assert_eq!(group.take_lagging(), None);
    assert!(group.order.len() <= FIRST_TRIM);
}
