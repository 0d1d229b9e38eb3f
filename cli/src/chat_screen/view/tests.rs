//! Whole screens as files beside this one, and the styles that those do not show.
//!
//! After a wanted change, `INSTA_UPDATE=always cargo test -p cafewire-cli view::tests` writes the
//! files again.

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Style};
use unicode_width::UnicodeWidthStr as _;

use super::theme::{ColourDepth, Theme};
use crate::chat_screen::test_harness::Harness;
use crate::escape;
use crate::theme_name::ThemeName;

const FAMILY: &str = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}";

/// Two rooms with something to read in both.
fn conversation() -> Harness {
    let mut harness = Harness::in_rooms(&["lobby", "tea", "日本語の部屋"]);
    harness.joined("grace", "lobby");
    harness.said("grace", "lobby", "has anybody seen the 1.0 tag?");
    harness.said(
        "ada",
        "lobby",
        "it went up an hour ago, and the build is green on all three targets, so tell everybody",
    );
    harness.alt('2');
    harness.said("李明", "lobby", "ada: 你好 🦀🦀");
    harness.said("grace", "lobby", "thanks!");
    harness.said("bob", "日本語の部屋", "こんにちは");
    harness.alt('1');
    harness.left("grace", "lobby");
    harness
}

/// The row, without its last spaces, that holds this; and its number.
fn find(buffer: &Buffer, needle: &str) -> (u16, String) {
    let rows = (0..buffer.area.height).map(|y| {
        let row: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        (y, row.trim_end().to_owned())
    });
    rows.into_iter()
        .find(|(_, row)| row.contains(needle))
        .unwrap_or_else(|| panic!("no {needle:?} in {buffer:?}"))
}

#[test]
fn a_conversation() {
    assert_snapshot!("conversation_80x24", conversation().screen(80, 24));
    assert_snapshot!("conversation_120x20", conversation().screen(120, 20));
}

#[test]
fn small_terminals() {
    assert_snapshot!("conversation_40x10", conversation().screen(40, 10));
    assert_snapshot!("conversation_20x5", conversation().screen(20, 5));
    assert_snapshot!("conversation_60x12", conversation().screen(60, 12));
}

#[test]
fn at_the_begin() {
    assert_snapshot!("first_screen_80x10", Harness::new(Some("ada"), &[]).screen(80, 10));
    assert_snapshot!("asking_for_a_name_80x10", Harness::new(None, &["lobby"]).screen(80, 10));
}

#[test]
fn reconnecting() {
    let mut harness = conversation();
    harness.lose("the server closed the connection");
    harness.enters("typed meanwhile");
    harness.pass(300);
    assert_snapshot!("reconnecting_80x16", harness.screen(80, 16));
    assert_snapshot!("reconnecting_40x8", harness.screen(40, 8));
}

#[test]
fn scrolled_up() {
    let mut harness = conversation();
    for number in 0..30 {
        harness.said("bob", "lobby", &format!("text {number}"));
    }
    harness.screen(80, 12);
    harness.press(KeyCode::PageUp);
    harness.said("bob", "lobby", "one more");
    assert_snapshot!("scrolled_up_80x12", harness.screen(80, 12));
}

#[test]
fn questions() {
    let mut harness = conversation();
    harness.enters("an older line");
    harness.ctrl('r');
    harness.types("old");
    assert_snapshot!("search_80x6", harness.screen(80, 6));
    harness.press(KeyCode::Esc);
    harness.pastes("one\ntwo\nthree");
    assert_snapshot!("paste_80x6", harness.screen(80, 6));
    assert_snapshot!("paste_20x5", harness.screen(20, 5));
}

#[test]
fn what_others_send_is_shown_and_not_executed() {
    let mut harness = Harness::in_rooms(&["lobby", "\u{202e}] ada"]);
    harness.said(
        "eve> hi <\u{202e}bob",
        "lobby",
        "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}1m\nnext line\u{2028}\u{202e}gpj.exe",
    );
    harness.joined("\u{202e}eve", "lobby");
    harness.refuse(cafewire_core::ErrorCode::RateLimited, "\u{1b}[2J slow down");
    harness.types("typed ");
    harness.pastes("\u{1b}[31m");
    for (width, height) in [(100, 12), (40, 10), (20, 5)] {
        let screen = harness.screen(width, height);
        assert!(!screen.replace('\n', "").contains(escape::is_unsafe_to_show), "{screen:?}");
    }
    assert_snapshot!("hostile_100x12", harness.screen(100, 12));
}

