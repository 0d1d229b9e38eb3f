//! Whether a connection speaks the protocol, and which end is the client.

use std::cmp::Ordering;
use std::mem;

use cafewire_core::Direction;

use super::super::network::Segment;
use super::super::opening::{Look, Opening};
use super::super::passed_over::Why;
use super::super::piece::{Piece, PieceContent, Rank};
use super::{Conversation, PortKind, Shared, Stream, Verdict};
use crate::failure::Failure;

/// What is held of a connection that starts with no good frame, until its port becomes known.
const MAX_PARKED_BYTES: usize = 16 * 1024;

impl Conversation {
    pub(super) fn accept(
        &mut self,
        sender: usize,
        piece: Piece,
        shared: &mut Shared<'_>,
    ) -> Result<(), Failure> {
        match self.verdict {
            Verdict::Other(_) => Ok(()),
            Verdict::Ours(_) => self.explain(sender, &piece, shared),
            Verdict::Undecided => self.decide(sender, piece, shared),
        }
    }

    /// Is this the protocol? A good frame of either end says yes.
    pub(super) fn decide(
        &mut self,
        sender: usize,
        piece: Piece,
        shared: &mut Shared<'_>,
    ) -> Result<(), Failure> {
        let port = self.port_kind(shared);
        let foreign_name = self.foreign_name();
        let stream = &mut self.streams[sender];
        if stream.reassembly.began_before() {
            stream.look.search();
        }
        // Of a frame where one is likely a half is enough, if the capture lacks the other.
        let is_half_frame = matches!(piece.content, PieceContent::Gap(_))
            && port == PortKind::Likely
            && foreign_name.is_none()
            && stream.look.half_frame().is_some();
        match &piece.content {
            PieceContent::Bytes(bytes) => stream.look.push(bytes, port >= PortKind::Likely),
            PieceContent::Gap(size_bytes) => stream.look.lacks(*size_bytes),
        }
        stream.undecided_bytes += piece.held_bytes();
        stream.undecided.push(piece);
        let look = &stream.look;
        let (opening, is_search, is_long) = (look.opening, look.is_search(), look.is_long());
        let is_asked = port == PortKind::Asked && !look.awaits_proxy();
        if opening == Opening::Ours || is_asked || is_half_frame {
            return self.take_up(shared);
        }
        let other = self.streams[1 - sender].look.opening;
        let foreign_name = self.foreign_name();
        match opening {
            Opening::Unclear | Opening::Ours => {}
            // Where a frame is likely, the other end may still answer with one.
            Opening::Foreign(_)
                if port == PortKind::Likely && other == Opening::Unclear && !is_long => {}
            Opening::Unknown
                if port == PortKind::Likely && !is_search && foreign_name.is_none() =>
            {
                return self.take_up(shared);
            }
            Opening::Unknown if self.is_parked(shared) => {}
            Opening::Foreign(_) | Opening::Unknown => self.dismiss(shared),
        }
        Ok(())
    }

    /// Whether it may turn out to be the protocol's yet: it has a bad start, or none, on a port
    /// that nothing speaks for so far.
    pub(super) fn is_parked(&self, shared: &Shared<'_>) -> bool {
        shared.may_park
            && self.port_kind(shared) == PortKind::Any
            && self.foreign_name().is_none()
            && self.held_bytes() <= MAX_PARKED_BYTES
    }

    /// Whether it waits for its port to become known.
    pub(crate) fn parked_bytes(&self) -> usize {
        let is_unknown = |stream: &Stream| stream.look.opening == Opening::Unknown;
        let is_parked = self.verdict == Verdict::Undecided
            && (self.streams.iter().any(is_unknown)
                || self.streams.iter().all(|stream| stream.ended.is_some()));
        if is_parked { self.held_bytes() } else { 0 }
    }

    /// Its port became known: what was held back is looked at again.
    pub(crate) fn reconsider(&mut self, shared: &mut Shared<'_>) -> Result<(), Failure> {
        if self.verdict != Verdict::Undecided || self.port_kind(shared) == PortKind::Any {
            return Ok(());
        }
        if !self.is_client_known {
            self.client = self.client_by_port(shared);
        }
        // The streams end behind what is looked at again.
        let ended = [0, 1].map(|end| self.streams[end].ended.take());
        let pieces = self.take_undecided();
        for stream in &mut self.streams {
            stream.look = Look::new();
        }
        for (_, sender, piece) in pieces {
            self.accept(sender, piece, shared)?;
        }
        for (sender, moment) in ended.into_iter().enumerate() {
            if let Some(moment) = moment {
                self.finish_stream(sender, moment, true, shared)?;
            }
        }
        Ok(())
    }

