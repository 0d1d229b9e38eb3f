//! SendMessage (0x03): say something in a room. Client to server.
//!
//! ```text
//!  4        5               5 + len
//! ┌────────┬───────────────┬──────────────┐
//! │ len:u8 │     room…     │   content…   │
//! └────────┴───────────────┴──────────────┘
//! ```

use super::layout::{FixedPart, Layout};
use crate::error::Field;

pub(super) const LAYOUT: Layout =
    Layout::new(FixedPart::Nothing, &[Field::RoomName, Field::Content]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::{assert_both_ways, assert_refused};
    use crate::chat::{MessagePayload, MessageType};
    use crate::error::{FieldError, ParseError};

    #[test]
    fn deconstruct_and_construct() {
        assert_both_ways(
            MessagePayload::SendMessage { room: "lobby", content: "hi" },
            &[
                0x01, 0x03, 0x00, 0x08, 0x05, b'l', b'o', b'b', b'b', b'y', b'h', b'i', 0x8F, 0xA9,
                0xAB, 0x4A,
            ],
        );
    }

    #[test]
    fn impossible_lengths() {
        let empty = |field, max| FieldError::Length { field, actual: 0, min: 1, max };
        assert_refused(
            MessageType::SendMessage,
            b"\x00hi",
            ParseError::InvalidField { offset: 4, error: empty(Field::RoomName, 64) },
        );
        assert_refused(
            MessageType::SendMessage,
            b"\x05lobby",
            ParseError::InvalidField { offset: 10, error: empty(Field::Content, 512) },
        );
        let mut long = [b'x'; 2 + 513];
        long[0] = 1;
        let error = FieldError::Length { field: Field::Content, actual: 513, min: 1, max: 512 };
        assert_refused(
            MessageType::SendMessage,
            &long,
            ParseError::InvalidField { offset: 6, error },
        );
    }
}
