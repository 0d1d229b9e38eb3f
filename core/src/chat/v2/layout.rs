//! What parser and encoder need of the table, small enough for a microcontroller's flash: per type,
//! its code, its bounds and which parts its payload has. Computed from the table when the crate is
//! compiled.

use super::schema::{MAX_CONTENT_SIZE, MAX_DATA_SIZE, MAX_SMALL_CONTENT_SIZE, MessageType, V2};
use crate::chat::schema::{Kind, Message};
use crate::chat::{
    Field, IS_SMALL, MAX_ROOM_NAME_SIZE, MAX_TEXT_SIZE, MAX_USERNAME_SIZE, NAME_PREFIX_SIZE,
};

/// The most variable fields of a payload: MessageBroadcast's.
pub(super) const PARTS: usize = 3;

/// The most bytes of integers that a payload starts with: MessageBroadcast's.
pub(super) const FIXED_SIZE_MAX: usize = 31;

/// A variable field of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Part {
    Username,
    RoomName,
    /// The room after which a list goes on, or empty.
    AfterRoom,
    /// The member after which a list goes on, or empty.
    AfterUser,
    Content,
    ServerInfo,
    ErrorMessage,
    /// Any bytes, to the end of the payload.
    Data,
}

/// In the order of the parts: the field that an error names, and the bounds, in bytes, both
/// included. Data is none that an error names: its bounds are those of the payload.
static RULES: [(Field, u16, u16); Part::Data as usize] = {
    const fn rule(field: Field, min: u16, max: usize) -> (Field, u16, u16) {
        assert!(max <= u16::MAX as usize);
        #[allow(clippy::cast_possible_truncation)] // checked
        (field, min, max as u16)
    }
    [
        rule(Field::Username, 1, MAX_USERNAME_SIZE),
        rule(Field::RoomName, 1, MAX_ROOM_NAME_SIZE),
        rule(Field::RoomName, 0, MAX_ROOM_NAME_SIZE),
        rule(Field::Username, 0, MAX_USERNAME_SIZE),
        rule(Field::Content, 1, MAX_CONTENT_SIZE),
        rule(Field::ServerInfo, 0, MAX_TEXT_SIZE),
        rule(Field::ErrorMessage, 0, MAX_TEXT_SIZE),
    ]
};

impl Part {
    /// Of a row's field; `None` of an integer.
    const fn of(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::Name { field: Field::Username, min: 1, .. } => Self::Username,
            Kind::Name { field: Field::RoomName, min: 1, .. } => Self::RoomName,
            Kind::Name { field: Field::RoomName, .. } => Self::AfterRoom,
            Kind::Name { .. } => Self::AfterUser,
            Kind::Text { field: Field::Content, .. } => Self::Content,
            Kind::Text { field: Field::ServerInfo, .. } => Self::ServerInfo,
            Kind::Text { .. } => Self::ErrorMessage,
            Kind::Data { .. } => Self::Data,
            Kind::Integer { .. } | Kind::ErrorCode | Kind::Bool | Kind::Bytes { .. } => {
                return None;
            }
        })
    }

    /// Whether its length is a byte before it.
    #[inline]
    pub(super) const fn is_name(self) -> bool {
        (self as u8) < Self::Content as u8
    }

    /// Bytes before its own.
    #[inline]
    pub(super) const fn prefix_size(self) -> usize {
        if self.is_name() { NAME_PREFIX_SIZE } else { 0 }
    }

    /// The field that an error names, and the bounds in bytes, both included. A content to a client
    /// with SMALL is shorter.
    #[inline]
    pub(super) fn rule(self, is_small: bool) -> (Field, usize, usize) {
        match RULES.get(self as usize) {
            Some(&(field, min, _)) if is_small && matches!(self, Self::Content) => {
                (field, min.into(), MAX_SMALL_CONTENT_SIZE)
            }
            Some(&(field, min, max)) => (field, min.into(), max.into()),
            None => (Field::FixedPart, 0, MAX_DATA_SIZE),
        }
    }
}

/// What a payload is made of: integers, names, a text or data, in this order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) message_type: MessageType,
    /// Bytes of the integers.
    pub(super) fixed_size: u8,
    /// From the left. Only the last can be other than a name.
    pub(super) parts: [Option<Part>; PARTS],
    /// The bounds of an uncompressed payload's length, in bytes, both included. An empty name
    /// passes here: the answer to it is InvalidUsername or InvalidRoomName, not a close.
    pub(super) payload_range: (u16, u16),
}

/// In the order of the table.
static LAYOUTS: [Layout; V2.len()] = {
    let mut layouts = [Layout::new(&V2[0]); V2.len()];
    let mut index = 0;
    while index < layouts.len() {
        layouts[index] = Layout::new(&V2[index]);
        index += 1;
    }
    layouts
};