    fn foreign_name(&self) -> Option<&'static str> {
        self.streams.iter().find_map(|stream| match stream.look.opening {
            Opening::Foreign(name) => Some(name),
            _ => None,
        })
    }

    /// Nothing more will tell. What started where a frame is likely, and with no other protocol,
    /// is a bad or a cut frame.
    pub(super) fn decide_at_the_end(&mut self, shared: &mut Shared<'_>) -> Result<(), Failure> {
        let is_expected = self.port_kind(shared) >= PortKind::Likely;
        for stream in &mut self.streams {
            stream.look.finish(is_expected);
        }
        if self.streams.iter().any(|stream| stream.look.opening == Opening::Ours) {
            return self.take_up(shared);
        }
        let is_frame = (0..2).any(|end| self.is_cut_frame(end, shared));
        if is_frame && self.foreign_name().is_none() {
            return self.take_up(shared);
        }
        // What was said may have been cut, all of it.
        if self.has_spoken() || self.is_cut {
            self.dismiss(shared);
        }
        Ok(())
    }

    /// Whether a stream holds the start of a frame where one is likely.
    pub(super) fn is_cut_frame(&self, end: usize, shared: &Shared<'_>) -> bool {
        let look = &self.streams[end].look;
        look.opening == Opening::Unclear
            && look.has_bytes()
            && !look.is_search()
            && self.port_kind(shared) >= PortKind::Likely
    }

    /// It is the protocol: tells all that was held back.
    pub(super) fn take_up(&mut self, shared: &mut Shared<'_>) -> Result<(), Failure> {
        self.verdict = Verdict::Ours(None);
        let pieces = self.take_undecided();
        if self.client.is_none() {
            self.client = self.client_by_frames();
        }
        for stream in &mut self.streams {
            stream.proxy_rest = mem::replace(&mut stream.look, Look::new()).proxy_size();
        }
        for (_, sender, piece) in &pieces {
            self.explain(*sender, piece, shared)?;
        }
        for sender in 0..self.streams.len() {
            if let Some(moment) = self.streams[sender].ended {
                self.finish_stream(sender, moment, true, shared)?;
            }
        }
        Ok(())
    }

    /// All that was held back, in the order of the packets.
    fn take_undecided(&mut self) -> Vec<(Rank, usize, Piece)> {
        let [mut one, mut other] = [0, 1].map(|end| {
            self.streams[end].undecided_bytes = 0;
            let pieces = mem::take(&mut self.streams[end].undecided);
            pieces.into_iter().map(move |piece| (piece.rank, end, piece)).peekable()
        });
        let mut pieces = Vec::new();
        while let Some(next) = match (one.peek(), other.peek()) {
            (Some(mine), Some(theirs)) if mine.0 <= theirs.0 => one.next(),
            (_, Some(_)) => other.next(),
            (_, None) => one.next(),
        } {
            pieces.push(next);
        }
        pieces
    }

    /// Not the protocol: nothing of it need be kept, but that it was seen.
    pub(super) fn dismiss(&mut self, shared: &Shared<'_>) {
        let is_likely = self.port_kind(shared) >= PortKind::Likely;
        let is_search = self.streams.iter().any(|stream| stream.look.is_search());
        let began_before = self.streams.iter().any(|stream| stream.reassembly.began_before());
        self.verdict = Verdict::Other(match self.foreign_name() {
            Some(name) => Why::Foreign(name),
            // Headers alone say nothing of what is spoken, on any port.
            None if self.is_cut && (!self.has_data || is_search && is_likely) => Why::Cut,
            None if is_likely && is_search && began_before => Why::NotFound,
            None if is_likely && is_search => Why::Lost,
            None => Why::NoFrame,
        });
        self.streams = [Stream::new(), Stream::new()];
        self.strays = [None, None];
    }

    /// The client is the end that opens the connection. Where that was not captured: the end
    /// without the server's port. Else what is said will tell.
    pub(super) fn note_client(
        &mut self,
        segment: &Segment<'_>,
        sender: usize,
        shared: &Shared<'_>,
    ) {
        if self.streams.iter().any(|stream| stream.stream_decoder.is_some()) {
            return;
        }
        if segment.is_syn {
            self.client = Some(if segment.is_answer { 1 - sender } else { sender });
            self.is_client_known = true;
        } else if self.client.is_none() && !segment.payload.is_empty() {
            self.first_to_speak.get_or_insert(sender);
            self.client = self.client_by_port(shared);
        }
    }

    fn client_by_port(&self, shared: &Shared<'_>) -> Option<usize> {
        let [one, other] = self.ends.map(|end| (shared.ports)(end.port()));
        let client = match one.cmp(&other) {
            Ordering::Greater => 1,
            Ordering::Less => 0,
            Ordering::Equal => return None,
        };
        // Where two ports speak against each other, what is said will tell.
        (self.known_server() != Some(client)).then_some(client)
    }

    /// The client, where neither the opening nor a port told: chat frames travel one way only.
    fn client_by_frames(&mut self) -> Option<usize> {
        let by_chat = (0..2).find_map(|sender| match self.streams[sender].look.direction? {
            Direction::ToServer => Some(sender),
            _ => Some(1 - sender),
        });
        self.is_client_known = by_chat.is_some();
        by_chat.or(self.first_to_speak)
    }
}
