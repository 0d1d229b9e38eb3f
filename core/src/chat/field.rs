//! The variable fields of a body: names and texts. Their rules, reading them, sizing and writing them.
//!
//! ```text
//! name: │ len:u8 │ len bytes of UTF-8 │        text: │ UTF-8 to the end of the body │
//! ```
//!
//! A name may hold no control characters: it is shown on other people's terminals. A text may: it is up to whoever
//! shows it to escape what is in it.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::envelope::HEADER_SIZE;
use crate::error::{Field, FieldError, ParseError, ParseResult};
use crate::writer::Writer;

/// The longest username, in bytes.
///
/// ```
/// use cafewire_core::{MessagePayload, chat};
/// let longest = "x".repeat(chat::MAX_USERNAME_SIZE);
/// assert!(MessagePayload::Connect { username: &longest }.validate().is_ok());
/// assert!(MessagePayload::Connect { username: &(longest + "x") }.validate().is_err());
/// ```
pub const MAX_USERNAME_SIZE: usize = 32;

/// The longest room name, in bytes.
///
/// See [`MAX_USERNAME_SIZE`] for an example.
pub const MAX_ROOM_NAME_SIZE: usize = 64;

/// The longest content of a message, in bytes.
///
/// See [`MAX_USERNAME_SIZE`] for an example.
pub const MAX_CONTENT_SIZE: usize = 512;

/// The longest text that a server adds of its own (server info, error message), in bytes.
///
/// See [`MAX_USERNAME_SIZE`] for an example.
pub const MAX_TEXT_SIZE: usize = 512;

/// Bytes before a name's own: its length.
pub(super) const NAME_PREFIX_SIZE: usize = 1;

/// The bounds of a body's length as its header says it, both included.
#[allow(clippy::cast_possible_truncation)] // checked when the constants are computed
pub(super) const fn body_range(min: usize, max: usize) -> (u16, u16) {
    assert!(min <= max && max <= u16::MAX as usize);
    (min as u16, max as u16)
}

/// A body being read, front to back. Offsets in its errors count from the start of the frame.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(super) const fn new(body: &'a [u8]) -> Self {
        Self { rest: body, offset: HEADER_SIZE }
    }

    /// The integers that a body starts with.
    #[inline]
    pub(super) fn fixed<T: FromBytes + Immutable + KnownLayout + Unaligned>(&mut self) -> ParseResult<&'a T> {
        let (fixed, rest) = T::ref_from_prefix(self.rest).map_err(|_| ParseError::FieldOverrun {
            offset: self.offset,
            field: Field::FixedPart,
            needed: size_of::<T>(),
            available: self.rest.len(),
        })?;
        self.rest = rest;
        self.offset += size_of::<T>();
        Ok(fixed)
    }

    #[inline]
    pub(super) fn name(&mut self, field: Field) -> ParseResult<&'a str> {
        let offset = self.offset;
        let overrun = |needed, available| ParseError::FieldOverrun { offset, field, needed, available };
        let (&len_bytes, rest) = self.rest.split_first().ok_or(overrun(NAME_PREFIX_SIZE, 0))?;
        let len_bytes = usize::from(len_bytes);
        let (name, rest) = rest
            .split_at_checked(len_bytes)
            .ok_or(overrun(NAME_PREFIX_SIZE + len_bytes, NAME_PREFIX_SIZE + rest.len()))?;
        let name = utf8(name, field, offset + NAME_PREFIX_SIZE)?;
        validate_name(name, field).map_err(|error| ParseError::InvalidField { offset, error })?;
        self.rest = rest;
        self.offset += NAME_PREFIX_SIZE + len_bytes;
        Ok(name)
    }

    /// A text is always last, so this ends the body.
    #[inline]
    pub(super) fn text(self, field: Field) -> ParseResult<&'a str> {
        let text = utf8(self.rest, field, self.offset)?;
        validate_length(text, field).map_err(|error| ParseError::InvalidField { offset: self.offset, error })?;
        Ok(text)
    }

    /// Nothing may be left over.
    #[inline]
    pub(super) const fn finish(self) -> ParseResult<()> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(ParseError::TrailingBytes { offset: self.offset, extra }),
        }
    }
}

