//! What a faulty server does to messages is noticed, with exact numbers, at whichever member.

use super::*;

/// Runs one room of three members against a server with these faults.
fn faulty_chat(faults: impl Fn(usize, u64) -> Fault + Send + Sync + 'static) -> Report {
    let work = Work::Chat {
        rooms: 1,
        rooms_each: 1,
        members: 3,
        publishers: 2,
        window: 1000,
        size_bytes: 64,
    };
    run(&faulty::start(faults), work, 100)
}

#[test]
fn a_lost_delivery_is_noticed_at_any_member() {
    for victim in 0..3 {
        let report = faulty_chat(move |member, number| match (member, number) {
            (member, 10 | 11 | 50) if member == victim => Fault::Drop,
            _ => Fault::None,
        });
        let expected =
            Deliveries { expected: 300, received: 297, lost: 3, ..Deliveries::default() };
        assert_eq!(report.deliveries, expected, "member {victim}");
        assert!(!report.is_clean());
    }
}

#[test]
fn a_duplicated_delivery_is_noticed_at_any_member() {
    for victim in 0..3 {
        let report = faulty_chat(move |member, number| match (member, number) {
            (member, 0 | 40 | 99) if member == victim => Fault::Duplicate,
            _ => Fault::None,
        });
        assert_eq!(
            report.deliveries,
            Deliveries { duplicated: 3, ..all_came(300) },
            "member {victim}"
        );
        assert!(!report.is_clean());
    }
}

#[test]
fn a_reordered_delivery_is_noticed_at_any_member() {
    // With one publisher its numbers tell which of two messages was late. The unit tests of the
    // checker cover several publishers, where members that saw different orders are noticed.
    for victim in 0..3 {
        let work = Work::Chat {
            rooms: 1,
            rooms_each: 1,
            members: 3,
            publishers: 1,
            window: 1000,
            size_bytes: 64,
        };
        let faults = move |member, number| match (member, number) {
            (member, 0 | 30) if member == victim => Fault::Late,
            _ => Fault::None,
        };
        let report = run(&faulty::start(faults), work, 100);
        assert_eq!(
            report.deliveries,
            Deliveries { reordered: 2, ..all_came(300) },
            "member {victim}"
        );
        assert!(!report.is_clean());
    }
}

/// Runs three members of the same two rooms, one of which speaks there by turns, against a server
/// with this fault of the deliveries with these numbers to one member.
fn faulty_rooms(fault: Fault, victim: usize, numbers: &'static [u64]) -> Deliveries {
    let work = Work::Chat {
        rooms: 2,
        rooms_each: 2,
        members: 3,
        publishers: 1,
        window: 1000,
        size_bytes: 64,
    };
    let faults = move |member, number| {
        if member == victim && numbers.contains(&number) { fault } else { Fault::None }
    };
    let report = run(&faulty::start(faults), work, 100);
    assert_eq!(report.is_clean(), fault == Fault::None, "{report:?}");
    report.deliveries
}

#[test]
fn what_is_wrong_in_one_of_several_rooms_is_noticed_at_any_member() {
    assert_eq!(faulty_rooms(Fault::None, 0, &[]), all_came(300));
    for victim in 0..3 {
        let lost = Deliveries { expected: 300, received: 298, lost: 2, ..Deliveries::default() };
        assert_eq!(faulty_rooms(Fault::Drop, victim, &[10, 51]), lost, "member {victim}");
        let duplicated = Deliveries { duplicated: 2, ..all_came(300) };
        assert_eq!(faulty_rooms(Fault::Duplicate, victim, &[0, 99]), duplicated, "member {victim}");
    }
}

/// Two messages in a row are of two rooms: in each room by itself all is in order.
#[test]
fn a_reordering_from_room_to_room_is_noticed_at_any_member() {
    for victim in 0..3 {
        let reordered = Deliveries { reordered: 2, ..all_came(300) };
        assert_eq!(faulty_rooms(Fault::Late, victim, &[0, 31]), reordered, "member {victim}");
    }
}

#[test]
fn a_message_in_another_room_of_the_same_members_is_unexpected() {
    for victim in 0..3 {
        let expected = Deliveries {
            expected: 300,
            received: 299,
            lost: 1,
            unexpected: 1,
            ..Deliveries::default()
        };
        assert_eq!(faulty_rooms(Fault::OtherRoom, victim, &[40]), expected, "member {victim}");
    }
}

#[test]
fn faults_of_an_echo_are_noticed() {
    let echo = |fault| {
        let faults = move |_, number| if number == 7 { fault } else { Fault::None };
        run(
            &faulty::start(faults),
            Work::Echo { connections: 1, in_flight: 20, size_bytes: 64 },
            30,
        )
        .deliveries
    };
    assert_eq!(echo(Fault::None), all_came(30));
    assert_eq!(
        echo(Fault::Drop),
        Deliveries { expected: 30, received: 29, lost: 1, ..Deliveries::default() }
    );
    assert_eq!(echo(Fault::Duplicate), Deliveries { duplicated: 1, ..all_came(30) });
    assert_eq!(echo(Fault::Late), Deliveries { reordered: 1, ..all_came(30) });
    let damaged =
        Deliveries { expected: 30, received: 29, lost: 1, unexpected: 1, ..Deliveries::default() };
    assert_eq!(echo(Fault::Damage), damaged);
}

#[test]
fn a_connection_that_ends_or_is_corrupt_is_reported_with_its_losses() {
    for (fault, reason) in [(Fault::HangUp, "closed"), (Fault::Damage, "malformed frame")] {
        let report = faulty_chat(
            move |member, number| if (member, number) == (2, 60) { fault } else { Fault::None },
        );
        assert_eq!(report.connections.ended_early, 1, "{report:?}");
        assert!(report.connections.reasons[0].0.contains(reason), "{report:?}");
        let lost = report.deliveries.lost;
        assert!(lost >= 40 && report.deliveries.received + lost == 300, "{report:?}");
    }
}
