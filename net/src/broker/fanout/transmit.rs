//! What to write next, gathered: large ranges where they lie, small ones copied into scratch, so
//! that one call of the system takes them all, whatever rooms they come from.

use std::io::IoSlice;

use slotmap::SlotMap;

use super::lists::{List, Lists};
use super::log::Log;
use super::outbox::Outbox;
use super::spans::Span;
use crate::broker::ids::LogId;

/// Pieces of at least this size are written from where they lie. Copying less costs less than
/// another slice does in the kernel: some 30 ns each, measured on loopback.
const COPIED_BELOW: usize = 1024;

/// Bytes of small pieces that are gathered at once.
const SCRATCH_BYTES: usize = 64 << 10;

/// Slices of one write. Few, since small pieces are copied into one: 16 instead cost an eighth more
/// instructions for each delivery (callgrind, 100 members).
const SLICES_MAX: usize = 4;

/// Bytes of one write, save the end of the list that passes them. A connection's own bytes lie in
/// one piece, however many they are.
const TRANSMIT_BYTES: usize = 256 << 10;

/// Where a piece lies.
#[derive(Clone, Copy)]
enum Piece<'a> {
    /// Where it is.
    InPlace(&'a [u8]),
    /// Among the small ones in the scratch, from one place to another.
    Small(usize, usize),
    /// In the list that was gathered, from one place to another.
    List(usize, usize),
}

/// Bytes gathered for writing, and the list that was gathered last: the readers of a batch are
/// flushed one after the other, and most of them have the same list.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    small: Vec<u8>,
    list: Vec<u8>,
    /// The serial of the list whose bytes `list` has.
    list_serial: u64,
}

/// The bytes to write next: slices in order. They need not be all there are.
#[derive(Debug)]
pub struct Transmit<'a> {
    slices: [IoSlice<'a>; SLICES_MAX],
    count: usize,
}

impl<'a> Transmit<'a> {
    /// The bytes, in the order in which they are to be written.
    #[must_use]
    pub fn slices(&self) -> &[IoSlice<'a>] {
        &self.slices[..self.count]
    }

    /// How many bytes there are in all slices together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slices().iter().map(|slice| slice.len()).sum()
    }

    /// Whether nothing is left to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them in one piece, for tests and tools: it allocates.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.slices().iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    pub(super) fn empty() -> Self {
        Self { slices: [IoSlice::new(&[]); SLICES_MAX], count: 0 }
    }

    fn of(bytes: &'a [u8]) -> Self {
        let mut this = Self::empty();
        this.slices[0] = IoSlice::new(bytes);
        this.count = 1;
        this
    }
}

/// Gathers what is queued in an outbox, from its front on.
pub(super) fn gather<'a>(
    outbox: &'a Outbox,
    logs: &'a SlotMap<LogId, Log>,
    lists: &Lists,
    scratch: &'a mut Scratch,
) -> Transmit<'a> {
    if let Some(bytes) = in_one_piece(outbox, logs) {
        return Transmit::of(bytes);
    }
    scratch.small.clear();
    let mut gathering = Gathering { pieces: heapless::Vec::new(), bytes: 0, scratch };
    let (mut own_offset, mut has_list) = (0, false);
    for span in outbox.spans.iter() {
        if gathering.bytes >= TRANSMIT_BYTES {
            break;
        }
        let goes_on = match *span {
            Span::Own { len } => {
                let [first, second] = outbox.own.pieces_from(own_offset);
                let from_first = first.len().min(len as usize);
                let from_second = (len as usize - from_first).min(second.len());
                own_offset += len as usize;
                gathering.add(&first[..from_first]) && gathering.add(&second[..from_second])
            }
            Span::Range { log, start, len } => logs.get(log).is_none_or(|log| {
                log.pieces(start, start + u64::from(len)).all(|piece| gathering.add(piece))
            }),
            Span::List { list, at, .. } if !has_list => {
                has_list = true;
                gathering.add_gathered(lists.get(list), at as usize, logs)
            }
            Span::List { list, at, .. } => {
                let mut skipped = at as usize;
                pieces_of(lists.get(list), logs).all(|piece| {
                    let rest = piece.get(skipped..).unwrap_or_default();
                    skipped = skipped.saturating_sub(piece.len());
                    gathering.add(rest)
                })
            }
        };
        if !goes_on {
            break;
        }
    }
    gathering.finish()
}

/// What is queued, where all of it is one range that lies in one chunk: the common case.
#[inline]
fn in_one_piece<'a>(outbox: &Outbox, logs: &'a SlotMap<LogId, Log>) -> Option<&'a [u8]> {
    match *outbox.spans.only()? {
        Span::Range { log, start, len } => {
            let piece = logs.get(log)?.pieces(start, start + u64::from(len)).next()?;
            (piece.len() == len as usize).then_some(piece)
        }
        Span::Own { .. } | Span::List { .. } => None,
    }
}

struct Gathering<'a> {
    pieces: heapless::Vec<Piece<'a>, SLICES_MAX>,
    bytes: usize,
    scratch: &'a mut Scratch,
}

impl<'a> Gathering<'a> {
    /// Adds a piece behind those before, or as much of it as there is room for; false if that is
    /// not all.
    fn add(&mut self, bytes: &'a [u8]) -> bool {
        let space = TRANSMIT_BYTES.saturating_sub(self.bytes);
        let is_whole = bytes.len() <= space;
        let bytes = &bytes[..bytes.len().min(space)];
        if bytes.is_empty() {
            return is_whole;
        }
        let small = &mut self.scratch.small;
        let place = small.len();
        let goes_on = if bytes.len() >= COPIED_BELOW {
            self.pieces.push(Piece::InPlace(bytes)).is_ok()
        } else if place + bytes.len() > SCRATCH_BYTES {
            false
        } else if let Some(Piece::Small(_, end)) = self.pieces.last_mut() {
            *end += bytes.len();
            true
        } else {
            self.pieces.push(Piece::Small(place, place + bytes.len())).is_ok()
        };
        if goes_on && bytes.len() < COPIED_BELOW {
            small.extend_from_slice(bytes);
        }
        self.bytes += if goes_on { bytes.len() } else { 0 };
        goes_on && is_whole
    }

    /// Adds what is left of a list, gathered again only if the scratch holds another one.
    fn add_gathered(&mut self, list: &List, at: usize, logs: &SlotMap<LogId, Log>) -> bool {
        let Scratch { list: gathered, list_serial, .. } = self.scratch;
        if *list_serial != list.serial() {
            gathered.clear();
            for piece in pieces_of(list, logs) {
                gathered.extend_from_slice(piece);
            }
            *list_serial = list.serial();
        }
        self.bytes += gathered.len() - at;
        self.pieces.push(Piece::List(at, gathered.len())).is_ok()
    }

    fn finish(self) -> Transmit<'a> {
        let scratch: &'a Scratch = self.scratch;
        let mut transmit = Transmit::empty();
        for (slice, piece) in transmit.slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(match *piece {
                Piece::InPlace(bytes) => bytes,
                Piece::Small(start, end) => &scratch.small[start..end],
                Piece::List(start, end) => &scratch.list[start..end],
            });
        }
        transmit.count = self.pieces.len();
        transmit
    }
}

fn pieces_of<'a>(list: &List, logs: &'a SlotMap<LogId, Log>) -> impl Iterator<Item = &'a [u8]> {
    list.ranges().iter().flat_map(|range| {
        let log = logs.get(range.log);
        log.into_iter().flat_map(move |log| log.pieces(range.start, range.end))
    })
}