#[inline]
fn utf8(bytes: &[u8], field: Field, offset: usize) -> ParseResult<&str> {
    core::str::from_utf8(bytes).map_err(|error| ParseError::InvalidUtf8 { offset: offset + error.valid_up_to(), field })
}

/// A name's whole rule: its length, and no control characters.
#[inline]
pub(super) fn validate_name(name: &str, field: Field) -> Result<(), FieldError> {
    validate_length(name, field)?;
    match control_character(name.as_bytes()) {
        None => Ok(()),
        Some(position) => Err(FieldError::ControlCharacter { field, position }),
    }
}

/// A text's whole rule: its length.
#[inline]
pub(super) const fn validate_length(text: &str, field: Field) -> Result<(), FieldError> {
    let (min, max) = field.length_range();
    let actual = text.len();
    if actual < min || actual > max { Err(FieldError::Length { field, actual, min, max }) } else { Ok(()) }
}

/// Where the first control character is. In UTF-8 the C1 controls U+0080..=U+009F are `C2 80` to `C2 9F`.
#[inline]
fn control_character(name: &[u8]) -> Option<usize> {
    let mut before = 0;
    for (position, &byte) in name.iter().enumerate() {
        if byte < 0x20 || byte == 0x7F {
            return Some(position);
        }
        if before == 0xC2 && byte < 0xA0 {
            return Some(position - 1);
        }
        before = byte;
    }
    None
}

#[inline]
pub(super) fn write_name(writer: &mut Writer<'_>, name: &str) {
    // The cast is exact: a name is at most 64 bytes, and was validated before the frame was begun.
    #[allow(clippy::cast_possible_truncation)]
    writer.put(&[name.len() as u8]);
    writer.put(name.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_found_where_they_are() {
        assert_eq!(control_character("plain, naïve, 日本, 🦀".as_bytes()), None);
        assert_eq!(control_character("a\u{0}".as_bytes()), Some(1));
        assert_eq!(control_character("ab\u{1F}".as_bytes()), Some(2));
        assert_eq!(control_character("\u{7F}".as_bytes()), Some(0));
        assert_eq!(control_character("é\u{80}".as_bytes()), Some(2));
        assert_eq!(control_character("\u{9F}x".as_bytes()), Some(0));
        assert_eq!(control_character("\u{20}\u{7E}\u{A0}".as_bytes()), None);
    }

    #[test]
    fn the_rule_is_charactes_own_rule() {
        for scalar in (0..=0x3000).filter_map(char::from_u32) {
            let mut bytes = [0; 4];
            let found = control_character(scalar.encode_utf8(&mut bytes).as_bytes()).is_some();
            assert_eq!(found, scalar.is_control(), "U+{:04X}", scalar as u32);
        }
    }

    #[test]
    fn a_name_is_held_to_its_bounds() {
        let name = "x".repeat(65);
        for (len_bytes, ok) in [(0, false), (1, true), (32, true), (33, false)] {
            assert_eq!(validate_name(&name[..len_bytes], Field::Username).is_ok(), ok, "{len_bytes}");
        }
        for (len_bytes, ok) in [(0, false), (1, true), (64, true), (65, false)] {
            assert_eq!(validate_name(&name[..len_bytes], Field::RoomName).is_ok(), ok, "{len_bytes}");
        }
    }

    extern crate std;
    use std::string::ToString as _;

    #[test]
    fn errors_say_where_in_the_frame() {
        let mut reader = Reader::new(b"\x02ab\x05cd");
        assert_eq!(reader.name(Field::Username), Ok("ab"));
        let error = reader.name(Field::RoomName).unwrap_err();
        let expected = ParseError::FieldOverrun { offset: 7, field: Field::RoomName, needed: 6, available: 3 };
        assert_eq!(error, expected);
        assert_eq!(error.to_string(), "room name at byte 7 needs 6 bytes, the body has 3 left");
    }
}