#[test]
fn wide_characters_line_up() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    let texts = ["日本語", "🦀 crab", FAMILY, "e\u{301}te\u{301}", "❤️ heart", "plain", "🇫🇷 flag"];
    for text in texts {
        harness.said("bob", "lobby", &format!("{text} {}", "日本".repeat(20)));
    }
    let screen = harness.screen(80, 24);
    // The line between the messages and the members stands in the same column in every row.
    let columns: std::collections::BTreeSet<usize> = screen
        .lines()
        .skip(1)
        .take(21)
        .map(|row| row.rfind('│').map_or(0, |at| super::text::width(&row[..at])))
        .collect();
    assert_eq!(columns.into_iter().collect::<Vec<_>>(), [66], "{screen}");
}

#[test]
fn the_cursor_stands_where_the_next_character_goes() {
    for (typed, left, column) in [
        ("", 0, 8),
        ("abc", 0, 11),
        ("日本", 0, 12),
        ("日本", 1, 10),
        (FAMILY, 0, 10),
        ("\t", 0, 10),
    ] {
        let mut harness = Harness::in_rooms(&["lobby"]);
        harness.pastes(typed);
        for _ in 0..left {
            harness.press(KeyCode::Left);
        }
        let mut terminal =
            ratatui::Terminal::new(ratatui::backend::TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| super::draw(frame, &harness.model, harness.now)).unwrap();
        ratatui::backend::Backend::get_cursor_position(terminal.backend_mut())
            .map(|cursor| assert_eq!((cursor.x, cursor.y), (column, 23), "{typed:?}"))
            .unwrap();
    }
}

#[test]
fn a_line_longer_than_the_screen_shows_the_part_with_the_cursor() {
    let mut harness = Harness::in_rooms(&["lobby"]);
    harness.types(&"0123456789".repeat(10));
    harness.types("end");
    let screen = harness.screen(40, 10);
    let row = screen.lines().last().unwrap();
    assert!(row.ends_with("6789end") && row.width() <= 40, "{row}");
    harness.ctrl('a');
    assert!(harness.screen(40, 10).lines().last().unwrap().contains("] 0123456789"));
}

#[test]
fn no_size_is_too_small() {
    let mut desks = [conversation(), Harness::new(None, &["lobby"]), Harness::in_rooms(&[])];
    desks[0].types("something typed 日本");
    for harness in &mut desks {
        for width in (0..30).chain([55, 56, 75, 76, 200]) {
            for height in 0..12 {
                harness.draw(width, height);
                harness.press(KeyCode::PageUp);
                harness.draw(width, height);
                harness.press(KeyCode::PageDown);
            }
        }
    }
    desks[0].pastes("one\ntwo");
    for size in 0..30 {
        desks[0].draw(size, size);
    }
}

#[test]
fn names_have_their_colour_wherever_they_are() {
    let mut harness = conversation();
    let buffer = harness.draw(80, 24);
    let (y, row) = find(&buffer, "<grace> has");
    let x = u16::try_from(row[..row.find("<grace>").unwrap()].width()).unwrap();
    let colour = buffer[(x, y)].fg;
    assert!(matches!(colour, Color::Indexed(_)), "{colour:?}");
    harness.said("grace", "lobby", "again");
    let buffer = harness.draw(80, 24);
    let (y, _) = find(&buffer, "<grace> again");
    assert_eq!(buffer[(x, y)].fg, colour);
    assert_ne!(buffer[(x, find(&buffer, "<ada>").0)].fg, colour);
}

#[test]
fn without_colours_nothing_has_one() {
    let mut harness = conversation();
    harness.model.theme =
        Theme::new(ThemeName::Dark, ColourDepth::of("1", "truecolor", "xterm-256color"));
    harness.lose("gone");
    let buffer = harness.draw(80, 24);
    for cell in &buffer.content {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
    }
    assert!(
        buffer.content.iter().any(|cell| cell.style() != Style::new()),
        "what matters still stands out"
    );
}
