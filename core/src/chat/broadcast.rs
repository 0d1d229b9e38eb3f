//! MessageBroadcast (0x82): somebody said something. Server to every member of the room, its
//! speaker included.
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

use super::layout::{FixedPart, Layout};
use crate::error::Field;

pub(super) const LAYOUT: Layout =
    Layout::new(FixedPart::UserIdAndTimestamp, &[Field::Username, Field::RoomName, Field::Content]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::{assert_both_ways, assert_refused};
    use crate::chat::{MessagePayload, MessageType};
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
                0x01, 0x82, 0x00, 0x18, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x01, 0x8B, 0xCF, 0xE5,
                0x68, 0x00, 0x03, b'a', b'd', b'a', 0x05, b'l', b'o', b'b', b'b', b'y', b'h', b'i',
                0x7B, 0xA4, 0x1E, 0xC1,
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
