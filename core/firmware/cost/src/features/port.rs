//! `embedded-io`: frames over a port that blocks.

use cafewire_core::io::{FrameReader, FrameWriter, ReadError, WriteError};
use cafewire_core::{ParseResult, ProtocolError, chat};
use embedded_io::ErrorKind;

use crate::harness::ram_port::{RamReader, RamWriter};
use crate::{Heard, SampleMessage, heard};

/// Bytes of RAM that receiver and sender take with buffers for every chat frame, without the port.
pub const RAM_BYTES: usize = size_of::<FrameReader<'_, ()>>()
    + size_of::<FrameWriter<'_, ()>>()
    + chat::MAX_FRAME_SIZE
    + chat::MAX_CLIENT_FRAME_SIZE;

/// A message, if the port has one and the frame is one.
pub type Received<'r> = Result<Option<ParseResult<Heard<'r>>>, ReadError<ErrorKind>>;

/// Whether the message could be encoded, and whether it was written.
pub type Sent = Result<Result<(), WriteError<ErrorKind>>, ProtocolError>;

/// Receives a frame and reads it, down to its fields.
///
/// # Errors
/// Those of the receiver.
#[inline(never)]
pub fn receive<'r>(receiver: &'r mut FrameReader<'_, RamReader<'_>>) -> Received<'r> {
    Ok(receiver.receive()?.map(heard))
}

/// Sends a message of either family.
///
/// # Errors
/// Those of the sender.
#[inline(never)]
pub fn send(sender: &mut FrameWriter<'_, RamWriter<'_>>, message: &SampleMessage) -> Sent {
    queue(sender, message)?;
    Ok(sender.flush())
}

/// The half of sending that does not touch the port.
pub(super) fn queue<W>(
    sender: &mut FrameWriter<'_, W>,
    message: &SampleMessage,
) -> Result<(), ProtocolError> {
    match message {
        SampleMessage::Echo(message) => sender.queue_echo(message),
        SampleMessage::Chat(message) => sender.queue_chat(message),
    }
}
