//! Lists of ranges that many queues share: what was said by turns in the rooms of a batch, for all
//! readers that are in the same ones. Each list is made once, however many read it.
//!
//! Invariant, checked by [`Lists::invariants`]: a list in use has readers, ranges, and as many
//! bytes as they have together; a spare one has none.

use crate::broker::ids::LogId;

/// A list in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListId(pub(super) u32);

/// A range of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) log: LogId,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Range {
    #[allow(clippy::cast_possible_truncation)] // a batch is 64 KiB and a frame
    pub(super) const fn len(&self) -> u32 {
        (self.end - self.start) as u32
    }
}

#[derive(Debug, Default)]
pub(super) struct List {
    ranges: Vec<Range>,
    len: u32,
    /// Spans that name it.
    readers: u32,
    /// Tells it from every list that had its place before.
    serial: u64,
}

impl List {
    pub(super) fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Bytes of all ranges together.
    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    pub(super) const fn serial(&self) -> u64 {
        self.serial
    }
}

#[derive(Debug, Default)]
pub(super) struct Lists {
    all: Vec<List>,
    spare: Vec<ListId>,
    last_serial: u64,
    held_bytes: usize,
}

/// Lists that keep their storage while they are not in use.
const KEPT_LISTS_MAX: usize = 64;

impl Lists {
    /// Bytes of storage that lists in use hold.
    pub(super) const fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// A list of these ranges, of which those that go on with the one before become one. `None` if
    /// there are more lists than can be numbered.
    pub(super) fn make(&mut self, ranges: impl Iterator<Item = Range>) -> Option<ListId> {
        let id = match self.spare.pop() {
            Some(spare) => spare,
            None => {
                let id = ListId(u32::try_from(self.all.len()).ok()?);
                self.all.push(List::default());
                id
            }
        };
        self.last_serial += 1;
        let list = &mut self.all[id.0 as usize];
        list.serial = self.last_serial;
        for range in ranges {
            list.len += range.len();
            match list.ranges.last_mut() {
                Some(last) if last.log == range.log && last.end == range.start => {
                    last.end = range.end;
                }
                _ => list.ranges.push(range),
            }
        }
        self.held_bytes += storage_of(list);
        Some(id)
    }

    pub(super) fn get(&self, id: ListId) -> &List {
        &self.all[id.0 as usize]
    }

    pub(super) fn add_reader(&mut self, id: ListId) {
        self.all[id.0 as usize].readers += 1;
    }

    /// A span that named the list is gone. True if it was the last: then the list's ranges are to
    /// be given up, and the list [`dropped`](Self::drop).
    pub(super) fn remove_reader(&mut self, id: ListId) -> bool {
        let list = &mut self.all[id.0 as usize];
        list.readers -= 1;
        list.readers == 0
    }

    /// Whether no span names it.
    pub(super) fn is_unread(&self, id: ListId) -> bool {
        self.get(id).readers == 0
    }

    pub(super) fn drop(&mut self, id: ListId) {
        let keeps_storage = self.spare.len() < KEPT_LISTS_MAX;
        let list = &mut self.all[id.0 as usize];
        self.held_bytes -= storage_of(list);
        list.len = 0;
        if keeps_storage {
            list.ranges.clear();
        } else {
            list.ranges = Vec::new();
        }
        self.spare.push(id);
    }

    /// Checks what the module's head promises; `readers` tells how many spans name a list.
    pub(super) fn invariants(&self, readers: impl Fn(ListId) -> u32) {
        let mut held_bytes = 0;
        for (place, list) in self.all.iter().enumerate() {
            let id = ListId(u32::try_from(place).unwrap_or(u32::MAX));
            assert_eq!(list.readers, readers(id), "readers of a list miscounted");
            assert_eq!(list.len, list.ranges.iter().map(Range::len).sum::<u32>());
            assert_eq!(self.spare.contains(&id), list.readers == 0, "a list without readers stays");
            assert_eq!(list.readers == 0, list.ranges.is_empty(), "a list without ranges is read");
            if list.readers > 0 {
                held_bytes += storage_of(list);
            }
        }
        assert_eq!(self.held_bytes, held_bytes, "storage of lists miscounted");
    }
}

fn storage_of(list: &List) -> usize {
    list.ranges.capacity() * size_of::<Range>()
}
