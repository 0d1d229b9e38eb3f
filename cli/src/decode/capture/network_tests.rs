//! Packets made by `etherparse`, whole and cut, bare and in tunnels.

use etherparse::PacketBuilder;

use super::link::{ETHERNET, RAW};
use super::tunnel::{IPV4_IN_IP, IPV6_IN_IP};
use super::*;

/// An IP packet with a segment in it.
fn ip(is_v6: bool, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    if is_v6 {
        let builder =
            PacketBuilder::ipv6([1; 16], [2; 16], 64).tcp(40_000, 8080, 7, 1000).ack(9).fin();
        builder.write(&mut packet, payload).unwrap();
    } else {
        let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .tcp(40_000, 8080, 7, 1000)
            .ack(9)
            .fin();
        builder.write(&mut packet, payload).unwrap();
    }
    packet
}

fn in_udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let builder = PacketBuilder::ipv4([1, 1, 1, 1], [2, 2, 2, 2], 64).udp(5000, port);
    builder.write(&mut packet, payload).unwrap();
    packet
}

fn in_ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let builder = PacketBuilder::ipv4([1, 1, 1, 1], [2, 2, 2, 2], 64);
    builder.write(&mut packet, protocol.into(), payload).unwrap();
    packet
}

fn ethernet(ip: &[u8]) -> Vec<u8> {
    let ether_type: [u8; 2] = if ip[0] >> 4 == 6 { [0x86, 0xDD] } else { [0x08, 0x00] };
    // Padded, as short frames are, with a checksum behind.
    [&[0; 12][..], &ether_type, ip, &[0xEE; 6]].concat()
}

fn read_whole(link_type: i32, packet: &[u8]) -> Result<Found<'_>, Unread> {
    read(link_type, packet, packet.len())
}

fn assert_hello(found: Result<Found<'_>, Unread>, what: &str) {
    let Ok(Found::Segment(segment)) = found else { panic!("{what}: {found:?}") };
    assert_eq!((segment.payload, segment.wire_payload_size), (&b"hello"[..], 5), "{what}");
    assert_eq!((segment.source.port(), segment.destination.port()), (40_000, 8080), "{what}");
    assert_eq!((segment.sequence, segment.acknowledges), (7, Some(9)), "{what}");
    assert_eq!((segment.is_syn, segment.is_fin, segment.is_reset), (false, true, false), "{what}");
}

#[test]
fn a_segment_is_found_bare_and_in_tunnels() {
    for is_v6 in [false, true] {
        let ip = ip(is_v6, b"hello");
        let ethernet = ethernet(&ip);
        let protocol = if is_v6 { IPV6_IN_IP } else { IPV4_IN_IP };
        let ether_type: [u8; 2] = if is_v6 { [0x86, 0xDD] } else { [0x08, 0x00] };
        let vxlan = [&[8, 0, 0, 0, 0, 0, 42, 0][..], &ethernet].concat();
        let gre = [&[0, 0][..], &ether_type, &ip].concat();
        let keyed = [&[0xB0, 0][..], &ether_type, &[1; 12], &ip].concat();
        let bridged = [&[0, 0, 0x65, 0x58][..], &ethernet].concat();
        let mirrored = [&[0x10, 0, 0x88, 0xBE][..], &[0; 12], &ethernet].concat();
        for (what, packet) in [
            ("bare", ip.clone()),
            ("IP in IP", in_ip(protocol, &ip)),
            ("VXLAN", in_udp(4789, &vxlan)),
            ("VXLAN on Linux", in_udp(8472, &vxlan)),
            ("GRE", in_ip(GRE, &gre)),
            ("GRE with all words", in_ip(GRE, &keyed)),
            ("Ethernet in GRE", in_ip(GRE, &bridged)),
            ("ERSPAN", in_ip(GRE, &mirrored)),
            (
                "GRE in VXLAN",
                in_udp(4789, &[&vxlan[..8], &self::ethernet(&in_ip(GRE, &gre))].concat()),
            ),
        ] {
            assert_hello(read_whole(RAW, &packet), what);
        }
        assert_hello(read_whole(ETHERNET, &ethernet), "Ethernet");
    }
}

