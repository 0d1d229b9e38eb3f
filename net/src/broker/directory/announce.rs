//! What is said in rooms and to one connection, in the words of each version.

use cafewire_core::MessagePayload;
use cafewire_core::chat::v2;
use cafewire_core::chat::{MAX_CONTENT_SIZE, MAX_FRAME_SIZE};

use super::rooms::Room;
use super::{Directory, Member};
use crate::broker::Cx;
use crate::broker::ids::{ConnectionId, LogId, RoomId};
use crate::buf::BufferPool;

/// A content as version 1 can carry it: pieces that follow each other, each as full as it can be
/// without a cut within a character.
pub(super) fn parts_of(content: &str) -> impl Iterator<Item = &str> {
    let mut rest = content;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut fits = rest.len().min(MAX_CONTENT_SIZE);
        while !rest.is_char_boundary(fits) {
            fits -= 1;
        }
        let (part, behind) = rest.split_at(fits);
        rest = behind;
        Some(part)
    })
}

/// A number of members as version 2 tells it.
pub(super) fn told(members: usize) -> u32 {
    u32::try_from(members).unwrap_or(u32::MAX)
}

/// Which way a member goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

/// Tells all members of a room that one came or went; `members` are there now.
pub(super) fn announce(
    room: &Room,
    way: Way,
    (user_id, username): (u32, &str),
    members: usize,
    cx: &mut Cx<'_>,
) {
    let (name, members) = (&*room.name, told(members));
    let (v1, v2) = match way {
        Way::In => (
            MessagePayload::UserJoined { user_id, username, room: name },
            v2::MessagePayload::UserJoined { user_id, members, username, room: name },
        ),
        Way::Out => (
            MessagePayload::UserLeft { user_id, username, room: name },
            v2::MessagePayload::UserLeft { user_id, members, username, room: name },
        ),
    };
    append(room.logs.v1(), &v1, cx);
    append_v2(room.logs.v2(), &v2, cx);
}

impl Directory {
    /// Says in a room what one of its members has to say, as the next of its messages. `origin` is
    /// the number of the request that asked for it.
    pub(super) fn say(
        &mut self,
        from: ConnectionId,
        room_id: RoomId,
        (content, origin): (&str, u16),
        timestamp: u64,
        cx: &mut Cx<'_>,
    ) {
        let (Some(member), Some(room)) = (self.members.get(from), self.rooms.get_mut(room_id))
        else {
            return;
        };
        let (user_id, username) = (member.user_id, member.username.as_str());
        let (previous, sequence) = (room.numbering.sequence, room.numbering.sequence + 1);
        room.numbering.sequence = sequence;
        let ([v1, v2], room) = ([room.logs.v1(), room.logs.v2()], &*room.name);
        if v1.is_some() {
            for content in parts_of(content) {
                let part = MessagePayload::MessageBroadcast {
                    user_id,
                    timestamp,
                    username,
                    room,
                    content,
                };
                append(v1, &part, cx);
            }
        }
        if v2.is_some() {
            let whole = v2::MessagePayload::MessageBroadcast {
                sequence,
                previous,
                timestamp,
                user_id,
                origin,
                part: 0,
                username,
                room,
                content,
            };
            append_v2(v2, &whole, cx);
        }
        cx.metrics.broadcasts.add(1);
    }

    /// Queues an answer to a connection of version 1, after everything that was said before it.
    pub(in crate::broker) fn answer(
        &self,
        to: ConnectionId,
        message: &MessagePayload<'_>,
        cx: &mut Cx<'_>,
    ) {
        let mut buffer = [0; MAX_FRAME_SIZE];
        match message.encode_into(&mut buffer) {
            Ok(frame) => cx.fanout.answer(to.into(), self.logs_of(to), &[frame], cx.pool),
            Err(error) => debug_assert!(false, "an answer that breaks the protocol: {error}"),
        }
    }

    /// The same for one of version 2; `request` is the number of what it answers, or 0.
    pub(in crate::broker) fn answer_v2(
        &self,
        to: ConnectionId,
        request: u16,
        message: &v2::MessagePayload<'_>,
        cx: &mut Cx<'_>,
    ) {
        let mut buffer = [0; v2::MAX_FRAME_SIZE];
        match message.encode_into(request, &mut buffer) {
            Ok(frame) => cx.fanout.answer(to.into(), self.logs_of(to), &[frame], cx.pool),
            Err(error) => debug_assert!(false, "an answer that breaks the protocol: {error}"),
        }
    }
}

impl Member {
    pub(super) fn told(&self) -> (u32, &str) {
        (self.user_id, self.username.as_str())
    }
}

/// Says something in the form of version 1, if a member speaks it.
fn append(log: Option<LogId>, message: &MessagePayload<'_>, cx: &mut Cx<'_>) {
    let Some(log) = log else { return };
    let readers = cx.fanout.subscribers(log).len();
    if readers > 0 {
        let size = (message.encoded_len(), false);
        publish(log, size, readers, cx, |into| message.encode_into(into).map(|_| ()));
    }
}

/// The same in the form of version 2, as shared frames are: in answer to no request.
// Apart, so that version 1 does not pay for its size.
#[inline(never)]
pub(super) fn append_v2(log: Option<LogId>, message: &v2::MessagePayload<'_>, cx: &mut Cx<'_>) {
    let Some(log) = log else { return };
    let readers = cx.fanout.subscribers(log).len();
    // Messages are for those who come later, too.
    let is_kept = matches!(message, v2::MessagePayload::MessageBroadcast { .. });
    if is_kept || readers > 0 {
        let size = (message.encoded_len(), is_kept);
        publish(log, size, readers, cx, |into| message.encode_into(0, into).map(|_| ()));
    }
}

fn publish<E: std::fmt::Debug>(
    log: LogId,
    size: (usize, bool),
    readers: usize,
    cx: &mut Cx<'_>,
    encode: impl FnOnce(&mut [u8]) -> Result<(), E>,
) {
    let pool: &mut BufferPool = cx.pool;
    cx.metrics.log_bytes_appended.add(size.0 as u64);
    cx.metrics.deliveries.add(readers as u64);
    cx.fanout.publish(log, size, pool, |into| {
        let written = encode(into);
        debug_assert!(written.is_ok(), "a broadcast that breaks the protocol: {written:?}");
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::directory::rooms::PARTS_MAX;

    #[test]
    fn parts_are_as_full_as_they_can_be_and_never_more_than_counted_with() {
        for (content, sizes) in [
            ("x".repeat(512), vec![512]),
            ("x".repeat(513), vec![512, 1]),
            // Three bytes each: 170 fit, and two bytes stay free.
            ("\u{20AC}".repeat(342), vec![510, 510, 6]),
        ] {
            let parts: Vec<&str> = parts_of(&content).collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), sizes);
            assert_eq!(parts.concat(), content);
        }
        // Four bytes each, but for one, so that every cut loses three.
        let worst = format!("x{}", "\u{1F375}".repeat((v2::MAX_CONTENT_SIZE - 1) / 4));
        assert!(parts_of(&worst).count() <= PARTS_MAX);
    }
}
