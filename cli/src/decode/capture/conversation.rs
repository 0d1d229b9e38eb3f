//! One TCP connection of a capture: whether it speaks the protocol, which end is the client, and
//! what each end said, in the order of the packets. Whether bytes are the protocol's is the core's
//! business.

mod carried;
mod patience;
pub(crate) mod stray;
mod telling;
mod verdict;

use std::net::SocketAddr;

use self::carried::Carried;
use self::patience::Since;
use self::stray::Stray;
use super::network::Segment;
use super::opening::Look;
use super::passed_over::Why;
use super::piece::{Head, Part, Piece, Rank};
use super::reassembly::Reassembly;
use crate::decode::report::{Moment, Report, Tally};
use crate::decode::stream_decoder::StreamDecoder;
use crate::failure::Failure;

/// RFC 6335, 6: those below are system ports, which a client has only if it asks for one.
const SYSTEM_PORTS_END: u16 = 1024;

/// What the connections of a capture have in common.
pub(crate) struct Shared<'s> {
    pub(crate) ports: &'s dyn Fn(u16) -> PortKind,
    /// Whether more may be held of connections that wait for their port to become known.
    pub(crate) may_park: bool,
    /// How much time passed in the capture.
    pub(crate) passed_ns: u64,
    /// How many conversations were told of.
    pub(crate) numbered: &'s mut u64,
    pub(crate) report: &'s mut Report,
}

/// What a port says of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PortKind {
    Any,
    /// The usual one, or that of a server that was seen to speak the protocol.
    Likely,
    /// It was asked for, whatever it holds.
    Asked,
}

#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) verdict: Verdict,
    /// The address that sorts first, and the other.
    ends: [SocketAddr; 2],
    /// Which of them is the client, once something told.
    client: Option<usize>,
    /// Whether that is more than a guess.
    is_client_known: bool,
    /// Whose bytes came first.
    first_to_speak: Option<usize>,
    streams: [Stream; 2],
    /// How many there were.
    segments: u64,
    pub(crate) last: Moment,
    /// How much time had passed in the capture when it was last looked at.
    passed_ns: u64,
    /// When it is to be looked at again, whether or not it says more.
    pub(crate) scheduled_ns: Option<u64>,
    reset: Option<Moment>,
    reset_since: Option<Since>,
    /// Of each end the last segment that was far from all others.
    strays: [Option<Stray>; 2],
    /// Whether the capture holds data of it, and whether it cut any.
    has_data: bool,
    is_cut: bool,
    pub(crate) found: Tally,
}

#[derive(Debug)]
struct Stream {
    reassembly: Reassembly,
    /// Since when there is a hole, and since when it is known to stay.
    hole_since: Option<Since>,
    proven_since: Option<Since>,
    look: Look,
    /// What came before it was known whether this is the protocol.
    undecided: Vec<Piece>,
    undecided_bytes: usize,
    /// Made when it is known who the client is.
    stream_decoder: Option<StreamDecoder>,
    /// So many bytes in front were put there by a proxy, of which these came.
    proxy_rest: usize,
    proxy: Vec<u8>,
    /// The packets of what is not told yet.
    carried: Carried,
    /// The packet of what was told last.
    told: Moment,
    /// Nothing more follows, since this packet.
    ended: Option<Moment>,
    is_finished: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Undecided,
    /// It speaks the protocol, and this is its number once it was told of.
    Ours(Option<u64>),
    /// It does not, or is not to be looked at.
    Other(Why),
}

impl Stream {
    const fn new() -> Self {
        Self {
            reassembly: Reassembly::new(),
            hole_since: None,
            proven_since: None,
            look: Look::new(),
            undecided: Vec::new(),
            undecided_bytes: 0,
            stream_decoder: None,
            proxy_rest: 0,
            proxy: Vec::new(),
            carried: Carried::new(),
            told: Moment { packet: 0, time_ns: None },
            ended: None,
            is_finished: false,
        }
    }

    fn held_bytes(&self) -> usize {
        self.reassembly.held_bytes()
            + self.look.held_bytes()
            + self.undecided_bytes
            + self.stream_decoder.as_ref().map_or(0, StreamDecoder::held_bytes)
            + self.carried.held_bytes()
    }
}

