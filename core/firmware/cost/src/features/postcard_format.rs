//! `serde`: messages in a format of its own, postcard's, the usual one on devices.

use cafewire_core::chat::MessagePayload;
use cafewire_core::echo::Message;

/// Writes an echo message.
///
/// # Errors
/// The buffer is too small.
#[inline(never)]
pub fn write_echo<'b>(
    message: &Message<'_>,
    buffer: &'b mut [u8],
) -> postcard::Result<&'b mut [u8]> {
    postcard::to_slice(message, buffer)
}

/// Reads an echo message, borrowed.
///
/// # Errors
/// The bytes are none.
#[inline(never)]
pub fn read_echo(bytes: &[u8]) -> postcard::Result<Message<'_>> {
    postcard::from_bytes(bytes)
}

/// Writes a chat message.
///
/// # Errors
/// The buffer is too small.
#[inline(never)]
pub fn write_chat<'b>(
    message: &MessagePayload<'_>,
    buffer: &'b mut [u8],
) -> postcard::Result<&'b mut [u8]> {
    postcard::to_slice(message, buffer)
}

/// Reads a chat message, borrowed.
///
/// # Errors
/// The bytes are none.
#[inline(never)]
pub fn read_chat(bytes: &[u8]) -> postcard::Result<MessagePayload<'_>> {
    postcard::from_bytes(bytes)
}
