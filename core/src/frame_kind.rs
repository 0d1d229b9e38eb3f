//! What a good frame is, without its bytes: enough to make the view again where the bytes have been
//! kept. For those whose buffers cannot stay borrowed while they read on: the parser of serial
//! lines and the adapters.

use crate::framing::Frame;
use crate::{chat, echo};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Echo(echo::MessageType),
    Chat(chat::MessageType),
}

impl FrameKind {
    pub(crate) const fn of(frame: &Frame<'_>) -> Self {
        match frame {
            Frame::Echo(view) => Self::Echo(view.message_type),
            Frame::Chat(view) => Self::Chat(view.message_type),
        }
    }

    /// The view of a whole frame of this kind that was found good before. Checks nothing again.
    pub(crate) fn view(self, whole_frame: &[u8]) -> Frame<'_> {
        match self {
            Self::Echo(message_type) => {
                let payload = whole_frame.get(echo::HEADER_SIZE..).unwrap_or_default();
                Frame::Echo(echo::ZeroCopyMessage { message_type, payload })
            }
            Self::Chat(message_type) => {
                let end = whole_frame.len().saturating_sub(chat::CHECKSUM_SIZE);
                let payload = whole_frame.get(chat::HEADER_SIZE..end).unwrap_or_default();
                Frame::Chat(chat::ZeroCopyMessage {
                    version: chat::PROTOCOL_VERSION,
                    message_type,
                    payload,
                })
            }
        }
    }
}
