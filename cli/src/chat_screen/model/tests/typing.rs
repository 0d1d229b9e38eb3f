//! Keys, completion, history and pastes.

use cafewire_core::chat::MAX_CONTENT_SIZE;
use crossterm::event::KeyCode;

use crate::chat_screen::bounds::{MAX_INPUT_BYTES, MAX_PASTE_BYTES, MAX_UNSENT};
use crate::chat_screen::effect::Effect;
use crate::chat_screen::test_harness::Harness;
use crate::requests::Request;

fn line(harness: &Harness) -> &str {
    harness.model.editor.text()
}

fn said(harness: &mut Harness) -> Vec<String> {
    let content = |request| match request {
        Request::Send { content, .. } => content,
        other => panic!("{other:?}"),
    };
    harness.take_requests().into_iter().map(content).collect()
}

#[test]
fn a_line_is_edited_with_the_usual_keys() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.types("world");
    harness.ctrl('a');
    harness.types("hello ");
    harness.ctrl('e');
    harness.types("!");
    assert_eq!(line(&harness), "hello world!");
    harness.ctrl('w');
    assert_eq!(line(&harness), "hello ");
    harness.ctrl('y');
    harness.press(KeyCode::Left);
    harness.ctrl('k');
    assert_eq!(line(&harness), "hello world");
    harness.ctrl('u');
    assert_eq!(line(&harness), "");
    harness.effects.clear();
    harness.ctrl('l');
    harness.ctrl('z');
    assert_eq!(harness.effects, [Effect::Redraw, Effect::Suspend]);
}

#[test]
fn tab_goes_through_the_candidates_and_around() {
    let mut harness = Harness::in_rooms(&["lobby", "tea"]);
    harness.said("bob", "lobby", "hi");
    harness.said("bonny", "lobby", "hi");
    harness.types("bo");
    harness.press(KeyCode::Tab);
    assert_eq!(line(&harness), "bonny: ", "the latest speaker comes first");
    harness.press(KeyCode::Tab);
    assert_eq!(line(&harness), "bob: ");
    harness.press(KeyCode::Tab);
    assert_eq!(line(&harness), "bonny: ");
    harness.press(KeyCode::BackTab);
    assert_eq!(line(&harness), "bob: ");
    harness.types("x");
    harness.press(KeyCode::Tab);
    assert_eq!(line(&harness), "bob: x", "nothing begins so");
    harness.ctrl('u');
    harness.types("/room t");
    harness.press(KeyCode::Tab);
    assert_eq!(line(&harness), "/room tea");
    harness.ctrl('u');
    harness.types("/lea");
    harness.press(KeyCode::Tab);
    assert_eq!(line(&harness), "/leave ");
    harness.ctrl('u');
    harness.types("ad");
    harness.press(KeyCode::Tab);
    assert_eq!(line(&harness), "ad", "one's own name is not completed");
}

#[test]
fn arrows_and_ctrl_r_bring_lines_back() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    for text in ["tea at five", "coffee", "no tea"] {
        harness.enters(text);
    }
    assert!(harness.effects.contains(&Effect::Remember("coffee".to_owned())));
    harness.types("draft");
    harness.press(KeyCode::Up);
    harness.press(KeyCode::Up);
    assert_eq!(line(&harness), "coffee");
    harness.press(KeyCode::Down);
    harness.press(KeyCode::Down);
    assert_eq!(line(&harness), "draft");
    harness.ctrl('r');
    harness.types("tea");
    assert!(harness.row_with("(search 'tea')").contains("no tea"));
    harness.ctrl('r');
    assert!(harness.row_with("(search 'tea')").contains("tea at five"));
    harness.press(KeyCode::Esc);
    assert_eq!(line(&harness), "draft");
    harness.ctrl('r');
    harness.types("coff");
    harness.press(KeyCode::Enter);
    assert_eq!(line(&harness), "coffee", "it is taken, not sent");
    harness.ctrl('r');
    harness.types("zebra");
    assert!(harness.shows("nothing found"));
    harness.press(KeyCode::Enter);
    assert_eq!(line(&harness), "coffee");
}

#[test]
fn a_command_that_is_refused_makes_room_for_the_next_and_comes_back_with_up() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    for (refused, why) in [
        ("/joni tea", "there is no command /joni; did you mean /join?"),
        ("/room attic", "you are not in attic"),
        ("/connect nowhere", "/connect: the port is missing"),
        ("/msg bob hello", "not sent: protocol version 1 has no messages to one person"),
    ] {
        harness.enters(refused);
        assert!(harness.shows(why), "{refused}: {}", harness.screen(80, 24));
        assert_eq!(line(&harness), "", "{refused}");
        assert!(harness.effects.contains(&Effect::Remember(refused.to_owned())), "{refused}");
        harness.press(KeyCode::Up);
        assert_eq!(line(&harness), refused);
        harness.ctrl('u');
    }
    harness.enters("hello");
    assert_eq!(said(&mut harness), ["hello"]);
}

