//! The input line: text, a cursor that stands between two grapheme clusters, and the text cut last.
//! Pure.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation as _};

use super::bounds::MAX_INPUT_BYTES;

#[derive(Debug, Default)]
pub(crate) struct Editor {
    text: String,
    /// In bytes, at the edge of a grapheme cluster.
    cursor: usize,
    /// The text that Ctrl-Y inserts.
    cut: String,
}

/// The input line has no room for the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Editor {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) const fn cursor(&self) -> usize {
        self.cursor
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Inserts text at the cursor: all of it, or none.
    pub(crate) fn insert(&mut self, text: &str) -> Result<(), Full> {
        if self.text.len() + text.len() > MAX_INPUT_BYTES {
            return Err(Full);
        }
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        // Typed text may join the character after it, as an accent joins the letter before it.
        self.cursor = self.edge_at_or_after(self.cursor);
        Ok(())
    }

    /// Replaces the whole text and puts the cursor at its end. Text beyond the limit is cut off.
    pub(crate) fn replace(&mut self, text: &str) {
        self.text.clear();
        self.text.push_str(&text[..floor_char_boundary(text, MAX_INPUT_BYTES)]);
        self.cursor = self.text.len();
    }

    /// Replaces the bytes from `start` to the cursor.
    pub(crate) fn replace_before_cursor(&mut self, start: usize, text: &str) -> Result<(), Full> {
        let removed = self.cursor - start;
        if self.text.len() - removed + text.len() > MAX_INPUT_BYTES {
            return Err(Full);
        }
        self.text.replace_range(start..self.cursor, text);
        self.cursor = start + text.len();
        Ok(())
    }

    pub(crate) fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    pub(crate) fn left(&mut self) {
        self.cursor = self.previous_edge();
    }

    pub(crate) fn right(&mut self) {
        self.cursor = self.next_edge();
    }

    pub(crate) fn word_left(&mut self) {
        self.cursor = self.word_start();
    }

    pub(crate) fn word_right(&mut self) {
        let rest = &self.text[self.cursor..];
        let word = rest.find(|scalar: char| !scalar.is_whitespace()).unwrap_or(rest.len());
        let length = rest[word..].find(char::is_whitespace).unwrap_or(rest.len() - word);
        self.cursor += word + length;
    }

    pub(crate) const fn home(&mut self) {
        self.cursor = 0;
    }

    pub(crate) const fn end(&mut self) {
        self.cursor = self.text.len();
    }

    pub(crate) fn backspace(&mut self) {
        let start = self.previous_edge();
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
    }

    pub(crate) fn delete(&mut self) {
        let end = self.next_edge();
        self.text.replace_range(self.cursor..end, "");
    }

    pub(crate) fn cut_to_start(&mut self) {
        self.cut(0, self.cursor);
    }

    pub(crate) fn cut_to_end(&mut self) {
        self.cut(self.cursor, self.text.len());
    }

    pub(crate) fn cut_word(&mut self) {
        self.cut(self.word_start(), self.cursor);
    }

    /// Inserts the text cut last.
    pub(crate) fn yank(&mut self) -> Result<(), Full> {
        let cut = std::mem::take(&mut self.cut);
        let inserted = self.insert(&cut);
        self.cut = cut;
        inserted
    }

    fn cut(&mut self, start: usize, end: usize) {
        if start < end {
            self.cut = self.text.drain(start..end).collect();
            self.cursor = start;
        }
    }

    fn word_start(&self) -> usize {
        let before = self.text[..self.cursor].trim_end();
        before
            .char_indices()
            .rev()
            .find(|(_, scalar)| scalar.is_whitespace())
            .map_or(0, |(at, space)| at + space.len_utf8())
    }

    fn previous_edge(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(start, _)| start)
    }

    fn next_edge(&self) -> usize {
        let next = self.text[self.cursor..].graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    fn edge_at_or_after(&self, position: usize) -> usize {
        let mut edges = GraphemeCursor::new(position, self.text.len(), true);
        if edges.is_boundary(&self.text, 0).unwrap_or(true) {
            return position;
        }
        edges.next_boundary(&self.text, 0).ok().flatten().unwrap_or(self.text.len())
    }
}

