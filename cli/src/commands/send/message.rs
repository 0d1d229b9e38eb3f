//! A message on its way, and how sentences name it. Pure.

use std::fmt;

/// What was to be said.
pub(super) struct Message {
    pub(super) label: Label,
    pub(super) content: String,
    /// It was sent on a connection that was lost before the receipt came.
    pub(super) was_sent: bool,
}

impl Message {
    pub(super) const fn new(label: Label, content: String) -> Self {
        Self { label, content, was_sent: false }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// That of the command line.
    Text,
    /// A line of the input, from 1.
    Line(u64),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("the message"),
            Self::Line(number) => write!(f, "line {number}"),
        }
    }
}

/// What says this line or text, in pieces of at most `max_len_bytes` each.
pub(super) fn messages(
    label: Label,
    text: &[u8],
    max_len_bytes: usize,
) -> impl Iterator<Item = Message> {
    pieces(text, max_len_bytes).into_iter().map(move |piece| Message::new(label, piece))
}

/// A line as messages of at most `max_len_bytes` each, which is 4 or more. Bytes that are not
/// UTF-8 become U+FFFD.
fn pieces(line: &[u8], max_len_bytes: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(line);
    let mut pieces = Vec::new();
    let mut rest = &*text;
    while !rest.is_empty() {
        let mut end = rest.len().min(max_len_bytes);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, left) = rest.split_at(end);
        pieces.push(piece.to_owned());
        rest = left;
    }
    pieces
}

/// These messages, which are in order; `None` if there are none.
pub(super) fn named<'m>(messages: impl Iterator<Item = &'m Message>) -> Option<String> {
    let labels: Vec<Label> = messages.map(|message| message.label).collect();
    match labels[..] {
        [] => None,
        [Label::Line(first), .., Label::Line(last)] => Some(format!("lines {first} to {last}")),
        [label, ..] => Some(label.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_between_characters() {
        assert_eq!(pieces(b"", 4), [""; 0]);
        assert_eq!(pieces(b"abcd", 4), ["abcd"]);
        assert_eq!(pieces("abc\u{e9}d\u{1f980}".as_bytes(), 4), ["abc", "\u{e9}d", "\u{1f980}"]);
        assert_eq!(pieces(b"a\xffb", 4), ["a\u{fffd}", "b"]);
    }

    #[test]
    fn messages_are_named_by_their_lines() {
        let names_of = |labels: &[Label]| {
            let message = |&label| Message::new(label, String::new());
            let messages: Vec<Message> = labels.iter().map(message).collect();
            named(messages.iter())
        };
        assert_eq!(names_of(&[]), None);
        assert_eq!(names_of(&[Label::Text]).as_deref(), Some("the message"));
        assert_eq!(names_of(&[Label::Line(3)]).as_deref(), Some("line 3"));
        let three = [Label::Line(3), Label::Line(5), Label::Line(6)];
        assert_eq!(names_of(&three).as_deref(), Some("lines 3 to 6"));
    }
}
