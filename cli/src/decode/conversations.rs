//! The TCP connections of a capture: which of them speak the protocol, which end is the client, and
//! what each end said. Whether bytes are the protocol's is the core's business.
//!
//! A connection is looked at if one of its ends has the port that was asked for. If no port was
//! asked for, those with the usual one are, and any other whose first bytes, one way or the other,
//! are a good frame.

use std::collections::HashMap;
use std::mem;
use std::net::SocketAddr;

use cafewire_core::{Direction, Frame, Framing, MAX_MESSAGE_SIZE};
use cafewire_net::address::DEFAULT_PORT;

use super::packet::Segment;
use super::reassembly::{Piece, Reassembly};
use super::report::{Item, Place, Report, Side, Tally};
use super::stream_decoder::{StreamDecoder, Tell};
use crate::failure::Failure;
use crate::output;

/// What a capture may take of memory. Over it, the connections that were silent for longest are
/// taken to be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections that are followed at a time.
    conversations: usize,
    /// Bytes that wait in all of them together.
    held_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { conversations: 65_536, held_bytes: 256 * 1024 * 1024 }
    }
}

/// How many are given up at once: looking for the oldest costs as much as there are.
const GIVEN_UP_AT_ONCE: usize = 8;

/// When and where a segment was captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) packet: u64,
    pub(crate) time_ns: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Conversations {
    /// The port to look for; `None`: the usual one, and whatever speaks the protocol.
    port: Option<u16>,
    bounds: Bounds,
    followed: HashMap<(SocketAddr, SocketAddr), Conversation>,
    held_bytes: usize,
    /// How many were told of.
    numbered: u64,
    /// How many were not looked at.
    others: u64,
    /// How many were given up before their end, to bound memory.
    given_up: u64,
}

#[derive(Debug)]
struct Conversation {
    verdict: Verdict,
    /// The address that sorts first, and the other.
    ends: [SocketAddr; 2],
    /// Which of them is the client, once something told.
    client: Option<usize>,
    /// Whose bytes came first.
    first_to_speak: Option<usize>,
    streams: [Stream; 2],
    last: Moment,
    found: Tally,
}

#[derive(Debug, Default)]
struct Stream {
    reassembly: Reassembly,
    /// Made when it is known who the client is.
    stream_decoder: Option<StreamDecoder>,
    /// What came before it was known whether this is the protocol.
    undecided: Vec<u8>,
    is_finished: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Undecided,
    /// It speaks the protocol, and this is its number once it was told of.
    Ours(Option<u64>),
    Other,
}

impl Conversations {
    pub(crate) fn new(port: Option<u16>, bounds: Bounds) -> Self {
        Self {
            port,
            bounds,
            followed: HashMap::new(),
            held_bytes: 0,
            numbered: 0,
            others: 0,
            given_up: 0,
        }
    }

    /// Takes a segment and tells what it completes.
    pub(crate) fn segment(
        &mut self,
        segment: &Segment<'_>,
        moment: Moment,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let ends =
            [segment.source.min(segment.destination), segment.source.max(segment.destination)];
        let sender = usize::from(segment.source != ends[0]);
        let key = (ends[0], ends[1]);
        if segment.is_syn
            && let Some(known) = self.followed.get_mut(&key)
            && known.streams[sender].reassembly.is_begun_anew_by(segment.sequence)
        {
            self.end_of(key, report)?;
        }
        if !self.followed.contains_key(&key) && self.followed.len() >= self.bounds.conversations {
            self.give_up_the_oldest(report)?;
        }
        let port = self.port;
        let conversation =
            self.followed.entry(key).or_insert_with(|| Conversation::new(ends, port, moment));
        let held_before = conversation.held_bytes();
        conversation.last = moment;
        if conversation.verdict != Verdict::Other {
            conversation.note_client(segment, sender, port.unwrap_or(DEFAULT_PORT));
            conversation.streams[sender].reassembly.push(
                segment.sequence,
                segment.is_syn,
                segment.is_fin,
                segment.payload,
            );
            conversation.drain(sender, &mut self.numbered, report)?;
            if let Some(sequence) = segment.acknowledges {
                conversation.streams[1 - sender].reassembly.acknowledged(sequence);
                conversation.drain(1 - sender, &mut self.numbered, report)?;
            }
        }
        self.held_bytes = (self.held_bytes + conversation.held_bytes()).saturating_sub(held_before);
        if self.held_bytes > self.bounds.held_bytes {
            self.give_up_the_oldest(report)?;
        }
        Ok(())
    }