/// As tshark 4.0 reads them.
#[test]
fn tags_labels_and_rarer_tunnels_are_passed() {
    for is_v6 in [false, true] {
        let ip = ip(is_v6, b"hello");
        let ethernet = ethernet(&ip);
        let ether_type: [u8; 2] = if is_v6 { [0x86, 0xDD] } else { [0x08, 0x00] };
        let labels = [&[0, 1, 0, 9, 0, 1, 1, 9][..], &ip].concat();
        let tagged = [&[0, 5][..], &ether_type, &ip].concat();
        let gre = |ether_type: [u8; 2], inner: &[u8]| {
            in_ip(GRE, &[&[0, 0][..], &ether_type, inner].concat())
        };
        let mirrored = |last: u8, more: usize| {
            let header = [&[0x10, 0, 0x22, 0xEB][..], &[0; 4], &[0x20; 11], &[last]].concat();
            in_ip(GRE, &[&header[..], &vec![7; more], &ethernet].concat())
        };
        let next = if is_v6 { 2 } else { 1 };
        let service = [&[0x0F, 0xC6, 1, next][..], &[0; 20], &ip].concat();
        let clear = [&[0x20, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 0, 1][..], &ether_type, &ip].concat();
        for (what, packet) in [
            ("MPLS in GRE", gre([0x88, 0x47], &labels)),
            ("VLAN in GRE", gre([0x81, 0], &tagged)),
            ("NSH in GRE", gre([0x89, 0x4F], &service)),
            ("MACsec in the clear in GRE", gre([0x88, 0xE5], &clear)),
            ("ERSPAN III", mirrored(0, 0)),
            ("ERSPAN III with a subheader", mirrored(1, 8)),
            ("MPLS in IP", in_ip(137, &labels)),
            ("MPLS in UDP", in_udp(6635, &labels)),
            ("EtherIP", in_ip(97, &[&[0x30, 0][..], &ethernet].concat())),
            ("Ethernet in IP", in_ip(143, &ethernet)),
            ("VXLAN-GPE", in_udp(4790, &[&[0x0C, 0, 0, next, 0, 0, 42, 0][..], &ip].concat())),
            (
                "Ethernet in VXLAN-GPE",
                in_udp(4790, &[&[0x0C, 0, 0, 3, 0, 0, 42, 0][..], &ethernet].concat()),
            ),
            (
                "NSH in VXLAN-GPE",
                in_udp(4790, &[&[0x0C, 0, 0, 4, 0, 0, 42, 0][..], &service].concat()),
            ),
            ("VXLAN with a policy", in_udp(4789, &[&[0x88; 8][..], &ethernet].concat())),
            (
                "Geneve with options",
                in_udp(6081, &[&[1, 0, 0x65, 0x58, 0, 0, 42, 0][..], &[9; 4], &ethernet].concat()),
            ),
            (
                "IP in Geneve",
                in_udp(6081, &[&[0, 0][..], &ether_type, &[0, 0, 42, 0], &ip].concat()),
            ),
            ("GRE in UDP", in_udp(4754, &[&[0, 0][..], &ether_type, &ip].concat())),
        ] {
            assert_hello(read_whole(RAW, &packet), what);
        }
    }
}

