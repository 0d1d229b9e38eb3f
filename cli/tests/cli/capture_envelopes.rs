//! `decode` on what packets may be wrapped in: fragments, tunnels, blocks of files, what proxies
//! put in front; and what it says of that which it does not read.

use std::path::PathBuf;

use etherparse::PacketBuilder;
use serde_json::Value;

use crate::decode::{file, objects};
use crate::packets::{
    ANSWERED, CLIENT, Flag, Flow, RAW, SAID, SERVER, conversation, decode, fragments, items, pcap,
    types,
};
use crate::support::{Ended, run};

/// All frames of the conversation, and not a word beside.
fn assert_all_told(ended: &Ended, what: &str) {
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{what}: {ended:?}");
    let told = items(ended);
    assert_eq!(types(&told, "client"), SAID, "{what}");
    assert_eq!(types(&told, "server"), ANSWERED, "{what}");
    assert_eq!(told.len(), SAID.len() + ANSWERED.len(), "{what}");
}

fn packets(is_v6: bool, piece: usize) -> Vec<Vec<u8>> {
    let (said, answered) = conversation();
    let flow = |flow: Flow| Flow { is_v6, ..flow };
    [flow(CLIENT).stream(&said, piece), flow(SERVER).stream(&answered, 1000)].concat()
}

fn summary(ended: &Ended) -> Value {
    objects(ended).pop().expect("a summary")
}

// ---- Fragments ----------------------------------------------------------------------------------

#[test]
fn fragments_are_put_together_in_any_order() {
    for is_v6 in [false, true] {
        for is_reversed in [false, true] {
            let cut: Vec<Vec<u8>> = packets(is_v6, 100)
                .iter()
                .flat_map(|packet| {
                    let mut pieces = fragments(packet, 24);
                    if is_reversed {
                        pieces.reverse();
                    }
                    pieces
                })
                .collect();
            assert!(cut.len() > 10, "{}", cut.len());
            let ended = decode("fragments.pcap", &pcap(RAW, &cut), &[]);
            assert_all_told(&ended, &format!("v6 {is_v6}, reversed {is_reversed}"));
        }
    }
}

#[test]
fn what_a_missing_fragment_carried_is_a_gap_and_it_is_said() {
    for is_v6 in [false, true] {
        let whole = packets(is_v6, 100);
        // The first packet with data, and its pieces.
        let pieces = fragments(&whole[1], 24);
        assert_eq!(pieces.len(), 4, "{}", whole[1].len());
        for lost in 0..pieces.len() {
            let mut rest = pieces.clone();
            rest.remove(lost);
            let cut = [&whole[..1], &rest[..], &whole[2..]].concat();
            let ended = decode("lost-fragment.pcap", &pcap(RAW, &cut), &[]);
            let what = format!("v6 {is_v6}, fragment {lost}: {ended:?}");
            let sizes = |kind: &str| -> u64 {
                let told = items(&ended);
                let of_kind = told.iter().filter(|it| it["kind"] == kind);
                of_kind.filter_map(|it| it["size"].as_u64()).sum()
            };
            assert_eq!((ended.code, sizes("bad")), (Some(1), 0), "{what}");
            let (said, _) = conversation();
            let told: u64 = ["gap", "part"].iter().map(|kind| sizes(kind)).sum();
            let of_client: u64 = items(&ended)
                .iter()
                .filter(|it| it["from"] == "client" && it["kind"] == "frame")
                .filter_map(|it| it["size"].as_u64())
                .sum();
            assert!(sizes("gap") > 0, "{what}");
            assert_eq!(told + of_client, said.len() as u64, "{what}");
            assert_eq!(types(&items(&ended), "server"), ANSWERED, "{what}");
            let says = "1 IP packet lacks fragments: what it carried is missing";
            assert_eq!(ended.stderr, says, "{what}");
            let passed_over = &summary(&ended)["passed_over"][0];
            assert_eq!(
                (&passed_over["what"], &passed_over["packets"]),
                (&"fragments".into(), &1.into()),
                "{what}"
            );
        }
    }
}

