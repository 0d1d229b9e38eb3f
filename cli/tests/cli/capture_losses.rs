//! `decode` on a conversation of which the capture lacks packets, each in turn: what is told is
//! what the rest of the packets proves, and the peers are blamed for nothing.

use std::io::Write as _;
use std::ops::Range;

use serde_json::Value;

use crate::packets::{
    CLIENT, Flag, Flow, RAW, SERVER, chat_frames, decode, fragments, items, pcap, without_payload,
};
use crate::support::{Ended, Running, command};

/// A packet, and which bytes of whose stream it carries.
struct Sent {
    bytes: Vec<u8>,
    carries: Option<(&'static str, Range<usize>)>,
}

/// A frame of the conversation, and the packet that completes it.
struct Told {
    from: &'static str,
    range: Range<usize>,
    packet: usize,
}

/// Opened, spoken in turns, one frame in two segments, acknowledged, and closed by both ends.
fn conversation() -> (Vec<Sent>, Vec<Told>) {
    let (said, answered) = chat_frames();
    let (mut sent, mut told) = (Vec::new(), Vec::new());
    // How far each stream is: the client's, the server's.
    let mut ends = [0, 0];
    let mut send = |is_client: bool, flag: Flag, payload: &[u8]| {
        let (flow, other) = if is_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let (mine, theirs) = (usize::from(!is_client), usize::from(is_client));
        let acknowledged =
            other.first.wrapping_add(1 + u32::try_from(ends[theirs]).expect("short"));
        let offset = u32::try_from(ends[mine]).expect("short");
        let range = ends[mine]..ends[mine] + payload.len();
        // A FIN takes a number of its own.
        ends[mine] = range.end + usize::from(flag == Flag::Fin);
        let from = if is_client { "client" } else { "server" };
        sent.push(Sent {
            bytes: flow.packet_acknowledging(acknowledged, offset, flag, payload),
            carries: (!payload.is_empty()).then_some((from, range)),
        });
        sent.len()
    };
    send(true, Flag::Syn, b"");
    send(false, Flag::SynAck, b"");
    let mut places = [0, 0];
    let mut tell = |from: &'static str, size: usize, packet: usize| {
        let place = &mut places[usize::from(from == "client")];
        told.push(Told { from, range: *place..*place + size, packet });
        *place += size;
    };
    for (frame, answer) in said.iter().zip(&answered) {
        // The largest frame of the client comes in two segments.
        let (first, rest) = frame.split_at(if frame.len() > 20 { 10 } else { 0 });
        if !first.is_empty() {
            send(true, Flag::Data, first);
        }
        tell("client", frame.len(), send(true, Flag::Data, rest));
        send(false, Flag::Data, b"");
        tell("server", answer.len(), send(false, Flag::Data, answer));
        send(true, Flag::Data, b"");
    }
    let last = &said[said.len() - 1];
    tell("client", last.len(), send(true, Flag::Data, last));
    send(false, Flag::Fin, b"");
    send(true, Flag::Fin, b"");
    send(false, Flag::Data, b"");
    (sent, told)
}

