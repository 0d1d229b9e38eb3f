//! The small shape: one loop over a type's layout reads, checks, sizes or writes any body, so that
//! a microcontroller holds that code once and not once for each type. It is the shape of builds
//! with `crc-small`; in the others it names what is wrong with bytes that the fast shape does not
//! take.

use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{Immutable, IntoBytes};

use super::field::Field;
use super::layout::{Layout, TEXTS};
use super::names::validate;
use super::v1::HEADER_SIZE;
use crate::cursor::{put, put_byte};
use crate::error::{FieldError, ParseError, ParseResult};

/// The fields of any body, as they stand on the wire. Those that its layout does not have are zero
/// and empty.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) integers: Integers,
    /// In the layout's order, from the left.
    pub(super) texts: [&'a str; TEXTS],
}

/// The integers of any body. Only MessageBroadcast has both; Error has two bytes of the first.
#[derive(Clone, Copy, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct Integers {
    pub(super) first: U32,
    pub(super) timestamp: U64,
}

impl Layout {
    /// Reads a whole body: its integers as they stand there, and its names and texts. Offsets in
    /// its errors count from the start of the frame.
    #[inline]
    pub(super) fn read<'a>(&self, body: &'a [u8]) -> ParseResult<(&'a [u8], [&'a str; TEXTS])> {
        let mut reader = Reader::new(body, HEADER_SIZE);
        let integers = reader.take(self.fixed_size.into(), Field::FixedPart)?;
        let mut texts = [""; TEXTS];
        for (text, field) in texts.iter_mut().zip(&self.texts) {
            let &Some(field) = field else { break };
            *text = reader.text(field)?;
        }
        match reader.rest_len() {
            0 => Ok((integers, texts)),
            extra => Err(ParseError::TrailingBytes { offset: reader.offset, extra }),
        }
    }

    /// Bytes that a valid body takes. `CHECK`: after every field was held to its rules.
    #[inline]
    pub(super) fn measure<const CHECK: bool>(
        &self,
        fields: &Fields<'_>,
    ) -> Result<u16, FieldError> {
        let mut size = self.fixed_size as usize;
        for (text, field) in fields.texts.iter().zip(&self.texts) {
            let &Some(field) = field else { break };
            if CHECK {
                validate(text, field)?;
            }
            size += field.prefix_size() + text.len();
        }
        // The cast is exact: no valid field is longer than the upper bound was computed with.
        #[allow(clippy::cast_possible_truncation)]
        Ok(size as u16)
    }

    /// Bytes that a body takes, valid or not.
    #[inline]
    pub(super) const fn encoded_len(&self, fields: &Fields<'_>) -> usize {
        let mut size = self.fixed_size as usize;
        let mut index = 0;
        while index < TEXTS {
            let Some(field) = self.texts[index] else { break };
            size += field.prefix_size() + fields.texts[index].len();
            index += 1;
        }
        size
    }

    /// Writes a body that has been validated; gives what is still free behind it.
    #[inline]
    pub(super) fn write<'b>(&self, fields: &Fields<'_>, mut free: &'b mut [u8]) -> &'b mut [u8] {
        // A loop that can't end behind the integers, instead of a slice that could.
        for &byte in fields.integers.as_bytes().iter().take(self.fixed_size.into()) {
            free = put_byte(free, byte);
        }
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
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Of a body that starts so many bytes after its frame.
    #[inline]
    pub(super) const fn new(body: &'a [u8], offset: usize) -> Self {
        Self { rest: body, offset }
    }

    /// Where the next field starts, in bytes from the start of the frame.
    #[inline]
    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    #[inline]
    pub(super) const fn rest_len(&self) -> usize {
        self.rest.len()
    }

    /// How long the next name is, without its length byte; of a name that is not even begun, and of
    /// a text, all that is left.
    #[inline]
    pub(super) fn next_len(&self, is_name: bool) -> usize {
        match self.rest {
            [len_bytes, ..] if is_name => usize::from(*len_bytes),
            rest => rest.len(),
        }
    }

    /// All that is left.
    #[inline]
    pub(super) const fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.offset += rest.len();
        self.rest = &[];
        rest
    }

    #[inline]
    pub(super) fn take(&mut self, needed: usize, field: Field) -> ParseResult<&'a [u8]> {
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
