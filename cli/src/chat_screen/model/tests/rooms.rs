//! Rooms: what is said in them, what is unread, what cannot be done.

use cafewire_core::ErrorCode;
use cafewire_net::client::Event;
use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::chat_screen::bounds::{MAX_IGNORED, MAX_ROOMS};
use crate::chat_screen::effect::{Effect, Input};
use crate::chat_screen::test_harness::{Desk, OWN_ID};
use crate::requests::Request;

fn mouse(kind: MouseEventKind, column: u16, row: u16) -> Input {
    Input::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
}

#[test]
fn unread_rooms_are_counted_and_alt_a_goes_through_them_mentions_first() {
    let mut desk = Desk::in_rooms(&["lobby", "tea", "builds"]);
    for text in ["one", "two"] {
        desk.said("bob", "tea", text);
    }
    desk.said("bot", "builds", "ada: build 42 is red");
    assert!(
        desk.row_with("2 tea").contains("2 tea")
            && desk.row_with("2 tea").starts_with(" 2 tea     2 │")
    );
    assert!(
        desk.row_with("3 builds").starts_with(" 3 builds 1! │"),
        "{}",
        desk.row_with("3 builds")
    );
    desk.alt('a');
    assert!(desk.shows("[builds]"));
    desk.alt('a');
    assert!(desk.shows("[tea]"));
    desk.alt('a');
    assert!(desk.shows("[tea]"), "nothing is unread any more");
    desk.alt('1');
    assert!(desk.shows("[lobby]"));
    desk.alt('0');
    assert!(desk.shows("[cafewire]"));
    desk.alt('9');
    assert!(desk.shows("[cafewire]"), "there is no such room");
}

#[test]
fn a_mark_stands_where_reading_stopped() {
    let mut desk = Desk::in_rooms(&["lobby", "tea"]);
    desk.said("bob", "lobby", "read");
    desk.alt('2');
    desk.said("bob", "lobby", "unread");
    desk.alt('1');
    let screen = desk.screen(80, 24);
    let rows: Vec<&str> = screen.lines().collect();
    let mark = rows.iter().position(|row| row.contains("── new ──")).unwrap();
    assert!(
        rows[mark - 1].contains("<bob> read") && rows[mark + 1].contains("<bob> unread"),
        "{screen}"
    );
    desk.alt('2');
    desk.alt('1');
    assert!(!desk.shows("── new"), "it was read");
}

#[test]
fn a_terminal_that_nobody_looks_at_reads_nothing() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.give(Input::Focused(false));
    desk.said("bob", "lobby", "are you there?");
    assert!(desk.row_with("1 lobby").starts_with(" 1 lobby   1 │"));
    desk.give(Input::Focused(true));
    assert!(!desk.row_with("1 lobby").starts_with(" 1 lobby   1") && desk.shows("── new"));
}

#[test]
fn scrolling_goes_up_to_the_first_row_and_back() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    for number in 0..100 {
        desk.said("bob", "lobby", &format!("text {number}"));
    }
    assert!(desk.sees("text 99"));
    desk.press(KeyCode::PageUp);
    assert!(!desk.sees("text 99") && desk.sees("text 79") && desk.sees("more below"));
    desk.said("bob", "lobby", "meanwhile");
    assert!(desk.sees("text 79") && desk.sees("1 new below"), "what one reads stays where it is");
    for _ in 0..20 {
        desk.press(KeyCode::PageUp);
    }
    let first = desk.screen(80, 24);
    assert!(first.lines().nth(1).unwrap().contains("-- you joined"), "{first}");
    desk.give(mouse(MouseEventKind::ScrollDown, 40, 5));
    assert!(desk.screen(80, 24).lines().nth(1).unwrap().contains("text 2"));
    desk.give(mouse(MouseEventKind::ScrollUp, 40, 5));
    assert_eq!(desk.screen(80, 24), first);
    for _ in 0..20 {
        desk.press(KeyCode::PageDown);
    }
    assert!(desk.sees("meanwhile") && !desk.sees("below"));
    desk.press(KeyCode::PageUp);
    desk.press(KeyCode::Esc);
    assert!(desk.sees("meanwhile"));
}

#[test]
fn a_click_turns_to_a_room() {
    let mut desk = Desk::in_rooms(&["lobby", "tea"]);
    desk.screen(80, 24);
    desk.give(mouse(MouseEventKind::Down(MouseButton::Left), 3, 3));
    assert!(desk.shows("[tea]"));
    desk.give(mouse(MouseEventKind::Down(MouseButton::Left), 40, 3));
    assert!(desk.shows("[tea]"));
}

#[test]
fn members_are_learnt_from_what_happens() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.joined("bob", "lobby");
    desk.said("eve", "lobby", "hello");
    assert!(desk.row_with("seen here: 3").len() > 70);
    desk.left("bob", "lobby");
    desk.enters("/who");
    assert!(desk.shows("seen here: ada, eve. Protocol version 1 has no list"));
}

