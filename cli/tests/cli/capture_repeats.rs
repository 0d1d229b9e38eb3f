//! `decode` on segments that overtook others, came again, or came too late: which packet each frame
//! is of, and in which order they are told.

use proptest::prelude::*;

use crate::packets::{
    ANSWERED, CLIENT, ETHERNET, Flag, RAW, SAID, SERVER, conversation, decode, items,
    pcap_of_a_burst, types,
};
use crate::support::Ended;

/// Each item as `packet kind from size`.
fn told(ended: &Ended) -> Vec<String> {
    let items = items(ended);
    let text = |it: &serde_json::Value| it.as_str().unwrap_or_default().to_owned();
    items
        .iter()
        .map(|it| {
            format!("{} {} {} {}", it["packet"], text(&it["kind"]), text(&it["from"]), it["size"])
        })
        .collect()
}

/// A frame of the echo family, with so many bytes in all.
fn frame(size: usize, filler: u8) -> Vec<u8> {
    let payload = vec![filler; size - 5];
    let size = u16::try_from(payload.len()).expect("short").to_be_bytes();
    [&[0xCA, 0xFE, 3][..], &size, &payload].concat()
}

/// Ten frames of ten bytes.
fn frames() -> Vec<u8> {
    (b'a'..b'k').flat_map(|filler| frame(10, filler)).collect()
}

/// A packet of the client's: its bytes from here to there.
fn from_client(start: usize, end: usize) -> Vec<u8> {
    CLIENT.packet(u32::try_from(start).expect("short"), Flag::Data, &frames()[start..end])
}

/// A packet of the server's, which has so many of the client's bytes.
fn from_server(offset: u32, payload: &[u8], arrived: u32) -> Vec<u8> {
    let acknowledged = CLIENT.first.wrapping_add(1 + arrived);
    SERVER.packet_acknowledging(acknowledged, offset, Flag::Data, payload)
}

fn opened() -> Vec<Vec<u8>> {
    vec![CLIENT.packet(0, Flag::Syn, b""), SERVER.packet(0, Flag::SynAck, b"")]
}

fn told_of(name: &str, packets: &[Vec<u8>], more: &[&str]) -> (Vec<String>, Option<i32>) {
    let all = [&opened()[..], packets].concat();
    let ended = decode(name, &pcap_of_a_burst(RAW, &all), more);
    (told(&ended), ended.code)
}

/// Packet 3 has the first frame, 4 the third and fourth, 5 acknowledges the first.
fn with_a_hole() -> Vec<Vec<u8>> {
    vec![from_client(0, 10), from_client(20, 40), from_server(0, b"", 10)]
}

#[test]
fn behind_a_hole_that_is_filled_frames_keep_the_packet_that_made_them_whole() {
    let packets = [with_a_hole(), vec![from_client(10, 20), from_client(40, 50)]].concat();
    let (told, code) = told_of("filled.pcap", &packets, &[]);
    let wanted = ["3 frame client 10", "6 frame client 10", "4 frame client 10"];
    assert_eq!(told[..3], wanted);
    assert_eq!(told[3..], ["4 frame client 10", "7 frame client 10"]);
    assert_eq!(code, Some(0));
    // A frame that stands over both ends of the hole is whole with what fills it.
    let packets = [from_client(0, 15), from_client(25, 40), from_client(15, 25)];
    let (told, _) = told_of("filled.pcap", &packets, &[]);
    let wanted = ["3 frame client 10", "5 frame client 10", "5 frame client 10"];
    assert_eq!(
        (&told[..3], told[3].as_str()),
        (&wanted.map(str::to_owned)[..], "4 frame client 10")
    );
}

#[test]
fn behind_a_hole_that_is_filled_in_part_or_never_frames_keep_their_own_packet() {
    let behind = [from_server(0, b"", 40), from_client(40, 50), from_server(0, b"", 50)];
    let never = [&[from_client(0, 10), from_client(30, 40)], &behind[..]].concat();
    let wanted = ["3 frame client 10", "4 gap client 20", "4 frame client 10", "6 frame client 10"];
    assert_eq!(told_of("never.pcap", &never, &[]), (wanted.map(str::to_owned).into(), Some(1)));
    for (from, to, wanted) in [
        (10, 20, ["5 frame client 10", "4 gap client 10", "4 frame client 10"]),
        (20, 30, ["5 gap client 10", "5 frame client 10", "4 frame client 10"]),
        (15, 20, ["5 gap client 5", "5 part client 5", "4 gap client 10"]),
    ] {
        let filled = [from_client(0, 10), from_client(30, 40), from_client(from, to)];
        let packets = [&filled[..], &behind].concat();
        let (told, code) = told_of("in-part.pcap", &packets, &[]);
        assert_eq!((&told[1..4], code), (&wanted.map(str::to_owned)[..], Some(1)), "{from}");
        assert_eq!(told.last().map(String::as_str), Some("7 frame client 10"), "{from}");
        assert!(told.contains(&"4 frame client 10".to_owned()), "{from}");
    }
}

