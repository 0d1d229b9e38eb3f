//! Error (0xFF): what was wrong. Server to client; whether the connection stays open follows from the code.
//!
//! ```text
//!  4                 6
//! ┌────────┬────────┬──────────────┐
//! │    code:u16     │   message…   │
//! └────────┴────────┴──────────────┘
//! ```

use zerocopy::byteorder::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::field::{MAX_TEXT_SIZE, Reader, body_range};
use super::{ErrorCode, MessagePayload};
use crate::error::{Field, ParseResult};
use crate::writer::Writer;

pub(super) const FIXED_SIZE: usize = size_of::<Fixed>();
pub(super) const LENGTH_RANGE: (u16, u16) = body_range(FIXED_SIZE, FIXED_SIZE + MAX_TEXT_SIZE);

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Fixed {
    code: U16,
}

#[inline]
pub(super) fn parse(body: &[u8]) -> ParseResult<MessagePayload<'_>> {
    let mut reader = Reader::new(body);
    let fixed: &Fixed = reader.fixed()?;
    let message = reader.text(Field::ErrorMessage)?;
    Ok(MessagePayload::Error { code: ErrorCode::from_wire(fixed.code.get()), message })
}

#[inline]
pub(super) fn write(writer: &mut Writer<'_>, code: ErrorCode, message: &str) {
    writer.put(Fixed { code: U16::new(code.to_wire()) }.as_bytes());
    writer.put(message.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::MessageType;
    use crate::chat::testing::{assert_both_ways, assert_refused};
    use crate::error::ParseError;

    #[test]
    fn deconstruct_and_construct() {
        assert_both_ways(
            MessagePayload::Error { code: ErrorCode::UsernameTaken, message: "no" },
            &[0x01, 0xFF, 0x00, 0x04, 0x00, 0x0A, b'n', b'o', 0xE5, 0xDA, 0x8C, 0x31],
        );
    }

    #[test]
    fn impossible_lengths() {
        let field = Field::FixedPart;
        let overrun = ParseError::FieldOverrun { offset: 4, field, needed: 2, available: 1 };
        assert_refused(MessageType::Error, &[0], overrun);
    }
}
