//! Frames of chat version 2 on their way to the directory, and what needs no user: Ping and Pong.

use std::cell::Cell;

use cafewire_core::Family;
use cafewire_core::chat::v2::{MessagePayload, Terms, ZeroCopyMessage};

use super::{Asker, Directory, Done, Ending, ErrorText, Outcome, Refusal, queue_error};
use crate::broker::{Cx, Now};
use crate::metrics::CloseReason;

/// Does what a frame asks for. Who signs in has other `terms` from then on.
// Apart, so that version 1 does not pay for its size.
#[inline(never)]
pub(super) fn answer_chat_v2(
    asker: Asker,
    view: ZeroCopyMessage<'_>,
    terms: &Cell<Terms>,
    directory: &mut Directory,
    now: Now,
    cx: &mut Cx<'_>,
) -> Done {
    let Asker { id, request, .. } = asker;
    let refusal = match view.parse_payload() {
        Ok(MessagePayload::Ping { data }) => {
            directory.answer_v2(id, request, &MessagePayload::Pong { data }, cx);
            return Done::Yes;
        }
        // That it came is all that it says.
        Ok(MessagePayload::ClientPong { .. }) => return Done::Yes,
        Ok(MessagePayload::Disconnect) => {
            let text = ErrorText::new("");
            return Done::Ends(Ending { reason: CloseReason::Disconnected, text });
        }
        Ok(payload) => match directory.handle_v2(asker, &payload, now, cx) {
            Ok(Outcome::Done) => {
                terms.set(directory.terms_of(id));
                return Done::Yes;
            }
            Ok(Outcome::Wait) => return Done::NotYet,
            Err(refusal) => Answer::of(refusal, request),
        },
        Err(error) => {
            cx.metrics.parse_errors.add(1);
            let code = error.code();
            let text = ErrorText::new(error).answering(request, 0);
            Answer { code, closes: code.closes(), text }
        }
    };
    let Answer { code, closes, text } = refusal;
    if closes {
        return Done::Ends(Ending { reason: CloseReason::from_error_code(code), text });
    }
    // Not louder: a peer that is allowed to go on may do this as fast as the line carries it.
    tracing::debug!(%id, %code, detail = text.as_str(), "refused");
    queue_error(id, Some(Family::ChatV2), code, &text, directory, cx);
    Done::Yes
}

/// What a refused request is answered with.
struct Answer {
    code: cafewire_core::ErrorCode,
    closes: bool,
    text: ErrorText,
}

impl Answer {
    fn of(refusal: Refusal, request: u16) -> Self {
        let Refusal { code, message, retry_after_ms, closes } = refusal;
        let text = ErrorText::new(message).answering(request, retry_after_ms);
        Self { code, closes, text }
    }
}
