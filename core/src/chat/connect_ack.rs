//! ConnectAck (0x81): you are signed in. Server to client.
//!
//! ```text
//!  4                                8
//! ┌────────┬────────┬────────┬────────┬─────────────────┐
//! │           user_id:u32             │  server_info…   │
//! └────────┴────────┴────────┴────────┴─────────────────┘
//! ```

use super::layout::{FixedPart, Layout};
use crate::error::Field;

pub(super) const LAYOUT: Layout = Layout::new(FixedPart::UserId, &[Field::ServerInfo]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::{assert_both_ways, assert_refused};
    use crate::chat::{MessagePayload, MessageType};
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
        assert_refused(
            MessageType::ConnectAck,
            &[0; 517],
            ParseError::InvalidField { offset: 8, error },
        );
    }
}
