//! The table of readers: whether each takes more, and the outbox of those for which something is
//! queued. Outboxes stay in one table and go from hand to hand, since most readers need none most
//! of the time.
//!
//! Invariants, checked by [`Readers::invariants`]: nothing queued means no outbox; each outbox
//! belongs to one reader or is spare; a spare one holds no storage that counts; the storage of all
//! spans adds up to `spans_bytes`; a reader is marked dirty exactly if it stands in the dirty
//! queue.

use std::collections::VecDeque;

use slotmap::SecondaryMap;

use super::outbox::{Outbox, Queued};
use super::spans::Span;
use crate::broker::ids::ReaderId;
use crate::buf::BufferPool;

/// Outboxes that keep storage for some spans while nothing is queued in them.
const KEPT_OUTBOXES_MAX: usize = 65_536;

/// An outbox in the table of all, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OutboxId(u32);

impl OutboxId {
    const NONE: Self = Self(u32::MAX);

    const fn place(self) -> usize {
        self.0 as usize
    }
}

/// Every connection has one, idle or not: eight bytes.
#[derive(Debug)]
pub(super) struct Entry {
    outbox: OutboxId,
    /// Nothing more is queued for it: it is closing.
    is_sealed: bool,
    is_dirty: bool,
    /// A part of a frame was written whose rest was given up, so that nothing that follows could be
    /// understood.
    pub(super) is_broken: bool,
    /// Has said something of its family, so that it may have as much queued as any other.
    pub(super) is_known: bool,
}

#[cfg(test)]
pub(in crate::broker) const ENTRY_BYTES: usize =
    crate::broker::idle_cost_tests::slot_bytes::<Entry>();

#[derive(Debug, Default)]
pub(super) struct Readers {
    entries: SecondaryMap<ReaderId, Entry>,
    outboxes: Vec<Outbox>,
    /// Those of `outboxes` in which nothing is queued.
    spare: Vec<OutboxId>,
    /// In the order in which they came to have something to write.
    dirty: VecDeque<ReaderId>,
    /// Those whose outbox grew beyond its bound while they were blocked.
    overgrown: Vec<ReaderId>,
    /// Storage of spans that counts as a buffer.
    spans_bytes: usize,
    /// More than this queued is too much in the long run.
    soft_bytes: usize,
    /// The same for readers that have said nothing of their family yet.
    unknown_bytes: usize,
}

impl Readers {
    pub(super) fn with_places(places: usize) -> Self {
        Self {
            entries: SecondaryMap::with_capacity(places),
            outboxes: Vec::with_capacity(places),
            ..Self::default()
        }
    }

    pub(super) const fn set_bounds(&mut self, soft_bytes: usize, unknown_bytes: usize) {
        self.soft_bytes = soft_bytes;
        self.unknown_bytes = unknown_bytes;
    }

    pub(super) const fn soft_bytes(&self) -> usize {
        self.soft_bytes
    }

    pub(super) fn insert(&mut self, id: ReaderId) {
        self.entries.insert(
            id,
            Entry {
                outbox: OutboxId::NONE,
                is_sealed: false,
                is_dirty: false,
                is_broken: false,
                is_known: false,
            },
        );
    }

    pub(super) fn entry_mut(&mut self, id: ReaderId) -> Option<&mut Entry> {
        self.entries.get_mut(id)
    }

    pub(super) fn is_known(&self, id: ReaderId) -> bool {
        self.entries.get(id).is_some_and(|entry| entry.is_known)
    }

    /// What is queued for this reader, if anything is.
    pub(super) fn outbox(&self, id: ReaderId) -> Option<&Outbox> {
        self.outboxes.get(self.entries.get(id)?.outbox.place())
    }

    pub(super) fn outbox_mut(&mut self, id: ReaderId) -> Option<&mut Outbox> {
        self.outboxes.get_mut(self.entries.get(id)?.outbox.place())
    }

    /// Readers for which something is queued.
    pub(super) fn busy(&self) -> impl Iterator<Item = (ReaderId, &Outbox)> {
        self.entries
            .iter()
            .filter_map(|(id, entry)| Some((id, self.outboxes.get(entry.outbox.place())?)))
    }

    /// Queues a span. `None` if the reader takes nothing any more.
    pub(super) fn queue(&mut self, id: ReaderId, span: Span) -> Option<Queued> {
        if self.is_sealed(id) {
            return None;
        }
        let queued = self.open_outbox(id)?.push(span);
        self.spans_bytes += queued.grown_bytes;
        self.note_growth(id);
        Some(queued)
    }

    /// Queues a frame of the reader's own, in pieces: its last words too, when it takes nothing
    /// else any more.
    pub(super) fn queue_own(&mut self, id: ReaderId, pieces: &[&[u8]], pool: &mut BufferPool) {
        if let Some(outbox) = self.open_outbox(id) {
            let queued = outbox.push_own(pieces, pool);
            self.spans_bytes += queued.grown_bytes;
            self.note_growth(id);
        }
    }

