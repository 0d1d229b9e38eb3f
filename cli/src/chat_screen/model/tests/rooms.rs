//! Rooms: messages, unread counts, refusals.

use cafewire_core::ErrorCode;
use cafewire_net::client::Event;
use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::chat_screen::bounds::{MAX_IGNORED, MAX_ROOMS};
use crate::chat_screen::effect::{Effect, Input};
use crate::chat_screen::test_harness::{Harness, OWN_ID};
use crate::requests::Request;

fn mouse(kind: MouseEventKind, column: u16, row: u16) -> Input {
    Input::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
}

#[test]
fn unread_rooms_are_counted_and_alt_a_goes_through_them_mentions_first() {
    let mut harness = Harness::in_rooms(&["lobby", "tea", "builds"]);
    for text in ["one", "two"] {
        harness.said("bob", "tea", text);
    }
    harness.said("bot", "builds", "ada: build 42 is red");
    assert!(
        harness.row_with("2 tea").contains("2 tea")
            && harness.row_with("2 tea").starts_with(" 2 tea     2 │")
    );
    assert!(
        harness.row_with("3 builds").starts_with(" 3 builds 1! │"),
        "{}",
        harness.row_with("3 builds")
    );
    harness.alt('a');
    assert!(harness.shows("[builds]"));
    harness.alt('a');
    assert!(harness.shows("[tea]"));
    harness.alt('a');
    assert!(harness.shows("[tea]"), "nothing is unread any more");
    harness.alt('1');
    assert!(harness.shows("[lobby]"));
    harness.alt('0');
    assert!(harness.shows("[cafewire]"));
    harness.alt('9');
    assert!(harness.shows("[cafewire]"), "there is no such room");
}

#[test]
fn a_mark_stands_where_reading_stopped() {
    let mut harness = Harness::in_rooms(&["lobby", "tea"]);
    harness.said("bob", "lobby", "read");
    harness.alt('2');
    harness.said("bob", "lobby", "unread");
    harness.alt('1');
    let screen = harness.screen(80, 24);
    let rows: Vec<&str> = screen.lines().collect();
    let mark = rows.iter().position(|row| row.contains("── new ──")).unwrap();
    assert!(
        rows[mark - 1].contains("<bob> read") && rows[mark + 1].contains("<bob> unread"),
        "{screen}"
    );
    harness.alt('2');
    harness.alt('1');
    assert!(!harness.shows("── new"), "it was read");
}

#[test]
fn a_terminal_without_focus_reads_nothing() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.give(Input::Focused(false));
    harness.said("bob", "lobby", "are you there?");
    assert!(harness.row_with("1 lobby").starts_with(" 1 lobby   1 │"));
    harness.give(Input::Focused(true));
    assert!(!harness.row_with("1 lobby").starts_with(" 1 lobby   1") && harness.shows("── new"));
}

#[test]
fn scrolling_goes_up_to_the_first_row_and_back() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    for number in 0..100 {
        harness.said("bob", "lobby", &format!("text {number}"));
    }
    assert!(harness.sees("text 99"));
    harness.press(KeyCode::PageUp);
    assert!(!harness.sees("text 99") && harness.sees("text 79") && harness.sees("more below"));
    harness.said("bob", "lobby", "meanwhile");
    assert!(
        harness.sees("text 79") && harness.sees("1 new below"),
        "what one reads stays where it is"
    );
    for _ in 0..20 {
        harness.press(KeyCode::PageUp);
    }
    let first = harness.screen(80, 24);
    assert!(first.lines().nth(1).unwrap().contains("-- you joined"), "{first}");
    harness.give(mouse(MouseEventKind::ScrollDown, 40, 5));
    assert!(harness.screen(80, 24).lines().nth(1).unwrap().contains("text 2"));
    harness.give(mouse(MouseEventKind::ScrollUp, 40, 5));
    assert_eq!(harness.screen(80, 24), first);
    for _ in 0..20 {
        harness.press(KeyCode::PageDown);
    }
    assert!(harness.sees("meanwhile") && !harness.sees("below"));
    harness.press(KeyCode::PageUp);
    harness.press(KeyCode::Esc);
    assert!(harness.sees("meanwhile"));
}

#[test]
fn a_click_switches_to_a_room() {
    let mut harness = Harness::in_rooms(&["lobby", "tea"]);
    harness.screen(80, 24);
    harness.give(mouse(MouseEventKind::Down(MouseButton::Left), 3, 3));
    assert!(harness.shows("[tea]"));
    harness.give(mouse(MouseEventKind::Down(MouseButton::Left), 40, 3));
    assert!(harness.shows("[tea]"));
}

#[test]
fn members_are_learnt_from_what_happens() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.joined("bob", "lobby");
    harness.said("eve", "lobby", "hello");
    assert!(harness.row_with("seen here: 3").len() > 70);
    harness.left("bob", "lobby");
    harness.enters("/who");
    assert!(harness.shows("seen here: ada, eve. Protocol version 1 has no list"));
}

