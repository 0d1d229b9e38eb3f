//! Positions of all panes, for a terminal of any size. Pure: a size in, rectangles out.
//!
//! ```text
//! │ title                                     │  from 4 rows
//! │ rooms │ messages                │ members │  rooms from 56 columns, members from 76
//! │ status                                    │  from 2 rows
//! │ input                                     │
//! ```

use ratatui::layout::Rect;

const ROOMS_FROM_WIDTH: u16 = 56;
const MEMBERS_FROM_WIDTH: u16 = 76;
const TITLE_FROM_HEIGHT: u16 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Areas {
    pub(crate) title: Rect,
    /// Includes the line to its right.
    pub(crate) rooms: Option<Rect>,
    pub(crate) messages: Rect,
    /// Includes the line to its left.
    pub(crate) members: Option<Rect>,
    pub(crate) status: Rect,
    pub(crate) input: Rect,
}

impl Areas {
    /// For a terminal of so many columns and rows. Panes without room are empty.
    pub(crate) fn of((width, height): (u16, u16)) -> Self {
        let input_height = height.min(1);
        let status_height = (height - input_height).min(1);
        let title_height = u16::from(height >= TITLE_FROM_HEIGHT);
        let middle = height - input_height - status_height - title_height;
        let row = |y, height| Rect::new(0, y, width, height);
        let side = (width / 6).clamp(14, 24);
        let rooms = (width >= ROOMS_FROM_WIDTH && middle > 0)
            .then(|| Rect::new(0, title_height, side, middle));
        let members = (width >= MEMBERS_FROM_WIDTH && middle > 0)
            .then(|| Rect::new(width - side, title_height, side, middle));
        let left = rooms.map_or(0, |area| area.width);
        let right = members.map_or(0, |area| area.width);
        Self {
            title: row(0, title_height),
            rooms,
            messages: Rect::new(left, title_height, width - left - right, middle),
            members,
            status: row(title_height + middle, status_height),
            input: row(title_height + middle + status_height, input_height),
        }
    }
}

/// The part of the list of rooms that fits into so many rows, as first and count, chosen to hold
/// the current one.
pub(crate) fn visible_rooms(rows: usize, rooms: usize, current: usize) -> (usize, usize) {
    let first = (current + 1).saturating_sub(rows);
    (first, rooms.saturating_sub(first).min(rows))
}

/// The room that is listed at this place.
pub(crate) fn room_at(
    areas: &Areas,
    rooms: usize,
    current: usize,
    column: u16,
    row: u16,
) -> Option<usize> {
    let area = areas.rooms.filter(|area| area.contains((column, row).into()))?;
    let (first, count) = visible_rooms(usize::from(area.height), rooms, current);
    let line = usize::from(row - area.y);
    (line < count).then_some(first + line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_any_size_the_parts_fill_the_screen_and_do_not_overlap() {
        for width in 0..=120 {
            for height in 0..=40 {
                let areas = Areas::of((width, height));
                let parts = [
                    Some(areas.title),
                    areas.rooms,
                    Some(areas.messages),
                    areas.members,
                    Some(areas.status),
                    Some(areas.input),
                ];
                let parts: Vec<Rect> = parts.into_iter().flatten().collect();
                let covered: u32 = parts.iter().map(|part| part.area()).sum();
                assert_eq!(
                    covered,
                    u32::from(width) * u32::from(height),
                    "{width}x{height}: {areas:?}"
                );
                for (number, part) in parts.iter().enumerate() {
                    assert!(
                        part.right() <= width && part.bottom() <= height,
                        "{width}x{height}: {areas:?}"
                    );
                    assert!(
                        parts[..number].iter().all(|other| !other.intersects(*part)),
                        "{width}x{height}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_small_terminal_has_messages_and_the_input_line() {
        let areas = Areas::of((20, 5));
        assert_eq!(
            (areas.title.height, areas.messages.height, areas.status.height, areas.input.height),
            (1, 2, 1, 1)
        );
        assert_eq!((areas.rooms, areas.members), (None, None));
        assert_eq!(Areas::of((40, 10)).messages, Rect::new(0, 1, 40, 7));
        assert_eq!(Areas::of((1, 1)).input, Rect::new(0, 0, 1, 1));
    }

    #[test]
    fn the_current_room_is_always_listed() {
        assert_eq!(visible_rooms(5, 3, 2), (0, 3));
        assert_eq!(visible_rooms(5, 9, 4), (0, 5));
        assert_eq!(visible_rooms(5, 9, 8), (4, 5));
        assert_eq!(visible_rooms(0, 9, 8), (9, 0));
        let areas = Areas::of((80, 8));
        assert_eq!(room_at(&areas, 9, 8, 3, 1), Some(4));
        assert_eq!(room_at(&areas, 2, 0, 3, 3), None);
        assert_eq!(room_at(&areas, 9, 0, 30, 3), None);
    }
}