    /// A reader that takes nothing is judged again when its outbox grows: its transport has nothing
    /// to say.
    fn note_growth(&mut self, id: ReaderId) {
        let Some(entry) = self.entries.get(id) else { return };
        let bound = if entry.is_known { self.soft_bytes } else { self.unknown_bytes };
        if let Some(outbox) = self.outboxes.get_mut(entry.outbox.place())
            && outbox.is_blocked
            && !outbox.is_overgrown
            && outbox.queued_bytes > bound
        {
            outbox.is_overgrown = true;
            self.overgrown.push(id);
        }
    }

    /// The next reader whose outbox grew beyond its bound while it was blocked.
    pub(super) fn next_overgrown(&mut self) -> Option<ReaderId> {
        let id = self.overgrown.pop()?;
        if let Some(outbox) = self.outbox_mut(id) {
            outbox.is_overgrown = false;
        }
        Some(id)
    }

    /// The outbox to queue into, made if need be; the reader is marked for the next flush, unless
    /// its transport is known to take nothing.
    fn open_outbox(&mut self, id: ReaderId) -> Option<&mut Outbox> {
        let entry = self.entries.get_mut(id)?;
        if entry.outbox == OutboxId::NONE {
            entry.outbox = match self.spare.pop() {
                Some(spare) => spare,
                None => {
                    let made = OutboxId(u32::try_from(self.outboxes.len()).ok()?);
                    self.outboxes.push(Outbox::default());
                    made
                }
            };
        }
        let outbox = self.outboxes.get_mut(entry.outbox.place())?;
        if !entry.is_dirty && !outbox.is_blocked {
            entry.is_dirty = true;
            self.dirty.push_back(id);
        }
        Some(outbox)
    }

    /// The transport may take bytes again, or there is something else to be said to it.
    pub(super) fn mark_dirty(&mut self, id: ReaderId) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        if let Some(outbox) = self.outboxes.get_mut(entry.outbox.place()) {
            outbox.is_blocked = false;
        }
        if !entry.is_dirty {
            entry.is_dirty = true;
            self.dirty.push_back(id);
        }
    }

    /// The next reader to flush, in the order in which they were marked, within so many marks:
    /// those of readers that are gone count.
    pub(super) fn next_dirty(&mut self, marks: &mut usize) -> Option<ReaderId> {
        while *marks > 0 {
            let id = self.dirty.pop_front()?;
            *marks -= 1;
            if let Some(entry) = self.entries.get_mut(id) {
                entry.is_dirty = false;
                return Some(id);
            }
        }
        None
    }

    /// How many are marked, some of which may be gone.
    pub(super) fn dirty_len(&self) -> usize {
        self.dirty.len()
    }

    /// From now on nothing more is queued for this reader.
    pub(super) fn seal(&mut self, id: ReaderId) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.is_sealed = true;
        }
    }

    pub(super) fn is_sealed(&self, id: ReaderId) -> bool {
        self.entries.get(id).is_none_or(|entry| entry.is_sealed)
    }

    /// Takes the outbox away if nothing is queued in it any more.
    pub(super) fn give_back_if_empty(&mut self, id: ReaderId, pool: &mut BufferPool) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        let Some(outbox) = self.outboxes.get_mut(entry.outbox.place()) else { return };
        if outbox.spans.is_empty() {
            let keeps_spans = self.spare.len() < KEPT_OUTBOXES_MAX;
            self.spans_bytes -= outbox.reset(pool, keeps_spans);
            self.spare.push(std::mem::replace(&mut entry.outbox, OutboxId::NONE));
        }
    }

    /// Removes all spans of a reader, after `each` has seen them. Its ring stays.
    pub(super) fn take_spans(&mut self, id: ReaderId, each: impl FnMut(&Span)) {
        if let Some(entry) = self.entries.get(id)
            && let Some(outbox) = self.outboxes.get_mut(entry.outbox.place())
        {
            outbox.spans.iter().for_each(each);
            self.spans_bytes -= outbox.spans.clear();
        }
    }

    pub(super) fn remove(&mut self, id: ReaderId) {
        self.entries.remove(id);
    }

    /// Bytes of storage that the readers' own frames hold.
    pub(super) fn own_bytes(&self) -> usize {
        self.outboxes.iter().map(|outbox| outbox.own.capacity()).sum()
    }

    /// Bytes of storage that long queues of spans hold.
    pub(super) const fn spans_bytes(&self) -> usize {
        self.spans_bytes
    }

    /// Checks what the module's head promises.
    pub(super) fn invariants(&self) {
        let mut used = 0;
        for (_, outbox) in self.busy() {
            used += 1;
            assert!(!outbox.spans.is_empty(), "an outbox with nothing in it");
            outbox.invariants();
        }
        assert_eq!(used + self.spare.len(), self.outboxes.len(), "an outbox of two, or of none");
        let spans_bytes: usize = self.outboxes.iter().map(|outbox| outbox.spans.held_bytes()).sum();
        assert_eq!(self.spans_bytes, spans_bytes, "storage of spans miscounted");
        for outbox in self.spare.iter().map(|spare| &self.outboxes[spare.place()]) {
            outbox.invariants();
            assert_eq!(
                outbox.queued_bytes + outbox.spans.held_bytes() + outbox.own.capacity(),
                0,
                "a spare outbox holds something"
            );
        }
        for (id, entry) in &self.entries {
            assert_eq!(entry.is_dirty, self.dirty.contains(&id), "a mark without its place");
        }
    }
}