#[test]
fn what_version_1_lacks_is_said_plainly() {
    let mut harness = Harness::in_rooms(&["lobby", "tea"]);
    harness.enters("/rooms");
    assert!(
        harness.shows("your rooms: lobby, tea. Protocol version 1"),
        "{}",
        harness.screen(80, 24)
    );
    harness.enters("/msg bob hello");
    assert!(
        harness.shows("not sent: protocol version 1 has no messages to one"),
        "{}",
        harness.screen(80, 24)
    );
    assert_eq!(harness.take_requests(), []);
}

#[test]
fn rooms_are_joined_switched_to_and_left() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.enters("/join the tea room");
    assert!(harness.shows("the tea room (to be joined)"));
    harness.answer_all();
    assert!(harness.shows("[the tea room]") && !harness.shows("to be joined"));
    harness.enters("/join lobby");
    assert_eq!(harness.take_requests(), [], "we are in it");
    harness.enters("/room the tea room");
    harness.enters("/leave");
    assert_eq!(harness.take_requests(), [Request::Leave { room: "the tea room".to_owned() }]);
    assert!(harness.shows("[lobby]"));
    harness.enters("/leave");
    harness.enters("/leave");
    assert!(harness.shows("this page is no room: there is nothing to leave"));
    harness.ctrl('u');
    harness.enters("hello");
    assert!(harness.shows("not said: this page is no room"));
}

#[test]
fn a_room_that_refuses_us_says_why_and_can_be_tried_again() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.enters("/join full");
    harness.enters("too early");
    harness.refuse(ErrorCode::LimitReached, "no \u{1b} chair");
    let note = "-- not joined: no \\u{1b} chair [LimitReached (13)]; lines that were not said: 1.";
    assert!(harness.shows(note), "{}", harness.screen(80, 24));
    assert!(harness.shows("full (not joined)"));
    assert_eq!(harness.take_requests(), [Request::Join { room: "full".to_owned() }]);
    harness.enters("hello");
    assert!(harness.shows("not said: you are not in this room; /join full"));
    harness.ctrl('u');
    harness.enters("/join full");
    harness.answer_all();
    assert!(!harness.shows("full (not joined)"));
}

#[test]
fn a_room_that_throws_us_out_is_not_joined_again_by_itself() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.event(Event::Left {
        user_id: OWN_ID,
        username: "ada".to_owned(),
        room: "lobby".to_owned(),
    });
    assert!(harness.shows("the server has taken you out of this room"));
    harness.lose("gone");
    harness.wait_until_it_connects();
    harness.signed_in();
    assert_eq!(harness.take_requests(), []);
}

#[test]
fn rooms_are_bounded() {
    let names: Vec<String> = (0..MAX_ROOMS).map(|number| format!("room {number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut harness = Harness::in_rooms(&names);
    harness.enters("/join one more");
    assert!(harness.shows("64 rooms are open, and no more can be"), "{}", harness.screen(80, 24));
    assert_eq!(harness.model.rooms.len(), MAX_ROOMS + 1);
}

#[test]
fn the_ignored_are_not_shown_until_they_are_again() {
    let mut harness = Harness::in_rooms(&["lobby", "tea"]);
    harness.enters("/ignore bob");
    harness.said("bob", "lobby", "ada: hey");
    harness.said("bob", "tea", "ada: hey");
    harness.joined("bob", "lobby");
    assert!(!harness.shows("hey") && !harness.shows("1!") && !harness.shows("<bob> joined"));
    harness.enters("/ignore");
    assert!(harness.shows("ignored: bob"));
    harness.enters("/ignore bob");
    harness.said("bob", "lobby", "hello");
    assert!(harness.shows("<bob> hello"));
    for number in 0..MAX_IGNORED {
        harness.enters(&format!("/ignore {number}"));
    }
    harness.enters("/ignore another");
    assert!(harness.shows("256 names are ignored, and no more can be"));
}

#[test]
fn raw_shows_events_as_they_came() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.said("bob", "lobby", "hi\u{1b}[2J");
    harness.enters("/raw");
    let screen = harness.screen(300, 12);
    assert!(
        screen.contains(r#""username":"bob","room":"lobby","content":"hi\u001b[2J"}"#),
        "{screen}"
    );
    assert!(screen.contains("raw"));
    harness.enters("/raw");
    assert!(harness.shows("<bob> hi\\u{1b}[2J"));
}

#[test]
fn clear_empties_the_page() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.said("bob", "lobby", "hello");
    harness.enters("/clear");
    assert!(!harness.shows("hello") && !harness.shows("-- you joined"));
}

#[test]
fn a_new_day_is_told() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.pass(12 * 3_600_000);
    harness.said("bob", "lobby", "good morning");
    assert!(harness.shows("-- Saturday, 2026-05-02 --"));
}

#[test]
fn leaving_with_something_on_its_way_is_asked_twice() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.enters("important");
    harness.effects.clear();
    harness.enters("/quit");
    assert!(!harness.effects.contains(&Effect::Quit) && harness.shows("1 not delivered yet"));
    harness.enters("/quit");
    assert!(harness.effects.contains(&Effect::Quit));
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.enters("/quit");
    assert!(harness.effects.contains(&Effect::Quit));
}
