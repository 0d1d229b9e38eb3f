//! Drawing of the screen. Pure: the state in, a frame out; no state changes here.

mod input_line;
pub(crate) mod layout;
pub(crate) mod messages;
mod panes;
mod status;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod theme;

use ratatui::Frame;

use super::clock::Now;
use super::model::Model;

/// Draws the whole screen. `frame` may be of any size, down to none.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model, now: Now) {
    let areas = layout::Areas::of((frame.area().width, frame.area().height));
    let buffer = frame.buffer_mut();
    panes::draw_title(buffer, &areas, model);
    if let Some(area) = areas.rooms {
        panes::draw_rooms(buffer, area, model);
    }
    if let Some(area) = areas.members {
        panes::draw_members(buffer, area, model);
    }
    messages::draw(buffer, areas.messages, model);
    status::draw(buffer, areas.status, model, now);
    if let Some(cursor) = input_line::draw(buffer, areas.input, model) {
        frame.set_cursor_position(cursor);
    }
}