/// The last edge of a character at or before the position.
fn floor_char_boundary(text: &str, position: usize) -> usize {
    (0..=position.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An editor with the cursor where the text has `|`.
    fn editor(text: &str) -> Editor {
        let (before, after) = text.split_once('|').unwrap();
        Editor { text: format!("{before}{after}"), cursor: before.len(), cut: String::new() }
    }

    fn shown(editor: &Editor) -> String {
        format!("{}|{}", &editor.text[..editor.cursor], &editor.text[editor.cursor..])
    }

    fn after(text: &str, act: impl FnOnce(&mut Editor)) -> String {
        let mut editor = editor(text);
        act(&mut editor);
        shown(&editor)
    }

    #[test]
    fn the_cursor_goes_by_what_people_call_a_character() {
        let family = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}";
        assert_eq!(after(&format!("a{family}|b"), Editor::left), format!("a|{family}b"));
        assert_eq!(after(&format!("a|{family}b"), Editor::right), format!("a{family}|b"));
        assert_eq!(after(&format!("a{family}|b"), Editor::backspace), "a|b");
        assert_eq!(after(&format!("a|{family}b"), Editor::delete), "a|b");
        assert_eq!(after("e\u{301}|", Editor::backspace), "|");
        assert_eq!(after("日本|", Editor::left), "日|本");
    }

    #[test]
    fn at_the_ends_nothing_happens() {
        for act in [
            Editor::left,
            Editor::backspace,
            Editor::word_left,
            Editor::cut_to_start,
            Editor::cut_word,
        ] {
            assert_eq!(after("|a", act), "|a");
        }
        for act in [Editor::right, Editor::delete, Editor::word_right, Editor::cut_to_end] {
            assert_eq!(after("a|", act), "a|");
        }
    }

    #[test]
    fn words_are_gone_over_and_cut() {
        assert_eq!(after("one two  |three", Editor::word_left), "one |two  three");
        assert_eq!(after("one|  two three", Editor::word_right), "one  two| three");
        assert_eq!(after("one two  |three", Editor::cut_word), "one |three");
        assert_eq!(after("one\u{3000}two|", Editor::cut_word), "one\u{3000}|");
        assert_eq!(after("one t|wo", Editor::cut_to_start), "|wo");
        assert_eq!(after("one t|wo", Editor::cut_to_end), "one t|");
    }

    #[test]
    fn what_was_cut_can_be_yanked() {
        let mut editor = editor("one two|");
        editor.cut_word();
        editor.home();
        assert_eq!(editor.yank(), Ok(()));
        assert_eq!(shown(&editor), "two|one ");
        // Cutting nothing keeps what was cut before.
        editor.end();
        editor.cut_to_end();
        assert_eq!(editor.yank(), Ok(()));
        assert_eq!(editor.text(), "twoone two");
    }

    #[test]
    fn an_accent_joins_the_letter_that_it_is_typed_after() {
        let mut editor = editor("e|x");
        assert_eq!(editor.insert("\u{301}"), Ok(()));
        assert_eq!(shown(&editor), "e\u{301}|x");
        let mut editor = Editor { text: "\u{301}x".to_owned(), cursor: 0, cut: String::new() };
        assert_eq!(editor.insert("e"), Ok(()));
        assert_eq!(shown(&editor), "e\u{301}|x", "the cursor is not within a character");
    }

    #[test]
    fn the_line_is_bounded() {
        let mut editor = Editor::default();
        assert_eq!(editor.insert(&"x".repeat(MAX_INPUT_BYTES)), Ok(()));
        assert_eq!(editor.insert("y"), Err(Full));
        assert_eq!(editor.text().len(), MAX_INPUT_BYTES);
        assert_eq!(editor.replace_before_cursor(MAX_INPUT_BYTES - 1, "yz"), Err(Full));
        assert_eq!(editor.replace_before_cursor(MAX_INPUT_BYTES - 1, "y"), Ok(()));
        editor.replace(&"é".repeat(MAX_INPUT_BYTES));
        assert_eq!(editor.text().len(), MAX_INPUT_BYTES);
        editor.replace(&format!("x{}", "é".repeat(MAX_INPUT_BYTES)));
        assert_eq!(editor.text().len(), MAX_INPUT_BYTES - 1);
    }
}
