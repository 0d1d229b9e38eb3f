//! Keys, completion, history and pastes.

use cafewire_core::chat::MAX_CONTENT_SIZE;
use crossterm::event::KeyCode;

use crate::chat_screen::bounds::{MAX_INPUT_BYTES, MAX_PASTE_BYTES, MAX_UNSENT};
use crate::chat_screen::effect::Effect;
use crate::chat_screen::test_harness::Desk;
use crate::requests::Request;

fn line(desk: &Desk) -> &str {
    desk.model.editor.text()
}

fn said(desk: &mut Desk) -> Vec<String> {
    let content = |request| match request {
        Request::Send { content, .. } => content,
        other => panic!("{other:?}"),
    };
    desk.take_requests().into_iter().map(content).collect()
}

#[test]
fn a_line_is_edited_with_the_usual_keys() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.types("world");
    desk.ctrl('a');
    desk.types("hello ");
    desk.ctrl('e');
    desk.types("!");
    assert_eq!(line(&desk), "hello world!");
    desk.ctrl('w');
    assert_eq!(line(&desk), "hello ");
    desk.ctrl('y');
    desk.press(KeyCode::Left);
    desk.ctrl('k');
    assert_eq!(line(&desk), "hello world");
    desk.ctrl('u');
    assert_eq!(line(&desk), "");
    desk.effects.clear();
    desk.ctrl('l');
    desk.ctrl('z');
    assert_eq!(desk.effects, [Effect::Redraw, Effect::Suspend]);
}

#[test]
fn tab_goes_through_the_candidates_and_around() {
    let mut desk = Desk::in_rooms(&["lobby", "tea"]);
    desk.said("bob", "lobby", "hi");
    desk.said("bonny", "lobby", "hi");
    desk.types("bo");
    desk.press(KeyCode::Tab);
    assert_eq!(line(&desk), "bonny: ", "who spoke last comes first");
    desk.press(KeyCode::Tab);
    assert_eq!(line(&desk), "bob: ");
    desk.press(KeyCode::Tab);
    assert_eq!(line(&desk), "bonny: ");
    desk.press(KeyCode::BackTab);
    assert_eq!(line(&desk), "bob: ");
    desk.types("x");
    desk.press(KeyCode::Tab);
    assert_eq!(line(&desk), "bob: x", "nothing begins so");
    desk.ctrl('u');
    desk.types("/room t");
    desk.press(KeyCode::Tab);
    assert_eq!(line(&desk), "/room tea");
    desk.ctrl('u');
    desk.types("/lea");
    desk.press(KeyCode::Tab);
    assert_eq!(line(&desk), "/leave ");
    desk.ctrl('u');
    desk.types("ad");
    desk.press(KeyCode::Tab);
    assert_eq!(line(&desk), "ad", "nobody completes their own name");
}

#[test]
fn arrows_and_ctrl_r_bring_lines_back() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    for text in ["tea at five", "coffee", "no tea"] {
        desk.enters(text);
    }
    assert!(desk.effects.contains(&Effect::Remember("coffee".to_owned())));
    desk.types("draft");
    desk.press(KeyCode::Up);
    desk.press(KeyCode::Up);
    assert_eq!(line(&desk), "coffee");
    desk.press(KeyCode::Down);
    desk.press(KeyCode::Down);
    assert_eq!(line(&desk), "draft");
    desk.ctrl('r');
    desk.types("tea");
    assert!(desk.row_with("(search 'tea')").contains("no tea"));
    desk.ctrl('r');
    assert!(desk.row_with("(search 'tea')").contains("tea at five"));
    desk.press(KeyCode::Esc);
    assert_eq!(line(&desk), "draft");
    desk.ctrl('r');
    desk.types("coff");
    desk.press(KeyCode::Enter);
    assert_eq!(line(&desk), "coffee", "it is taken, not sent");
    desk.ctrl('r');
    desk.types("zebra");
    assert!(desk.shows("nothing found"));
    desk.press(KeyCode::Enter);
    assert_eq!(line(&desk), "coffee");
}

#[test]
fn a_command_that_is_refused_makes_room_for_the_next_and_comes_back_with_up() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    for (refused, why) in [
        ("/joni tea", "there is no command /joni; did you mean /join?"),
        ("/room attic", "you are not in attic"),
        ("/connect nowhere", "/connect: the port is missing"),
        ("/msg bob hello", "not sent: protocol version 1 has no messages to one person"),
    ] {
        desk.enters(refused);
        assert!(desk.shows(why), "{refused}: {}", desk.screen(80, 24));
        assert_eq!(line(&desk), "", "{refused}");
        assert!(desk.effects.contains(&Effect::Remember(refused.to_owned())), "{refused}");
        desk.press(KeyCode::Up);
        assert_eq!(line(&desk), refused);
        desk.ctrl('u');
    }
    desk.enters("hello");
    assert_eq!(said(&mut desk), ["hello"]);
}

