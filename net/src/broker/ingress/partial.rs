//! Frames of which a part has come, and whole ones that wait for a later tick: bytes of connections
//! that have any. Most have none most of the time, so that they lie in a table of their own.

use std::num::NonZeroU32;

use slab::Slab;

use crate::buf::{BufferPool, RingBuffer};

/// Names a partial frame. Before it is dropped it must be [`removed`](PartialFrames::remove). Four
/// bytes, and no more with an `Option` around it.
#[derive(Debug)]
pub(super) struct PartialFrameId(NonZeroU32);

impl PartialFrameId {
    const fn key(&self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The start of a frame whose end has not come, or frames that wait for a later tick.
#[derive(Debug, Default)]
pub(super) struct PartialFrame {
    pub(super) bytes: RingBuffer,
    /// How many more are to come before it is looked at again; 0 if it is a backlog.
    pub(super) missing: usize,
}

/// The partial frames of all connections.
#[derive(Debug, Default)]
pub(in crate::broker) struct PartialFrames {
    all: Slab<PartialFrame>,
}

impl PartialFrames {
    /// A copy of these bytes, which waits for `missing` more. `None` while there are four thousand
    /// million others.
    pub(super) fn insert(
        &mut self,
        bytes: &[u8],
        missing: usize,
        pool: &mut BufferPool,
    ) -> Option<PartialFrameId> {
        let id = NonZeroU32::new(u32::try_from(self.all.vacant_key() + 1).unwrap_or_default())?;
        let mut partial = PartialFrame { bytes: RingBuffer::default(), missing };
        partial.bytes.extend(bytes, pool);
        self.all.insert(partial);
        Some(PartialFrameId(id))
    }

    pub(super) fn get(&self, id: &PartialFrameId) -> Option<&PartialFrame> {
        self.all.get(id.key())
    }

    /// Takes a partial frame out to be worked on; [`restore`](Self::restore) follows.
    pub(super) fn take(&mut self, id: &PartialFrameId) -> PartialFrame {
        self.all.get_mut(id.key()).map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn restore(&mut self, id: &PartialFrameId, partial: PartialFrame) {
        if let Some(place) = self.all.get_mut(id.key()) {
            *place = partial;
        }
    }

    /// Drops a partial frame, and gives its storage back.
    pub(super) fn remove(&mut self, id: PartialFrameId, pool: &mut BufferPool) {
        if let Some(mut partial) = self.all.try_remove(id.key()) {
            partial.bytes.clear(pool);
        }
    }

    /// Bytes of storage that all of them hold.
    pub(in crate::broker) fn lent_bytes(&self) -> usize {
        self.all.iter().map(|(_, partial)| partial.bytes.capacity()).sum()
    }
}
