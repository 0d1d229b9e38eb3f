//! ConnectAck (0x81): you are signed in. Server to client.
//!
//! ```text
//!  4                                8
//! ┌────────┬────────┬────────┬────────┬─────────────────┐
//! │           user_id:u32             │  server_info…   │
//! └────────┴────────┴────────┴────────┴─────────────────┘
//! ```

use zerocopy::byteorder::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::MessagePayload;
use super::field::{MAX_TEXT_SIZE, Reader, body_range};
use crate::error::{Field, ParseResult};
use crate::writer::Writer;

pub(super) const FIXED_SIZE: usize = size_of::<Fixed>();
pub(super) const LENGTH_RANGE: (u16, u16) = body_range(FIXED_SIZE, FIXED_SIZE + MAX_TEXT_SIZE);

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Fixed {
    user_id: U32,
}

#[inline]
pub(super) fn parse(body: &[u8]) -> ParseResult<MessagePayload<'_>> {
    let mut reader = Reader::new(body);
    let fixed: &Fixed = reader.fixed()?;
    let server_info = reader.text(Field::ServerInfo)?;
    Ok(MessagePayload::ConnectAck { user_id: fixed.user_id.get(), server_info })
}

#[inline]
pub(super) fn write(writer: &mut Writer<'_>, user_id: u32, server_info: &str) {
    writer.put(Fixed { user_id: U32::new(user_id) }.as_bytes());
    writer.put(server_info.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::MessageType;
    use crate::chat::testing::{assert_both_ways, assert_refused};
    use crate::error::{FieldError, ParseError};

    #[test]
    fn deconstruct_and_construct() {
        assert_both_ways(
            MessagePayload::ConnectAck { user_id: 7, server_info: "hi" },
            &[0x01, 0x81, 0x00, 0x06, 0x00, 0x00, 0x00, 0x07, b'h', b'i', 0x82, 0xB3, 0x0C, 0xA8],
        );
    }

    #[test]
    fn impossible_lengths() {
        let field = Field::FixedPart;
        let overrun = ParseError::FieldOverrun { offset: 4, field, needed: 4, available: 3 };
        assert_refused(MessageType::ConnectAck, &[0, 0, 0], overrun);
        let error = FieldError::Length { field: Field::ServerInfo, actual: 513, min: 0, max: 512 };
        assert_refused(MessageType::ConnectAck, &[0; 517], ParseError::InvalidField { offset: 8, error });
    }
}