    /// The capture ends here: tells what is left of all.
    pub(crate) fn finish(&mut self, report: &mut Report) -> Result<(), Failure> {
        let mut keys: Vec<_> =
            self.followed.iter().map(|(key, known)| (known.last.packet, *key)).collect();
        keys.sort_unstable();
        for (_, key) in keys {
            self.end_of(key, report)?;
        }
        Ok(())
    }

    /// A sentence for each thing that was passed over.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        match (self.others, self.port) {
            (0, _) => {}
            (1, Some(port)) => sentences.push(format!("1 TCP connection is not of port {port}")),
            (others, Some(port)) => sentences.push(format!("{others} TCP connections are not of port {port}")),
            (1, None) => sentences.push(
                "1 TCP connection does not start with a good frame and was not looked at; --port PORT looks anyway"
                    .to_owned(),
            ),
            (others, None) => sentences.push(format!(
                "{others} TCP connections do not start with a good frame and were not looked at; --port PORT looks anyway"
            )),
        }
        if self.given_up > 0 {
            sentences.push(format!(
                "{} connections were taken to be over when they had been silent for long: too many were open at once",
                self.given_up
            ));
        }
        sentences
    }

    fn end_of(
        &mut self,
        key: (SocketAddr, SocketAddr),
        report: &mut Report,
    ) -> Result<(), Failure> {
        let Some(mut conversation) = self.followed.remove(&key) else { return Ok(()) };
        self.held_bytes = self.held_bytes.saturating_sub(conversation.held_bytes());
        conversation.finish(&mut self.numbered, report)?;
        match conversation.verdict {
            Verdict::Ours(Some(number)) => conversation.tell_what_it_came_to(number),
            Verdict::Ours(None) => {}
            Verdict::Undecided | Verdict::Other => self.others += 1,
        }
        Ok(())
    }

    fn give_up_the_oldest(&mut self, report: &mut Report) -> Result<(), Failure> {
        let mut keys: Vec<_> =
            self.followed.iter().map(|(key, known)| (known.last.packet, *key)).collect();
        keys.sort_unstable();
        let count = keys.len().div_ceil(GIVEN_UP_AT_ONCE);
        for (_, key) in keys.into_iter().take(count) {
            if self.followed.get(&key).is_some_and(|known| !known.is_over()) {
                self.given_up += 1;
            }
            self.end_of(key, report)?;
        }
        Ok(())
    }
}

impl Conversation {
    fn new(ends: [SocketAddr; 2], port: Option<u16>, moment: Moment) -> Self {
        let has = |port| ends.iter().any(|end| end.port() == port);
        let verdict = match port {
            Some(port) if has(port) => Verdict::Ours(None),
            Some(_) => Verdict::Other,
            None if has(DEFAULT_PORT) => Verdict::Ours(None),
            None => Verdict::Undecided,
        };
        let (client, first_to_speak) = (None, None);
        Self {
            verdict,
            ends,
            client,
            first_to_speak,
            streams: Default::default(),
            last: moment,
            found: Tally::default(),
        }
    }

    /// The client is who opens the connection. Where that was not captured: the end without the
    /// server's port. Else what is said will tell.
    fn note_client(&mut self, segment: &Segment<'_>, sender: usize, server_port: u16) {
        if self.streams.iter().any(|stream| stream.stream_decoder.is_some()) {
            return;
        }
        let receiver = 1 - sender;
        if segment.is_syn {
            self.client = Some(if segment.acknowledges.is_some() { receiver } else { sender });
        } else if self.client.is_none() && !segment.payload.is_empty() {
            self.first_to_speak.get_or_insert(sender);
            self.client = match [sender, receiver].map(|end| self.ends[end].port() == server_port) {
                [true, false] => Some(receiver),
                [false, true] => Some(sender),
                _ => None,
            };
        }
    }

    /// Who the client is, where neither the opening nor a port told: chat frames travel one way
    /// only; else it is who spoke first.
    fn client_by(&self, sender: usize, piece: &Piece) -> usize {
        let first_to_speak = self.first_to_speak.unwrap_or(sender);
        let Piece::Bytes(bytes) = piece else { return first_to_speak };
        match Framing::of(bytes) {
            Framing::Frame { frame: Frame::Chat(view), .. }
                if view.message_type.is_sent(Direction::ToServer) =>
            {
                sender
            }
            Framing::Frame { frame: Frame::Chat(_), .. } => 1 - sender,
            _ => first_to_speak,
        }
    }