#[test]
fn fragments_that_overlap_with_other_bytes_are_said() {
    for (is_v6, is_whole) in [(false, true), (true, false)] {
        let whole = packets(is_v6, 100);
        let mut pieces = fragments(&whole[1], 24);
        let mut other = pieces[1].clone();
        let last = other.len() - 1;
        other[last] ^= 1;
        pieces.insert(2, other);
        let all = [&whole[..1], &pieces[..], &whole[2..]].concat();
        let ended = decode("overlap.pcap", &pcap(RAW, &all), &[]);
        let says = "fragments of 1 IP packet overlapped with other bytes: of IPv4 what came first \
                    counts, and IPv6 is dropped";
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(i32::from(!is_whole)), says));
        assert_eq!(summary(&ended)["passed_over"][0]["what"], "fragments");
        let gaps = if is_whole { 0 } else { 1 };
        assert_eq!(items(&ended).iter().filter(|it| it["kind"] == "gap").count(), gaps);
    }
}

// ---- Tunnels ------------------------------------------------------------------------------------

fn in_ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .write(&mut packet, protocol.into(), payload)
        .expect("a packet");
    packet
}

#[test]
fn ip_in_ip_is_read_also_where_either_came_in_fragments() {
    for (is_v6, protocol) in [(false, 4), (true, 41)] {
        let inner = packets(is_v6, 100);
        let plain: Vec<Vec<u8>> = inner.iter().map(|packet| in_ip(protocol, packet)).collect();
        let outer_cut: Vec<_> = plain.iter().flat_map(|packet| fragments(packet, 32)).collect();
        let inner_cut: Vec<_> = inner
            .iter()
            .flat_map(|packet| fragments(packet, 32))
            .map(|piece| in_ip(protocol, &piece))
            .collect();
        for (what, packets) in [("whole", plain), ("outer", outer_cut), ("inner", inner_cut)] {
            let ended = decode("ip-in-ip.pcap", &pcap(RAW, &packets), &[]);
            assert_all_told(&ended, &format!("{what}, protocol {protocol}"));
        }
    }
}

#[test]
fn a_fragment_in_a_tunnel_that_lacks_fragments_is_not_forgotten() {
    let whole = packets(false, 100);
    // Of the first packet with data the first fragment alone, and of its tunnel that one's first.
    let inner = fragments(&whole[1], 40).remove(0);
    let outer = fragments(&in_ip(4, &inner), 48).remove(0);
    let packets = [&whole[..1], &[outer], &whole[2..]].concat();
    let ended = decode("lost-in-lost.pcap", &pcap(RAW, &packets), &[]);
    let says = "2 IP packets lack fragments: what they carried is missing";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), says));
    let told = items(&ended);
    assert!(told.iter().any(|it| it["type"] == "Connect" || it["kind"] == "part"), "{told:?}");
}

/// A capture of a tunnel that is not read, for others.
pub(crate) fn of_a_tunnel() -> PathBuf {
    let packets: Vec<Vec<u8>> = packets(false, 100).iter().map(|it| in_ip(50, it)).collect();
    file("of-a-tunnel.pcap", &pcap(RAW, &packets))
}

#[test]
fn a_tunnel_that_is_not_read_is_named_and_then_nothing_was_read() {
    let packets: Vec<Vec<u8>> = packets(false, 100).iter().map(|it| in_ip(50, it)).collect();
    let path = file("esp.pcap", &pcap(RAW, &packets));
    let path = path.to_str().expect("a path");
    let says = format!(
        "{} packets in a tunnel, ESP (IPsec), which is not read here, were passed over",
        packets.len()
    );
    for more in [&[][..], &["--brief"], &["--json"]] {
        let ended = run(&[&["decode", path], more].concat(), "");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(&says), "{ended:?}");
    }
    let summary = summary(&run(&["decode", "--json", path], ""));
    assert_eq!(summary["passed_over"][0]["what"], "tunnel");
    assert_eq!(summary["passed_over"][0]["reason"], "ESP (IPsec)");
}

