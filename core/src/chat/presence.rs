//! UserJoined (0x83) and UserLeft (0x84): one layout, who and where. Server to every member of the room. The joiner's
//! own copy is the acknowledgement of its JoinRoom.
//!
//! ```text
//!  4                                   8        9
//! ┌────────┬────────┬────────┬────────┬────────┬─────────────┬────────┬─────────────┐
//! │            user_id:u32            │ len:u8 │  username…  │ len:u8 │    room…    │
//! └────────┴────────┴────────┴────────┴────────┴─────────────┴────────┴─────────────┘
//! ```

use zerocopy::byteorder::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::field::{self, MAX_ROOM_NAME_SIZE, MAX_USERNAME_SIZE, NAME_PREFIX_SIZE, Reader, body_range};
use crate::error::{Field, ParseResult};
use crate::writer::Writer;

pub(super) const FIXED_SIZE: usize = size_of::<Fixed>();
pub(super) const LENGTH_RANGE: (u16, u16) = body_range(
    FIXED_SIZE + 2 * NAME_PREFIX_SIZE,
    FIXED_SIZE + 2 * NAME_PREFIX_SIZE + MAX_USERNAME_SIZE + MAX_ROOM_NAME_SIZE,
);

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Fixed {
    user_id: U32,
}

/// Who, under which name, and where.
#[inline]
pub(super) fn parse(body: &[u8]) -> ParseResult<(u32, &str, &str)> {
    let mut reader = Reader::new(body);
    let fixed: &Fixed = reader.fixed()?;
    let username = reader.name(Field::Username)?;
    let room = reader.name(Field::RoomName)?;
    reader.finish()?;
    Ok((fixed.user_id.get(), username, room))
}

#[inline]
pub(super) fn write(writer: &mut Writer<'_>, user_id: u32, username: &str, room: &str) {
    writer.put(Fixed { user_id: U32::new(user_id) }.as_bytes());
    field::write_name(writer, username);
    field::write_name(writer, room);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::{assert_both_ways, assert_refused};
    use crate::chat::{MessagePayload, MessageType};
    use crate::error::ParseError;

    #[test]
    fn deconstruct_and_construct() {
        assert_both_ways(
            MessagePayload::UserJoined { user_id: 7, username: "ada", room: "lobby" },
            &[
                0x01, 0x83, 0x00, 0x0E, 0x00, 0x00, 0x00, 0x07, 0x03, b'a', b'd', b'a', 0x05, b'l', b'o', b'b', b'b',
                b'y', 0x26, 0x53, 0x10, 0x9B,
            ],
        );
        assert_both_ways(
            MessagePayload::UserLeft { user_id: 7, username: "ada", room: "lobby" },
            &[
                0x01, 0x84, 0x00, 0x0E, 0x00, 0x00, 0x00, 0x07, 0x03, b'a', b'd', b'a', 0x05, b'l', b'o', b'b', b'b',
                b'y', 0x06, 0xC1, 0x6C, 0xD0,
            ],
        );
    }

    #[test]
    fn impossible_lengths() {
        for message_type in [MessageType::UserJoined, MessageType::UserLeft] {
            let field = Field::RoomName;
            let overrun = ParseError::FieldOverrun { offset: 10, field, needed: 1, available: 0 };
            assert_refused(message_type, b"\0\0\0\x07\x01a", overrun);
            let trailing = ParseError::TrailingBytes { offset: 12, extra: 1 };
            assert_refused(message_type, b"\0\0\0\x07\x01a\x01r!", trailing);
        }
    }
}