/// The server had it all before the packet that fills the hole was sent: it is told before the
/// answer, which is of packet 6.
#[test]
fn what_was_acknowledged_is_told_before_the_answer_to_it() {
    let answer = frame(20, b'z');
    for (first, last) in [(10, 20), (10, 15), (15, 20)] {
        let packets = [
            with_a_hole(),
            vec![from_server(0, &answer, 40), from_client(first, last), from_client(40, 50)],
        ]
        .concat();
        let (told, _) = told_of("answered.pcap", &packets, &[]);
        let place = |what: &str| told.iter().rposition(|it| it == what).expect("it is told");
        let (before, answer) = (place("4 frame client 10"), place("6 frame server 20"));
        assert!(before < answer && answer < place("8 frame client 10"), "{first}: {told:?}");
    }
}

/// A reset's number says how far its sender was: what lacks there is not what it left out.
#[test]
fn what_was_lost_before_a_reset_is_a_gap_and_no_frame_that_was_cut_short() {
    let mut reset = CLIENT.packet(30, Flag::Data, b"");
    reset[20 + 13] |= 4;
    let half = [from_client(0, 15), from_server(0, b"", 10)];
    let part = ["3 frame client 10", "3 part client 5", "5 gap client 15"];
    let (told, code) = told_of("reset.pcap", &[&half[..], &[reset.clone()]].concat(), &[]);
    assert_eq!((told, code), (part.map(str::to_owned).into(), Some(1)));
    // It comes late.
    let packets = [&half[..], &[reset, from_client(15, 30)]].concat();
    let (told, code) = told_of("reset.pcap", &packets, &[]);
    let wanted = ["3 frame client 10", "6 frame client 10", "6 frame client 10"];
    assert_eq!((told, code), (wanted.map(str::to_owned).into(), Some(0)));
}

/// After a gap was told nothing can stand in its place: that it came is said.
#[test]
fn what_comes_after_its_gap_was_told_is_counted() {
    let small = |offset: u32| CLIENT.packet(offset, Flag::Data, b"\xCA\xFE\x01\x00\x00");
    let behind = (0..20).map(|number| small(20 + 5 * number));
    let lost = [from_client(0, 10), from_server(0, b"", 25)].into_iter().chain(behind);
    for (late, says) in [
        (
            vec![from_client(10, 20)],
            "1 TCP segment came too late: a gap had been told in that place",
        ),
        (
            vec![from_client(10, 15), from_client(15, 20)],
            "2 TCP segments came too late: a gap had been told in that place",
        ),
        // What comes twice is no gap's.
        (vec![from_client(0, 10)], ""),
    ] {
        let packets = [opened(), lost.clone().collect(), late].concat();
        let ended = decode("too-late.pcap", &pcap_of_a_burst(RAW, &packets), &[]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), says));
        assert_eq!(items(&ended).len(), 22);
    }
}

#[test]
fn a_frame_is_of_the_packet_that_had_its_bytes_first() {
    // The second and third frame in packet 4; again in packet 5, with a byte more in front.
    let packets = [from_client(0, 9), from_client(10, 30), from_client(9, 40)];
    let (told, code) = told_of("again.pcap", &packets, &[]);
    let wanted =
        ["5 frame client 10", "4 frame client 10", "4 frame client 10", "5 frame client 10"];
    assert_eq!((told, code), (wanted.map(str::to_owned).into(), Some(0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Segments of any sizes, some twice, some overlapping, in any order within the time and the
    /// number of segments that a hole is waited for: the same frames.
    #[test]
    fn any_order_and_any_overlap_give_the_same_frames(
        piece in 1..40_usize,
        overlap in 0..20_usize,
        shuffle in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let (said, answered) = conversation();
        let mut packets = [CLIENT.stream(&said, piece), SERVER.stream(&answered, piece)].concat();
        for (index, _) in said.chunks(piece).enumerate() {
            let start = (index * piece).saturating_sub(overlap);
            let end = ((index + 1) * piece + overlap).min(said.len());
            let offset = u32::try_from(start).expect("short");
            packets.push(CLIENT.packet(offset, Flag::Data, &said[start..end]));
        }
        for pick in again {
            packets.push(packets[pick.index(packets.len())].clone());
        }
        // The SYNs stay first: what comes before them is for another test.
        let opening: Vec<Vec<u8>> =
            [CLIENT.packet(0, Flag::Syn, b""), SERVER.packet(0, Flag::SynAck, b"")].to_vec();
        let mut picks = shuffle.iter();
        for neighbours in packets.chunks_mut(8) {
            for (place, pick) in (0..neighbours.len()).zip(&mut picks) {
                neighbours.swap(place, pick.index(neighbours.len()));
            }
        }
        let burst = pcap_of_a_burst(ETHERNET, &[opening, packets].concat());
        let ended = decode("order.pcap", &burst, &[]);
        ended.assert_done();
        let objects = items(&ended);
        prop_assert_eq!(types(&objects, "client"), SAID);
        prop_assert_eq!(types(&objects, "server"), ANSWERED);
    }
}