    /// Tells what has become known of one end's stream.
    fn drain(
        &mut self,
        sender: usize,
        numbered: &mut u64,
        report: &mut Report,
    ) -> Result<(), Failure> {
        while let Some(piece) = self.streams[sender].reassembly.pop() {
            match self.verdict {
                Verdict::Other => {}
                Verdict::Ours(_) => self.explain(sender, &piece, numbered, report)?,
                Verdict::Undecided => self.decide(sender, piece, numbered, report)?,
            }
        }
        if self.streams[sender].reassembly.is_complete() && !self.streams[sender].is_finished {
            self.finish_stream(sender, numbered, report)?;
        }
        Ok(())
    }

    /// Is this the protocol? A good frame says yes, anything that cannot be one says no.
    fn decide(
        &mut self,
        sender: usize,
        piece: Piece,
        numbered: &mut u64,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let Piece::Bytes(bytes) = piece else {
            self.dismiss();
            return Ok(());
        };
        let undecided = &mut self.streams[sender].undecided;
        undecided.extend(bytes);
        match Framing::of(undecided) {
            Framing::Frame { .. } => {
                self.verdict = Verdict::Ours(None);
                for end in [sender, 1 - sender] {
                    let bytes = mem::take(&mut self.streams[end].undecided);
                    if !bytes.is_empty() {
                        self.explain(end, &Piece::Bytes(bytes), numbered, report)?;
                    }
                }
                Ok(())
            }
            Framing::Incomplete { .. } if undecided.len() <= MAX_MESSAGE_SIZE => Ok(()),
            Framing::Incomplete { .. } | Framing::Corrupt { .. } => {
                self.dismiss();
                Ok(())
            }
        }
    }

    /// Not the protocol: nothing of it need be kept, but that it was seen.
    fn dismiss(&mut self) {
        self.verdict = Verdict::Other;
        self.streams = Default::default();
    }

    fn explain(
        &mut self,
        sender: usize,
        piece: &Piece,
        numbered: &mut u64,
        report: &mut Report,
    ) -> Result<(), Failure> {
        if self.client.is_none() {
            self.client = Some(self.client_by(sender, piece));
        }
        self.with_explainer(sender, numbered, report, |stream_decoder, tell| match piece {
            Piece::Bytes(bytes) => stream_decoder.push(bytes, tell),
            Piece::Gap { size_bytes } => stream_decoder.gap(*size_bytes, tell),
        })
    }

    fn finish_stream(
        &mut self,
        sender: usize,
        numbered: &mut u64,
        report: &mut Report,
    ) -> Result<(), Failure> {
        self.streams[sender].is_finished = true;
        if self.streams[sender].stream_decoder.is_none() {
            return Ok(());
        }
        self.with_explainer(sender, numbered, report, |stream_decoder, tell| {
            stream_decoder.finish(tell)
        })
    }

