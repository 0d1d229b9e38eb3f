//! The connection comes and goes.

use std::collections::BTreeSet;

use cafewire_core::ErrorCode;
use cafewire_net::client::{Answers, Event, Received};

use crate::chat_screen::bounds::{ANSWER_TIMEOUT, MAX_UNSENT};
use crate::chat_screen::connection_state::Phase;
use crate::chat_screen::effect::{ConnectionEvent, Effect, Input};
use crate::chat_screen::model::Detail;
use crate::chat_screen::test_harness::{Harness, OWN_ID};
use crate::requests::{MAX_IN_FLIGHT, Request};
use crate::retry::STABLE_AFTER;

fn join(room: &str) -> Request {
    Request::Join { room: room.to_owned() }
}

fn send(room: &str, content: &str) -> Request {
    Request::Send { room: room.to_owned(), content: content.to_owned() }
}

#[test]
fn it_connects_signs_in_and_joins() {
    let mut harness = Harness::new(Some("ada"), &["lobby", "tea"]);
    assert!(
        matches!(&harness.effects[..], [Effect::Connect { username, .. }] if username == "ada")
    );
    assert!(harness.shows("connecting as ada to tcp://127.0.0.1:8080"));
    harness.signed_in();
    assert_eq!(harness.take_requests(), [join("lobby"), join("tea")]);
    assert!(harness.shows("connected as ada to tcp://127.0.0.1:8080"));
}

#[test]
fn more_is_said_of_connections_if_asked() {
    let mut harness = Harness::with(Detail::More, Some("ada"), &[]);
    for attempt in ["first", "second"] {
        harness.lose(&format!("the {attempt} attempt failed"));
        harness.wait_until_it_connects();
    }
    assert!(
        harness.shows("-- the first attempt failed")
            && harness.shows("-- the second attempt failed")
    );
    harness.signed_in();
    assert!(harness.shows("tcp://127.0.0.1:8080 was found at 127.0.0.1:8080"));

    let mut usual = Harness::new(Some("ada"), &[]);
    for attempt in ["first", "second"] {
        usual.lose(&format!("the {attempt} attempt failed"));
        usual.wait_until_it_connects();
    }
    usual.signed_in();
    assert!(
        usual.shows("-- the first attempt failed") && !usual.shows("-- the second attempt failed")
    );
    assert!(!usual.shows("was found at"));
}

#[test]
fn less_is_said_at_the_beginning_if_asked() {
    let hints = ["Tab completes", "/join ROOM to talk"];
    let mut usual = Harness::new(Some("ada"), &[]);
    let mut quiet = Harness::with(Detail::Less, Some("ada"), &[]);
    for hint in hints {
        assert!(usual.shows(hint) && !quiet.shows(hint), "{hint}");
    }
    let mut nameless = Harness::with(Detail::Less, None, &[]);
    assert!(nameless.shows("Under which name"), "what is needed is asked for all the same");
}

#[test]
fn a_lost_connection_is_made_again_and_the_rooms_are_joined_again() {
    let mut harness = Harness::in_rooms(&["lobby", "tea"]);
    harness.said("bob", "lobby", "hello");
    harness.pass(7000);
    harness.lose("the server closed the connection");
    assert!(
        harness
            .row_with("reconnecting in 1 s, last heard 7 s ago: the server closed the connection")
            .len()
            > 20
    );
    assert!(harness.shows("-- connection lost: the server closed the connection"));
    let waited = harness.wait_until_it_connects();
    assert!((250..=500).contains(&waited), "{waited}");
    assert!(harness.shows("connecting as ada"));
    harness.signed_in();
    assert_eq!(harness.take_requests(), [join("lobby"), join("tea")]);
    harness.pass(500);
    harness.event(Event::Joined {
        user_id: OWN_ID,
        username: "ada".to_owned(),
        room: "lobby".to_owned(),
    });
    assert!(harness.shows("-- back after 1 s; what was said meanwhile is not here: protocol"));
    // The other room has the note too, and a room joined for the first time has none.
    harness.event(Event::Joined {
        user_id: OWN_ID,
        username: "ada".to_owned(),
        room: "tea".to_owned(),
    });
    harness.alt('2');
    assert!(harness.shows("-- back after 1 s"));
    harness.enters("/join new");
    harness.answer_all();
    assert!(harness.shows("-- you joined") && !harness.shows("-- back after"));
}

#[test]
fn delays_grow_until_a_connection_has_stood_for_a_while() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    let mut longest = 0;
    for _ in 0..12 {
        harness.lose("gone");
        longest = longest.max(harness.wait_until_it_connects());
    }
    assert!((15_000..=30_000).contains(&longest), "{longest}");
    // A server that closes right after sign-in is not retried any faster for it.
    harness.sign_in();
    harness.lose("gone");
    assert!(harness.wait_until_it_connects() >= 15_000);
    harness.sign_in();
    harness.pass(u64::try_from(STABLE_AFTER.as_millis()).unwrap());
    harness.lose("gone");
    assert!(harness.wait_until_it_connects() <= 500);
}