impl Layout {
    /// Of a row whose fields come in the order that a payload has.
    #[allow(clippy::cast_possible_truncation)] // checked
    const fn new(row: &Message<MessageType>) -> Self {
        let (mut fixed_size, mut parts, mut parts_len) = (0, [None; PARTS], 0);
        let (mut min, mut max, mut is_at_the_end) = (0, 0, false);
        let mut index = 0;
        while index < row.fields.len() {
            assert!(!is_at_the_end, "a text or data goes on to the end of the payload");
            let kind = row.fields[index].kind;
            match kind {
                Kind::Integer { .. } | Kind::ErrorCode | Kind::Bool | Kind::Bytes { .. } => {
                    assert!(parts_len == 0, "integers come first");
                    let size = kind.fixed_size();
                    (fixed_size, min, max) = (fixed_size + size, min + size, max + size);
                }
                Kind::Name { max: longest, .. }
                | Kind::Text { max: longest, .. }
                | Kind::Data { max: longest } => {
                    let Some(part) = Part::of(kind) else { panic!("it is no integer") };
                    is_at_the_end = !part.is_name();
                    assert!(is_at_the_end || longest <= u8::MAX as usize, "its length is a byte");
                    parts[parts_len] = Some(part);
                    parts_len += 1;
                    min += part.prefix_size();
                    max += part.prefix_size() + longest;
                }
            }
            index += 1;
        }
        assert!(fixed_size <= FIXED_SIZE_MAX && max <= u16::MAX as usize);
        Self {
            message_type: row.message_type,
            fixed_size: fixed_size as u8,
            parts,
            payload_range: (min as u16, max as u16),
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

    #[inline]
    const fn of_code_or_first(code: u8) -> &'static Self {
        if IS_SMALL {
            return Self::searched(code);
        }
        let place = BY_CODE[code as usize] as usize;
        // Always; so written, there is no panic to link.
        if place < LAYOUTS.len() { &LAYOUTS[place] } else { &LAYOUTS[0] }
    }

    /// Not inlined: all callers share the one copy.
    #[inline(never)]
    const fn searched(code: u8) -> &'static Self {
        let mut index = LAYOUTS.len() - 1;
        while index > 0 && LAYOUTS[index].message_type as u8 != code {
            index -= 1;
        }
        &LAYOUTS[index]
    }

    /// The bounds of a payload to a client with SMALL.
    #[inline]
    pub(super) const fn small_payload_range(&self) -> (u16, u16) {
        const LESS: u16 = {
            let less = MAX_CONTENT_SIZE - MAX_SMALL_CONTENT_SIZE;
            assert!(less <= u16::MAX as usize);
            #[allow(clippy::cast_possible_truncation)] // checked
            {
                less as u16
            }
        };
        let (min, max) = self.payload_range;
        if self.has_content() && self.message_type as u8 & 0x80 != 0 {
            (min, max - LESS)
        } else {
            (min, max)
        }
    }

    const fn has_content(&self) -> bool {
        let mut index = 0;
        while index < PARTS {
            if matches!(self.parts[index], Some(Part::Content)) {
                return true;
            }
            index += 1;
        }
        false
    }
}

/// Per code the place of its layout; of a code without a type, the first.
static BY_CODE: [u8; 256] = {
    let mut places = [0; 256];
    let mut index = 0;
    while index < LAYOUTS.len() {
        #[allow(clippy::cast_possible_truncation)] // there are 256 codes
        {
            places[LAYOUTS[index].message_type as usize] = index as u8;
        }
        index += 1;
    }
    places
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_a_payload_follow_from_its_fields() {
        for (message_type, range) in [
            (MessageType::Connect, (19, 51)),
            (MessageType::Disconnect, (0, 0)),
            (MessageType::JoinRoom, (15, 79)),
            (MessageType::Ping, (0, 32)),
            (MessageType::ListMembers, (4, 100)),
            (MessageType::ListEnd, (3, 3)),
            (MessageType::MessageBroadcast, (33, 4225)),
        ] {
            assert_eq!(message_type.payload_range(), range, "{message_type}");
        }
    }

    #[test]
    fn small_shortens_what_a_server_says_and_nothing_else() {
        for message_type in MessageType::ALL {
            let (min, max) = message_type.payload_range();
            let less = match message_type {
                MessageType::MessageBroadcast | MessageType::DirectDelivery => 4096 - 512,
                _ => 0,
            };
            assert_eq!(message_type.small_payload_range(), (min, max - less), "{message_type}");
        }
    }

    #[test]
    fn a_part_has_the_bounds_of_its_fields() {
        for field in V2.iter().flat_map(|row| row.fields) {
            let Some(part) = Part::of(field.kind) else { continue };
            let (named, min, max) = part.rule(false);
            match field.kind {
                Kind::Name { field, min: least, max: most, .. } => {
                    assert_eq!((named, min, max, part.is_name()), (field, least, most, true));
                }
                Kind::Text { field, min: least, max: most } => {
                    assert_eq!((named, min, max, part.is_name()), (field, least, most, false));
                }
                Kind::Data { max: most } => assert_eq!((min, max), (0, most)),
                other => panic!("{other:?} is no part"),
            }
        }
    }

    #[test]
    fn both_ways_find_the_same_layout() {
        for code in 0..=u8::MAX {
            let (found, searched) = (Layout::of_code_or_first(code), Layout::searched(code));
            assert_eq!(found.message_type, searched.message_type);
        }
    }
}