    /// Has one end's stream_decoder do something, and passes on what it tells, with the place where
    /// that is.
    fn with_explainer(
        &mut self,
        sender: usize,
        numbered: &mut u64,
        report: &mut Report,
        act: impl FnOnce(&mut StreamDecoder, &mut Tell<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let client = *self.client.get_or_insert(sender);
        let from = if sender == client { Side::Client } else { Side::Server };
        let number = match self.verdict {
            Verdict::Ours(Some(number)) => number,
            _ => {
                *numbered += 1;
                self.verdict = Verdict::Ours(Some(*numbered));
                *numbered
            }
        };
        let place = Place {
            conversation: number,
            client: self.ends[client],
            server: self.ends[1 - client],
            packet: self.last.packet,
            time_ns: self.last.time_ns,
        };
        let stream_decoder = self.streams[sender]
            .stream_decoder
            .get_or_insert_with(|| StreamDecoder::new(from.direction()));
        let found = &mut self.found;
        act(stream_decoder, &mut |offset, content| {
            found.count(&content);
            report.item(&Item { place: Some(&place), from: Some(from), offset, content })
        })
    }

    fn finish(&mut self, numbered: &mut u64, report: &mut Report) -> Result<(), Failure> {
        for sender in 0..self.streams.len() {
            self.streams[sender].reassembly.finish();
            self.drain(sender, numbered, report)?;
            if !self.streams[sender].is_finished {
                self.finish_stream(sender, numbered, report)?;
            }
        }
        Ok(())
    }

    fn tell_what_it_came_to(&self, number: u64) {
        let client = self.client.unwrap_or_default();
        let (client, server) = (self.ends[client], self.ends[1 - client]);
        output::detail(format_args!(
            "conversation {number}, {client} to {server}: {}",
            self.found.summary()
        ));
    }

    fn is_over(&self) -> bool {
        self.streams.iter().all(|stream| stream.is_finished)
    }

    fn held_bytes(&self) -> usize {
        let held = |stream: &Stream| {
            stream.reassembly.held_bytes()
                + stream.undecided.len()
                + stream.stream_decoder.as_ref().map_or(0, StreamDecoder::held_bytes)
        };
        self.streams.iter().map(held).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::decode::report::Form;

    fn segment(
        client_port: u16,
        server_port: u16,
        sequence: u32,
        is_syn: bool,
        payload: &[u8],
    ) -> Segment<'_> {
        let end = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (source, destination) = (end(client_port), end(server_port));
        Segment {
            source,
            destination,
            sequence,
            is_syn,
            acknowledges: None,
            is_fin: false,
            payload,
        }
    }

    fn feed(
        conversations: &mut Conversations,
        report: &mut Report,
        packet: u64,
        segment: &Segment<'_>,
    ) {
        let outcome = conversations.segment(segment, Moment { packet, time_ns: None }, report);
        assert!(outcome.is_ok());
    }

    #[test]
    fn as_many_connections_as_the_bound_are_followed_and_then_the_most_silent_are_over() {
        let bounds = Bounds { conversations: 16, ..Bounds::default() };
        let (mut conversations, mut report) =
            (Conversations::new(None, bounds), Report::new(Form::Json));
        for client_port in 0..16 {
            feed(
                &mut conversations,
                &mut report,
                u64::from(client_port),
                &segment(client_port, 8080, 7, true, b""),
            );
        }
        assert_eq!((conversations.followed.len(), conversations.given_up), (16, 0));
        // The first one says something: now the second and third were silent for longest.
        feed(&mut conversations, &mut report, 20, &segment(0, 8080, 8, false, b"\x01"));
        feed(&mut conversations, &mut report, 21, &segment(16, 8080, 7, true, b""));
        assert_eq!((conversations.followed.len(), conversations.given_up), (15, 2));
        let ports: Vec<u16> = conversations
            .followed
            .values()
            .flat_map(|one| one.ends.map(|end| end.port()))
            .collect();
        assert!(
            ports.contains(&0) && !ports.contains(&1) && !ports.contains(&2) && ports.contains(&16),
            "{ports:?}"
        );
    }

    #[test]
    fn waiting_bytes_have_a_bound_over_all_connections() {
        let bounds = Bounds { held_bytes: 100_000, ..Bounds::default() };
        let (mut conversations, mut report) =
            (Conversations::new(None, bounds), Report::new(Form::Json));
        let chunk = [0x55; 1000];
        for client_port in 1000..1050 {
            feed(
                &mut conversations,
                &mut report,
                u64::from(client_port),
                &segment(client_port, 9, 7, true, b""),
            );
            // What would come before never does.
            for index in 0..50 {
                let late = segment(client_port, 9, 100 + 1000 * index, false, &chunk);
                feed(&mut conversations, &mut report, u64::from(client_port), &late);
                assert!(conversations.held_bytes <= 100_000, "{}", conversations.held_bytes);
            }
            let really: usize = conversations.followed.values().map(Conversation::held_bytes).sum();
            assert_eq!(conversations.held_bytes, really);
        }
        assert!(conversations.given_up > 0);
        assert!(conversations.finish(&mut report).is_ok());
        assert_eq!((conversations.held_bytes, conversations.followed.len()), (0, 0));
    }

    #[test]
    fn what_does_not_start_with_a_frame_is_let_go_at_once() {
        let (mut conversations, mut report) =
            (Conversations::new(None, Bounds::default()), Report::new(Form::Json));
        feed(&mut conversations, &mut report, 1, &segment(1, 80, 7, true, b""));
        feed(
            &mut conversations,
            &mut report,
            2,
            &segment(1, 80, 8, false, &b"GET / HTTP/1.1\r\n".repeat(500)),
        );
        assert_eq!(conversations.held_bytes, 0);
        assert!(conversations.finish(&mut report).is_ok());
        assert_eq!((conversations.others, report.tally.is_all_good()), (1, true));
    }
}
