//! UserJoined (0x83) and UserLeft (0x84): one layout, who and where. Server to every member of the
//! room. The joiner's own copy is the acknowledgement of its JoinRoom.
//!
//! ```text
//!  4                                   8        9
//! ┌────────┬────────┬────────┬────────┬────────┬─────────────┬────────┬─────────────┐
//! │            user_id:u32            │ len:u8 │  username…  │ len:u8 │    room…    │
//! └────────┴────────┴────────┴────────┴────────┴─────────────┴────────┴─────────────┘
//! ```

use super::layout::{FixedPart, Layout};
use crate::error::Field;

pub(super) const LAYOUT: Layout =
    Layout::new(FixedPart::UserId, &[Field::Username, Field::RoomName]);

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
                0x01, 0x83, 0x00, 0x0E, 0x00, 0x00, 0x00, 0x07, 0x03, b'a', b'd', b'a', 0x05, b'l',
                b'o', b'b', b'b', b'y', 0x26, 0x53, 0x10, 0x9B,
            ],
        );
        assert_both_ways(
            MessagePayload::UserLeft { user_id: 7, username: "ada", room: "lobby" },
            &[
                0x01, 0x84, 0x00, 0x0E, 0x00, 0x00, 0x00, 0x07, 0x03, b'a', b'd', b'a', 0x05, b'l',
                b'o', b'b', b'b', b'y', 0x06, 0xC1, 0x6C, 0xD0,
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