#[test]
fn what_version_1_lacks_is_said_plainly() {
    let mut desk = Desk::in_rooms(&["lobby", "tea"]);
    desk.enters("/rooms");
    assert!(desk.shows("your rooms: lobby, tea. Protocol version 1"), "{}", desk.screen(80, 24));
    desk.enters("/msg bob hello");
    assert!(
        desk.shows("not sent: protocol version 1 has no messages to one"),
        "{}",
        desk.screen(80, 24)
    );
    assert_eq!(desk.take_requests(), []);
}

#[test]
fn rooms_are_joined_turned_to_and_left() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.enters("/join the tea room");
    assert!(desk.shows("the tea room (to be joined)"));
    desk.answer_all();
    assert!(desk.shows("[the tea room]") && !desk.shows("to be joined"));
    desk.enters("/join lobby");
    assert_eq!(desk.take_requests(), [], "we are in it");
    desk.enters("/room the tea room");
    desk.enters("/leave");
    assert_eq!(desk.take_requests(), [Request::Leave { room: "the tea room".to_owned() }]);
    assert!(desk.shows("[lobby]"));
    desk.enters("/leave");
    desk.enters("/leave");
    assert!(desk.shows("this page is no room: there is nothing to leave"));
    desk.ctrl('u');
    desk.enters("hello");
    assert!(desk.shows("not said: this page is no room"));
}

#[test]
fn a_room_that_refuses_us_says_why_and_can_be_tried_again() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.enters("/join full");
    desk.enters("too early");
    desk.refuse(ErrorCode::LimitReached, "no \u{1b} chair");
    assert!(
        desk.shows("-- not joined: no \\u{1b} chair [LimitReached (13)]."),
        "{}",
        desk.screen(80, 24)
    );
    assert!(desk.shows("full (not joined)"));
    desk.take_requests();
    desk.refuse(ErrorCode::NotInRoom, "not in full");
    assert!(
        desk.shows("-- not said: not in full [NotInRoom (11)]: too early"),
        "{}",
        desk.screen(80, 24)
    );
    desk.enters("hello");
    assert!(desk.shows("not said: you are not in this room; /join full"));
    desk.ctrl('u');
    desk.enters("/join full");
    desk.answer_all();
    assert!(!desk.shows("full (not joined)"));
}

#[test]
fn a_room_that_throws_us_out_is_not_joined_again_by_itself() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.event(Event::Left {
        user_id: OWN_ID,
        username: "ada".to_owned(),
        room: "lobby".to_owned(),
    });
    assert!(desk.shows("the server has taken you out of this room"));
    desk.lose("gone");
    desk.wait_until_it_connects();
    desk.signed_in();
    assert_eq!(desk.take_requests(), []);
}

#[test]
fn rooms_are_bounded() {
    let names: Vec<String> = (0..MAX_ROOMS).map(|number| format!("room {number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut desk = Desk::in_rooms(&names);
    desk.enters("/join one more");
    assert!(desk.shows("64 rooms are open, and no more can be"), "{}", desk.screen(80, 24));
    assert_eq!(desk.model.rooms.len(), MAX_ROOMS + 1);
}

#[test]
fn the_ignored_are_not_shown_until_they_are_again() {
    let mut desk = Desk::in_rooms(&["lobby", "tea"]);
    desk.enters("/ignore bob");
    desk.said("bob", "lobby", "ada: hey");
    desk.said("bob", "tea", "ada: hey");
    desk.joined("bob", "lobby");
    assert!(!desk.shows("hey") && !desk.shows("1!") && !desk.shows("<bob> joined"));
    desk.enters("/ignore");
    assert!(desk.shows("ignored: bob"));
    desk.enters("/ignore bob");
    desk.said("bob", "lobby", "hello");
    assert!(desk.shows("<bob> hello"));
    for number in 0..MAX_IGNORED {
        desk.enters(&format!("/ignore {number}"));
    }
    desk.enters("/ignore another");
    assert!(desk.shows("256 names are ignored, and no more can be"));
}

#[test]
fn raw_shows_events_as_they_came() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.said("bob", "lobby", "hi\u{1b}[2J");
    desk.enters("/raw");
    let screen = desk.screen(300, 12);
    assert!(
        screen.contains(r#""username":"bob","room":"lobby","content":"hi\u001b[2J"}"#),
        "{screen}"
    );
    assert!(screen.contains("raw"));
    desk.enters("/raw");
    assert!(desk.shows("<bob> hi\\u{1b}[2J"));
}

#[test]
fn clear_empties_the_page() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.said("bob", "lobby", "hello");
    desk.enters("/clear");
    assert!(!desk.shows("hello") && !desk.shows("-- you joined"));
}

#[test]
fn a_new_day_is_told() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.pass(12 * 3_600_000);
    desk.said("bob", "lobby", "good morning");
    assert!(desk.shows("-- Saturday, 2026-05-02 --"));
}

#[test]
fn leaving_with_something_on_its_way_is_asked_twice() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.enters("important");
    desk.effects.clear();
    desk.enters("/quit");
    assert!(!desk.effects.contains(&Effect::Quit) && desk.shows("1 not delivered yet"));
    desk.enters("/quit");
    assert!(desk.effects.contains(&Effect::Quit));
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.enters("/quit");
    assert!(desk.effects.contains(&Effect::Quit));
}