#[test]
fn what_up_could_not_bring_back_stays_in_the_line() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    // The history's file has no place for control characters.
    harness.pastes("/joni\ttea");
    harness.press(KeyCode::Enter);
    assert_eq!(line(&harness), "/joni\ttea");
    harness.ctrl('u');
    let text = format!("//{}", "x".repeat(MAX_CONTENT_SIZE));
    harness.enters(&text);
    assert_eq!(line(&harness), text, "no command, but a text that begins with /");
}

#[test]
fn a_text_that_is_too_long_is_seen_before_it_is_sent() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.pastes(&"x".repeat(MAX_CONTENT_SIZE - 1));
    assert!(harness.shows("511 of 512 bytes"));
    harness.types("é");
    assert!(harness.shows("1 bytes too long"));
    harness.press(KeyCode::Enter);
    assert!(harness.shows("not said: content is 513 bytes long, 1 to 512 are allowed"));
    assert_eq!(
        (line(&harness).len(), said(&mut harness).len()),
        (513, 0),
        "the line is there to be shortened"
    );
    harness.press(KeyCode::Backspace);
    harness.types("x");
    harness.press(KeyCode::Enter);
    assert_eq!(said(&mut harness), ["x".repeat(512)]);
    harness.pastes(&"x".repeat(MAX_INPUT_BYTES));
    harness.types("y");
    assert!(harness.shows("the line is full: 4096 bytes are kept"));
}

#[test]
fn a_paste_of_one_line_is_typed() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.types("see ");
    harness.pastes("this\r\n");
    assert_eq!(line(&harness), "see this");
    harness.pastes("\tand\u{1b}that");
    assert!(harness.shows("see this\\tand\\u{1b}that"));
}

#[test]
fn a_paste_of_many_lines_asks_first() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.types("draft");
    for newline in ["\n", "\r\n", "\r"] {
        harness.pastes(&["one", "", "/quit", "three"].join(newline));
        assert!(harness.shows("say 3 lines in [lobby]? y/n"));
        harness.types("x");
        harness.press(KeyCode::Enter);
        assert!(harness.shows("say 3 lines"), "only y and n answer");
        harness.types("n");
        assert!(said(&mut harness).is_empty() && !harness.shows("say 3 lines"));
    }
    harness.pastes("one\n/quit");
    harness.types("y");
    assert_eq!(said(&mut harness), ["one", "/quit"], "a pasted line is no command");
    assert_eq!(line(&harness), "draft");
    assert!(!harness.effects.contains(&Effect::Quit));
}

#[test]
fn a_paste_that_cannot_be_said_is_refused_as_a_whole() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.pastes(&format!("one\n{}", "x".repeat(513)));
    assert!(
        harness.shows("not pasted: in one of 2 lines the content is 513 bytes long"),
        "{}",
        harness.screen(80, 24)
    );
    harness.pastes(&"x\n".repeat(MAX_UNSENT + 1));
    assert!(
        harness.shows("not pasted: 257 lines are too many, 256 more can wait"),
        "{}",
        harness.screen(80, 24)
    );
    harness.pastes(&"x".repeat(MAX_PASTE_BYTES + 1));
    assert!(harness.shows("bytes are too many"));
    harness.alt('0');
    harness.pastes("one\ntwo");
    assert!(harness.shows("this page is no room"));
    assert!(
        said(&mut harness).is_empty()
            && harness.model.editor.is_empty()
            && harness.model.prompt.is_none()
    );
}

#[test]
fn ctrl_c_empties_the_line_and_twice_leaves() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.types("draft");
    harness.ctrl('c');
    assert_eq!(line(&harness), "");
    harness.ctrl('c');
    assert!(harness.shows("Ctrl-C again leaves"));
    harness.types("x");
    harness.press(KeyCode::Backspace);
    harness.ctrl('c');
    assert!(!harness.effects.contains(&Effect::Quit), "something was done in between");
    harness.ctrl('c');
    assert!(harness.effects.contains(&Effect::Quit));
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.ctrl('d');
    assert!(harness.effects.contains(&Effect::Quit));
}

#[test]
fn help_lists_every_command() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.enters("/help");
    let screen = harness.screen(120, 60);
    for entry in crate::chat_screen::command::COMMANDS {
        assert!(screen.contains(entry.usage), "{}: {screen}", entry.usage);
    }
    for (keys, _) in crate::chat_screen::command::KEYS {
        assert!(screen.contains(keys), "{keys}: {screen}");
    }
}
