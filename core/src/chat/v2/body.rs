//! One loop over a type's layout reads, checks, sizes or writes any payload. Knows what a payload
//! is made of, not what its fields are called.

use cafewire_kernel::{Kernel as _, Level};

use super::HEADER_SIZE;
use super::fixed::Fixed;
use super::layout::{Layout, PARTS, Part};
use super::schema::{MAX_DATA_SIZE, MessageType};
use crate::chat::body::Reader;
use crate::chat::names::first_control;
use crate::chat::{Field, IS_SMALL};
use crate::cursor::{put, put_byte};
use crate::error::{FieldError, ParseError, ParseResult, ProtocolError};

/// The parts of any payload. Those that its layout does not have are empty.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    /// The integers, as they stand there.
    pub(super) fixed: &'a [u8],
    /// Names and text, in the layout's order, from the left.
    pub(super) texts: [&'a str; PARTS],
    pub(super) data: &'a [u8],
}

/// The fields of a message, on their way to the wire.
pub(super) struct Fields<'a> {
    pub(super) fixed: Fixed,
    pub(super) texts: [&'a str; PARTS],
    pub(super) data: &'a [u8],
}

impl Layout {
    /// Reads a whole payload. Offsets in its errors count from the start of the frame.
    pub(super) fn read<'a>(&self, payload: &'a [u8], is_small: bool) -> ParseResult<Parts<'a>> {
        let mut reader = Reader::new(payload, HEADER_SIZE);
        let fixed = reader.take(self.fixed_size.into(), Field::FixedPart)?;
        if let Some(index) = self.invalid_value(fixed) {
            return Err(ParseError::InvalidValue { offset: HEADER_SIZE + index });
        }
        let mut parts = Parts { fixed, texts: [""; PARTS], data: &[] };
        for (text, part) in parts.texts.iter_mut().zip(&self.parts) {
            match part {
                None => break,
                Some(Part::Data) => parts.data = reader.take_rest(),
                &Some(part) => *text = next_text(&mut reader, part, is_small)?,
            }
        }
        match reader.rest_len() {
            0 => Ok(parts),
            extra => Err(ParseError::TrailingBytes { offset: reader.offset(), extra }),
        }
    }

    /// Where the first integer is that may not have the value that it has.
    fn invalid_value(&self, fixed: &[u8]) -> Option<usize> {
        match (self.message_type, fixed) {
            // No epoch, and yet a place in one.
            (MessageType::JoinRoom, [0, 0, 0, 0, after @ .., _, _])
                if after.iter().any(|&byte| byte != 0) =>
            {
                Some(4)
            }
            (
                MessageType::Joined | MessageType::RoomInfo | MessageType::ListEnd,
                [before @ .., 2..=u8::MAX],
            ) => Some(before.len()),
            _ => None,
        }
    }

    /// Bytes that a valid payload takes, after every field was held to its rules.
    pub(super) fn measure(&self, fields: &Fields<'_>) -> Result<u16, ProtocolError> {
        for (text, part) in fields.texts.iter().zip(&self.parts) {
            match part {
                None => break,
                Some(Part::Data) if fields.data.len() > MAX_DATA_SIZE => {
                    let (actual, max) = (fields.data.len(), MAX_DATA_SIZE);
                    return Err(ProtocolError::PayloadTooLong { actual, max });
                }
                Some(Part::Data) => {}
                &Some(part) => validate(text, part, false)?,
            }
        }
        // The cast is exact: no valid field is longer than the upper bound was computed with.
        #[allow(clippy::cast_possible_truncation)]
        Ok(self.encoded_len(fields) as u16)
    }

    /// Bytes that a payload takes, valid or not.
    pub(super) fn encoded_len(&self, fields: &Fields<'_>) -> usize {
        let mut size = usize::from(self.fixed_size) + fields.data.len();
        for (text, part) in fields.texts.iter().zip(&self.parts) {
            let &Some(part) = part else { break };
            size += part.prefix_size() + text.len();
        }
        size
    }

    /// Writes a payload that has been measured.
    pub(super) fn write(&self, fields: &Fields<'_>, mut free: &mut [u8]) {
        debug_assert_eq!(fields.fixed.len(), usize::from(self.fixed_size), "the table's integers");
        for byte in fields.fixed.bytes() {
            free = put_byte(free, byte);
        }
        for (text, part) in fields.texts.iter().zip(&self.parts) {
            let &Some(part) = part else { break };
            if part.is_name() {
                // The cast is exact: a name is at most 64 bytes.
                #[allow(clippy::cast_possible_truncation)]
                let len_bytes = text.len() as u8;
                free = put_byte(free, len_bytes);
            }
            free = put(free, text.as_bytes());
        }
        free = put(free, fields.data);
        debug_assert!(free.is_empty(), "a payload's size and its bytes disagree");
    }
}

/// The next name, or the text.
fn next_text<'a>(reader: &mut Reader<'a>, part: Part, is_small: bool) -> ParseResult<&'a str> {
    let (offset, prefix_size) = (reader.offset(), part.prefix_size());
    let field = part.rule(is_small).0;
    let len = prefix_size + reader.next_len(part.is_name());
    let bytes = reader.take(len, field)?.get(prefix_size..).unwrap_or_default();
    let text = utf8(bytes).map_err(|error| {
        let offset = offset + prefix_size + error.valid_up_to();
        ParseError::InvalidUtf8 { offset, field }
    })?;
    validate(text, part, is_small).map_err(|error| ParseError::InvalidField { offset, error })?;
    Ok(text)
}

/// A part's whole rule: its length and, in a name, no control characters.
fn validate(text: &str, part: Part, is_small: bool) -> Result<(), FieldError> {
    let (field, min, max) = part.rule(is_small);
    let actual = text.len();
    if actual < min || actual > max {
        return Err(FieldError::Length { field, actual, min, max });
    }
    if !part.is_name() {
        return Ok(());
    }
    let found =
        if IS_SMALL { first_control(text.as_bytes()) } else { Level::detect().first_control(text) };
    match found {
        Some(position) => Err(FieldError::ControlCharacter { field, position }),
        None => Ok(()),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, core::str::Utf8Error> {
    if IS_SMALL { core::str::from_utf8(bytes) } else { Level::detect().utf8(bytes) }
}
