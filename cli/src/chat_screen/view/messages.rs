//! The messages of a room, as rows of the screen.

use cafewire_net::client::Event;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text;
use crate::chat_screen::model::Model;
use crate::chat_screen::room::{Content, NoteKind, Room};
use crate::{escape, format, output};

/// Widths of the pane from which on times have seconds, and from which on they are shown at all.
const SECONDS_FROM_WIDTH: u16 = 56;
const TIMES_FROM_WIDTH: u16 = 30;

pub(crate) fn draw(buffer: &mut Buffer, area: Rect, model: &Model) {
    let room = model.room();
    let Some((mut position, mut rows_below)) =
        bottom(model, room, area.width).or(room.lines.len().checked_sub(1).map(|last| (last, 0)))
    else {
        return;
    };
    let height = usize::from(area.height);
    let mut bottom_up: Vec<Line<'static>> = Vec::with_capacity(height);
    while bottom_up.len() < height {
        let rows = rows(model, room, position, area.width);
        bottom_up.extend(rows.into_iter().rev().skip(rows_below).take(height - bottom_up.len()));
        rows_below = 0;
        let Some(before) = position.checked_sub(1) else { break };
        position = before;
    }
    for (y, row) in (area.y..area.bottom()).zip(bottom_up.iter().rev()) {
        buffer.set_line(area.x, y, row, area.width);
    }
}

/// Position of the last visible row of a scrolled room: the line's index and how many of its rows
/// are below. `None` if that is the end.
pub(crate) fn bottom(model: &Model, room: &Room, width: u16) -> Option<(usize, usize)> {
    let scroll = room.scroll.filter(|_| !room.lines.is_empty())?;
    let position = room.position(scroll.line);
    // The terminal may be wider now, and the line take fewer rows.
    let rows_below = scroll.rows_below.min(row_count(model, room, position, width) - 1);
    Some((position, rows_below))
}

/// Number of rows that the line takes, at least one.
pub(crate) fn row_count(model: &Model, room: &Room, position: usize, width: u16) -> usize {
    rows(model, room, position, width).len()
}

fn rows(model: &Model, room: &Room, position: usize, width: u16) -> Vec<Line<'static>> {
    let line = &room.lines[position];
    let theme = &model.theme;
    let columns = usize::from(width);
    let time = |unix_ms| {
        let time = format::time_of_day(unix_ms, &model.time_zone);
        match width {
            SECONDS_FROM_WIDTH.. => format!("{time} "),
            TIMES_FROM_WIDTH.. => format!("{} ", &time[..5]),
            _ => String::new(),
        }
    };
    let plain = Style::new();
    let name = |username: &str| (format!("<{}>", escape::username(username)), theme.name(username));
    let spans = match &line.content {
        content if model.is_raw && json(&room.name, content).is_some() => {
            vec![(json(&room.name, content).unwrap_or_default(), plain)]
        }
        Content::Said { timestamp_ms, username, text, is_mention, .. } => {
            let style = if *is_mention { theme.mention } else { plain };
            vec![
                (time(*timestamp_ms), theme.dim),
                name(username),
                (" ".to_owned(), plain),
                (escape::text(text).into_owned(), style),
            ]
        }
        Content::Joined { username, .. } => {
            presence(time(line.unix_ms), name(username), " joined", theme.dim)
        }
        Content::Left { username, .. } => {
            presence(time(line.unix_ms), name(username), " left", theme.dim)
        }
        Content::Note(kind, note) => {
            let style = if *kind == NoteKind::Warning { theme.warning } else { theme.dim };
            vec![(time(line.unix_ms), theme.dim), (format!("-- {}", escape::text(note)), style)]
        }
        Content::NewDay(date) => vec![(format!("-- {date} --"), theme.dim)],
    };
    let indent = match &line.content {
        Content::NewDay(_) => 0,
        _ if model.is_raw => 2,
        _ => text::width(&time(line.unix_ms)).max(2),
    };
    let mut rows = text::wrap(&spans, columns, indent);
    if room.mark() == Some(line.number) {
        rows.insert(0, Line::from(Span::styled(mark(columns), theme.mark)));
    }
    rows
}

fn presence(time: String, name: (String, Style), what: &str, dim: Style) -> Vec<(String, Style)> {
    vec![(time, dim), ("* ".to_owned(), dim), name, (what.to_owned(), dim)]
}

fn mark(columns: usize) -> String {
    let label = "── new ";
    if columns < text::width(label) {
        "─".repeat(columns)
    } else {
        format!("{label}{}", "─".repeat(columns - text::width(label)))
    }
}

/// The event as the server sent it; `None` for a line that is no event.
fn json(room: &str, content: &Content) -> Option<String> {
    let room = room.to_owned();
    let event = match content.clone() {
        Content::Said { user_id, timestamp_ms, username, text, .. } => {
            Event::Message { user_id, timestamp_ms, username, room, content: text }
        }
        Content::Joined { user_id, username } => Event::Joined { user_id, username, room },
        Content::Left { user_id, username } => Event::Left { user_id, username, room },
        Content::Note(..) | Content::NewDay(_) => return None,
    };
    output::json_text(&format::EventJson::of(&event)?)
}
