//! What both shapes of the parser need of the table, small enough for a microcontroller's flash:
//! per type, its code, its bounds and which parts its body has. Computed from the table when the
//! crate is compiled.

use super::field::Field;
use super::schema::{Kind, Message, MessageType, V1};
use crate::direction::Direction;

/// The most variable fields of a body: MessageBroadcast's.
pub(super) const TEXTS: usize = 3;

/// What a body is made of: integers, names, a text, in this order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) message_type: MessageType,
    /// Bytes of the integers.
    pub(super) fixed_size: u8,
    /// From the left. Only the last can be other than a name: a text goes on to the end of the
    /// body.
    pub(super) texts: [Option<Field>; TEXTS],
    /// The bounds of a body's length as its header says it, in bytes, both included. An empty name
    /// passes here: the answer to it is InvalidUsername or InvalidRoomName, not a close.
    pub(super) length_range: (u16, u16),
}

/// In the order of the table.
pub(super) static LAYOUTS: [Layout; V1.len()] = {
    let mut layouts = [Layout::new(&V1[0]); V1.len()];
    let mut index = 0;
    while index < layouts.len() {
        layouts[index] = Layout::new(&V1[index]);
        index += 1;
    }
    layouts
};

/// The most bytes of integers that a body starts with: MessageBroadcast's.
pub(super) const FIXED_SIZE_MAX: usize = {
    let (mut max, mut index) = (0, 0);
    while index < LAYOUTS.len() {
        if LAYOUTS[index].fixed_size as usize > max {
            max = LAYOUTS[index].fixed_size as usize;
        }
        index += 1;
    }
    max
};

impl Layout {
    /// Of a row whose fields come in the order that a body has.
    #[allow(clippy::cast_possible_truncation)] // checked
    const fn new(row: &Message) -> Self {
        let is_from_server = row.message_type as u8 & 0x80 != 0;
        assert!(is_from_server == matches!(row.direction, Direction::ToClient), "see is_sent");
        let (mut fixed_size, mut texts, mut texts_len) = (0, [None; TEXTS], 0);
        let (mut min, mut max, mut is_at_the_end) = (0_usize, 0_usize, false);
        let mut index = 0;
        while index < row.fields.len() {
            assert!(!is_at_the_end, "a text goes on to the end of the body");
            let kind = row.fields[index].kind;
            match kind {
                Kind::Bool | Kind::Bytes { .. } | Kind::Data { .. } => {
                    panic!("version 1 has no such field")
                }
                Kind::Integer { .. } | Kind::ErrorCode => {
                    assert!(texts_len == 0, "integers come first");
                    let size = kind.fixed_size();
                    (fixed_size, min, max) = (fixed_size + size, min + size, max + size);
                }
                Kind::Name { field, max: longest, .. } | Kind::Text { field, max: longest, .. } => {
                    is_at_the_end = !field.is_name();
                    assert!(is_at_the_end || longest <= u8::MAX as usize, "its length is a byte");
                    texts[texts_len] = Some(field);
                    texts_len += 1;
                    min += field.prefix_size();
                    max += field.prefix_size() + longest;
                }
            }
            index += 1;
        }
        assert!(fixed_size <= u8::MAX as usize && max <= u16::MAX as usize);
        Self {
            message_type: row.message_type,
            fixed_size: fixed_size as u8,
            texts,
            length_range: (min as u16, max as u16),
        }
    }

    /// Of a type.
    #[inline]
    pub(super) const fn of(message_type: MessageType) -> &'static Self {
        Self::of_code_or_first(message_type as u8)
    }

    /// Of the type with this code, if there is one.
    #[inline]
    pub(super) const fn from_code(code: u8) -> Option<&'static Self> {
        let layout = Self::of_code_or_first(code);
        if layout.message_type as u8 == code { Some(layout) } else { None }
    }

    /// Not inlined: all callers share the one copy.
    #[inline(never)]
    const fn of_code_or_first(code: u8) -> &'static Self {
        let mut index = LAYOUTS.len() - 1;
        while index > 0 && LAYOUTS[index].message_type as u8 != code {
            index -= 1;
        }
        &LAYOUTS[index]
    }
}

impl Kind {
    /// Bytes of a field whose size its kind settles.
    pub(crate) const fn fixed_size(self) -> usize {
        match self {
            Self::Integer { size } => size as usize,
            Self::ErrorCode => 2,
            Self::Bool => 1,
            Self::Bytes { size } => size,
            Self::Name { .. } | Self::Text { .. } | Self::Data { .. } => 0,
        }
    }
}

impl Field {
    /// The lengths that the field may have, in bytes, both included.
    ///
    /// ```
    /// use cafewire_core::Field;
    /// assert_eq!(Field::Content.length_range(), (1, 512));
    /// assert_eq!(Field::ServerInfo.length_range(), (0, 512));
    /// ```
    #[must_use]
    #[inline]
    pub const fn length_range(self) -> (usize, usize) {
        let (min, max) = LENGTH_RANGES[self as usize];
        (min as usize, max as usize)
    }
}

/// In the order of the variants. A table, because branches take more of a microcontroller's flash.
#[allow(clippy::cast_possible_truncation)]
static LENGTH_RANGES: [(u16, u16); Field::FixedPart as usize + 1] = {
    let mut ranges = [(0, 0); Field::FixedPart as usize + 1];
    let mut row = 0;
    while row < V1.len() {
        let fields = V1[row].fields;
        let mut index = 0;
        while index < fields.len() {
            if let Kind::Name { field, min, max, .. } | Kind::Text { field, min, max } =
                fields[index].kind
            {
                // A body as a whole is no longer than a u16 can say.
                ranges[field as usize] = (min as u16, max as u16);
            }
            index += 1;
        }
        row += 1;
    }
    ranges[Field::FixedPart as usize] = (0, FIXED_SIZE_MAX as u16);
    ranges
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_a_body_follow_from_its_fields() {
        assert_eq!(Layout::of(MessageType::Disconnect).length_range, (0, 0));
        assert_eq!(Layout::of(MessageType::ConnectAck).length_range, (4, 516));
        assert_eq!(Layout::of(MessageType::UserLeft).length_range, (6, 102));
        assert_eq!(FIXED_SIZE_MAX, 12);
    }

    #[test]
    fn a_field_has_the_same_bounds_in_every_row() {
        for field in V1.iter().flat_map(|row| row.fields) {
            if let Kind::Name { field, min, max, .. } | Kind::Text { field, min, max } = field.kind
            {
                assert_eq!(field.length_range(), (min, max));
            }
        }
    }
}