/// The sentence has the tunnel's ends, and what is read beside it counts alone.
#[test]
fn tunnels_over_udp_that_are_not_read_are_named_with_their_ends() {
    for (port, name) in [(2152, "GTP-U"), (1701, "L2TP"), (3544, "Teredo")] {
        let tunnelled = |payload: &Vec<u8>| {
            let mut packet = Vec::new();
            let builder = PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).udp(port, port);
            builder.write(&mut packet, payload).expect("a packet");
            packet
        };
        let alone: Vec<Vec<u8>> = packets(false, 100).iter().map(tunnelled).collect();
        let says = format!(
            "{} packets in a tunnel, {name}, which is not read here, were passed over: between \
             192.0.2.1 and 192.0.2.2",
            alone.len()
        );
        let ended = decode("over-udp.pcap", &pcap(RAW, &alone), &[]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), says.as_str()));
        let between = &summary(&ended)["passed_over"][0]["between"];
        assert_eq!(*between, serde_json::json!([["192.0.2.1", "192.0.2.2"]]));
        // In fragments too.
        let cut: Vec<Vec<u8>> = alone.iter().flat_map(|it| fragments(it, 32)).collect();
        let ended = decode("over-udp.pcap", &pcap(RAW, &cut), &[]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), says.as_str()));
        let beside = [alone, packets(false, 100)].concat();
        let ended = decode("over-udp.pcap", &pcap(RAW, &beside), &[]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), says.as_str()));
    }
}

/// Ethernet frames of this type.
fn in_type(ether_type: [u8; 2], header: &[u8], packets: &[Vec<u8>]) -> Vec<u8> {
    let wrap = |it: &Vec<u8>| [&[2; 12][..], &ether_type, header, it].concat();
    pcap_of_frames(&packets.iter().map(wrap).collect::<Vec<_>>())
}

/// A capture of Ethernet frames as they are.
fn pcap_of_frames(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut capture = pcap(RAW, frames);
    capture[20] = 1;
    capture
}

#[test]
fn labels_and_tags_in_gre_are_read_and_what_macsec_hides_is_named() {
    let packets = packets(false, 100);
    for (what, header) in [
        ("MPLS", &[0, 0, 0x88, 0x47, 0, 1, 0, 9, 0, 1, 1, 9][..]),
        ("VLAN", &[0, 0, 0x81, 0, 0, 5, 8, 0]),
    ] {
        let wrapped: Vec<Vec<u8>> =
            packets.iter().map(|it| in_ip(47, &[header, it].concat())).collect();
        assert_all_told(&decode("in-gre.pcap", &pcap(RAW, &wrapped), &[]), what);
    }
    for (ether_type, header, name) in [
        ([0x88, 0xE5], &[0x0C, 0, 0, 0, 0, 1][..], "MACsec"),
        ([0x22, 0xF3], &[0; 6], "TRILL"),
        ([0x88, 0x47], &[0, 1, 1, 9, 0, 0, 0, 0], "MPLS with something else than IP in it"),
    ] {
        let ended = decode("named.pcap", &in_type(ether_type, header, &packets), &[]);
        let says = format!(
            "{} packets in a tunnel, {name}, which is not read here, were passed over",
            packets.len()
        );
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), says.as_str()), "{name}");
        let passed_over = &summary(&ended)["passed_over"][0];
        assert_eq!(
            (&passed_over["what"], &passed_over["reason"]),
            (&"tunnel".into(), &name.into())
        );
    }
}

// ---- Connections that are not ours --------------------------------------------------------------

const SPEAKS_HTTP: &str = "1 TCP connection speaks HTTP and was left out";

