//! The status line: the state of the connection, and any urgent notice.

use std::time::Duration;

use cafewire_core::chat::MAX_CONTENT_SIZE;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::text::{fit, width};
use crate::chat_screen::clock::Now;
use crate::chat_screen::connection_state::Phase;
use crate::chat_screen::model::Model;
use crate::{escape, format};

/// Length from which on the line's length is shown.
const LONG_TEXT: usize = MAX_CONTENT_SIZE / 4 * 3;

/// Time without an answer from which on it is worth a notice.
const SLOW_ANSWER: Duration = Duration::from_secs(2);

pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &Model, now: Now) {
    let theme = &model.theme;
    buffer.set_style(area, theme.bar);
    if area.is_empty() {
        return;
    }
    let columns = usize::from(area.width);
    let notices = fit(&notices(model, now).join(", "), columns / 2);
    let gap = if notices.is_empty() { 0 } else { width(&notices) + 2 };
    let connection = connection(model, now);
    let room = columns.saturating_sub(gap + 1);
    // The longest wording that fits; the shortest is cut if need be.
    let wording = connection.iter().find(|wording| width(wording) <= room).or(connection.last());
    let wording = fit(wording.map_or("", String::as_str), room);
    let style = if model.connection.is_online() { theme.bar } else { theme.bar_warning };
    buffer.set_stringn(area.x + 1.min(area.width - 1), area.y, wording, columns, style);
    let x = area.right().saturating_sub(u16::try_from(gap).unwrap_or(area.width).saturating_sub(1));
    if gap > 0 {
        buffer.set_stringn(x, area.y, notices, columns, theme.bar_warning);
    }
}

/// From the longest wording to the shortest.
fn connection(model: &Model, now: Now) -> Vec<String> {
    let connection = &model.connection;
    let name = escape::text(model.username());
    let address = connection.address.to_string();
    let address = escape::text(&address);
    match &connection.phase {
        Phase::NeedsName => {
            vec![
                format!("not connected to {address}: choose a name"),
                "not connected: choose a name".to_owned(),
                "choose a name".to_owned(),
            ]
        }
        Phase::Connecting => vec![
            format!("connecting as {name} to {address}"),
            format!("connecting to {address}"),
            "connecting".to_owned(),
        ],
        Phase::Online { .. } => {
            let slow = slow_answer(model, now)
                .map_or_else(String::new, |time| format!(", no answer for {}", span(time)));
            vec![
                format!("connected as {name} to {address}{slow}"),
                format!("connected as {name}{slow}"),
                format!("connected{slow}"),
                "connected".to_owned(),
            ]
        }
        Phase::Waiting { until, why } => {
            let seconds = span(until.saturating_sub(now.running) + Duration::from_millis(999));
            let heard = connection.last_heard.map(|heard| span(now.running.saturating_sub(heard)));
            let (reconnecting, heard) = match heard {
                Some(ago) => {
                    (format!("reconnecting in {seconds}"), format!(", last heard {ago} ago"))
                }
                None => (format!("not connected, trying again in {seconds}"), String::new()),
            };
            vec![
                format!("{reconnecting}{heard}: {}", escape::text(why)),
                format!("{reconnecting}{heard}"),
                reconnecting,
                format!("in {seconds}"),
            ]
        }
    }
}

fn slow_answer(model: &Model, now: Now) -> Option<Duration> {
    model.connection.unanswered_for(now.running).filter(|&unanswered| unanswered >= SLOW_ANSWER)
}

fn notices(model: &Model, now: Now) -> Vec<String> {
    let mut notices = Vec::new();
    if let Some(length) = length_to_say(model.editor.text()).filter(|&length| length > LONG_TEXT) {
        notices.push(if length > MAX_CONTENT_SIZE {
            format!("{} bytes too long", length - MAX_CONTENT_SIZE)
        } else {
            format!("{length} of {MAX_CONTENT_SIZE} bytes")
        });
    }
    // Requests answered within a moment are not worth a flicker.
    let is_waiting = !model.connection.is_online() || slow_answer(model, now).is_some();
    if is_waiting && model.connection.undelivered() > 0 {
        notices.push(format!("{} unsent", model.connection.undelivered()));
    }
    let room = model.room();
    if room.scroll.is_some() {
        notices.push(match room.unread {
            0 => "more below".to_owned(),
            unread => format!("{unread} new below"),
        });
    }
    if model.is_raw {
        notices.push("raw".to_owned());
    }
    notices
}

/// Number of bytes that the line would send; `None` for commands.
fn length_to_say(line: &str) -> Option<usize> {
    match line.strip_prefix('/') {
        None => Some(line.len()),
        Some(text) => text.starts_with('/').then_some(text.len()),
    }
}

fn span(time: Duration) -> String {
    format::rough_span(time.as_secs())
}
