//! Frames and messages behind what is to be sent already. All codecs write through this.

use bytes::BytesMut;

use super::error::CodecError;
use crate::error::ProtocolError;
use crate::framing::Frame;
use crate::{chat, echo};

pub(super) fn append_frame(frame: Frame<'_>, out: &mut BytesMut) -> Result<(), CodecError> {
    match frame {
        Frame::Echo(view) => append(out, view.encoded_len(), |space| view.encode_into(space)),
        Frame::Chat(view) => append(out, view.encoded_len(), |space| view.encode_into(space)),
    }
}

pub(super) fn append_chat(
    message: chat::MessagePayload<'_>,
    out: &mut BytesMut,
) -> Result<(), CodecError> {
    message.validate().map_err(ProtocolError::from)?;
    append(out, message.encoded_len(), |space| message.encode_into(space))
}

pub(super) fn append_echo(
    message: echo::Message<'_>,
    out: &mut BytesMut,
) -> Result<(), CodecError> {
    message.frame().header()?;
    append(out, message.encoded_len(), |space| message.encode_into(space))
}

/// Appends a frame of `size` bytes. On failure `out` is as it was.
fn append(
    out: &mut BytesMut,
    size: usize,
    encode: impl FnOnce(&mut [u8]) -> Result<&[u8], ProtocolError>,
) -> Result<(), CodecError> {
    let before = out.len();
    out.resize(before + size, 0);
    let encoded = encode(out.get_mut(before..).unwrap_or_default()).map(<[u8]>::len);
    if let Err(error) = encoded {
        out.truncate(before);
        return Err(error.into());
    }
    Ok(())
}
