//! What a protocol's bytes mean to the generator: bytes in, arrivals out. No I/O, no clock, and no
//! check that the protocol does not need to be counted: a figure is of the server, not of the
//! reader.

mod chat_v1;
mod resp;

use std::ops::Range;

pub use chat_v1::ChatV1;
pub use resp::Resp;

use super::fault::Fault;

/// The one connection that publishes, or one of those that listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Publishes in every room.
    Publisher,
    /// Listens: the member of this number.
    Member(usize),
}

/// One thing that a server sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival<'a> {
    /// One request of those that [`Dialect::open`] wrote was carried out.
    Answer,
    /// A message with this content. For the publisher it is its receipt.
    Message(&'a [u8]),
    /// The server has a message of the publisher's and sent it to so many members.
    Receipt(u64),
    /// News that are not counted, such as those of other members.
    Notice,
}

/// The client's side of a protocol with rooms (channels, subjects, topics).
pub trait Dialect {
    /// What is to be remembered of one connection.
    type Session: Default;

    /// Writes what a connection sends first, for the rooms that it is in, and returns how many
    /// answers it waits for.
    fn open(&self, role: Role, rooms: Range<usize>, out: &mut Vec<u8>) -> Result<usize, Fault>;

    /// Writes what publishes a message.
    ///
    /// # Errors
    /// The protocol has no such message.
    fn publish(&self, room: usize, content: &[u8], out: &mut Vec<u8>) -> Result<(), Fault>;

    /// Passes on all that arrived whole, and returns how many bytes that was. The rest comes again,
    /// with more behind it.
    ///
    /// # Errors
    /// The bytes are not of this protocol, the server refused something, or `arrival` failed.
    fn scan(
        &self,
        session: &mut Self::Session,
        bytes: &[u8],
        arrival: impl FnMut(Arrival<'_>) -> Result<(), Fault>,
    ) -> Result<usize, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An arrival that owns its bytes.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) enum Seen {
        Answer,
        Message(Vec<u8>),
        Receipt(u64),
        Notice,
    }

    /// Scans the stream in pieces of the given sizes, over and over, as a connection would.
    pub(super) fn scan_in_pieces<D: Dialect>(
        dialect: &D,
        stream: &[u8],
        first_bytes: usize,
        piece_bytes: usize,
    ) -> Result<Vec<Seen>, Fault> {
        let (mut session, mut seen, mut kept) = (D::Session::default(), Vec::new(), Vec::new());
        let (first, rest) = stream.split_at(first_bytes);
        for piece in std::iter::once(first).chain(rest.chunks(piece_bytes)) {
            kept.extend_from_slice(piece);
            let consumed = dialect.scan(&mut session, &kept, |arrival| {
                seen.push(match arrival {
                    Arrival::Answer => Seen::Answer,
                    Arrival::Message(content) => Seen::Message(content.to_vec()),
                    Arrival::Receipt(deliveries) => Seen::Receipt(deliveries),
                    Arrival::Notice => Seen::Notice,
                });
                Ok(())
            })?;
            kept.drain(..consumed);
        }
        assert!(kept.is_empty(), "{} bytes are left over", kept.len());
        Ok(seen)
    }

    /// The stream means the same wherever it is cut.
    pub(super) fn assert_cut_anywhere<D: Dialect>(dialect: &D, stream: &[u8], expected: &[Seen]) {
        for first_bytes in 0..=stream.len() {
            for piece_bytes in [1, 7, stream.len()] {
                let seen = scan_in_pieces(dialect, stream, first_bytes, piece_bytes).unwrap();
                assert_eq!(seen, expected, "cut at {first_bytes}, then every {piece_bytes} bytes");
            }
        }
    }
}