impl Conversation {
    pub(crate) fn new(ends: [SocketAddr; 2], moment: Moment) -> Self {
        Self {
            verdict: Verdict::Undecided,
            ends,
            client: None,
            is_client_known: false,
            first_to_speak: None,
            streams: [Stream::new(), Stream::new()],
            segments: 0,
            last: moment,
            passed_ns: 0,
            scheduled_ns: None,
            reset: None,
            reset_since: None,
            strays: [None, None],
            has_data: false,
            is_cut: false,
            found: Tally::default(),
        }
    }

    /// Whether this SYN opens another connection between the same two ends.
    pub(crate) fn is_reopened_by(&mut self, sender: usize, syn_sequence: u32) -> bool {
        self.streams[sender].reassembly.is_reopened_by(syn_sequence)
    }

    /// Takes a segment and tells what it completes.
    pub(crate) fn segment(
        &mut self,
        segment: &Segment<'_>,
        moment: Moment,
        shared: &mut Shared<'_>,
    ) -> Result<(), Failure> {
        self.last = moment;
        let sender = usize::from(segment.source != self.ends[0]);
        self.note_client(segment, sender, shared);
        if matches!(self.verdict, Verdict::Other(_)) {
            return Ok(());
        }
        self.segments += 1;
        self.passed_ns = shared.passed_ns;
        self.has_data |= !segment.payload.is_empty();
        self.is_cut |= segment.payload.len() < segment.wire_payload_size;
        // First what the segment proves, for it proves it of what came before.
        if let Some(sequence) = segment.acknowledges {
            let of_other = &mut self.streams[1 - sender].reassembly;
            of_other.acknowledge(sequence, segment.is_syn, moment);
        }
        if segment.is_reset {
            // RFC 1122, 4.2.2.12: what a reset carries is a remark, and no part of the stream.
            self.reset.get_or_insert(moment);
            self.reset_since.get_or_insert(self.now());
            self.streams[sender].reassembly.reset(segment.sequence, moment);
        } else {
            let part = Part {
                sequence: segment.sequence,
                is_syn: segment.is_syn,
                is_fin: segment.is_fin,
                payload: segment.payload,
                wire_size: segment.wire_payload_size,
            };
            self.streams[sender].reassembly.push(&part, moment);
        }
        self.tell_in_order(false, shared)
    }

    /// No packets will come for now: what is proven is told, and nothing waits for its order.
    pub(crate) fn idle(&mut self, shared: &mut Shared<'_>) -> Result<(), Failure> {
        for stream in &mut self.streams {
            stream.reassembly.start_at_the_earliest();
            if self.reset.is_some() {
                stream.reassembly.finish(false);
            }
        }
        self.tell_in_order(true, shared)
    }

    /// The capture ends here, or the connection did without being seen to.
    pub(crate) fn finish(&mut self, shared: &mut Shared<'_>) -> Result<(), Failure> {
        let is_closed = |stream: &Stream| stream.reassembly.has_fin();
        let is_open = self.reset.is_none() && !self.streams.iter().any(is_closed);
        for stream in &mut self.streams {
            stream.reassembly.finish(is_open);
        }
        self.tell_in_order(true, shared)?;
        if self.verdict == Verdict::Undecided {
            self.decide_at_the_end(shared)?;
        }
        for sender in 0..self.streams.len() {
            let moment = self.reset.unwrap_or(self.streams[sender].told);
            self.finish_stream(sender, moment, self.reset.is_some(), shared)?;
        }
        Ok(())
    }

