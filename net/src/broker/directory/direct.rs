//! Messages from one user to another, which no room hears. Not kept: they are for who is there.

use cafewire_core::ErrorCode;
use cafewire_core::chat::v2::{Capabilities, MessagePayload};

use super::requests::{Asker, refuse};
use super::{Directory, Outcome, Refusal, name_of};
use crate::broker::{Cx, Now};

/// With more than this waiting for its addressee, a message is refused: what one user sends must
/// never make another a slow consumer.
pub(super) const WAITING_BYTES_MAX: usize = 256 << 10;

/// When to try again: what waits is gone by then, or its addressee will soon be.
const RETRY_AFTER_MS: u32 = 1000;

impl Directory {
    pub(super) fn send_direct(
        &self,
        Asker { id: from, request, .. }: Asker,
        to: &str,
        content: &str,
        now: Now,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        let found = self.by_username.find(to, |id| name_of(&self.members, id));
        let (Some(to), Some(sender)) = (found, self.members.get(from)) else {
            return refuse(ErrorCode::NoSuchUser, "no user is signed in under this name");
        };
        let takes = |granted: Capabilities| granted.contains(Capabilities::DIRECT);
        if !self.members.get(to).is_some_and(|member| takes(member.granted)) {
            let why = "this user's client takes no direct messages";
            return refuse(ErrorCode::NotSupported, why);
        }
        if cx.fanout.queued_bytes(to.into()) > WAITING_BYTES_MAX {
            return Err(Refusal {
                retry_after_ms: RETRY_AFTER_MS,
                ..Refusal::new(ErrorCode::Unavailable, "too much waits for this user already")
            });
        }
        let (user_id, from_name) = sender.told();
        let timestamp = now.unix_ms;
        let delivery = MessagePayload::DirectDelivery {
            timestamp,
            user_id,
            part: 0,
            from: from_name,
            content,
        };
        self.answer_v2(to, 0, &delivery, cx);
        self.answer_v2(from, request, &MessagePayload::Ack { timestamp }, cx);
        cx.fanout.add_deliveries(1);
        cx.metrics.direct_messages.add(1);
        Ok(Outcome::Done)
    }
}
