//! The title, the list of rooms and the list of members.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::layout::{Areas, visible_rooms};
use super::text::{fit, width};
use crate::chat_screen::model::Model;
use crate::chat_screen::room::{Membership, Room};
use crate::escape;

pub(super) fn draw_title(buffer: &mut Buffer, areas: &Areas, model: &Model) {
    let (area, bar) = (areas.title, model.theme.bar);
    buffer.set_style(area, bar);
    if area.is_empty() {
        return;
    }
    if let Some(rooms) = areas.rooms {
        put(buffer, Rect { height: 1, y: area.y, ..rooms }, " rooms", bar);
        let room = model.room();
        let middle = Rect { height: 1, y: area.y, ..areas.messages };
        let state = match room.membership {
            Membership::Out => " (not joined)",
            Membership::Wanted => " (to be joined)",
            Membership::Home | Membership::In => "",
        };
        put(buffer, middle, &format!("{}{state}", name(room)), bar);
    } else {
        draw_rooms_in_one_row(buffer, area, model);
    }
    if let Some(members) = areas.members {
        // "seen": earlier members that are silent are unknown, and version 1 has no list.
        let members = Rect { height: 1, y: area.y, ..members };
        let count = model.room().members.len();
        let title = if model.room().membership == Membership::Home {
            String::new()
        } else {
            format!(" seen here: {count}")
        };
        put(buffer, members, &title, bar);
    }
}

/// For terminals without room for a list: the current room, then those with unread lines, then the
/// others.
fn draw_rooms_in_one_row(buffer: &mut Buffer, area: Rect, model: &Model) {
    let mut order: Vec<usize> = (0..model.rooms.len()).collect();
    order.sort_by_key(|&index| (index != model.current, model.rooms[index].unread == 0));
    let mut spans = Vec::new();
    for index in order {
        let room = &model.rooms[index];
        let label = format!(" {}:{}{} ", index, name(room), unread(room));
        spans.push(Span::styled(label, room_style(model, index).patch(Style::new())));
    }
    buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
}

pub(super) fn draw_rooms(buffer: &mut Buffer, area: Rect, model: &Model) {
    let columns = usize::from(area.width).saturating_sub(1);
    let (first, count) = visible_rooms(usize::from(area.height), model.rooms.len(), model.current);
    for (y, index) in (area.y..area.bottom()).zip(first..first + count) {
        let room = &model.rooms[index];
        let unread = unread(room);
        let number = if index < 10 { index.to_string() } else { " ".to_owned() };
        let label =
            fit(&format!(" {number} {}", name(room)), columns.saturating_sub(width(&unread) + 1));
        let gap = " ".repeat(columns.saturating_sub(width(&label) + width(&unread) + 1));
        let row = format!("{label}{gap}{unread} ");
        buffer.set_stringn(area.x, y, row, columns, room_style(model, index));
    }
    draw_edge(buffer, area.right().saturating_sub(1), area, model);
}

pub(super) fn draw_members(buffer: &mut Buffer, area: Rect, model: &Model) {
    draw_edge(buffer, area.x, area, model);
    let columns = usize::from(area.width).saturating_sub(2);
    let members = &model.room().members;
    let height = usize::from(area.height);
    let is_cut = members.len() > height || members.is_overfull();
    let shown = if is_cut { height.saturating_sub(1) } else { height };
    let mut y = area.y;
    for member in members.names().take(shown) {
        let label = fit(&escape::username(member), columns);
        buffer.set_stringn(area.x + 2, y, label, columns, model.theme.name(member));
        y += 1;
    }
    if is_cut && y < area.bottom() {
        let more = if members.is_overfull() {
            "and more".to_owned()
        } else {
            format!("and {} more", members.len() - shown)
        };
        buffer.set_stringn(area.x + 2, y, more, columns, model.theme.dim);
    }
}

/// Name of a room on the screen.
pub(super) fn name(room: &Room) -> String {
    match room.membership {
        Membership::Home => "cafewire".to_owned(),
        _ => escape::room(&room.name).into_owned(),
    }
}

/// Number of unread lines, with a mark if one of them names us.
fn unread(room: &Room) -> String {
    match (room.unread, room.unread_mentions) {
        (0, _) => String::new(),
        (unread, 0) => format!(" {unread}"),
        (unread, _) => format!(" {unread}!"),
    }
}

fn room_style(model: &Model, index: usize) -> Style {
    let (room, theme) = (&model.rooms[index], &model.theme);
    if index == model.current {
        theme.current_room
    } else if room.unread_mentions > 0 {
        theme.mention
    } else if room.unread > 0 {
        theme.unread
    } else if matches!(room.membership, Membership::In) {
        Style::new()
    } else {
        theme.dim
    }
}

fn draw_edge(buffer: &mut Buffer, x: u16, area: Rect, model: &Model) {
    for y in area.y..area.bottom() {
        buffer.set_stringn(x, y, "│", 1, model.theme.dim);
    }
}

fn put(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    buffer.set_stringn(
        area.x,
        area.y,
        fit(text, usize::from(area.width)),
        usize::from(area.width),
        style,
    );
}
