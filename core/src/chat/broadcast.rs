//! MessageBroadcast (0x82): somebody said something. Server to every member of the room, its speaker included.
//!
//! ```text
//!  4                                   8
//! ┌────────┬────────┬────────┬────────┬────────┬────────┬── … ──┬────────┐
//! │            user_id:u32            │  timestamp:u64 (ms, Unix epoch)   │
//! └────────┴────────┴────────┴────────┴────────┴────────┴── … ──┴────────┘
//!  16       17
//! ┌────────┬─────────────┬────────┬─────────────┬──────────────┐
//! │ len:u8 │  username…  │ len:u8 │    room…    │   content…   │
//! └────────┴─────────────┴────────┴─────────────┴──────────────┘
//! ```

use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::MessagePayload;
use super::field::{
    self, MAX_CONTENT_SIZE, MAX_ROOM_NAME_SIZE, MAX_USERNAME_SIZE, NAME_PREFIX_SIZE, Reader, body_range,
};
use crate::error::{Field, ParseResult};
use crate::writer::Writer;

pub(super) const FIXED_SIZE: usize = size_of::<Fixed>();
pub(super) const LENGTH_RANGE: (u16, u16) = body_range(
    FIXED_SIZE + 2 * NAME_PREFIX_SIZE,
    FIXED_SIZE + 2 * NAME_PREFIX_SIZE + MAX_USERNAME_SIZE + MAX_ROOM_NAME_SIZE + MAX_CONTENT_SIZE,
);

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Fixed {
    user_id: U32,
    timestamp: U64,
}

#[inline]
pub(super) fn parse(body: &[u8]) -> ParseResult<MessagePayload<'_>> {
    let mut reader = Reader::new(body);
    let fixed: &Fixed = reader.fixed()?;
    let username = reader.name(Field::Username)?;
    let room = reader.name(Field::RoomName)?;
    let content = reader.text(Field::Content)?;
    let (user_id, timestamp) = (fixed.user_id.get(), fixed.timestamp.get());
    Ok(MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content })
}

#[inline]
pub(super) fn write(writer: &mut Writer<'_>, user_id: u32, timestamp: u64, username: &str, room: &str, content: &str) {
    writer.put(Fixed { user_id: U32::new(user_id), timestamp: U64::new(timestamp) }.as_bytes());
    field::write_name(writer, username);
    field::write_name(writer, room);
    writer.put(content.as_bytes());
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
            MessagePayload::MessageBroadcast {
                user_id: 7,
                timestamp: 1_700_000_000_000,
                username: "ada",
                room: "lobby",
                content: "hi",
            },
            &[
                0x01, 0x82, 0x00, 0x18, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x01, 0x8B, 0xCF, 0xE5, 0x68, 0x00, 0x03,
                b'a', b'd', b'a', 0x05, b'l', b'o', b'b', b'b', b'y', b'h', b'i', 0x7B, 0xA4, 0x1E, 0xC1,
            ],
        );
    }

    #[test]
    fn impossible_lengths() {
        let field = Field::FixedPart;
        let overrun = ParseError::FieldOverrun { offset: 4, field, needed: 12, available: 11 };
        assert_refused(MessageType::MessageBroadcast, &[0; 11], overrun);
        let mut body = [0; 15];
        body[12..].copy_from_slice(b"\x01a\x09");
        let field = Field::RoomName;
        let overrun = ParseError::FieldOverrun { offset: 18, field, needed: 10, available: 1 };
        assert_refused(MessageType::MessageBroadcast, &body, overrun);
    }
}
