//! How a log line in text shows its fields: `name=value`, and a value in quotes where a reader that
//! splits the line at blanks would not find its end (logfmt). The message is not quoted.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use crate::escape;

/// The field that is the sentence of a line.
const MESSAGE: &str = "message";

pub(super) struct Logfmt;

impl<'w> FormatFields<'w> for Logfmt {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line { writer, is_first: true, outcome: Ok(()) };
        fields.record(&mut line);
        line.outcome
    }
}

struct Line<'w> {
    writer: Writer<'w>,
    is_first: bool,
    outcome: fmt::Result,
}

impl Line<'_> {
    fn field(&mut self, field: &Field, value: &str) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.writer.write_char(' ')?;
        }
        let name = field.name();
        match (name, self.writer.has_ansi_escapes()) {
            (MESSAGE, _) => self.writer.write_str(&escape::text(value)),
            // The name in italics, the sign between the two dim.
            (_, true) => {
                write!(self.writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{value}")
            }
            (_, false) => write!(self.writer, "{name}={value}"),
        }
    }

    fn note(&mut self, field: &Field, value: &str) {
        if self.outcome.is_ok() {
            self.outcome = self.field(field, value);
        }
    }
}

impl Visit for Line<'_> {
    /// Texts are always quoted.
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            self.note(field, value);
        } else {
            self.note(field, &format!("{value:?}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        if field.name() != MESSAGE && needs_quotes(&value) {
            self.note(field, &format!("{value:?}"));
        } else {
            self.note(field, &value);
        }
    }
}

fn needs_quotes(value: &str) -> bool {
    let ends_it = |letter: char| {
        letter.is_whitespace() || letter.is_control() || matches!(letter, '"' | '=' | '\\')
    };
    value.is_empty() || value.contains(ends_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_a_reader_would_split_is_quoted() {
        for (value, needs) in [
            ("slow_consumer", false),
            ("tcp://[::1]:8080", false),
            ("1v1", false),
            ("日本", false),
            ("", true),
            ("a b", true),
            ("a\u{a0}b", true),
            ("a\nb", true),
            ("a=b", true),
            ("say \"hi\"", true),
            ("\"", true),
            ("a\\", true),
            ("\u{1b}[2J", true),
        ] {
            assert_eq!(needs_quotes(value), needs, "{value:?}");
        }
    }
}
