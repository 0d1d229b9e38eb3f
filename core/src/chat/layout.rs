//! What all bodies have in common: integers, then names and texts.
//!
//! ```text
//! │ integers: 0 to 12 bytes │ len:u8 │ name… │ len:u8 │ name… │ text, to the end… │
//! ```
//!
//! A type's layout says which of them it has. One loop reads, checks, sizes or writes any body by
//! its layout, so that a microcontroller holds that code once and not once for each type.

use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{Immutable, IntoBytes};

use super::envelope::HEADER_SIZE;
use super::field::validate;
use crate::error::{Field, FieldError, ParseError, ParseResult};
use crate::writer::{put, put_byte};

/// The most bytes of integers that a body starts with: MessageBroadcast's.
pub(crate) const MAX_FIXED_SIZE: usize = FixedPart::UserIdAndTimestamp as usize;

/// The most names and texts in a body: MessageBroadcast's.
pub(super) const MAX_TEXTS: usize = 3;

/// What a body is made of, in the order of its bytes.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// The bounds of a body's length as its header says it, in bytes, both included. An empty name
    /// passes here: the answer to it is InvalidUsername or InvalidRoomName, not a close.
    pub(super) length_range: (u16, u16),
    fixed_part: FixedPart,
    /// From the left. Only the last can be other than a name: a text goes on to the end of the
    /// body.
    texts: [Option<Field>; MAX_TEXTS],
}

/// The integers that a body starts with, by the bytes that they take.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum FixedPart {
    Nothing = 0,
    ErrorCode = 2,
    UserId = 4,
    UserIdAndTimestamp = 12,
}

/// The fields of any body. Those that its layout does not have are zero and empty.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) integers: Integers,
    /// In the layout's order, from the left.
    pub(super) texts: [&'a str; MAX_TEXTS],
}

/// The integers of any body, as they stand on the wire. Only MessageBroadcast has both; Error has
/// two bytes of the first.
#[derive(Clone, Copy, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct Integers {
    pub(super) first: U32,
    pub(super) timestamp: U64,
}

impl Layout {
    /// Integers, then these fields.
    #[allow(clippy::cast_possible_truncation)] // checked, when the constants are computed
    pub(super) const fn new(fixed_part: FixedPart, fields: &[Field]) -> Self {
        let (mut min, mut max) = (fixed_part as usize, fixed_part as usize);
        let mut texts = [None; MAX_TEXTS];
        let mut index = 0;
        while index < fields.len() {
            let field = fields[index];
            assert!(field.is_name() || index + 1 == fields.len());
            texts[index] = Some(field);
            min += field.prefix_size();
            max += field.prefix_size() + field.length_range().1;
            index += 1;
        }
        assert!(max <= u16::MAX as usize);
        Self { length_range: (min as u16, max as u16), fixed_part, texts }
    }