#[test]
fn what_a_connection_speaks_is_said_with_its_addresses_whatever_its_port() {
    let hello = [&b"\x16\x03\x01\x00\x20\x01\x00\x00\x1C\x03\x03"[..], &[7; 26]].concat();
    for (port, bytes, reason, says) in [
        (8080, &hello[..], "TLS", "1 TCP connection speaks TLS and was left out"),
        (443, &hello, "TLS", "1 TCP connection speaks TLS and was left out"),
        (8080, b"SSH-2.0-OpenSSH_9.2\r\n", "SSH", "1 TCP connection speaks SSH and was left out"),
        (8080, b"PROPFIND /a HTTP/1.1\r\n\r\n", "HTTP", SPEAKS_HTTP),
        (8080, b"SUBSCRIBE /event HTTP/1.1\r\n\r\n", "HTTP", SPEAKS_HTTP),
        (
            9999,
            b"neither this nor that",
            "starts with no good frame",
            "1 TCP connection does not start with a good frame and was not looked at; --port PORT \
             looks anyway",
        ),
        // Neither does one that ends before anything can be told.
        (
            9999,
            b"\x01\x03",
            "starts with no good frame",
            "1 TCP connection does not start with a good frame and was not looked at; --port PORT \
             looks anyway",
        ),
    ] {
        let flow = Flow { destination_port: port, ..CLIENT };
        let ended = decode("others-port.pcap", &pcap(RAW, &flow.stream(bytes, 1000)), &[]);
        let ends = format!("10.0.0.1:40000 to 10.0.0.2:{port}");
        assert_eq!((ended.code, items(&ended).len()), (Some(0), 0), "{reason}: {ended:?}");
        assert_eq!(ended.stderr, format!("{says}: {ends}"));
        let passed_over = &summary(&ended)["passed_over"][0];
        assert_eq!(
            (&passed_over["reason"], &passed_over["client"], &passed_over["server"]),
            (&reason.into(), &"10.0.0.1:40000".into(), &format!("10.0.0.2:{port}").into())
        );
    }
}

/// Status 1 is for what was read, and for a capture of which nothing could be.
#[test]
fn a_connection_that_is_not_ours_changes_no_status_beside_one_that_is() {
    let other = Flow { destination_port: 9999, ..CLIENT };
    for bytes in [&b"neither this nor that"[..], b"GET / HTTP/1.1\r\n\r\n"] {
        let beside = [other.stream(bytes, 100), packets(false, 100)].concat();
        let ended = decode("beside.pcap", &pcap(RAW, &beside), &[]);
        assert_eq!((ended.code, items(&ended).len()), (Some(0), 7), "{ended:?}");
        assert!(ended.stderr.contains(": 10.0.0.1:40000 to 10.0.0.2:9999"), "{ended:?}");
    }
}

/// A system may give a client any port, also the usual one of our servers.
#[test]
fn the_usual_port_at_the_clients_end_makes_no_connection_ours() {
    let client = Flow { source_port: 8080, destination_port: 432, ..CLIENT };
    let server = Flow { source_port: 432, destination_port: 8080, ..SERVER };
    let running = [
        client.packet(0, Flag::Data, b"\0\0\0\x08neither"),
        server.packet(0, Flag::Data, b"this nor that"),
    ];
    let opened = [
        &[client.packet(0, Flag::Syn, b""), server.packet(0, Flag::SynAck, b"")][..],
        &running,
        &[server.packet(13, Flag::Fin, b""), client.packet(11, Flag::Fin, b"")],
    ]
    .concat();
    for packets in [&opened[..], &running] {
        let ended = decode("clients-port.pcap", &pcap(RAW, packets), &[]);
        assert_eq!((ended.code, items(&ended).len()), (Some(0), 0), "{ended:?}");
        let says = "1 TCP connection does not start with a good frame and was not looked at; \
                    --port PORT looks anyway: 10.0.0.1:8080 to 10.0.0.2:432";
        assert_eq!(ended.stderr, says);
    }
}