#[test]
fn headers_between_ipv6_and_tcp_are_passed() {
    let whole = ip(true, b"hello");
    let extensions = [&[FRAGMENT, 0, 1, 4, 0, 0, 0, 0][..], &[TCP, 0, 0, 0, 0, 0, 0, 9]].concat();
    let mut packet = [&whole[..40], &extensions, &whole[40..]].concat();
    packet[6] = HOP_BY_HOP;
    packet[5] += 16;
    assert_hello(read_whole(RAW, &packet), "a whole packet with a fragment header");
    packet[51] = 1; // more fragments follow
    let Ok(Found::Fragment(fragment)) = read_whole(RAW, &packet) else { panic!() };
    assert_eq!((fragment.offset, fragment.is_last), (0, false));
    let endless = [&whole[..40], &[HOP_BY_HOP, 0, 0, 0, 0, 0, 0, 0].repeat(100)].concat();
    let mut endless = endless;
    (endless[6], endless[4], endless[5]) = (HOP_BY_HOP, 3, 0x20);
    assert_eq!(read_whole(RAW, &endless), Err(Unread::Damaged));
}

#[test]
fn what_holds_no_segment_says_why() {
    assert_eq!(read_whole(RAW, &in_udp(53, b"x")), Err(Unread::Protocol(UDP)));
    assert_eq!(read_whole(RAW, &in_udp(2152, b"x")), Err(Unread::Tunnel("GTP-U")));
    assert_eq!(read_whole(RAW, &in_udp(6636, b"x")), Err(Unread::Tunnel("MPLS in DTLS")));
    assert_eq!(read_whole(RAW, &in_udp(6081, b"\x40\0\0\0")), Err(Unread::Tunnel("Geneve")));
    let trill = read_whole(RAW, &in_ip(GRE, b"\0\0\x22\xF3xxxx")).map(|_| ());
    assert_eq!(trill, Err(Unread::Tunnel("TRILL")));
    let pseudowire = in_udp(6635, b"\0\x01\x01\x09\0\0\0\0");
    assert!(matches!(read_whole(RAW, &pseudowire), Err(Unread::Tunnel(_))));
    assert_eq!(read_whole(RAW, &in_ip(50, b"x")), Err(Unread::Tunnel("ESP (IPsec)")));
    assert_eq!(read_whole(RAW, &in_ip(1, b"x")), Err(Unread::Protocol(1)));
    assert_eq!(read_whole(147, b"x"), Err(Unread::LinkType(147)));
    let mut fragment = ip(false, b"hello");
    fragment[6] = 0x20; // more fragments follow
    assert!(matches!(read_whole(RAW, &fragment), Ok(Found::Fragment(_))));
    let mut nested = ip(false, b"hello");
    for _ in 0..=MAX_TUNNELS {
        nested = in_ip(IPV4_IN_IP, &nested);
    }
    assert_eq!(read_whole(RAW, &nested), Err(Unread::TooDeep));
    let services = [&[0, 0, 0x89, 0x4F][..], &[0, 2, 1, 4, 0, 0, 0, 0].repeat(1000)].concat();
    assert_eq!(read_whole(RAW, &in_ip(GRE, &services)), Err(Unread::TooDeep));
}

#[test]
fn any_cut_of_a_packet_is_read_as_far_as_it_goes_and_its_size_is_known() {
    for is_v6 in [false, true] {
        let whole = ip(is_v6, b"hello");
        let headers = whole.len() - 5;
        for cut in 0..whole.len() {
            match read(RAW, &whole[..cut], whole.len()) {
                Ok(Found::Segment(segment)) => {
                    let captured = cut.saturating_sub(headers);
                    assert_eq!(segment.payload, &b"hello"[..captured], "{cut}");
                    assert_eq!(segment.wire_payload_size, 5, "{cut}");
                }
                other => assert!(cut < headers && other == Err(Unread::Damaged), "{cut} {other:?}"),
            }
        }
    }
}

/// Network cards cut what is sent into packets themselves; the capture sees a length of 0.
#[test]
fn a_length_of_zero_is_that_of_the_captured_packet() {
    for (is_v6, place) in [(false, 2), (true, 4)] {
        let mut packet = ip(is_v6, b"hello");
        packet[place..place + 2].fill(0);
        assert_hello(read_whole(RAW, &packet), "without a length");
    }
}
