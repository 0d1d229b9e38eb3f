//! The input line, or the prompt that stands in its place.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::panes;
use super::text::{fit, width};
use crate::chat_screen::model::{Model, Prompt};
use crate::escape;

/// Draws it and returns the position of the cursor.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &Model) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let columns = usize::from(area.width);
    let room = panes::name(model.room());
    let (before, after) = model.editor.text().split_at(model.editor.cursor());
    let (label, before, after) = match &model.prompt {
        None => (format!("[{room}] "), before, after),
        Some(Prompt::Name) => ("your name: ".to_owned(), before, after),
        Some(Prompt::Search { query, found }) => {
            let line = found.and_then(|number| model.history.line(number));
            (format!("(search '{}') ", escape::text(query)), "", line.unwrap_or("nothing found"))
        }
        Some(Prompt::Paste { lines }) => {
            let question = [
                format!("say {} lines in [{room}]? y/n", lines.len()),
                format!("say {} lines? y/n", lines.len()),
                format!("{}? y/n", lines.len()),
            ];
            let question =
                question.iter().find(|wording| width(wording) <= columns).unwrap_or(&question[2]);
            buffer.set_stringn(area.x, area.y, fit(question, columns), columns, model.theme.prompt);
            return None;
        }
    };
    // A label may take a third of a narrow line, or half when it is the text searched for.
    let share = if model.prompt.is_some() { columns / 2 } else { columns / 3 };
    let label = if width(&label) <= share.max(columns.saturating_sub(40)) {
        label
    } else if columns > 8 {
        "> ".to_owned()
    } else {
        String::new()
    };
    let (x, _) = buffer.set_stringn(area.x, area.y, &label, columns, model.theme.prompt);
    let room = columns.saturating_sub(width(&label));
    let before = escape::text(before);
    // One column stays free for the cursor.
    let mut hidden = (width(&before) + 1).saturating_sub(room);
    let visible: String = before
        .graphemes(true)
        .skip_while(|grapheme| {
            let is_hidden = hidden > 0;
            hidden = hidden.saturating_sub(grapheme.width());
            is_hidden
        })
        .collect();
    let (cursor, y) = buffer.set_stringn(x, area.y, &visible, room, Style::new());
    let left = usize::from(area.right().saturating_sub(cursor));
    buffer.set_stringn(cursor, y, escape::text(after), left, Style::new());
    Some(Position::new(cursor.min(area.right().saturating_sub(1)), y))
}