// ---- Proxies ------------------------------------------------------------------------------------

#[test]
fn what_a_proxy_puts_in_front_is_told_as_such_in_both_versions_however_it_is_cut() {
    let v1 = b"PROXY TCP4 192.0.2.1 10.0.0.2 5555 8080\r\n".to_vec();
    let ends = [192, 0, 2, 1, 10, 0, 0, 2, 0x15, 0xB3, 0x1F, 0x90];
    let v2 = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C"[..], &ends].concat();
    let (said, answered) = conversation();
    for line in [v1, v2] {
        // Also on a port that nothing speaks for, and on one that was asked for.
        for (port, more) in [(8080, &[][..]), (7000, &[]), (7000, &["--port", "7000"])] {
            for piece in [1, 7, 1000] {
                let client = Flow { destination_port: port, ..CLIENT };
                let server = Flow { source_port: port, ..SERVER };
                let bytes = [&line[..], &said].concat();
                let packets =
                    [client.stream(&bytes, piece), server.stream(&answered, 1000)].concat();
                let ended = decode("proxy.pcap", &pcap(RAW, &packets), more);
                let mut told = items(&ended);
                let what = format!("{piece} on {port} {more:?}: {ended:?}");
                assert_eq!(ended.code, Some(0), "{what}");
                let first = told.remove(0);
                assert_eq!(first["kind"], "proxy", "{what}");
                assert_eq!(first["text"], "PROXY TCP4 192.0.2.1 10.0.0.2 5555 8080", "{what}");
                assert_eq!(told[0]["offset"], line.len(), "{what}");
                assert_eq!(types(&told, "client"), SAID, "{what}");
                assert_eq!(types(&told, "server"), ANSWERED, "{what}");
            }
        }
    }
}

// ---- Files --------------------------------------------------------------------------------------

/// A pcapng file with Packet Blocks, which are obsolete, in either byte order.
fn with_packet_blocks(is_big_endian: bool, packets: &[Vec<u8>]) -> Vec<u8> {
    let two = |number: u16| {
        if is_big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    };
    let four = |number: u32| {
        if is_big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    };
    let block = |kind: u32, body: &[u8]| {
        let body = [body, &vec![0; body.len().next_multiple_of(4) - body.len()]].concat();
        let size = four(u32::try_from(12 + body.len()).expect("short"));
        [&four(kind)[..], &size, &body, &size].concat()
    };
    let section = [&four(0x1A2B_3C4D)[..], &two(1), &two(0), &[0xFF; 8]].concat();
    let interface = [&two(101)[..], &two(0), &four(0)].concat();
    let mut bytes = [block(0x0A0D_0D0A, &section), block(1, &interface)].concat();
    for (second, packet) in (1_700_000_000_u64..).zip(packets) {
        let time_us = second * 1_000_000;
        let [high, low] = [time_us >> 32, time_us & 0xFFFF_FFFF]
            .map(|half| four(u32::try_from(half).expect("a half")));
        let size = four(u32::try_from(packet.len()).expect("short"));
        // The interface, and how many packets were dropped.
        let of_interface = [two(0), two(3)].concat();
        bytes.extend(block(2, &[&of_interface[..], &high, &low, &size, &size, packet].concat()));
    }
    bytes
}

#[test]
fn the_obsolete_packet_block_is_read_in_both_byte_orders() {
    let packets = packets(false, 9);
    for is_big_endian in [false, true] {
        let capture = with_packet_blocks(is_big_endian, &packets);
        let ended = decode("packet-blocks.pcapng", &capture, &[]);
        assert_all_told(&ended, &format!("big endian: {is_big_endian}"));
        let first = &items(&ended)[0];
        assert_eq!(first["time_ns"], 1_700_000_002_000_000_000_u64, "{first}");
        assert_eq!(first["packet"], 3);
    }
}