#[test]
fn what_up_could_not_bring_back_stays_in_the_line() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    // The history's file has no place for control characters.
    desk.pastes("/joni\ttea");
    desk.press(KeyCode::Enter);
    assert_eq!(line(&desk), "/joni\ttea");
    desk.ctrl('u');
    let text = format!("//{}", "x".repeat(MAX_CONTENT_SIZE));
    desk.enters(&text);
    assert_eq!(line(&desk), text, "no command, but a text that begins with /");
}

#[test]
fn a_text_that_is_too_long_is_seen_before_it_is_sent() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.pastes(&"x".repeat(MAX_CONTENT_SIZE - 1));
    assert!(desk.shows("511 of 512 bytes"));
    desk.types("é");
    assert!(desk.shows("1 bytes too long"));
    desk.press(KeyCode::Enter);
    assert!(desk.shows("not said: content is 513 bytes long, 1 to 512 are allowed"));
    assert_eq!(
        (line(&desk).len(), said(&mut desk).len()),
        (513, 0),
        "the line is there to be shortened"
    );
    desk.press(KeyCode::Backspace);
    desk.types("x");
    desk.press(KeyCode::Enter);
    assert_eq!(said(&mut desk), ["x".repeat(512)]);
    desk.pastes(&"x".repeat(MAX_INPUT_BYTES));
    desk.types("y");
    assert!(desk.shows("the line is full: 4096 bytes are kept"));
}

#[test]
fn a_paste_of_one_line_is_typed() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.types("see ");
    desk.pastes("this\r\n");
    assert_eq!(line(&desk), "see this");
    desk.pastes("\tand\u{1b}that");
    assert!(desk.shows("see this\\tand\\u{1b}that"));
}

#[test]
fn a_paste_of_many_lines_asks_first() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.types("draft");
    for newline in ["\n", "\r\n", "\r"] {
        desk.pastes(&["one", "", "/quit", "three"].join(newline));
        assert!(desk.shows("say 3 lines in [lobby]? y/n"));
        desk.types("x");
        desk.press(KeyCode::Enter);
        assert!(desk.shows("say 3 lines"), "only y and n answer");
        desk.types("n");
        assert!(said(&mut desk).is_empty() && !desk.shows("say 3 lines"));
    }
    desk.pastes("one\n/quit");
    desk.types("y");
    assert_eq!(said(&mut desk), ["one", "/quit"], "a pasted line is no command");
    assert_eq!(line(&desk), "draft");
    assert!(!desk.effects.contains(&Effect::Quit));
}

#[test]
fn a_paste_that_cannot_be_said_is_refused_as_a_whole() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.pastes(&format!("one\n{}", "x".repeat(513)));
    assert!(
        desk.shows("not pasted: in one of 2 lines the content is 513 bytes long"),
        "{}",
        desk.screen(80, 24)
    );
    desk.pastes(&"x\n".repeat(MAX_UNSENT + 1));
    assert!(
        desk.shows("not pasted: 257 lines are too many, 256 more can wait"),
        "{}",
        desk.screen(80, 24)
    );
    desk.pastes(&"x".repeat(MAX_PASTE_BYTES + 1));
    assert!(desk.shows("bytes are too many"));
    desk.alt('0');
    desk.pastes("one\ntwo");
    assert!(desk.shows("this page is no room"));
    assert!(
        said(&mut desk).is_empty() && desk.model.editor.is_empty() && desk.model.prompt.is_none()
    );
}

#[test]
fn ctrl_c_empties_the_line_and_twice_leaves() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.types("draft");
    desk.ctrl('c');
    assert_eq!(line(&desk), "");
    desk.ctrl('c');
    assert!(desk.shows("Ctrl-C again leaves"));
    desk.types("x");
    desk.press(KeyCode::Backspace);
    desk.ctrl('c');
    assert!(!desk.effects.contains(&Effect::Quit), "something was done in between");
    desk.ctrl('c');
    assert!(desk.effects.contains(&Effect::Quit));
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.ctrl('d');
    assert!(desk.effects.contains(&Effect::Quit));
}

#[test]
fn help_lists_every_command() {
    let mut desk = Desk::in_rooms(&["lobby"]);
    desk.enters("/help");
    let screen = desk.screen(120, 60);
    for entry in crate::chat_screen::command::COMMANDS {
        assert!(screen.contains(entry.usage), "{}: {screen}", entry.usage);
    }
    for (keys, _) in crate::chat_screen::command::KEYS {
        assert!(screen.contains(keys), "{keys}: {screen}");
    }
}
