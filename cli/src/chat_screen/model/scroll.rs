//! The room that is shown, and which part of it.

use super::Model;
use crate::chat_screen::room::Scroll;
use crate::chat_screen::view::layout;
use crate::chat_screen::view::messages;

/// Rows that one notch of the mouse wheel moves.
pub(super) const WHEEL_ROWS: usize = 3;

impl Model {
    pub(super) fn switch_to(&mut self, index: usize) {
        if index < self.rooms.len() {
            self.current = index;
            self.completing = None;
        }
    }

    /// The next room with a mention, else with anything unread, after this one.
    pub(super) fn switch_to_active(&mut self) {
        let count = self.rooms.len();
        let others = || (1..count).map(|step| (self.current + step) % count);
        let next = others()
            .find(|&index| self.rooms[index].unread_mentions > 0)
            .or_else(|| others().find(|&index| self.rooms[index].unread > 0));
        if let Some(index) = next {
            self.switch_to(index);
        }
    }

    /// The next or the previous room, cyclically.
    pub(super) fn switch_by_one(&mut self, is_forward: bool) {
        let count = self.rooms.len();
        self.switch_to((self.current + if is_forward { 1 } else { count - 1 }) % count);
    }

    pub(super) fn click(&mut self, column: u16, row: u16) {
        if let Some(index) =
            layout::room_at(&self.areas(), self.rooms.len(), self.current, column, row)
        {
            self.switch_to(index);
        }
    }

    /// All visible rows but one, so that the eye finds its place again.
    pub(super) fn page_rows(&self) -> usize {
        usize::from(self.areas().messages.height).saturating_sub(1).max(1)
    }

    /// Towards the start, until the first row is at the top.
    pub(super) fn scroll_up(&mut self, by_rows: usize) {
        let areas = self.areas();
        let (width, height) = (areas.messages.width, usize::from(areas.messages.height));
        let room = self.room();
        let rows = |position: usize| messages::row_count(self, room, position, width);
        let Some((mut position, mut rows_below)) = self.scroll_position() else { return };
        rows_below += by_rows;
        // The rows from the first line to the last visible one must fill the screen.
        while rows_below >= rows(position) {
            rows_below -= rows(position);
            if position == 0 {
                rows_below = usize::MAX;
                break;
            }
            position -= 1;
        }
        let mut above = 0;
        for line in (0..=position).rev() {
            above += rows(line);
            if above >= height.saturating_add(rows_below) {
                return self.set_scroll(position, rows_below);
            }
        }
        // The room has fewer rows: the first screenful then, if there is more than one.
        let mut shown = 0;
        for line in 0..room.lines.len() {
            shown += rows(line);
            if shown > height || (shown == height && line + 1 < room.lines.len()) {
                return self.set_scroll(line, shown - height);
            }
        }
    }

    /// Towards the end; at the end the view follows new lines.
    pub(super) fn scroll_down(&mut self, by_rows: usize) {
        if self.room().scroll.is_none() {
            return;
        }
        let width = self.areas().messages.width;
        let Some((mut position, mut rows_below)) = self.scroll_position() else { return };
        let mut left = by_rows;
        loop {
            if rows_below >= left {
                rows_below -= left;
                break;
            }
            left -= rows_below + 1;
            position += 1;
            if position >= self.room().lines.len() {
                return self.scroll_to_end();
            }
            rows_below = messages::row_count(self, self.room(), position, width) - 1;
        }
        if rows_below == 0 && position + 1 == self.room().lines.len() {
            self.scroll_to_end();
        } else {
            self.set_scroll(position, rows_below);
        }
    }

    pub(super) fn scroll_to_end(&mut self) {
        self.rooms[self.current].scroll = None;
    }

    /// The last visible line, and how many of its rows are below the edge. `None` if there are no
    /// lines.
    fn scroll_position(&self) -> Option<(usize, usize)> {
        let room = self.room();
        let last = room.lines.len().checked_sub(1)?;
        Some(messages::bottom(self, room, self.areas().messages.width).unwrap_or((last, 0)))
    }

    fn set_scroll(&mut self, position: usize, rows_below: usize) {
        let room = &mut self.rooms[self.current];
        room.scroll = room.lines.get(position).map(|line| Scroll { line: line.number, rows_below });
    }
}
