//! What is done with a frame once it is whole: the echo family's answers, the chat family's way to
//! the hub, and the Error frames of both.

use cafewire_core::chat::MAX_FRAME_SIZE;
use cafewire_core::{ErrorCode, Family, Frame, Message, MessagePayload, chat, echo};

use super::ConnectionId;
use super::error_text::ErrorText;
use super::hub::{Cx, Hub, Refusal};
use crate::metrics::CloseReason;

/// Why a connection ends, with the sentence that its Error frame carries.
pub(super) struct Ending {
    pub(super) reason: CloseReason,
    pub(super) text: ErrorText,
}

pub(super) fn answer_echo(
    id: ConnectionId,
    view: echo::ZeroCopyMessage<'_>,
    cx: &mut Cx<'_>,
    on_data: impl FnOnce(&[u8]),
) {
    let answer = match view.message() {
        Message::Ping(payload) => Message::Pong(payload),
        Message::Echo(payload) => Message::Echo(payload),
        Message::Data(payload) => {
            cx.metrics.data_messages.add(1);
            return on_data(payload);
        }
        Message::Error(_) => return cx.metrics.error_messages.add(1),
        Message::Pong(_) => return,
    };
    // An echo peer signs in with its first frame.
    cx.outboxes.sign_in(id);
    let answer = answer.frame();
    if let Ok(header) = answer.header() {
        cx.outboxes.answer(id, &[&header, answer.payload], cx.pool);
    }
}

/// Does what a chat frame asks for. The answer, if any, ends the connection.
pub(super) fn answer_chat(
    id: ConnectionId,
    view: chat::ZeroCopyMessage<'_>,
    hub: &mut Hub,
    unix_ms: u64,
    cx: &mut Cx<'_>,
) -> Option<Ending> {
    let (code, text) = match view.parse_payload() {
        Ok(MessagePayload::Disconnect) if hub.is_signed_in(id) => {
            return Some(Ending { reason: CloseReason::Disconnected, text: ErrorText::new("") });
        }
        Ok(request) => match hub.handle(id, &request, unix_ms, cx) {
            Ok(()) => return None,
            Err(Refusal { code, message }) => (code, ErrorText::new(message)),
        },
        Err(error) => {
            cx.metrics.parse_errors.add(1);
            (error.code(), ErrorText::new(error))
        }
    };
    if code.closes() {
        return Some(Ending { reason: CloseReason::from_error_code(code), text });
    }
    // Not louder: whoever is allowed to go on may do this as fast as the line carries it.
    tracing::debug!(%id, %code, detail = text.as_str(), "refused");
    queue_error(id, Some(Family::ChatV1), code, text.as_str(), hub, cx);
    None
}

/// Drops a frame that its sender was not allowed to send now. The answer, if any, ends the
/// connection.
pub(super) fn refuse_rate(
    id: ConnectionId,
    frame: &Frame<'_>,
    persistent: bool,
    hub: &mut Hub,
    cx: &mut Cx<'_>,
) -> Option<Ending> {
    cx.metrics.rate_limited.add(1);
    if persistent {
        let text = ErrorText::new("you were told, and went on: more per second than is allowed");
        return Some(Ending { reason: CloseReason::RateLimited, text });
    }
    let family = match frame {
        Frame::Echo(_) => Family::Echo,
        Frame::Chat(_) => Family::ChatV1,
    };
    let text = "more per second than is allowed: this frame was dropped";
    queue_error(id, Some(family), ErrorCode::RateLimited, text, hub, cx);
    None
}

/// Queues an Error frame of the connection's family, or of chat version 1 if it has shown none.
pub(super) fn queue_error(
    id: ConnectionId,
    family: Option<Family>,
    code: ErrorCode,
    text: &str,
    hub: &mut Hub,
    cx: &mut Cx<'_>,
) {
    if family == Some(Family::Echo) {
        let mut buffer = [0; MAX_FRAME_SIZE];
        if let Ok(frame) = Message::error(text).encode_into(&mut buffer) {
            cx.outboxes.answer(id, &[frame], cx.pool);
        }
    } else {
        cx.metrics.count_error_sent(code);
        hub.answer(id, &MessagePayload::Error { code, message: text }, cx);
    }
}
