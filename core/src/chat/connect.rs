//! Connect (0x01): sign in under a name. Client to server.
//!
//! ```text
//!  4        5
//! ┌────────┬──────────────┐
//! │ len:u8 │  username…   │
//! └────────┴──────────────┘
//! ```

use super::layout::{FixedPart, Layout};
use crate::error::Field;

pub(super) const LAYOUT: Layout = Layout::new(FixedPart::Nothing, &[Field::Username]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::{assert_both_ways, assert_refused};
    use crate::chat::{MessagePayload, MessageType};
    use crate::error::{FieldError, ParseError};

    #[test]
    fn deconstruct_and_construct() {
        assert_both_ways(
            MessagePayload::Connect { username: "ada" },
            &[0x01, 0x01, 0x00, 0x04, 0x03, b'a', b'd', b'a', 0x9A, 0xFB, 0x83, 0x17],
        );
    }

    #[test]
    fn impossible_lengths() {
        let field = Field::Username;
        assert_refused(
            MessageType::Connect,
            b"\x00",
            ParseError::InvalidField {
                offset: 4,
                error: FieldError::Length { field, actual: 0, min: 1, max: 32 },
            },
        );
        assert_refused(
            MessageType::Connect,
            b"\x04ada",
            ParseError::FieldOverrun { offset: 4, field, needed: 5, available: 4 },
        );
        assert_refused(
            MessageType::Connect,
            b"\x02ada",
            ParseError::TrailingBytes { offset: 7, extra: 1 },
        );
    }
}
