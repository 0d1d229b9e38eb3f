//! What logs keep although every reader has had it, for those who ask for what was said before
//! they came: bounded for each room by what its log may hold, and for all rooms together.

use super::{Fanout, LogId};
use crate::buf::BufferPool;
use crate::config::Limits;

/// Logs that are looked at for something to give up when a frame was written.
const LOOKED_AT_PER_FRAME: usize = 4;

impl Fanout {
    /// The frames that a log still has, the newest first.
    pub(in crate::broker) fn frames_back(&self, id: LogId) -> impl Iterator<Item = &[u8]> {
        self.logs.get(id).into_iter().flat_map(|log| log.frames_back())
    }

    /// Makes room for so many bytes in the logs of one room: what is only kept goes, the oldest
    /// first.
    pub(super) fn make_log_space(
        &mut self,
        ids: impl Iterator<Item = LogId> + Clone,
        size: usize,
        limits: &Limits,
        pool: &mut BufferPool,
    ) {
        for id in ids.clone() {
            while self.held_by(ids.clone()) + size > limits.room_log_bytes {
                let Self { logs, spare_ends, .. } = self;
                let log = logs.get_mut(id);
                if !log.is_some_and(|log| log.give_up_oldest(pool, spare_ends)) {
                    break;
                }
            }
        }
    }

    /// Bytes in these logs together.
    pub(super) fn held_by(&self, ids: impl Iterator<Item = LogId>) -> usize {
        ids.filter_map(|id| self.logs.get(id)).map(|log| log.held()).sum()
    }

    /// Holds all logs together to the bound on them, as far as they keep what no reader needs now.
    pub(super) fn bound_history(&mut self, pool: &mut BufferPool) {
        for _ in 0..LOOKED_AT_PER_FRAME {
            if pool.log_bytes() <= self.history_bytes {
                return;
            }
            self.give_up_next(pool);
        }
    }

    /// Gives up the oldest chunk that some room only keeps. False if no room does that.
    pub(in crate::broker) fn give_up_history(&mut self, pool: &mut BufferPool) -> bool {
        (0..self.keeping.len()).any(|_| self.give_up_next(pool))
    }

    /// The room whose turn it is gives up the oldest that it only keeps.
    fn give_up_next(&mut self, pool: &mut BufferPool) -> bool {
        let Self { keeping, last_to_give_up, logs, spare_ends, .. } = self;
        let next = keeping.range(*last_to_give_up..).find(|&id| id != last_to_give_up);
        let Some(&id) = next.or_else(|| keeping.first()) else { return false };
        *last_to_give_up = id;
        logs.get_mut(id).is_some_and(|log| log.give_up_oldest(pool, spare_ends))
    }
}
