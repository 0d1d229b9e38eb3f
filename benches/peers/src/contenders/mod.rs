//! The contenders, one file each, behind one trait; and the rows of the table in their order.

mod bincode;
mod bitcode;
mod cafewire;
mod limits;
mod minicbor;
mod nom;
mod owned;
mod postcard;
mod prost;
mod rkyv;
mod serde_json;
mod wincode;
mod winnow;
mod zerocopy;

use cafewire_kernel::Level;

use self::cafewire::Cafewire;
use self::limits::{ChecksumAlone, CopyAlone, Utf8Alone};
use crate::entrant::{Entrant, Operations, Role};
use crate::envelope::{Body, Enveloped};
use crate::message::{Message, Sink};
use crate::workload::OwnedMessage;

/// A parser and encoder of frames.
pub(crate) trait Contender {
    /// A message as a program that uses this contender holds it.
    type Value<'m>;

    fn value<'m>(message: &Message<'m>) -> Self::Value<'m>;

    /// What has to be done once before this contender's turn.
    fn prepare(&self) {}

    /// The frame of a message at the start of `buffer`: its length in bytes. `None` if it does not
    /// fit, and from a contender that only parses.
    fn encode(&mut self, _: &Self::Value<'_>, _: &mut [u8]) -> Option<usize> {
        None
    }

    /// The frames of these messages one behind the other, for this contender to read.
    fn stream(&mut self, values: &[Self::Value<'_>]) -> Option<Vec<u8>> {
        let mut stream = Vec::new();
        let mut frame = [0; 4096];
        for value in values {
            let frame_bytes = self.encode(value, &mut frame)?;
            stream.extend_from_slice(&frame[..frame_bytes]);
        }
        Some(stream)
    }

    /// The fields of the frame at the start of `bytes` to `sink`, and the frame's length in bytes;
    /// `None` if it is not a good one.
    fn decode(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Option<usize>;
}

/// The rows of the table. The first one is what the others' ratios refer to.
///
/// It is the core with the best instructions of this processor; behind its control, the core held
/// to each of the lesser levels is a row with [`Role::Cafewire`] too.
pub(crate) fn all(messages: &[OwnedMessage], repeats: usize) -> Vec<Entrant<'_>> {
    let row = Rows { messages, repeats };
    let mut levels: Vec<_> = Level::available().collect();
    levels.reverse();
    let best = levels[0];
    let mut rows = vec![
        row.cafewire("cafewire", Role::Cafewire, best),
        row.cafewire("cafewire again (control)", Role::Control, best),
    ];
    for &level in &levels[1..] {
        rows.push(row.cafewire(level_row(level), Role::Cafewire, level));
    }
    rows.extend([
        row.peer::<bitcode::Bitcode>("bitcode", Operations::Both),
        row.peer::<rkyv::Rkyv>("rkyv (checked)", Operations::Both),
        row.peer::<zerocopy::Zerocopy>("zerocopy structs", Operations::Both),
        row.peer::<wincode::Wincode>("wincode", Operations::Both),
        row.peer::<nom::Nom>("nom", Operations::Parse),
        row.peer::<winnow::Winnow>("winnow", Operations::Parse),
        row.peer::<bincode::Bincode>("bincode", Operations::Both),
        row.peer::<postcard::Postcard>("postcard", Operations::Both),
        row.peer::<prost::Prost>("prost", Operations::Both),
        row.peer::<minicbor::Minicbor>("minicbor", Operations::Both),
        row.peer::<serde_json::SerdeJson>("serde_json", Operations::Both),
        row.peer::<owned::Owned>("owned Vec/String", Operations::Both),
        row.of("CRC walk alone (crc32fast)", Role::Limit, Operations::Parse, || ChecksumAlone),
        row.of("UTF-8 alone (std)", Role::Limit, Operations::Parse, || {
            Utf8Alone(|text: &[u8]| str::from_utf8(text).is_ok())
        }),
        row.of("UTF-8 alone (simdutf8)", Role::Limit, Operations::Parse, || {
            Utf8Alone(|text: &[u8]| simdutf8::basic::from_utf8(text).is_ok())
        }),
        row.of("copy alone", Role::Limit, Operations::Both, CopyAlone::default),
    ]);
    rows
}

/// The name of the row of the core that is held to a level.
fn level_row(level: Level) -> &'static str {
    match level.name() {
        "avx512" => "cafewire, AVX-512",
        "sse4.1" => "cafewire, SSE4.1",
        _ => "cafewire, portable",
    }
}

/// What all rows of one workload share.
struct Rows<'w> {
    messages: &'w [OwnedMessage],
    repeats: usize,
}

impl<'w> Rows<'w> {
    fn cafewire(&self, name: &'static str, role: Role, level: Level) -> Entrant<'w> {
        let entrant = self.of(name, role, Operations::Both, || Cafewire { level });
        Entrant { level: Some(level.name()), ..entrant }
    }

    fn of<C: Contender + 'w>(
        &self,
        name: &'static str,
        role: Role,
        operations: Operations,
        make: impl Fn() -> C,
    ) -> Entrant<'w> {
        Entrant::new(name, role, operations, make, self.messages, self.repeats)
    }

    fn peer<B: Body + Default + 'w>(
        &self,
        name: &'static str,
        operations: Operations,
    ) -> Entrant<'w> {
        self.of(name, Role::Peer, operations, Enveloped::<B>::default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload;

    #[test]
    fn every_contender_reads_what_it_wrote_and_refuses_damage() {
        let messages = workload::stream(20);
        let entrants = all(&messages[..500], 2);
        assert_eq!(entrants.iter().filter(|entrant| entrant.role == Role::Peer).count(), 12);
        for entrant in entrants.iter().filter(|entrant| entrant.role == Role::Cafewire) {
            assert_eq!(entrant.parse.allocations_per_frame, 0.0);
        }
    }
}