    /// Whether nothing more can come of it.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.verdict, Verdict::Other(_))
            || self.streams[0].is_finished && self.streams[1].is_finished
    }

    pub(crate) fn held_bytes(&self) -> usize {
        let strays = self.strays.iter().flatten().map(Stray::held_bytes);
        self.streams.iter().map(Stream::held_bytes).chain(strays).sum()
    }

    /// Whether anything was said.
    pub(crate) fn has_spoken(&self) -> bool {
        self.streams.iter().any(|stream| stream.held_bytes() > 0)
    }

    /// How many segments came after a gap had been told in their place.
    pub(crate) fn late_segments(&self) -> u64 {
        self.streams.iter().map(|stream| stream.reassembly.late).sum()
    }

    /// The client and the server, as far as that is known.
    pub(crate) fn client_and_server(&self) -> [SocketAddr; 2] {
        let client = self.client.or(self.first_to_speak).unwrap_or_default();
        [self.ends[client], self.ends[1 - client]]
    }

    /// The server's port, if this conversation shows that the protocol is spoken there.
    pub(crate) fn proven_server_port(&self) -> Option<u16> {
        let client = self.client.filter(|_| self.is_client_known && self.found.frames > 0)?;
        Some(self.ends[1 - client].port())
    }

    pub(crate) fn has_port(&self, port: u16) -> bool {
        self.ends.iter().any(|end| end.port() == port)
    }

    /// What the server's port says; where it is not known which end that is, either end's.
    fn port_kind(&self, shared: &Shared<'_>) -> PortKind {
        let kinds = self.ends.map(|end| (shared.ports)(end.port()));
        let best = kinds[0].max(kinds[1]);
        match self.known_server() {
            Some(server) if best < PortKind::Asked => kinds[server],
            _ => best,
        }
    }

    /// The server, by who opened the connection, or by a port that systems leave to servers.
    fn known_server(&self) -> Option<usize> {
        if self.is_client_known {
            return self.client.map(|client| 1 - client);
        }
        match self.ends.map(|end| end.port() < SYSTEM_PORTS_END) {
            [true, false] => Some(0),
            [false, true] => Some(1),
            _ => None,
        }
    }

    // ---- Order ----------------------------------------------------------------------------------

    /// Tells what is known of both streams, in the order of the packets. `is_settled`: whatever
    /// might still come late is not waited for.
    fn tell_in_order(&mut self, is_settled: bool, shared: &mut Shared<'_>) -> Result<(), Failure> {
        loop {
            let heads = [self.head(0), self.head(1)];
            if let Some(sender) = (0..2).find(|&end| self.is_ripe(end, heads[end], is_settled))
                && let Some(piece) = self.streams[sender].reassembly.pop(true)
            {
                self.accept(sender, piece, shared)?;
                continue;
            }
            let Some((sender, rank)) = self.first_of(heads) else { break };
            if !is_settled && self.is_early(1 - sender, heads[1 - sender], rank) {
                break;
            }
            match heads[sender] {
                Head::End { moment, .. } => self.finish_stream(sender, moment, true, shared)?,
                _ => match self.streams[sender].reassembly.pop(false) {
                    Some(piece) => self.accept(sender, piece, shared)?,
                    None => break,
                },
            }
        }
        if let Some(moment) = self.reset
            && (0..2).all(|end| matches!(self.head(end), Head::Nothing | Head::End { .. }))
            && !self.streams.iter().any(|stream| stream.reassembly.lacks_its_end())
        {
            for sender in 0..2 {
                self.finish_stream(sender, moment, true, shared)?;
            }
        }
        Ok(())
    }

    /// What comes next in a stream, and since when it lacks.
    fn head(&mut self, end: usize) -> Head {
        let stream = &mut self.streams[end];
        let head = match stream.reassembly.head() {
            Head::End { .. } if stream.is_finished || stream.ended.is_some() => Head::Nothing,
            head => head,
        };
        let (is_hole, is_proven) = match head {
            Head::Hole { is_proven, .. } => (true, is_proven),
            _ => (false, false),
        };
        let now = Since::at(self.segments, self.passed_ns);
        stream.hole_since = is_hole.then(|| stream.hole_since.unwrap_or(now));
        stream.proven_since = is_proven.then(|| stream.proven_since.unwrap_or(now));
        head
    }

    /// Whether a hole is one for good.
    fn is_ripe(&self, end: usize, head: Head, is_settled: bool) -> bool {
        let since = self.streams[end].proven_since;
        matches!(head, Head::Hole { is_proven: true, .. })
            && (is_settled || since.is_some_and(|since| self.is_long_ago(since)))
    }

    /// The stream whose next piece comes first.
    fn first_of(&self, heads: [Head; 2]) -> Option<(usize, Rank)> {
        let ranks = [0, 1].map(|end| match heads[end] {
            Head::Piece(rank) | Head::End { rank, .. } => Some((rank, end)),
            Head::Hole { .. } | Head::Nothing => None,
        });
        ranks.into_iter().flatten().min().map(|(rank, end)| (end, rank))
    }

    /// Whether a piece that stands there would be told before what a hole in the other stream holds
    /// up, and that is not to be told for long.
    fn is_early(&self, other: usize, head: Head, rank: Rank) -> bool {
        // Once it is proven it is told, after as long again: in front of this piece.
        let Stream { hole_since, proven_since, .. } = self.streams[other];
        let since = proven_since.or(hole_since);
        matches!(head, Head::Hole { behind, .. } if behind <= rank)
            && since.is_some_and(|since| !self.is_long_ago(since))
    }
}