fn overlaps(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

/// The items as `packet from offset`, of frames only. All of them in order, and none bad.
fn frames_of(ended: &Ended, what: &str) -> Vec<String> {
    let told = items(ended);
    let packets: Vec<u64> = told.iter().filter_map(|it| it["packet"].as_u64()).collect();
    assert!(packets.is_sorted(), "{what}: {packets:?}");
    assert!(told.iter().all(|it| it["error"].is_null() && it["kind"] != "bad"), "{what}: {told:?}");
    let frames = told.iter().filter(|it| it["kind"] == "frame");
    frames.map(|it| format!("{} {} {}", it["packet"], text(&it["from"]), it["size"])).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The frames that can be told without these packets, counted from 1, with their numbers then.
fn expected(sent: &[Sent], told: &[Told], lost: &[usize]) -> Vec<String> {
    let gone: Vec<_> = lost.iter().filter_map(|&packet| sent[packet - 1].carries.clone()).collect();
    told.iter()
        .filter(|frame| {
            !gone.iter().any(|(from, range)| *from == frame.from && overlaps(range, &frame.range))
        })
        .map(|frame| {
            let packet = frame.packet - lost.iter().filter(|&&lost| lost < frame.packet).count();
            format!("{packet} {} {}", frame.from, frame.range.len())
        })
        .collect()
}

fn without(sent: &[Sent], lost: &[usize]) -> Vec<u8> {
    let rest: Vec<Vec<u8>> = (1..)
        .zip(sent)
        .filter(|(number, _)| !lost.contains(number))
        .map(|(_, it)| it.bytes.clone())
        .collect();
    pcap(RAW, &rest)
}

fn gap_sizes(ended: &Ended) -> Vec<u64> {
    let told = items(ended);
    told.iter().filter(|it| it["kind"] == "gap").filter_map(|it| it["size"].as_u64()).collect()
}

#[test]
fn whichever_packet_is_lost_it_is_a_gap_of_its_size_and_all_other_frames_are_told() {
    let (sent, told) = conversation();
    for lost in 1..=sent.len() {
        let what = format!("without packet {lost}");
        let ended = decode("lost-one.pcap", &without(&sent, &[lost]), &[]);
        assert_eq!(frames_of(&ended, &what), expected(&sent, &told, &[lost]), "{what}");
        let size = sent[lost - 1].carries.as_ref().map(|(_, range)| range.len() as u64);
        assert_eq!(gap_sizes(&ended), Vec::from_iter(size), "{what}");
        assert_eq!(ended.code, Some(i32::from(size.is_some())), "{what}");
    }
}

#[test]
fn whichever_two_packets_are_lost_all_other_frames_are_told() {
    let (sent, told) = conversation();
    for one in 1..=sent.len() {
        for other in one + 1..=sent.len() {
            let what = format!("without packets {one} and {other}");
            let ended = decode("lost-two.pcap", &without(&sent, &[one, other]), &[]);
            assert_eq!(frames_of(&ended, &what), expected(&sent, &told, &[one, other]), "{what}");
        }
    }
}

#[test]
fn whichever_packet_is_cut_the_rest_of_it_is_a_gap() {
    let (sent, told) = conversation();
    for cut in 1..=sent.len() {
        let Some((_, range)) = &sent[cut - 1].carries else { continue };
        for left in [0, 1, range.len() - 1] {
            let what = format!("{left} bytes of packet {cut}");
            let mut packets: Vec<Vec<u8>> = sent.iter().map(|it| it.bytes.clone()).collect();
            let whole = packets[cut - 1].len();
            packets[cut - 1].truncate(whole - range.len() + left);
            let ended = decode("cut-one.pcap", &pcap(RAW, &packets), &[]);
            let mut wanted = expected(&sent, &told, &[cut]);
            // It is there, if not whole: what follows keeps its number.
            for frame in &mut wanted {
                let (packet, rest) = frame.split_once(' ').unwrap();
                let packet: usize = packet.parse().unwrap();
                *frame = format!("{} {rest}", packet + usize::from(packet >= cut));
            }
            assert_eq!(frames_of(&ended, &what), wanted, "{what}");
            assert_eq!(gap_sizes(&ended), [(range.len() - left) as u64], "{what}");
            assert_eq!(ended.code, Some(1), "{what}");
        }
    }
}

#[test]
fn wherever_the_capture_begins_or_ends_nothing_is_bad_or_missing() {
    let (sent, told) = conversation();
    for place in 0..=sent.len() {
        let before: Vec<usize> = (1..=place).collect();
        let after: Vec<usize> = (place + 1..=sent.len()).collect();
        for lost in [&before, &after] {
            let what = format!("without packets {lost:?}");
            let ended = decode("part-of-it.pcap", &without(&sent, lost), &[]);
            assert_eq!(frames_of(&ended, &what), expected(&sent, &told, lost), "{what}");
            assert_eq!((gap_sizes(&ended).len(), ended.code), (0, Some(0)), "{what}");
        }
    }
}

/// The last byte in a segment of its own, which was lost; acknowledged, with no FIN behind it.
#[test]
fn a_last_byte_that_was_lost_is_a_gap_if_the_connection_stays_open() {
    let (said, _) = chat_frames();
    let both = said[..2].concat();
    let (first, rest) = both.split_at(both.len() - 1);
    let offset = u32::try_from(first.len()).unwrap();
    let acknowledged = CLIENT.first.wrapping_add(2 + offset);
    let open = [
        CLIENT.packet(0, Flag::Syn, b""),
        SERVER.packet(0, Flag::SynAck, b""),
        CLIENT.packet(0, Flag::Data, first),
        SERVER.packet_acknowledging(acknowledged, 0, Flag::Data, b""),
    ];
    let ended = decode("last-byte.pcap", &pcap(RAW, &open), &[]);
    assert_eq!((gap_sizes(&ended), ended.code), (vec![rest.len() as u64], Some(1)));
    // With the server's FIN it may have been the client's.
    let closed = [&open[..], &[SERVER.packet(0, Flag::Fin, b"")]].concat();
    let ended = decode("last-byte.pcap", &pcap(RAW, &closed), &[]);
    assert_eq!((gap_sizes(&ended), ended.code), (vec![], Some(0)));
}

/// RFC 9293, 3.8.4: a probe may repeat the last byte, and with any value.
#[test]
fn a_keep_alive_probe_is_no_byte_of_the_stream() {
    let (sent, told) = conversation();
    for place in 3..sent.len() {
        let mut packets: Vec<Vec<u8>> = sent.iter().map(|it| it.bytes.clone()).collect();
        // Of the end that sent the packet before, behind all that it has sent.
        let (carrier, end) = match &sent[place - 1].carries {
            Some((from, range)) => (*from, range.end),
            None => continue,
        };
        let flow = if carrier == "client" { CLIENT } else { SERVER };
        let offset = u32::try_from(end - 1).unwrap();
        packets.insert(place, flow.packet(offset, Flag::Data, b"\0"));
        let ended = decode("probe.pcap", &pcap(RAW, &packets), &[]);
        let what = format!("a probe behind packet {place}");
        let wanted: Vec<String> = told
            .iter()
            .map(|frame| {
                let packet = frame.packet + usize::from(frame.packet > place);
                format!("{packet} {} {}", frame.from, frame.range.len())
            })
            .collect();
        assert_eq!(frames_of(&ended, &what), wanted, "{what}");
        assert_eq!((items(&ended).len(), ended.code), (told.len(), Some(0)), "{what}");
    }
}

/// The pipe stays open: nothing says that the capture is at its end.
#[test]
fn no_damage_silences_a_live_capture() {
    let (sent, _) = conversation();
    let damaged = sent.iter().position(|it| it.carries.is_some()).unwrap();
    let whole = &sent[damaged].bytes;
    let [first, second, third, last] = fragments(whole, 8).try_into().expect("four fragments");
    for (what, instead) in [
        ("lost", vec![]),
        ("cut", vec![whole[..whole.len() - 3].to_vec()]),
        ("without its payload", vec![without_payload(whole)]),
        ("a fragment lost", vec![first.clone(), third.clone(), last.clone()]),
        ("the first fragment lost", vec![second.clone(), third.clone(), last]),
        ("the last fragment lost", vec![first, second, third]),
    ] {
        let packets: Vec<Vec<u8>> = (sent.iter().map(|it| it.bytes.clone()).enumerate())
            .flat_map(|(index, bytes)| if index == damaged { instead.clone() } else { vec![bytes] })
            .collect();
        let mut child = command(&["decode", "--json"]).spawn().expect("the binary starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        let mut live = Running::adopt(child);
        pipe.write_all(&pcap(RAW, &packets[..packets.len() - 4])).expect("it reads");
        let mut told: Vec<Value> = Vec::new();
        while told.last().is_none_or(|last| last["type"] != "MessageBroadcast") {
            let object: Value = serde_json::from_str(&live.next_line()).expect("an object");
            assert!(object["error"].is_null(), "{what}: {object}");
            told.push(object);
        }
        let frames = told.iter().filter(|it| it["kind"] == "frame").count();
        let gaps = told.iter().filter(|it| it["kind"] == "gap").count();
        assert_eq!((frames, gaps), (5, 1), "{what}: {told:?}");
        drop(pipe);
        assert_eq!(live.end_by_itself().code, Some(1), "{what}");
    }
}

/// The clock of the capture tells, where the other end's acknowledgements are not there to.
#[test]
fn a_live_capture_of_one_direction_goes_on_behind_a_loss() {
    let (said, _) = chat_frames();
    let mut packets = vec![CLIENT.packet(0, Flag::Syn, b"")];
    let mut offset = u32::try_from(said[0].len()).unwrap();
    // The first frame was lost; a frame each second.
    for _ in 0..8 {
        packets.push(CLIENT.packet(offset, Flag::Data, &said[2]));
        offset += u32::try_from(said[2].len()).unwrap();
    }
    let mut child = command(&["decode", "--json"]).spawn().expect("the binary starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    let mut live = Running::adopt(child);
    pipe.write_all(&pcap(RAW, &packets)).expect("it reads");
    let told: Vec<String> = (0..9)
        .map(|_| serde_json::from_str(&live.next_line()).expect("an object"))
        .map(|it: Value| format!("{} {}", it["packet"], text(&it["kind"])))
        .collect();
    assert_eq!(told[..3], ["2 gap", "2 frame", "3 frame"]);
    drop(pipe);
    assert_eq!(live.end_by_itself().code, Some(1));
}

/// As of `tcpdump -s 54` on a conversation that goes on.
#[test]
fn headers_alone_of_a_conversation_that_began_before_are_not_nothing() {
    let (sent, _) = conversation();
    let carriers = sent.iter().filter(|it| it.carries.is_some());
    let headers: Vec<Vec<u8>> = carriers.map(|it| without_payload(&it.bytes)).collect();
    for packets in [&headers[..], &headers[..1]] {
        let ended = decode("headers.pcap", &pcap(RAW, packets), &[]);
        assert!(
            ended.stderr.contains("1 TCP connection whose packets the capture cut"),
            "{ended:?}"
        );
        assert_eq!((items(&ended).len(), ended.code), (0, Some(1)), "{ended:?}");
    }
}

/// Packets come all the time, so that there is no pause in which it could be told.
#[test]
fn a_proven_gap_in_a_quiet_connection_is_told_while_others_are_busy() {
    let (said, answered) = chat_frames();
    let quiet_from = CLIENT.first.wrapping_add(1);
    let lost = u32::try_from(said[0].len()).unwrap();
    let both = u32::try_from(said[0].len() + said[1].len()).unwrap();
    let mut packets = vec![
        CLIENT.packet(0, Flag::Syn, b""),
        SERVER.packet(0, Flag::SynAck, b""),
        CLIENT.packet(lost, Flag::Data, &said[1]),
        SERVER.packet_acknowledging(quiet_from.wrapping_add(both), 0, Flag::Data, &answered[0]),
    ];
    let busy = Flow { source_port: 40_001, ..CLIENT };
    packets.push(busy.packet(0, Flag::Syn, b""));
    for index in 0..20 {
        let offset = u32::try_from(said[2].len()).unwrap() * index;
        packets.push(busy.packet(offset, Flag::Data, &said[2]));
    }
    let ended = decode("busy.pcap", &pcap(RAW, &packets), &[]);
    let told: Vec<String> =
        items(&ended).iter().map(|it| format!("{} {}", it["packet"], text(&it["kind"]))).collect();
    assert_eq!(told[..5], ["3 gap", "3 frame", "4 frame", "6 frame", "7 frame"]);
    assert_eq!((told.len(), ended.code), (23, Some(1)));
}

/// RFC 1122, 4.2.2.12: it is a remark on why, whatever it looks like.
#[test]
fn data_in_a_reset_is_no_stream() {
    let (said, _) = chat_frames();
    let first = u32::try_from(said[0].len()).unwrap();
    let mut reset = CLIENT.packet(first, Flag::Data, &said[1]);
    reset[20 + 13] |= 4;
    let packets = [
        CLIENT.packet(0, Flag::Syn, b""),
        SERVER.packet(0, Flag::SynAck, b""),
        CLIENT.packet(0, Flag::Data, &said[0]),
        reset,
    ];
    let ended = decode("reset-data.pcap", &pcap(RAW, &packets), &[]);
    let told = items(&ended);
    assert_eq!(told.iter().map(|it| text(&it["type"])).collect::<Vec<_>>(), ["Connect"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

// ---- Far away -----------------------------------------------------------------------------------

/// An old duplicate, and a reset of an attacker that does not know the numbers.
#[test]
fn a_segment_far_outside_of_the_window_is_counted_and_no_gap() {
    let (sent, told) = conversation();
    let mut packets: Vec<Vec<u8>> = sent.iter().map(|it| it.bytes.clone()).collect();
    let far = CLIENT.packet_acknowledging(123_456_789, 700_000_000, Flag::Data, b"an old one");
    let mut reset = CLIENT.packet_acknowledging(987_654_321, 1_500_000_000, Flag::Data, b"");
    reset[20 + 13] |= 4;
    packets.splice(4..4, [far.clone(), reset, far]);
    let ended = decode("far.pcap", &pcap(RAW, &packets), &[]);
    assert_eq!(frames_of(&ended, "far").len(), told.len());
    assert_eq!((gap_sizes(&ended), ended.code), (vec![], Some(0)));
    let says = "3 TCP segments far outside of their connections' windows were passed over";
    assert_eq!(ended.stderr, says);
}

/// Two segments that follow each other are no strays: a very long hole, or another connection.
#[test]
fn what_goes_on_far_away_is_a_gap_or_if_both_ends_do_another_connection() {
    let (said, answered) = chat_frames();
    let (from, to) = (CLIENT.first.wrapping_add(1), SERVER.first.wrapping_add(1));
    let (client, server) = (|place| from.wrapping_add(place), |place| to.wrapping_add(place));
    let opened = [
        CLIENT.packet(0, Flag::Syn, b""),
        SERVER.packet(0, Flag::SynAck, b""),
        CLIENT.packet_acknowledging(to, 0, Flag::Data, &said[0]),
        SERVER.packet_acknowledging(client(12), 0, Flag::Data, b""),
    ];
    let far = 40_000_000;
    let goes_on = [
        CLIENT.packet_acknowledging(to, far, Flag::Data, &said[1]),
        CLIENT.packet_acknowledging(to, far + 12, Flag::Data, &said[2]),
    ];
    let ended = decode("far.pcap", &pcap(RAW, &[&opened[..], &goes_on].concat()), &[]);
    assert_eq!(frames_of(&ended, "one end"), ["3 client 12", "5 client 12", "6 client 22"]);
    assert_eq!((gap_sizes(&ended), ended.stderr.as_str()), (vec![u64::from(far) - 12], ""));
    let again = [
        CLIENT.packet_acknowledging(server(far), 2 * far, Flag::Data, &said[0]),
        SERVER.packet_acknowledging(client(2 * far + 12), far, Flag::Data, &answered[0]),
        CLIENT.packet_acknowledging(server(far + 17), 2 * far + 12, Flag::Data, &said[1]),
    ];
    let ended = decode("far.pcap", &pcap(RAW, &[&opened[..], &again].concat()), &[]);
    assert_eq!((gap_sizes(&ended), ended.stderr.as_str()), (vec![], ""), "{ended:?}");
    let numbers: Vec<u64> =
        items(&ended).iter().filter_map(|it| it["conversation"].as_u64()).collect();
    assert_eq!(numbers, [1, 2, 2, 2]);
    assert_eq!(ended.code, Some(0));
}
