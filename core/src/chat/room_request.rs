//! JoinRoom (0x04) and LeaveRoom (0x05): one layout, a room's name. Client to server.
//!
//! ```text
//!  4        5
//! ┌────────┬───────────────┐
//! │ len:u8 │     room…     │
//! └────────┴───────────────┘
//! ```

use super::layout::{FixedPart, Layout};
use crate::error::Field;

pub(super) const LAYOUT: Layout = Layout::new(FixedPart::Nothing, &[Field::RoomName]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::{assert_both_ways, assert_refused};
    use crate::chat::{MessagePayload, MessageType};
    use crate::error::{FieldError, ParseError};

    #[test]
    fn deconstruct_and_construct() {
        assert_both_ways(
            MessagePayload::JoinRoom { room: "lobby" },
            &[0x01, 0x04, 0x00, 0x06, 0x05, b'l', b'o', b'b', b'b', b'y', 0x68, 0x7F, 0x54, 0x27],
        );
        assert_both_ways(
            MessagePayload::LeaveRoom { room: "lobby" },
            &[0x01, 0x05, 0x00, 0x06, 0x05, b'l', b'o', b'b', b'b', b'y', 0x7F, 0x04, 0x40, 0x64],
        );
    }

    #[test]
    fn impossible_lengths() {
        let field = Field::RoomName;
        for message_type in [MessageType::JoinRoom, MessageType::LeaveRoom] {
            let error = FieldError::Length { field, actual: 0, min: 1, max: 64 };
            assert_refused(message_type, b"\x00", ParseError::InvalidField { offset: 4, error });
            let overrun = ParseError::FieldOverrun { offset: 4, field, needed: 3, available: 2 };
            assert_refused(message_type, b"\x02a", overrun);
            assert_refused(
                message_type,
                b"\x01abc",
                ParseError::TrailingBytes { offset: 6, extra: 2 },
            );
        }
    }
}
