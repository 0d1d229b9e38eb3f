//! Captures made segment by segment, and what `decode` tells of them.

use std::sync::atomic::{AtomicU16, Ordering};

use cafewire_core::MessagePayload;
use etherparse::{PacketBuilder, TcpHeader};
use serde_json::Value;

use crate::decode::{file, objects};
use crate::support::{Ended, run};

pub(crate) const ETHERNET: u32 = 1;
pub(crate) const RAW: u32 = 101;
pub(crate) const LINUX_SLL: u32 = 113;
pub(crate) const LINUX_SLL2: u32 = 276;
pub(crate) const LOOPBACK: u32 = 0;

/// One end of a connection that writes packets.
#[derive(Clone, Copy)]
pub(crate) struct Flow {
    pub(crate) is_v6: bool,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    /// The sequence number of the SYN.
    pub(crate) first: u32,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Flag {
    Syn,
    SynAck,
    Fin,
    Data,
}

pub(crate) const CLIENT: Flow =
    Flow { is_v6: false, source_port: 40_000, destination_port: 8080, first: 4_294_967_290 };
pub(crate) const SERVER: Flow =
    Flow { is_v6: false, source_port: 8080, destination_port: 40_000, first: 77 };

impl Flow {
    /// An IP packet with the bytes from `offset` of this flow.
    pub(crate) fn packet(&self, offset: u32, flag: Flag, payload: &[u8]) -> Vec<u8> {
        // All that is known for sure: the other end's stream began.
        let is_server = self.source_port < self.destination_port;
        let other = if is_server { CLIENT } else { SERVER };
        self.packet_acknowledging(other.first.wrapping_add(1), offset, flag, payload)
    }

    /// The same, with an acknowledgement of the other end's bytes before this sequence number.
    pub(crate) fn packet_acknowledging(
        &self,
        acknowledged: u32,
        offset: u32,
        flag: Flag,
        payload: &[u8],
    ) -> Vec<u8> {
        let opening = matches!(flag, Flag::Syn | Flag::SynAck);
        let mut tcp = TcpHeader::new(self.source_port, self.destination_port, 0, 65_535);
        tcp.acknowledgment_number = acknowledged;
        tcp.sequence_number = self.first.wrapping_add(u32::from(!opening)).wrapping_add(offset);
        (tcp.syn, tcp.ack, tcp.fin) = (opening, flag != Flag::Syn, flag == Flag::Fin);
        let (low, high) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let (source, destination) =
            if self.source_port > self.destination_port { (low, high) } else { (high, low) };
        let mut packet = Vec::new();
        if self.is_v6 {
            let address = |last| [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
            let builder = PacketBuilder::ipv6(address(source[3]), address(destination[3]), 64)
                .tcp_header(tcp);
            builder.write(&mut packet, payload).expect("a packet");
        } else {
            let builder = PacketBuilder::ipv4(source, destination, 64).tcp_header(tcp);
            builder.write(&mut packet, payload).expect("a packet");
        }
        packet
    }

    /// A whole stream, cut into pieces of this size.
    pub(crate) fn stream(&self, bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let opening = if self.source_port == 8080 { Flag::SynAck } else { Flag::Syn };
        let mut packets = vec![self.packet(0, opening, b"")];
        for (index, piece_bytes) in bytes.chunks(piece).enumerate() {
            packets.push(self.packet(
                u32::try_from(index * piece).expect("short"),
                Flag::Data,
                piece_bytes,
            ));
        }
        packets.push(self.packet(u32::try_from(bytes.len()).expect("short"), Flag::Fin, b""));
        packets
    }
}

pub(crate) fn link(link_type: u32, packet: &[u8]) -> Vec<u8> {
    let ether_type: [u8; 2] = if packet[0] >> 4 == 6 { [0x86, 0xDD] } else { [0x08, 0x00] };
    match link_type {
        ETHERNET => [&[2; 12][..], &ether_type, packet].concat(),
        LINUX_SLL => [&[0; 14][..], &ether_type, packet].concat(),
        LINUX_SLL2 => [&ether_type[..], &[0; 18], packet].concat(),
        LOOPBACK => [&[2, 0, 0, 0][..], packet].concat(),
        _ => packet.to_vec(),
    }
}

/// A pcap file; each packet a second after the one before.
pub(crate) fn pcap(link_type: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    pcap_every(1_000_000, link_type, packets)
}

/// The same, each packet a millisecond after the one before: close enough to be out of order.
pub(crate) fn pcap_of_a_burst(link_type: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    pcap_every(1000, link_type, packets)
}

fn pcap_every(step_us: u32, link_type: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes =
        [0xA1B2_C3D4_u32, 0x0002_0004, 0, 0, 65_535, link_type].map(u32::to_le_bytes).concat();
    bytes[4..8].copy_from_slice(&[2, 0, 4, 0]);
    let mut time_us = 250_000;
    for packet in packets {
        let packet = link(link_type, packet);
        let size = u32::try_from(packet.len()).expect("short");
        let second = 1_700_000_000 + time_us / 1_000_000;
        let header = [second, time_us % 1_000_000, size, size];
        bytes.extend(header.map(u32::to_le_bytes).concat());
        bytes.extend(packet);
        time_us += step_us;
    }
    bytes
}

/// The same as pcapng: a section, an interface with nanoseconds, and packets.
pub(crate) fn pcapng(link_type: u16, packets: &[Vec<u8>]) -> Vec<u8> {
    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let size = u32::try_from(12 + body.len() + padding.len()).expect("short").to_le_bytes();
        [&kind.to_le_bytes()[..], &size, body, &padding, &size].concat()
    }
    let section = [&0x1A2B_3C4D_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xFF; 8]].concat();
    let resolution = [&9_u16.to_le_bytes()[..], &[1, 0], &[9, 0, 0, 0], &[0; 4]].concat();
    let interface = [&link_type.to_le_bytes()[..], &[0, 0], &[0; 4], &resolution].concat();
    let mut bytes = [block(0x0A0D_0D0A, &section), block(1, &interface)].concat();
    for (second, packet) in (1_700_000_000_u64..).zip(packets) {
        let packet = link(u32::from(link_type), packet);
        let time_ns = second * 1_000_000_000 + 250_000_000;
        let halves =
            [(time_ns >> 32) as u32, (time_ns & 0xFFFF_FFFF) as u32].map(u32::to_le_bytes).concat();
        let size = u32::try_from(packet.len()).expect("short").to_le_bytes();
        bytes.extend(block(6, &[&[0; 4][..], &halves, &size, &size, &packet].concat()));
    }
    bytes
}

