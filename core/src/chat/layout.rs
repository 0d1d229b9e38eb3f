//! What all bodies have in common: integers, then names and texts.
//!
//! ```text
//! │ integers: 0 to 12 bytes │ len:u8 │ name… │ len:u8 │ name… │ text, to the end… │
//! ```
//!
//! A type's layout says which of them it has. One loop reads, checks, sizes or writes any body by its layout, so that a
//! microcontroller holds that code once and not once for each type.

use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::envelope::HEADER_SIZE;
use super::field::validate;
use crate::error::{Field, FieldError, ParseError, ParseResult};
use crate::writer::Writer;

/// The most bytes of integers that a body starts with: MessageBroadcast's.
pub(crate) const MAX_FIXED_SIZE: usize = size_of::<Integers>();

/// The most names and texts in a body: MessageBroadcast's.
pub(super) const MAX_TEXTS: usize = 3;

/// What a body is made of, in the order of its bytes.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// The bounds of a body's length as its header says it, in bytes, both included. An empty name passes here: the
    /// answer to it is InvalidUsername or InvalidRoomName, not a close.
    pub(super) length_range: (u16, u16),
    fixed_size: u8,
    /// From the left. Only the last can be other than a name: a text goes on to the end of the body.
    texts: [Option<Field>; MAX_TEXTS],
}

/// The fields of any body. Those that its layout does not have are zero and empty.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) integers: Integers,
    /// In the layout's order, from the left.
    pub(super) texts: [&'a str; MAX_TEXTS],
}

/// The integers of any body, as they stand on the wire. Only MessageBroadcast has both; Error has two bytes of the first.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Integers {
    pub(super) first: U32,
    pub(super) timestamp: U64,
}

impl Fields<'_> {
    pub(super) const EMPTY: Self =
        Self { integers: Integers { first: U32::ZERO, timestamp: U64::ZERO }, texts: [""; MAX_TEXTS] };
}

impl Layout {
    /// `fixed_size` bytes of integers, then these fields.
    #[allow(clippy::cast_possible_truncation)] // checked, when the constants are computed
    pub(super) const fn new(fixed_size: usize, fields: &[Field]) -> Self {
        assert!(fixed_size <= MAX_FIXED_SIZE);
        let (mut min, mut max) = (fixed_size, fixed_size);
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
        Self { length_range: (min as u16, max as u16), fixed_size: fixed_size as u8, texts }
    }

    /// Reads a whole body: its integers as they stand there, and its names and texts. Offsets in its errors count from
    /// the start of the frame.
    #[inline]
    pub(super) fn read<'a>(&self, body: &'a [u8]) -> ParseResult<(&'a [u8], [&'a str; MAX_TEXTS])> {
        let mut reader = Reader { rest: body, offset: HEADER_SIZE };
        let integers = reader.take(self.fixed_size.into(), Field::FixedPart)?;
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
    pub(super) fn measure(&self, fields: &Fields<'_>) -> Result<usize, FieldError> {
        let mut size = usize::from(self.fixed_size);
        for (text, field) in fields.texts.iter().zip(&self.texts) {
            let &Some(field) = field else { break };
            validate(text, field)?;
            size += field.prefix_size() + text.len();
        }
        Ok(size)
    }

    /// Bytes that a body takes, valid or not.
    #[inline]
    pub(super) const fn size(&self, fields: &Fields<'_>) -> usize {
        let mut size = self.fixed_size as usize;
        let mut index = 0;
        while index < MAX_TEXTS {
            let Some(field) = self.texts[index] else { break };
            size += field.prefix_size() + fields.texts[index].len();
            index += 1;
        }
        size
    }

    /// Writes a body that has been validated.
    #[inline]
    pub(super) fn write(&self, fields: &Fields<'_>, writer: &mut Writer<'_>) {
        writer.put(fields.integers.as_bytes().get(..self.fixed_size.into()).unwrap_or_default());
        for (text, field) in fields.texts.iter().zip(&self.texts) {
            let &Some(field) = field else { break };
            if field.is_name() {
                // The cast is exact: a name is at most 64 bytes.
                #[allow(clippy::cast_possible_truncation)]
                writer.put(&[text.len() as u8]);
            }
            writer.put(text.as_bytes());
        }
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
            return Err(ParseError::FieldOverrun { offset: self.offset, field, needed, available: self.rest.len() });
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
        let len_bytes = if field.is_name() {
            self.rest.first().map_or(0, |&len_bytes| usize::from(len_bytes))
        } else {
            self.rest.len()
        };
        let bytes = self.take(prefix_size + len_bytes, field)?.get(prefix_size..).unwrap_or_default();
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

    const TWO_NAMES: Layout = Layout::new(0, &[Field::Username, Field::RoomName]);

    #[test]
    fn the_bounds_of_a_body_follow_from_its_fields() {
        assert_eq!(Layout::new(0, &[]).length_range, (0, 0));
        assert_eq!(Layout::new(4, &[Field::ServerInfo]).length_range, (4, 516));
        assert_eq!(TWO_NAMES.length_range, (2, 98));
    }

    #[test]
    fn errors_say_where_in_the_frame() {
        let error = TWO_NAMES.read(b"\x02ab\x05cd").unwrap_err();
        let expected = ParseError::FieldOverrun { offset: 7, field: Field::RoomName, needed: 6, available: 3 };
        assert_eq!(error, expected);
        assert_eq!(error.to_string(), "room name at byte 7 needs 6 bytes, the body has 3 left");
        let error = TWO_NAMES.read(b"\x02ab\x02c\xFF").unwrap_err();
        assert_eq!(error, ParseError::InvalidUtf8 { offset: 9, field: Field::RoomName });
        let error = TWO_NAMES.read(b"\x02ab\x01c!").unwrap_err();
        assert_eq!(error, ParseError::TrailingBytes { offset: 9, extra: 1 });
    }
}