    /// Reads a whole body: its integers as they stand there, and its names and texts. Offsets in
    /// its errors count from the start of the frame.
    #[inline]
    pub(super) fn read<'a>(&self, body: &'a [u8]) -> ParseResult<(&'a [u8], [&'a str; MAX_TEXTS])> {
        let mut reader = Reader { rest: body, offset: HEADER_SIZE };
        let integers = reader.take(self.fixed_part as usize, Field::FixedPart)?;
        let mut texts = [""; MAX_TEXTS];
        for (text, field) in texts.iter_mut().zip(&self.texts) {
            let &Some(field) = field else { break };
            *text = reader.text(field)?;
        }
        match reader.rest.len() {
            0 => Ok((integers, texts)),
            extra => Err(ParseError::TrailingBytes { offset: reader.offset, extra }),
        }
    }

    /// Holds every field to its rules; gives the bytes that the body takes.
    #[inline]
    pub(super) fn measure(&self, fields: &Fields<'_>) -> Result<u16, FieldError> {
        let mut size = self.fixed_part as usize;
        for (text, field) in fields.texts.iter().zip(&self.texts) {
            let &Some(field) = field else { break };
            validate(text, field)?;
            size += field.prefix_size() + text.len();
        }
        // The cast is exact: no valid field is longer than the upper bound was computed with.
        #[allow(clippy::cast_possible_truncation)]
        Ok(size as u16)
    }

    /// Bytes that a body takes, valid or not.
    #[inline]
    pub(super) const fn size(&self, fields: &Fields<'_>) -> usize {
        let mut size = self.fixed_part as usize;
        let mut index = 0;
        while index < MAX_TEXTS {
            let Some(field) = self.texts[index] else { break };
            size += field.prefix_size() + fields.texts[index].len();
            index += 1;
        }
        size
    }

    /// Writes a body that has been validated; gives what is still free behind it.
    #[inline]
    pub(super) fn write<'b>(&self, fields: &Fields<'_>, mut free: &'b mut [u8]) -> &'b mut [u8] {
        free = put(
            free,
            fields.integers.as_bytes().get(..self.fixed_part as usize).unwrap_or_default(),
        );
        for (text, field) in fields.texts.iter().zip(&self.texts) {
            let &Some(field) = field else { break };
            if field.is_name() {
                // The cast is exact: a name is at most 64 bytes.
                #[allow(clippy::cast_possible_truncation)]
                let len_bytes = text.len() as u8;
                free = put_byte(free, len_bytes);
            }
            free = put(free, text.as_bytes());
        }
        free
    }
}

/// A body being read, front to back.
struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    fn take(&mut self, needed: usize, field: Field) -> ParseResult<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(needed) else {
            return Err(ParseError::FieldOverrun {
                offset: self.offset,
                field,
                needed,
                available: self.rest.len(),
            });
        };
        self.rest = rest;
        self.offset += needed;
        Ok(taken)
    }

    /// The next name, or the text.
    #[inline]
    fn text(&mut self, field: Field) -> ParseResult<&'a str> {
        let offset = self.offset;
        let prefix_size = field.prefix_size();
        let len_bytes = match self.rest {
            [len_bytes, ..] if field.is_name() => usize::from(*len_bytes),
            // A text goes on to the end. A name comes here when nothing is left, and then lacks its
            // length too.
            rest => rest.len(),
        };
        let bytes =
            self.take(prefix_size + len_bytes, field)?.get(prefix_size..).unwrap_or_default();
        let text = core::str::from_utf8(bytes).map_err(|error| {
            let offset = offset + prefix_size + error.valid_up_to();
            ParseError::InvalidUtf8 { offset, field }
        })?;
        validate(text, field).map_err(|error| ParseError::InvalidField { offset, error })?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString as _;

    use super::*;

    const TWO_NAMES: Layout = Layout::new(FixedPart::Nothing, &[Field::Username, Field::RoomName]);

    #[test]
    fn the_bounds_of_a_body_follow_from_its_fields() {
        assert_eq!(Layout::new(FixedPart::Nothing, &[]).length_range, (0, 0));
        assert_eq!(Layout::new(FixedPart::UserId, &[Field::ServerInfo]).length_range, (4, 516));
        assert_eq!(TWO_NAMES.length_range, (2, 98));
    }

    #[test]
    fn errors_say_where_in_the_frame() {
        let error = TWO_NAMES.read(b"\x02ab\x05cd").unwrap_err();
        let expected =
            ParseError::FieldOverrun { offset: 7, field: Field::RoomName, needed: 6, available: 3 };
        assert_eq!(error, expected);
        assert_eq!(error.to_string(), "room name at byte 7 needs 6 bytes, the body has 3 left");
        let error = TWO_NAMES.read(b"\x02ab\x02c\xFF").unwrap_err();
        assert_eq!(error, ParseError::InvalidUtf8 { offset: 9, field: Field::RoomName });
        let error = TWO_NAMES.read(b"\x02ab\x01c!").unwrap_err();
        assert_eq!(error, ParseError::TrailingBytes { offset: 9, extra: 1 });
    }
}
