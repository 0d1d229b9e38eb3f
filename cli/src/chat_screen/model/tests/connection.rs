//! The connection comes and goes.

use std::collections::BTreeSet;

use cafewire_core::ErrorCode;
use cafewire_net::client::Event;

use crate::chat_screen::bounds::{ANSWER_TIMEOUT, MAX_UNSENT, STABLE_AFTER};
use crate::chat_screen::connection_state::State;
use crate::chat_screen::effect::{ConnectionEvent, Effect, Input};
use crate::chat_screen::model::Detail;
use crate::chat_screen::test_harness::{Desk, OWN_ID};
use crate::requests::{MAX_IN_FLIGHT, Request};

fn join(room: &str) -> Request {
    Request::Join { room: room.to_owned() }
}

fn send(room: &str, content: &str) -> Request {
    Request::Send { room: room.to_owned(), content: content.to_owned() }
}

#[test]
fn it_connects_signs_in_and_joins() {
    let mut desk = Desk::new(Some("ada"), &["lobby", "tea"]);
    assert!(matches!(&desk.effects[..], [Effect::Connect { username, .. }] if username == "ada"));
    assert!(desk.shows("connecting as ada to tcp://127.0.0.1:8080"));
    desk.signed_in();
    assert_eq!(desk.take_requests(), [join("lobby"), join("tea")]);
    assert!(desk.shows("connected as ada to tcp://127.0.0.1:8080"));
}

#[test]
fn more_is_said_of_connections_if_asked() {
    let mut desk = Desk::with(Detail::More, Some("ada"), &[]);
    for attempt in ["first", "second"] {
        desk.lose(&format!("the {attempt} attempt failed"));
        desk.wait_until_it_connects();
    }
    assert!(
        desk.shows("-- the first attempt failed") && desk.shows("-- the second attempt failed")
    );
    desk.signed_in();
    assert!(desk.shows("tcp://127.0.0.1:8080 was found at 127.0.0.1:8080"));

    let mut usual = Desk::new(Some("ada"), &[]);
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
    let mut usual = Desk::new(Some("ada"), &[]);
    let mut quiet = Desk::with(Detail::Less, Some("ada"), &[]);
    for hint in hints {
        assert!(usual.shows(hint) && !quiet.shows(hint), "{hint}");
    }
    let mut nameless = Desk::with(Detail::Less, None, &[]);
    assert!(nameless.shows("Under which name"), "what is needed is asked for all the same");
}

#[test]
fn a_lost_connection_is_made_again_and_the_rooms_are_joined_again() {
    let mut desk = Desk::in_rooms(&["lobby", "tea"]);
    desk.said("bob", "lobby", "hello");
    desk.pass(7000);
    desk.lose("the server closed the connection");
    assert!(
        desk.row_with("reconnecting in 1 s, last heard 7 s ago: the server closed the connection")
            .len()
            > 20
    );
    assert!(desk.shows("-- connection lost: the server closed the connection"));
    let waited = desk.wait_until_it_connects();
    assert!((250..=500).contains(&waited), "{waited}");
    assert!(desk.shows("connecting as ada"));
    desk.signed_in();
    assert_eq!(desk.take_requests(), [join("lobby"), join("tea")]);
    desk.pass(500);
    desk.event(Event::Joined {
        user_id: OWN_ID,
        username: "ada".to_owned(),
        room: "lobby".to_owned(),
    });
    assert!(desk.shows("-- back after 1 s; what was said meanwhile is not here: protocol"));
    // The other room says so too, and a room that is joined for the first time does not.
    desk.event(Event::Joined {
        user_id: OWN_ID,
        username: "ada".to_owned(),
        room: "tea".to_owned(),
    });
    desk.alt('2');
    assert!(desk.shows("-- back after 1 s"));
    desk.enters("/join new");
    desk.answer_all();
    assert!(desk.shows("-- you joined") && !desk.shows("-- back after"));
}