#[test]
fn clients_that_lose_one_server_do_not_come_back_at_one_time() {
    let delays: BTreeSet<u64> = (0..50)
        .map(|seed| {
            let mut harness = Harness::in_rooms(&["lobby"]);
            harness.model.connection = crate::chat_screen::connection_state::ConnectionState::new(
                "h:1".parse().unwrap(),
                Some("ada".to_owned()),
                seed,
            );
            harness.lose("gone");
            harness.wait_until_it_connects()
        })
        .collect();
    assert!(delays.len() > 20, "{delays:?}");
}

#[test]
fn a_server_that_was_never_there_is_tried_again() {
    let mut harness = Harness::new(Some("ada"), &["lobby"]);
    harness.lose("cannot connect to tcp://127.0.0.1:8080: Connection refused");
    assert!(
        harness.shows("not connected, trying again in 1 s: cannot connect to tcp://127.0.0.1:8080")
    );
    for page in ['1', '0'] {
        harness.alt(page);
        assert!(
            harness.shows("-- cannot connect to tcp://127.0.0.1:8080: Connection refused"),
            "page {page}"
        );
    }
    harness.wait_until_it_connects();
    harness.lose("cannot connect to tcp://127.0.0.1:8080: no route");
    harness.alt('1');
    assert!(!harness.shows("-- cannot connect to tcp://127.0.0.1:8080: no route"), "one is enough");
    harness.wait_until_it_connects();
    harness.sign_in();
    assert!(harness.shows("-- you joined"));
}

#[test]
fn the_servers_own_reason_is_shown() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.refuse(ErrorCode::ShuttingDown, "going down");
    harness.lose("the server closed the connection");
    assert!(harness.shows("going down [ShuttingDown (17)]"));
    assert!(!harness.shows("the server closed the connection"));
}

#[test]
fn what_was_not_sent_waits_and_what_may_have_arrived_is_not_sent_again() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.enters("on its way");
    assert_eq!(harness.take_requests(), [send("lobby", "on its way")]);
    harness.lose("gone");
    assert!(harness.shows("-- perhaps not delivered, and not sent again: on its way"));
    harness.enters("typed meanwhile");
    assert_eq!(harness.take_requests(), []);
    assert!(harness.shows("1 unsent"));
    harness.wait_until_it_connects();
    harness.signed_in();
    assert_eq!(harness.take_requests(), [join("lobby")], "not before the room is joined");
    enter(&mut harness, "lobby");
    assert_eq!(harness.take_requests(), [send("lobby", "typed meanwhile")]);
    assert!(!harness.shows("not been seen here"), "no other member was known");
}

/// The server lets the user in.
fn enter(harness: &mut Harness, room: &str) {
    let (username, room) = ("ada".to_owned(), room.to_owned());
    harness.event(Event::Joined { user_id: OWN_ID, username, room });
}

#[test]
fn what_waits_for_one_room_does_not_hold_up_another() {
    let mut harness = Harness::in_rooms(&["lobby", "tea"]);
    harness.lose("gone");
    harness.alt('1');
    harness.enters("in the lobby");
    harness.alt('2');
    harness.enters("at tea");
    harness.wait_until_it_connects();
    harness.signed_in();
    assert_eq!(harness.take_requests(), [join("lobby"), join("tea")]);
    harness.refuse(ErrorCode::LimitReached, "full");
    assert_eq!(harness.take_requests(), [], "the lobby is full");
    enter(&mut harness, "tea");
    assert_eq!(harness.take_requests(), [send("tea", "at tea")]);
}

#[test]
fn lines_that_waited_do_not_look_heard_by_members_who_are_not_back() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    for name in ["bob", "eve", "joe", "may"] {
        harness.said(name, "lobby", "hello");
    }
    harness.left("may", "lobby");
    harness.lose("gone");
    harness.enters("are you there?");
    harness.enters("hello?");
    harness.wait_until_it_connects();
    harness.signed_in();
    harness.answer_all();
    let said = "2 lines that waited are said now, but bob, eve and joe have not been seen here \
                since the connection was lost";
    assert!(harness.shows(said));
    // Where nothing waits there is nothing to say.
    harness.said("bob", "lobby", "back");
    harness.enters("/clear");
    harness.lose("gone");
    harness.wait_until_it_connects();
    harness.sign_in();
    assert!(harness.shows("-- back after") && !harness.shows("not been seen here"));
}

