//! What was said before: replayed to who joins, and told to members who ask. It is read from the
//! room's log, and reaches as far back as that.

use cafewire_core::chat::v2::{HEADER_SIZE, MessagePayload, MessageType, Resume};
use cafewire_core::chat::v2::{MAX_FRAME_SIZE, Terms, ZeroCopyMessage};

use super::announce::told;
use super::lists::{LOOKED_AT_PER_DELIVERY, page_size};
use super::requests::Asker;
use super::{Directory, Outcome, Refusal};
use crate::broker::Cx;
use crate::broker::ids::{LogId, RoomId};

/// Bytes of one answer.
const PAGE_BYTES_MAX: usize = 256 << 10;

/// Which messages are asked for: of those between two sequences, neither of which is meant, so many
/// of the newest.
struct Wanted {
    after: u64,
    before: u64,
    count: usize,
    /// The sequence that the newest must have, if that is known.
    newest: Option<u64>,
}

/// Messages in rising order, as frames that answer a request.
struct Page {
    frames: Vec<Box<[u8]>>,
    /// The sequence of the message before the first.
    previous: Option<u64>,
    /// There are older ones that were asked for.
    more: bool,
    /// Frames of the log that were looked at.
    looked_at: usize,
}

impl Directory {
    pub(super) fn tell_history(
        &self,
        asker: Asker,
        room: &str,
        (before, count): (u64, u16),
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, Refusal> {
        let room_id = self.named_room(asker.id, room)?;
        let log = self.rooms.get(room_id).and_then(|room| room.logs.v2());
        let wanted = Wanted {
            after: 0,
            before: if before == 0 { u64::MAX } else { before },
            count: page_size(count, cx.limits.replay_max),
            newest: None,
        };
        let page = read(log, &wanted, asker.request, cx);
        self.tell(&page, asker, cx);
        Ok(Outcome::Done)
    }

    /// Tells one who has just joined where the room's messages are, and replays as many as it
    /// asked for.
    pub(super) fn tell_joined(
        &self,
        asker: Asker,
        room_id: RoomId,
        (resume, replay): (Option<Resume>, u16),
        cx: &mut Cx<'_>,
    ) {
        let Some(room) = self.rooms.get(room_id) else { return };
        let (epoch, sequence) = (room.numbering.epoch, room.numbering.sequence);
        let is_same_life = |resume: &Resume| resume.epoch == epoch && resume.after <= sequence;
        let after = resume.filter(is_same_life).map_or(0, |resume| resume.after);
        let count = usize::from(replay).min(cx.limits.replay_max);
        let wanted = Wanted { after, before: u64::MAX, count, newest: Some(sequence) };
        let page = read(room.logs.v2(), &wanted, asker.request, cx);
        let replay_from = page.previous.unwrap_or(sequence);
        if let Some(resume) = resume {
            cx.metrics.resumes.add(1);
            let is_gapless = is_same_life(&resume) && replay_from == resume.after;
            cx.metrics.resume_gaps.add(u64::from(!is_gapless));
        }
        let joined = MessagePayload::Joined {
            epoch: epoch.get(),
            sequence,
            replay_from,
            members: told(self.members_of(room_id, cx)),
            presence: room.tells_presence,
            room: &room.name,
        };
        self.answer_v2(asker.id, asker.request, &joined, cx);
        if replay > 0 {
            self.tell(&page, asker, cx);
        }
    }

    fn tell(&self, page: &Page, asker: Asker, cx: &mut Cx<'_>) {
        for frame in &page.frames {
            cx.fanout.answer(asker.id.into(), self.logs_of(asker.id), &[frame], cx.pool);
        }
        cx.metrics.replayed_messages.add(page.frames.len() as u64);
        cx.fanout.add_deliveries(page.looked_at / LOOKED_AT_PER_DELIVERY);
        self.end_list(asker.id, asker.request, page.frames.len(), page.more, cx);
    }
}

/// Reads a log backwards, up to where something is missing: of a log that gives up its oldest, a
/// reader that is behind may hold some still older. Its frames are those that members got, but that
/// they answer no request: so those that are told are encoded again.
fn read(log: Option<LogId>, wanted: &Wanted, request: u16, cx: &Cx<'_>) -> Page {
    let mut page = Page { frames: Vec::new(), previous: None, more: false, looked_at: 0 };
    // What comes at once is not to be more than the outbox has room for.
    let mut bytes_left = PAGE_BYTES_MAX.min(cx.limits.outbox_bytes / 2);
    let frames = log.into_iter().flat_map(|log| cx.fanout.frames_back(log));
    for frame in frames {
        page.looked_at += 1;
        if frame.get(1) != Some(&(MessageType::MessageBroadcast as u8)) {
            continue;
        }
        let sequence = sequence_of(frame);
        if sequence >= wanted.before {
            continue;
        }
        if sequence <= wanted.after {
            break;
        }
        let expected = page.previous.or(wanted.newest);
        let is_behind_a_gap = expected.is_some_and(|expected| expected != sequence);
        if is_behind_a_gap || page.frames.len() == wanted.count || frame.len() > bytes_left {
            page.more = true;
            break;
        }
        let Some((answer, previous)) = answering(frame, request) else { break };
        bytes_left -= answer.len();
        page.previous = Some(previous);
        page.frames.push(answer);
    }
    page.frames.reverse();
    page
}

/// The sequence of a broadcast: the first field of its payload.
fn sequence_of(frame: &[u8]) -> u64 {
    let field = frame.get(HEADER_SIZE..).and_then(<[u8]>::first_chunk);
    field.map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// A broadcast as an answer to this request, and the sequence of the one before it.
fn answering(frame: &[u8], request: u16) -> Option<(Box<[u8]>, u64)> {
    let view = ZeroCopyMessage::parse_from_bytes(frame, Terms::UNKNOWN).ok()?;
    let payload = view.parse_payload().ok()?;
    let MessagePayload::MessageBroadcast { previous, .. } = payload else { return None };
    let mut buffer = [0; MAX_FRAME_SIZE];
    Some((payload.encode_into(request, &mut buffer).ok()?.into(), previous))
}