#[test]
fn delays_grow_until_a_connection_has_stood_for_a_while() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    let mut longest = 0;
    for _ in 0..12 {
        desk.lose("gone");
        longest = longest.max(desk.wait_until_it_connects());
    }
    assert!((15_000..=30_000).contains(&longest), "{longest}");
    // A server that lets us in and throws us out at once is not asked at a greater rate for it.
    desk.sign_in();
    desk.lose("gone");
    assert!(desk.wait_until_it_connects() >= 15_000);
    desk.sign_in();
    desk.pass(u64::try_from(STABLE_AFTER.as_millis()).unwrap());
    desk.lose("gone");
    assert!(desk.wait_until_it_connects() <= 500);
}

#[test]
fn clients_that_lose_one_server_do_not_come_back_at_one_time() {
    let delays: BTreeSet<u64> = (0..50)
        .map(|seed| {
            let mut desk = Desk::in_rooms(&["lobby"]);
            desk.model.link = crate::chat_screen::connection_state::Link::new(
                "h:1".parse().unwrap(),
                Some("ada".to_owned()),
                seed,
            );
            desk.lose("gone");
            desk.wait_until_it_connects()
        })
        .collect();
    assert!(delays.len() > 20, "{delays:?}");
}

#[test]
fn a_server_that_was_never_there_is_tried_again() {
    let mut desk = Desk::new(Some("ada"), &["lobby"]);
    desk.lose("cannot connect to tcp://127.0.0.1:8080: Connection refused");
    assert!(
        desk.shows("not connected, trying again in 1 s: cannot connect to tcp://127.0.0.1:8080")
    );
    for page in ['1', '0'] {
        desk.alt(page);
        assert!(
            desk.shows("-- cannot connect to tcp://127.0.0.1:8080: Connection refused"),
            "page {page}"
        );
    }
    desk.wait_until_it_connects();
    desk.lose("cannot connect to tcp://127.0.0.1:8080: no route");
    desk.alt('1');
    assert!(!desk.shows("-- cannot connect to tcp://127.0.0.1:8080: no route"), "one is enough");
    desk.wait_until_it_connects();
    desk.sign_in();
    assert!(desk.shows("-- you joined"));
}

#[test]
fn the_servers_own_reason_is_shown() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.refuse(ErrorCode::ShuttingDown, "going down");
    desk.lose("the server closed the connection");
    assert!(desk.shows("going down [ShuttingDown (17)]"));
    assert!(!desk.shows("the server closed the connection"));
}

#[test]
fn what_was_not_sent_waits_and_what_may_have_arrived_is_not_sent_again() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.enters("on its way");
    assert_eq!(desk.take_requests(), [send("lobby", "on its way")]);
    desk.lose("gone");
    assert!(desk.shows("-- perhaps not delivered, and not sent again: on its way"));
    desk.enters("typed meanwhile");
    assert_eq!(desk.take_requests(), []);
    assert!(desk.shows("1 unsent"));
    desk.wait_until_it_connects();
    desk.signed_in();
    assert_eq!(desk.take_requests(), [join("lobby"), send("lobby", "typed meanwhile")]);
}

#[test]
fn only_so_much_is_on_its_way_at_a_time_and_only_so_much_waits() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    for number in 0..MAX_IN_FLIGHT + MAX_UNSENT {
        desk.enters(&number.to_string());
    }
    assert_eq!(desk.take_requests().len(), MAX_IN_FLIGHT);
    desk.enters("one too many");
    assert!(desk.shows("not sent: 256 lines wait to be sent already"));
    assert_eq!(desk.model.editor.text(), "one too many", "the line is there to be sent later");
    desk.said("ada", "lobby", "0");
    assert_eq!(desk.take_requests(), [send("lobby", &MAX_IN_FLIGHT.to_string())]);
}

