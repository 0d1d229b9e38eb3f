//! Error (0xFF): what was wrong. Server to client; whether the connection stays open follows from
//! the code.
//!
//! ```text
//!  4                 6
//! ┌────────┬────────┬──────────────┐
//! │    code:u16     │   message…   │
//! └────────┴────────┴──────────────┘
//! ```

use super::layout::{FixedPart, Layout};
use crate::error::Field;

pub(super) const LAYOUT: Layout = Layout::new(FixedPart::ErrorCode, &[Field::ErrorMessage]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::{assert_both_ways, assert_refused};
    use crate::chat::{ErrorCode, MessagePayload, MessageType};
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
