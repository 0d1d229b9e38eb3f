//! Untrusted text, made safe to show on a terminal. Pure: text in, text out.
//!
//! Shown as `\n`, `\t` or `\u{1b}`: control characters, which move the cursor, recolour or retitle
//! a terminal; bidirectional controls and line separators, which reorder or break the text around
//! them; and invisible characters. Everything else, emoji included, is shown as it is. A backslash
//! is too, so this form is for eyes: programs read `--json`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A message's content, or any other text that stands last on its line.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    escape_where(text, is_unsafe_to_show)
}

/// A username, shown as `<name>`: it cannot close its bracket early and pose as another name.
pub(crate) fn username(name: &str) -> Cow<'_, str> {
    escape_where(name, |scalar| scalar == '>' || is_unsafe_in_a_name(scalar))
}

/// A room's name, shown as `[room]`.
pub(crate) fn room(name: &str) -> Cow<'_, str> {
    escape_where(name, |scalar| scalar == ']' || is_unsafe_in_a_name(scalar))
}

/// Bytes that may or may not be text. Unlike [`text`] nothing is ambiguous: a byte that is not
/// UTF-8 is shown as `\xff`, and a backslash as `\\`.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&escape_where(chunk.valid(), |scalar| {
            scalar == '\\' || is_unsafe_to_show(scalar)
        }));
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// Whether a character can disturb its surroundings on the screen, or is invisible.
pub(crate) fn is_unsafe_to_show(scalar: char) -> bool {
    scalar.is_control()
        || matches!(
            scalar,
            // Bidirectional marks, embeddings, overrides and isolates.
            '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
            // Line and paragraph separators.
            | '\u{2028}' | '\u{2029}'
            // Invisible: soft hyphen, fillers, zero-width space, word joiner, invisible operators,
            // deprecated format characters, byte order mark, interlinear annotation, tags.
            | '\u{AD}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}' | '\u{2060}'..='\u{2064}'
            | '\u{206A}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}'
        )
}

/// Zero-width joiners shape emoji and several scripts, so contents keep them; in a name they only
/// make two names look alike.
fn is_unsafe_in_a_name(scalar: char) -> bool {
    matches!(scalar, '\u{200C}' | '\u{200D}') || is_unsafe_to_show(scalar)
}

fn escape_where(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for scalar in text.chars() {
        match scalar {
            '\n' | '\r' | '\t' | '\\' if is_escaped(scalar) => {
                shown.extend(scalar.escape_default());
            }
            _ if is_escaped(scalar) => shown.extend(scalar.escape_unicode()),
            _ => shown.push(scalar),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_borrowed_as_it_is() {
        for plain in ["", "hello", "naïve 日本 🦀", "a\\b", "שלום", "\u{1F468}\u{200D}\u{1F469}"]
        {
            assert!(matches!(text(plain), Cow::Borrowed(shown) if shown == plain), "{plain:?}");
        }
    }

    #[test]
    fn what_steers_a_terminal_is_spelt_out() {
        assert_eq!(text("\x1b[2J\x07"), "\\u{1b}[2J\\u{7}");
        assert_eq!(text("one\ntwo\r\tthree"), "one\\ntwo\\r\\tthree");
        assert_eq!(text("\u{9b}31m\u{7f}"), "\\u{9b}31m\\u{7f}");
        assert_eq!(text("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
        assert_eq!(text("a\u{2028}b\u{200b}c"), "a\\u{2028}b\\u{200b}c");
    }

    #[test]
    fn invisible_characters_are_spelt_out() {
        for invisible in
            "\u{ad}\u{61c}\u{115f}\u{1160}\u{180e}\u{200b}\u{200e}\u{200f}\u{2029}\u{2060}\u{2064}\
                           \u{2066}\u{2069}\
                           \u{206a}\u{206f}\u{3164}\u{feff}\u{ffa0}\u{fff9}\u{fffb}\u{e0000}\
                          \u{e007f}"
                .chars()
        {
            let escaped = invisible.escape_unicode();
            assert_eq!(text(&format!("a{invisible}b")), format!("a{escaped}b"));
        }
    }

    #[test]
    fn nothing_that_is_shown_is_a_control_character() {
        for scalar in (0..=0x10_FFFF).filter_map(char::from_u32) {
            let mut buffer = [0; 4];
            let alone: &str = scalar.encode_utf8(&mut buffer);
            for shown in
                [text(alone), username(alone), room(alone), Cow::Owned(bytes(alone.as_bytes()))]
            {
                assert!(!shown.contains(is_unsafe_to_show), "U+{:04X}", scalar as u32);
            }
        }
    }

    #[test]
    fn a_name_cannot_leave_its_brackets() {
        assert_eq!(username("ada> I quit <bob"), "ada\\u{3e} I quit <bob");
        assert_eq!(room("lobby] <ada"), "lobby\\u{5d} <ada");
        assert_eq!(username("a\u{200d}da"), "a\\u{200d}da");
    }

    #[test]
    fn bytes_are_unambiguous() {
        assert_eq!(bytes(b"plain"), "plain");
        assert_eq!(bytes(b"\xff\x00a\\x"), "\\xff\\u{0}a\\\\x");
        assert_eq!(bytes("é\u{1b}".as_bytes()), "é\\u{1b}");
        assert_eq!(bytes(b"\xe2\x82"), "\\xe2\\x82");
    }
}
