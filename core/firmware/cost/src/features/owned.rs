//! `alloc`: a message that is kept after its frame is gone, and written later.

use alloc::vec::Vec;

use cafewire_core::{OwnedMessage, ParseResult, ProtocolError};

use crate::{parse_chat, parse_echo};

/// Reads one echo frame, to keep.
///
/// # Errors
/// Why it is none.
#[inline(never)]
pub fn keep_echo(bytes: &[u8]) -> ParseResult<OwnedMessage> {
    parse_echo(bytes).map(OwnedMessage::from)
}

/// Reads one chat frame, to keep.
///
/// # Errors
/// Why it is none.
#[inline(never)]
pub fn keep_chat(bytes: &[u8]) -> ParseResult<OwnedMessage> {
    parse_chat(bytes).map(OwnedMessage::from)
}

/// Writes a kept message, which is then gone.
///
/// # Errors
/// Why it cannot be written.
#[inline(never)]
pub fn encode(message: OwnedMessage) -> Result<Vec<u8>, ProtocolError> {
    message.encode_to_vec()
}
