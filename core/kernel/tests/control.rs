//! Control characters on every level, held against the standard library's `char::is_control`.

use cafewire_kernel::{Kernel as _, Level};
use proptest::prelude::*;

#[track_caller]
fn assert_as_in_std(name: &str) {
    let expected = name.find(char::is_control);
    for level in Level::available() {
        assert_eq!(level.first_control(name), expected, "{} of {name:?}", level.name());
        assert_eq!(level.first_control_within(name, name.len()), expected, "{}", level.name());
    }
}

/// Of each start of the text, those that end within a character included: they count as all of it.
#[track_caller]
fn assert_starts_as_in_std(text: &str) {
    for len in 0..=text.len() + 1 {
        let expected = text.get(..len).unwrap_or(text).find(char::is_control);
        for level in Level::available() {
            let found = level.first_control_within(text, len);
            assert_eq!(found, expected, "{}, {len} bytes of {text:?}", level.name());
        }
    }
}

#[test]
fn what_follows_a_name_does_not_count() {
    for before in 0..70 {
        for character in ["x", "\u{7F}", "\u{80}", "é", "\n"] {
            for behind in ["", "\n", "tail", "\0 a tail of more than sixteen bytes \u{85}"] {
                assert_starts_as_in_std(&("x".repeat(before) + character + behind));
            }
        }
    }
}

#[test]
fn every_character_of_one_and_two_bytes_in_every_place() {
    for character in (0..0x800).filter_map(char::from_u32) {
        for before in 0..130 {
            let mut name = "x".repeat(before);
            name.push(character);
            assert_as_in_std(&name);
            name.push('y');
            assert_as_in_std(&name);
            name.push_str("\u{85}\u{1}");
            assert_as_in_std(&name);
        }
    }
}

#[test]
fn bytes_of_other_characters_are_no_controls() {
    for name in ["Â\u{A0}Â", "ÂÂ", "日本\u{9000}", "🦀\u{1F600}", "\u{E0080}", "", " ~"] {
        for before in 0..66 {
            assert_as_in_std(&("é".repeat(before) + name));
            assert_as_in_std(&("x".repeat(before) + name));
        }
    }
}

proptest! {
    #[test]
    fn any_names(name in "[ -~]{0,70}\\PC{0,20}[\u{0}-\u{FF}]?\\PC{0,20}") {
        assert_as_in_std(&name);
        assert_starts_as_in_std(&name);
    }
}