pub(crate) fn chat(message: MessagePayload<'_>) -> Vec<u8> {
    message.encode_into(&mut [0; 700]).expect("a good message").to_vec()
}

/// The frames of a client, and a server's answers.
pub(crate) fn chat_frames() -> ([Vec<u8>; 4], [Vec<u8>; 3]) {
    let said = [
        chat(MessagePayload::Connect { username: "ada" }),
        chat(MessagePayload::JoinRoom { room: "tea" }),
        chat(MessagePayload::SendMessage { room: "tea", content: "hello, tea" }),
        chat(MessagePayload::Disconnect),
    ];
    let answered = [
        chat(MessagePayload::ConnectAck { user_id: 7, server_info: "cafewire" }),
        chat(MessagePayload::UserJoined { user_id: 7, username: "ada", room: "tea" }),
        chat(MessagePayload::MessageBroadcast {
            user_id: 7,
            timestamp: 1,
            username: "ada",
            room: "tea",
            content: "hello, tea",
        }),
    ];
    (said, answered)
}

/// The bytes of both.
pub(crate) fn conversation() -> (Vec<u8>, Vec<u8>) {
    let (said, answered) = chat_frames();
    (said.concat(), answered.concat())
}

pub(crate) const SAID: [&str; 4] = ["Connect", "JoinRoom", "SendMessage", "Disconnect"];
pub(crate) const ANSWERED: [&str; 3] = ["ConnectAck", "UserJoined", "MessageBroadcast"];

pub(crate) fn decode(name: &str, capture: &[u8], more_args: &[&str]) -> Ended {
    let path = file(name, capture);
    run(&[&["decode", "--json", path.to_str().expect("a path")], more_args].concat(), "")
}

/// What was told of, without the summary at the end.
pub(crate) fn items(ended: &Ended) -> Vec<Value> {
    let mut objects = objects(ended);
    let summary = objects.pop();
    assert!(summary.is_none_or(|last| last["kind"] == "summary"), "{ended:?}");
    objects
}

pub(crate) fn types<'o>(objects: &'o [Value], from: &str) -> Vec<&'o str> {
    objects
        .iter()
        .filter(|object| object["from"] == from)
        .filter_map(|object| object["type"].as_str())
        .collect()
}

/// The packet in fragments that carry so many bytes each.
pub(crate) fn fragments(packet: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let is_v6 = packet[0] >> 4 == 6;
    let (header, payload) = packet.split_at(if is_v6 { 40 } else { 20 });
    // One of its own for each packet.
    static IDS: AtomicU16 = AtomicU16::new(1);
    let [high, low] = IDS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let count = payload.len().div_ceil(piece);
    let cut = payload.chunks(piece).enumerate().map(|(index, bytes)| {
        let mut header = header.to_vec();
        let place = u16::try_from(index * piece).expect("short");
        let is_last = index + 1 == count;
        if is_v6 {
            let place = (place | u16::from(!is_last)).to_be_bytes();
            let next = std::mem::replace(&mut header[6], 44);
            let size = u16::try_from(8 + bytes.len()).expect("short").to_be_bytes();
            header[4..6].copy_from_slice(&size);
            header.extend([next, 0, place[0], place[1], 0, 0, high, low]);
        } else {
            let place = ((place / 8) | (u16::from(!is_last) << 13)).to_be_bytes();
            let size = u16::try_from(20 + bytes.len()).expect("short").to_be_bytes();
            header[2..4].copy_from_slice(&size);
            header[4..8].copy_from_slice(&[high, low, place[0], place[1]]);
        }
        [&header[..], bytes].concat()
    });
    cut.collect()
}

/// What is captured of a packet of IPv4 if its headers are all that is.
pub(crate) fn without_payload(packet: &[u8]) -> Vec<u8> {
    packet[..40].to_vec()
}
