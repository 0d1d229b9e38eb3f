//! Text in columns: its width, its line breaks, its truncation. Pure. All text that comes here is
//! safe to show: control characters were escaped before.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// Columns that a text takes. An emoji or an ideograph takes two.
pub(crate) fn width(text: &str) -> usize {
    text.graphemes(true).map(|grapheme| grapheme.width()).sum()
}

/// The text, or as much of its start as fits before a `…`.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(1) else { return String::new() };
    let mut used = 0;
    let mut cut: String = text
        .graphemes(true)
        .take_while(|grapheme| {
            used += grapheme.width();
            used <= room
        })
        .collect();
    cut.push('…');
    cut
}

/// Breaks styled text into rows of at most `columns`, at spaces where it can be; rows after the
/// first are indented. There is always at least one row.
pub(crate) fn wrap(spans: &[(String, Style)], columns: usize, indent: usize) -> Vec<Line<'static>> {
    let columns = columns.max(1);
    let indent = if indent + 8 <= columns { indent } else { 0 };
    let mut rows =
        Rows { columns, indent, done: Vec::new(), row: Vec::new(), used: 0, last_space: None };
    for (text, style) in spans {
        for grapheme in text.graphemes(true) {
            rows.push(grapheme, *style);
        }
    }
    rows.finish()
}

struct Rows {
    columns: usize,
    indent: usize,
    done: Vec<Line<'static>>,
    row: Vec<Span<'static>>,
    used: usize,
    /// Number of spans of the row before the last place where it can be broken. A span is one
    /// grapheme here.
    last_space: Option<usize>,
}

impl Rows {
    fn push(&mut self, grapheme: &str, style: Style) {
        let width = grapheme.width();
        if self.used + width > self.columns && self.used > self.row_start() {
            if grapheme == " " {
                // The space that would start a row is replaced by the break.
                self.end_row(self.row.len());
                return;
            }
            self.end_row(
                self.last_space.filter(|&at| self.fits_a_row(at, width)).unwrap_or(self.row.len()),
            );
        }
        self.row.push(Span::styled(grapheme.to_owned(), style));
        self.used += width;
        if grapheme == " " && self.used > self.row_start() {
            self.last_space = Some(self.row.len());
        }
    }

    const fn row_start(&self) -> usize {
        if self.done.is_empty() { 0 } else { self.indent }
    }

    /// Whether the word that starts at span number `at` has room in a row of its own, with a
    /// grapheme more.
    fn fits_a_row(&self, at: usize, more: usize) -> bool {
        let word: usize = self.row[at..].iter().map(|span| span.content.width()).sum();
        self.indent + word + more <= self.columns
    }

    /// Ends the row before its span number `at`; the others start the next.
    fn end_row(&mut self, at: usize) {
        let rest = self.row.split_off(at);
        self.done.push(merge(std::mem::take(&mut self.row)));
        self.used = self.indent + rest.iter().map(|span| span.content.width()).sum::<usize>();
        if self.indent > 0 {
            self.row.push(Span::raw(" ".repeat(self.indent)));
        }
        self.row.extend(rest);
        self.last_space = None;
    }

    fn finish(mut self) -> Vec<Line<'static>> {
        if self.used > self.row_start() || self.done.is_empty() {
            self.done.push(merge(self.row));
        }
        self.done
    }
}

/// Joins neighbours of one style into one span.
fn merge(spans: Vec<Span<'static>>) -> Line<'static> {
    let mut merged: Vec<Span<'static>> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if last.style == span.style => last.content.to_mut().push_str(&span.content),
            _ => merged.push(span),
        }
    }
    Line::from(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, columns: usize, indent: usize) -> Vec<String> {
        let rows = wrap(&[(text.to_owned(), Style::new())], columns, indent);
        rows.iter()
            .map(|row| row.spans.iter().map(|span| span.content.as_ref()).collect())
            .collect()
    }

    #[test]
    fn text_is_broken_at_spaces() {
        assert_eq!(wrapped("one two three four", 10, 0), ["one two ", "three four"]);
        assert_eq!(wrapped("one two three four", 9, 0), ["one two ", "three ", "four"]);
        assert_eq!(wrapped("12345 12345", 5, 0), ["12345", "12345"]);
        assert_eq!(wrapped("", 5, 0), [""]);
    }

    #[test]
    fn a_word_that_is_too_long_is_broken_anywhere() {
        assert_eq!(wrapped("abcdefghij", 4, 0), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("ab cdefghij", 4, 0), ["ab ", "cdef", "ghij"]);
    }

    #[test]
    fn rows_after_the_first_are_indented_if_that_leaves_room() {
        assert_eq!(wrapped("one two three four", 12, 4), ["one two ", "    three ", "    four"]);
        assert_eq!(wrapped("abcdef", 3, 2), ["abc", "def"]);
    }

    #[test]
    fn wide_characters_are_never_halved_and_no_row_is_too_wide() {
        assert_eq!(wrapped("日本語", 5, 0), ["日本", "語"]);
        assert_eq!(
            wrapped("日本語", 1, 0),
            ["日", "本", "語"],
            "one column is too few for any of them"
        );
        let family = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}";
        assert_eq!(wrapped(&family.repeat(3), 4, 0), [family.repeat(2), family.to_owned()]);
        for columns in 2..40 {
            for indent in 0..20 {
                let text = format!(
                    "naïve 日本語 {family} e\u{301} abcdefghijklmnopqrstuvwxyz 🦀🦀🦀🦀 end"
                );
                for row in wrapped(&text, columns, indent) {
                    assert!(
                        width(row.trim_end_matches(' ')) <= columns,
                        "{columns} {indent} {row:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_and_says_so() {
        assert_eq!(fit("lobby", 5), "lobby");
        assert_eq!(fit("lobby", 4), "lob…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!((fit("x", 0).as_str(), fit("xy", 1).as_str()), ("", "…"));
    }

    #[test]
    fn styles_survive_the_break() {
        let bold = Style::new().add_modifier(ratatui::style::Modifier::BOLD);
        let rows = wrap(&[("ab".to_owned(), bold), ("cd ef".to_owned(), Style::new())], 4, 0);
        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[0].spans.iter().map(|span| span.style).collect::<Vec<_>>(),
            [bold, Style::new()]
        );
    }
}
