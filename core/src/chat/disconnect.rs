//! Disconnect (0x02): goodbye. Client to server. Its body is empty.

use super::MessagePayload;
use super::field::Reader;
use crate::error::ParseResult;

pub(super) const LENGTH_RANGE: (u16, u16) = (0, 0);

#[inline]
pub(super) fn parse(body: &[u8]) -> ParseResult<MessagePayload<'_>> {
    Reader::new(body).finish()?;
    Ok(MessagePayload::Disconnect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::assert_both_ways;
    use crate::error::ParseError;

    #[test]
    fn deconstruct_and_construct() {
        assert_both_ways(MessagePayload::Disconnect, &[0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17]);
    }

    #[test]
    fn impossible_lengths() {
        assert_eq!(parse(b"x"), Err(ParseError::TrailingBytes { offset: 4, extra: 1 }));
    }
}
