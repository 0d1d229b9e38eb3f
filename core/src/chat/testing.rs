//! What the tests of every body share: a message and its bytes, held against each other both ways.

use super::{MAX_FRAME_SIZE, MessagePayload, MessageType, ZeroCopyMessage};
use crate::error::{ParseError, ProtocolError};

pub(super) fn assert_both_ways(message: MessagePayload<'_>, bytes: &[u8]) {
    let view = ZeroCopyMessage::parse_from_bytes(bytes).unwrap();
    assert_eq!(view.parse_payload(), Ok(message));
    assert_eq!(view.message_type, message.message_type());
    assert_eq!(view.encoded_len(), bytes.len());

    assert_eq!(message.encoded_len(), bytes.len());
    let mut buffer = [0xA5; MAX_FRAME_SIZE];
    assert_eq!(message.encode_into(&mut buffer), Ok(bytes));
    assert!(buffer[bytes.len()..].iter().all(|&byte| byte == 0xA5), "wrote past the frame");

    let mut small = [0xA5; MAX_FRAME_SIZE];
    let available = bytes.len() - 1;
    let error = ProtocolError::BufferTooSmall { needed: bytes.len(), available };
    assert_eq!(message.encode_into(&mut small[..available]), Err(error));
    assert!(small.iter().all(|&byte| byte == 0xA5), "wrote before it refused");
}

pub(super) fn assert_refused(message_type: MessageType, body: &[u8], error: ParseError) {
    let view = ZeroCopyMessage { version: 1, message_type, payload: body };
    assert_eq!(view.parse_payload(), Err(error));
}