#[test]
fn only_so_much_is_on_its_way_at_a_time_and_only_so_much_waits() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    for number in 0..MAX_IN_FLIGHT + MAX_UNSENT {
        harness.enters(&number.to_string());
    }
    assert_eq!(harness.take_requests().len(), MAX_IN_FLIGHT);
    harness.enters("one too many");
    assert!(harness.shows("not sent: 256 lines wait to be sent already"));
    assert_eq!(harness.model.editor.text(), "one too many", "the line is there to be sent later");
    harness.said("ada", "lobby", "0");
    assert_eq!(harness.take_requests(), [send("lobby", &MAX_IN_FLIGHT.to_string())]);
}

#[test]
fn a_server_that_does_not_answer_counts_as_lost() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.enters("hello?");
    harness.wait(3000);
    assert!(harness.shows("connected as ada to tcp://127.0.0.1:8080, no answer for 3 s"));
    let number = harness.model.connection.number;
    harness.wait(u64::try_from(ANSWER_TIMEOUT.as_millis()).unwrap() - 3000);
    assert!(harness.effects.contains(&Effect::HangUp { number }));
    assert!(
        harness.shows(
            "reconnecting in 1 s, last heard 20 s ago: the server has not answered for 20 s"
        )
    );
    // Silence alone is no loss: perhaps no member has anything to say.
    let mut harness = Harness::in_rooms(&["lobby"]);
    assert_eq!(harness.model.connection.next_wake_up(harness.now.running), None);
    harness.wait(3_600_000);
    assert!(harness.model.connection.is_online());
}

#[test]
fn an_old_connection_is_not_listened_to() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    let old = harness.model.connection.number;
    harness.enters("/connect other:1");
    assert!(harness.effects.contains(&Effect::HangUp { number: old }));
    let said = Event::Message {
        user_id: 8,
        timestamp_ms: 0,
        username: "bob".to_owned(),
        room: "lobby".to_owned(),
        content: "from the past".to_owned(),
    };
    let said = Received { event: said, answers: Answers::Nothing };
    harness.give(Input::Connection { number: old, event: ConnectionEvent::Chat(said) });
    harness.give(Input::Connection {
        number: old,
        event: ConnectionEvent::Ended { why: "gone".to_owned(), code: None },
    });
    assert!(harness.shows("connecting as ada to tcp://other:1") && !harness.shows("from the past"));
    harness.signed_in();
    assert_eq!(harness.take_requests(), [join("lobby")]);
}

#[test]
fn connect_tries_at_once() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    for _ in 0..8 {
        harness.lose("gone");
        harness.wait_until_it_connects();
    }
    harness.lose("gone");
    harness.effects.clear();
    harness.enters("/connect");
    assert!(
        matches!(&harness.effects[..], [Effect::Connect { .. }, Effect::Remember(_)]),
        "{:?}",
        harness.effects
    );
}

#[test]
fn without_a_name_one_is_asked_for() {
    let mut harness = Harness::new(None, &["lobby"]);
    assert_eq!(harness.effects, []);
    assert!(
        harness.shows("your name:")
            && harness.shows("not connected to tcp://127.0.0.1:8080: choose a name")
    );
    harness.enters(&"x".repeat(33));
    assert!(harness.shows("this name cannot be: username is 33 bytes long, 1 to 32 are allowed"));
    harness.ctrl('u');
    harness.enters("ada");
    assert!(
        matches!(&harness.effects[..], [Effect::Connect { username, .. }] if username == "ada")
    );
    harness.sign_in();
    assert!(harness.shows("[lobby]"));
}

#[test]
fn a_refused_name_lets_one_choose_another() {
    for code in [ErrorCode::UsernameTaken, ErrorCode::InvalidUsername] {
        let mut harness = Harness::new(Some("ada"), &["lobby"]);
        harness.refuse_name(code);
        assert_eq!(harness.model.connection.phase, Phase::NeedsName);
        assert!(harness.shows("Type another name") && harness.shows("your name:"));
        harness.effects.clear();
        harness.enters("grace");
        assert!(matches!(
            &harness.effects[..],
            [Effect::Connect { username, .. }] if username == "grace"
        ));
        harness.sign_in();
        assert!(harness.shows("connected as grace"));
    }
}

#[test]
fn a_name_that_our_own_lost_connection_holds_is_tried_again() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.lose("gone");
    harness.wait_until_it_connects();
    harness.refuse_name(ErrorCode::UsernameTaken);
    assert!(
        harness.shows("Perhaps your own lost connection still holds it")
            && harness.shows("reconnecting in")
    );
    harness.types("gra");
    harness.wait_until_it_connects();
    harness.refuse_name(ErrorCode::UsernameTaken);
    assert_eq!(harness.model.editor.text(), "gra", "what is being typed stays");
    harness.wait_until_it_connects();
    harness.sign_in();
    assert!(harness.shows("connected as ada") && !harness.shows("your name:"));
}
