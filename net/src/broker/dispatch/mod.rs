//! What is done with a frame once it is whole: the echo family's answers, the chat family's way to
//! the directory, and the Error frames of all.

mod chat_v2;
mod error_text;
mod input;

use cafewire_core::chat::{MAX_FRAME_SIZE, v2};
use cafewire_core::{ErrorCode, Family, Message, MessagePayload, chat, echo};

pub(super) use self::error_text::ErrorText;
use super::directory::addresses::Addresses;
use super::directory::requests::Asker;
use super::directory::{Directory, Outcome, Refusal};
use super::ingress::Frame;
use super::{ConnectionId, Cx, Now};
use crate::metrics::CloseReason;

/// Why a connection ends, with the sentence that its Error frame carries.
pub(super) struct Ending {
    pub(super) reason: CloseReason,
    pub(super) text: ErrorText,
}

/// What became of a frame.
// Only the rare ending is large, and it goes at once; boxing it would allocate.
#[allow(clippy::large_enum_variant)]
enum Done {
    Yes,
    /// Not yet: it is to be done again later.
    NotYet,
    /// It ends the connection.
    Ends(Ending),
}

fn answer_echo(
    id: ConnectionId,
    view: echo::ZeroCopyMessage<'_>,
    cx: &mut Cx<'_>,
    on_data: impl FnOnce(&[u8], &Addresses),
) {
    let answer = match view.message() {
        Message::Ping(payload) => Message::Pong(payload),
        Message::Echo(payload) => Message::Echo(payload),
        Message::Data(payload) => {
            cx.metrics.data_messages.add(1);
            return on_data(payload, cx.addresses);
        }
        Message::Error(_) => return cx.metrics.error_messages.add(1),
        Message::Pong(_) => return,
    };
    // An echo peer signs in with its first frame.
    cx.fanout.set_known(id.into());
    let answer = answer.frame();
    if let Ok(header) = answer.header() {
        cx.fanout.answer(id.into(), [].into_iter(), &[&header, answer.payload], cx.pool);
    }
}

/// Does what a chat frame of version 1 asks for.
fn answer_chat_v1(
    asker: Asker,
    view: chat::ZeroCopyMessage<'_>,
    directory: &mut Directory,
    now: Now,
    cx: &mut Cx<'_>,
) -> Done {
    let id = asker.id;
    let (code, text) = match view.parse_payload() {
        Ok(MessagePayload::Disconnect) if directory.is_signed_in(id) => {
            let text = ErrorText::new("");
            return Done::Ends(Ending { reason: CloseReason::Disconnected, text });
        }
        Ok(request) => match directory.handle(asker, &request, now, cx) {
            Ok(Outcome::Done) => return Done::Yes,
            Ok(Outcome::Wait) => return Done::NotYet,
            Err(Refusal { code, message, .. }) => (code, ErrorText::new(message)),
        },
        Err(error) => {
            cx.metrics.parse_errors.add(1);
            (error.code(), ErrorText::new(error))
        }
    };
    if code.closes() {
        return Done::Ends(Ending { reason: CloseReason::from_error_code(code), text });
    }
    // Not louder: a peer that is allowed to go on may do this as fast as the line carries it.
    tracing::debug!(%id, %code, detail = text.as_str(), "refused");
    queue_error(id, Some(Family::ChatV1), code, &text, directory, cx);
    Done::Yes
}

/// Within this time even a connection that has used up its rate has all of it again: the burst is
/// what one second brings.
const RATE_RETRY_AFTER_MS: u32 = 1000;

/// Drops a frame that its sender was not allowed to send now. The answer, if any, ends the
/// connection.
fn refuse_rate(
    id: ConnectionId,
    frame: &Frame<'_>,
    persistent: bool,
    directory: &Directory,
    cx: &mut Cx<'_>,
) -> Done {
    cx.metrics.rate_limited.add(1);
    if persistent {
        let text = ErrorText::new("you were told, and went on: more per second than is allowed");
        return Done::Ends(Ending { reason: CloseReason::RateLimited, text });
    }
    let (family, request) = match frame {
        Frame::Echo(_) => (Family::Echo, 0),
        Frame::ChatV1(_) => (Family::ChatV1, 0),
        Frame::ChatV2(view) => (Family::ChatV2, view.header().request),
    };
    let text = ErrorText::new("more per second than is allowed: this frame was dropped")
        .answering(request, RATE_RETRY_AFTER_MS);
    queue_error(id, Some(family), ErrorCode::RateLimited, &text, directory, cx);
    Done::Yes
}

/// Queues an Error frame of the connection's family, or of chat version 1 if it has shown none.
pub(super) fn queue_error(
    id: ConnectionId,
    family: Option<Family>,
    code: ErrorCode,
    text: &ErrorText,
    directory: &Directory,
    cx: &mut Cx<'_>,
) {
    let message = text.as_str();
    if family == Some(Family::Echo) {
        let mut buffer = [0; MAX_FRAME_SIZE];
        if let Ok(frame) = Message::error(message).encode_into(&mut buffer) {
            cx.fanout.answer(id.into(), [].into_iter(), &[frame], cx.pool);
        }
        return;
    }
    cx.metrics.count_error_sent(code);
    if family == Some(Family::ChatV2) {
        let &ErrorText { request, retry_after_ms, .. } = text;
        let error = v2::MessagePayload::Error { code, retry_after_ms, message };
        directory.answer_v2(id, request, &error, cx);
    } else {
        directory.answer(id, &MessagePayload::Error { code, message }, cx);
    }
}