#[test]
fn a_server_that_does_not_answer_counts_as_lost() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.enters("hello?");
    desk.wait(3000);
    assert!(desk.shows("connected as ada to tcp://127.0.0.1:8080, no answer for 3 s"));
    let link = desk.model.link.number;
    desk.wait(u64::try_from(ANSWER_TIMEOUT.as_millis()).unwrap() - 3000);
    assert!(desk.effects.contains(&Effect::HangUp { link }));
    assert!(
        desk.shows(
            "reconnecting in 1 s, last heard 20 s ago: the server has not answered for 20 s"
        )
    );
    // Silence alone is no loss: nobody may have anything to say.
    let mut desk = Desk::in_rooms(&["lobby"]);
    assert_eq!(desk.model.link.next_wake_up(desk.now.running), None);
    desk.wait(3_600_000);
    assert!(desk.model.link.is_online());
}

#[test]
fn an_old_connection_is_not_listened_to() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    let old = desk.model.link.number;
    desk.enters("/connect other:1");
    assert!(desk.effects.contains(&Effect::HangUp { link: old }));
    let said = Event::Message {
        user_id: 8,
        timestamp_ms: 0,
        username: "bob".to_owned(),
        room: "lobby".to_owned(),
        content: "from the past".to_owned(),
    };
    desk.give(Input::Link { link: old, news: ConnectionEvent::Event(said) });
    desk.give(Input::Link {
        link: old,
        news: ConnectionEvent::Ended { why: "gone".to_owned(), code: None },
    });
    assert!(desk.shows("connecting as ada to tcp://other:1") && !desk.shows("from the past"));
    desk.signed_in();
    assert_eq!(desk.take_requests(), [join("lobby")]);
}

#[test]
fn connect_tries_at_once() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    for _ in 0..8 {
        desk.lose("gone");
        desk.wait_until_it_connects();
    }
    desk.lose("gone");
    desk.effects.clear();
    desk.enters("/connect");
    assert!(
        matches!(&desk.effects[..], [Effect::Connect { .. }, Effect::Remember(_)]),
        "{:?}",
        desk.effects
    );
}

#[test]
fn without_a_name_one_is_asked_for() {
    let mut desk = Desk::new(None, &["lobby"]);
    assert_eq!(desk.effects, []);
    assert!(
        desk.shows("your name:")
            && desk.shows("not connected to tcp://127.0.0.1:8080: choose a name")
    );
    desk.enters(&"x".repeat(33));
    assert!(desk.shows("this name cannot be: username is 33 bytes long, 1 to 32 are allowed"));
    desk.ctrl('u');
    desk.enters("ada");
    assert!(matches!(&desk.effects[..], [Effect::Connect { username, .. }] if username == "ada"));
    desk.sign_in();
    assert!(desk.shows("[lobby]"));
}

#[test]
fn a_refused_name_lets_one_choose_another() {
    for code in [ErrorCode::UsernameTaken, ErrorCode::InvalidUsername] {
        let mut desk = Desk::new(Some("ada"), &["lobby"]);
        desk.refuse_name(code);
        assert_eq!(desk.model.link.state, State::NeedsName);
        assert!(desk.shows("Type another name") && desk.shows("your name:"));
        desk.effects.clear();
        desk.enters("grace");
        assert!(
            matches!(&desk.effects[..], [Effect::Connect { username, .. }] if username == "grace")
        );
        desk.sign_in();
        assert!(desk.shows("connected as grace"));
    }
}

#[test]
fn a_name_that_our_own_lost_connection_holds_is_tried_again() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.lose("gone");
    desk.wait_until_it_connects();
    desk.refuse_name(ErrorCode::UsernameTaken);
    assert!(
        desk.shows("Perhaps your own lost connection still holds it")
            && desk.shows("reconnecting in")
    );
    desk.types("gra");
    desk.wait_until_it_connects();
    desk.refuse_name(ErrorCode::UsernameTaken);
    assert_eq!(desk.model.editor.text(), "gra", "what is being typed stays");
    desk.wait_until_it_connects();
    desk.sign_in();
    assert!(desk.shows("connected as ada") && !desk.shows("your name:"));
}
