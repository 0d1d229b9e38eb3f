//! `decode` on connections of which the capture lacks something before a good frame was seen:
//! whether they are ours, and how soon that is told.

use std::io::Write as _;

use serde_json::Value;

use crate::packets::{CLIENT, Flag, Flow, RAW, SERVER, decode, items, pcap};
use crate::support::{Ended, Running, command};

/// An Echo frame of a hundred bytes, whose payload looks like headers of longer ones.
fn large_frame() -> Vec<u8> {
    [&b"\xCA\xFE\x03\x00\x5F"[..], &b"\xCA\xFE\x03\xFF\xF0".repeat(19)].concat()
}

fn name(item: &Value) -> String {
    format!("{} {} {}", item["packet"], item["kind"].as_str().unwrap_or_default(), item["size"])
}

fn told(ended: &Ended) -> Vec<String> {
    items(ended).iter().map(name).collect()
}

/// Opened on this port; then bytes of the client's, each with its offset; then the server has so
/// many of them.
fn packets(port: u16, segments: &[(u32, &[u8])], arrived: u32) -> Vec<Vec<u8>> {
    let client = Flow { destination_port: port, ..CLIENT };
    let server = Flow { source_port: port, ..SERVER };
    let acknowledged = CLIENT.first.wrapping_add(1 + arrived);
    let mut packets = vec![client.packet(0, Flag::Syn, b""), server.packet(0, Flag::SynAck, b"")];
    packets.extend(segments.iter().map(|(at, bytes)| client.packet(*at, Flag::Data, bytes)));
    packets.push(server.packet_acknowledging(acknowledged, 0, Flag::Data, b""));
    packets
}

#[test]
fn the_first_half_of_a_frame_and_a_gap_are_told_as_such() {
    let frame = large_frame();
    let half = (0, &frame[..40]);
    for (segments, wanted) in [
        (&[half][..], &["3 part 40", "4 gap 60"][..]),
        (&[half, (90, &frame[90..])], &["3 part 40", "4 gap 50", "4 part 10"]),
        (&[(0, &frame[..1])], &["3 part 1", "4 gap 99"]),
    ] {
        let ended = decode("half.pcap", &pcap(RAW, &packets(8080, segments, 100)), &[]);
        assert_eq!(
            (told(&ended), ended.code),
            (wanted.iter().map(|it| (*it).into()).collect(), Some(1))
        );
        assert_eq!(ended.stderr, "");
    }
}

/// Its start is there: that is not what lacks.
#[test]
fn where_no_good_frame_stands_behind_a_gap_it_is_said_that_bytes_lack() {
    let packets = packets(8080, &[(20, b"this is no frame of ours")], 44);
    let ended = decode("lost-start.pcap", &pcap(RAW, &packets), &[]);
    let says = "in 1 TCP connection of which the capture lacks bytes no good frame was found: \
                10.0.0.1:40000 to 10.0.0.2:8080";
    assert_eq!((told(&ended).len(), ended.code, ended.stderr.as_str()), (0, Some(1), says));
}

/// On any port: the first half tells where the next frame starts. The pipe stays open.
#[test]
fn frames_behind_a_gap_in_the_first_frame_come_out_as_soon_as_it_is_proven() {
    let frame = large_frame();
    let behind = [&frame[60..], b"\xCA\xFE\x01\x00\x00"].concat();
    for port in [8080, 7000] {
        let packets = packets(port, &[(0, &frame[..40]), (60, &behind)], 105);
        let mut child = command(&["decode", "--json"]).spawn().expect("the binary starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        let mut live = Running::adopt(child);
        pipe.write_all(&pcap(RAW, &packets)).expect("it reads");
        let told: Vec<String> = (0..4)
            .map(|_| name(&serde_json::from_str(&live.next_line()).expect("an object")))
            .collect();
        assert_eq!(told, ["3 part 40", "4 gap 20", "4 part 40", "4 frame 5"]);
        drop(pipe);
        assert_eq!(live.end_by_itself().code, Some(1));
    }
}
