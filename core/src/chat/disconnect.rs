//! Disconnect (0x02): goodbye. Client to server. Its body is empty.

use super::layout::{FixedPart, Layout};

pub(super) const LAYOUT: Layout = Layout::new(FixedPart::Nothing, &[]);

#[cfg(test)]
mod tests {
    use crate::chat::testing::{assert_both_ways, assert_refused};
    use crate::chat::{MessagePayload, MessageType};
    use crate::error::ParseError;

    #[test]
    fn deconstruct_and_construct() {
        assert_both_ways(
            MessagePayload::Disconnect,
            &[0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17],
        );
    }

    #[test]
    fn impossible_lengths() {
        assert_refused(
            MessageType::Disconnect,
            b"x",
            ParseError::TrailingBytes { offset: 4, extra: 1 },
        );
    }
}
