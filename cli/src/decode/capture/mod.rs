//! A capture file (pcap or pcapng), packet by packet, into the conversations in it. Bounded memory,
//! whatever the file claims.

mod blocks;
mod clock;
mod conversation;
pub(crate) mod conversations;
mod evidence;
mod fragments;
mod link;
mod network;
mod opening;
mod passed_over;
mod piece;
mod reassembly;
pub(crate) mod summary;
mod unread;

use std::io::Read;
use std::net::IpAddr;

use pcap_parser::{PcapError, create_reader};

use self::blocks::Blocks;
use self::conversations::Conversations;
use self::fragments::{Datagram, Fragments};
use self::network::Found;
use self::unread::Unread;
use crate::decode::input::Readiness;
use crate::decode::report::{Moment, Report};
use crate::failure::Failure;

/// The buffer that packets are read in. Grows for a larger packet or block, up to the bound.
const BUFFER_BYTES: usize = 256 * 1024;
const MAX_BUFFER_BYTES: usize = 16 * 1024 * 1024;

/// What a capture came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) packets: u64,
    /// Those of TCP that carry no data.
    pub(crate) without_data: u64,
    /// Why reading stopped before the end of the file.
    pub(crate) damage: Option<String>,
}

/// Reads all of it, and tells each frame as it becomes whole.
pub(crate) fn explain(
    input: impl Read + Send,
    readiness: &Readiness,
    conversations: &mut Conversations,
    report: &mut Report,
) -> Result<Outcome, Failure> {
    let mut reader = create_reader(BUFFER_BYTES, input).map_err(|error| {
        Failure::Message(format!("this is no capture that can be read: {}", said(&error)))
    })?;
    let mut capacity = BUFFER_BYTES;
    let mut blocks = Blocks::default();
    let mut packets = Packets { fragments: Fragments::default(), conversations, report };
    let mut outcome = Outcome::default();
    loop {
        match reader.next() {
            Ok((size, block)) => {
                if let Some(packet) = blocks.packet(&block) {
                    outcome.packets += 1;
                    let time_ns = packet.as_ref().ok().and_then(|packet| packet.time_ns);
                    let moment = Moment { packet: outcome.packets, time_ns };
                    if let Some(time_ns) = time_ns {
                        packets.conversations.tick(time_ns, packets.report)?;
                    }
                    let found = packet
                        .as_ref()
                        .map_err(|reason| *reason)
                        .and_then(|it| network::read(it.link_type, it.bytes, it.wire_size));
                    let tunnel = packet.as_ref().ok().filter(|_| is_tunnel(&found));
                    let between = tunnel
                        .and_then(|it| network::addresses(it.link_type, it.bytes, it.wire_size));
                    packets.take(found, between, moment, &mut outcome)?;
                }
                drop(block);
                reader.consume(size);
                continue;
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => {
                if !readiness.is_ready() {
                    packets.conversations.idle(packets.report)?;
                }
            }
            Err(PcapError::BufferTooSmall) if capacity < MAX_BUFFER_BYTES => {
                capacity *= 2;
                reader.grow(capacity);
            }
            Err(error) => {
                outcome.damage =
                    Some(format!("after packet {}: {}", outcome.packets, said(&error)));
                break;
            }
        }
        if let Err(error) = reader.refill() {
            outcome.damage = Some(format!("after packet {}: {}", outcome.packets, said(&error)));
            break;
        }
    }
    packets.finish(&mut outcome)?;
    Ok(outcome)
}

/// What packets go through.
struct Packets<'p> {
    fragments: Fragments,
    conversations: &'p mut Conversations,
    report: &'p mut Report,
}

impl Packets<'_> {
    fn take(
        &mut self,
        found: Result<Found<'_>, Unread>,
        between: Option<[IpAddr; 2]>,
        moment: Moment,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        match found {
            Ok(Found::Segment(segment)) => {
                outcome.without_data += u64::from(segment.wire_payload_size == 0);
                self.conversations.segment(&segment, moment, self.report)
            }
            Ok(Found::Fragment(fragment)) => {
                let datagram = self.fragments.push(&fragment, moment);
                while let Some(given_up) = self.fragments.pop_given_up() {
                    self.datagram(&given_up, outcome)?;
                }
                datagram.map_or(Ok(()), |datagram| self.datagram(&datagram, outcome))
            }
            Err(reason) => {
                self.conversations.passed_over.packet(reason, between);
                Ok(())
            }
        }
    }

    /// A packet that came in fragments; what it carries may be a tunnel with fragments in it, and
    /// that as deep as tunnels are followed.
    fn datagram(&mut self, datagram: &Datagram, outcome: &mut Outcome) -> Result<(), Failure> {
        if !datagram.is_whole {
            self.conversations.passed_over.incomplete_datagrams += 1;
        }
        let payload = datagram.payload();
        let (one, other) = (payload.source, payload.destination);
        match network::of_payload(&payload) {
            // What lacks its first fragment has no header that could be read.
            Err(_) if !datagram.is_whole => Ok(()),
            found => {
                let ends = [one.min(other), one.max(other)];
                let between = Some(ends).filter(|_| is_tunnel(&found));
                self.take(found, between, datagram.moment, outcome)
            }
        }
    }

    fn finish(&mut self, outcome: &mut Outcome) -> Result<(), Failure> {
        // What is given up may hold fragments of another packet, as deep as tunnels are followed.
        loop {
            self.fragments.finish();
            let Some(given_up) = self.fragments.pop_given_up() else { break };
            self.datagram(&given_up, outcome)?;
        }
        self.conversations.passed_over.contradictory_datagrams = self.fragments.contradictory;
        self.conversations.finish(self.report)
    }
}

/// Whether it is a tunnel that is not read: of that the ends are named.
const fn is_tunnel(found: &Result<Found<'_>, Unread>) -> bool {
    matches!(found, Err(Unread::Tunnel(_)))
}

fn said<I>(error: &PcapError<I>) -> &'static str {
    match error {
        PcapError::Eof => "it is empty",
        PcapError::BufferTooSmall => "the next block is larger than 16 MiB, or claims to be",
        PcapError::UnexpectedEof | PcapError::Incomplete(_) => {
            "the file ends in the middle of a block"
        }
        PcapError::ReadError => "it cannot be read",
        PcapError::HeaderNotRecognized => "it starts like neither pcap nor pcapng",
        PcapError::NomError(..) | PcapError::OwnedNomError(..) => "the next block is damaged",
    }
}
