//! `decode` on captures: files made segment by segment, of complete conversations and of damaged
//! ones.

use std::fmt::Write as _;
use std::path::PathBuf;

use cafewire_core::{Message, MessagePayload};
use etherparse::PacketBuilder;

use crate::decode::file;
use crate::packets::{
    ANSWERED, CLIENT, ETHERNET, Flag, Flow, LINUX_SLL, LINUX_SLL2, LOOPBACK, RAW, SAID, SERVER,
    chat, conversation, decode, items, pcap, pcap_of_a_burst, pcapng, types, without_payload,
};
use crate::support::{Ended, run};

/// A capture that lacks a segment, for others.
pub(crate) fn with_a_gap() -> PathBuf {
    let (said, _) = conversation();
    let mut packets = CLIENT.stream(&said, 8);
    packets.remove(3);
    file("gap.pcap", &pcap(RAW, &packets))
}

/// A capture of more connections of another protocol than a summary names.
pub(crate) fn of_many_others() -> PathBuf {
    let request = b"GET / HTTP/1.1\r\n\r\n";
    let streams = (40_000..40_065)
        .map(|source_port| Flow { source_port, destination_port: 80, ..CLIENT })
        .flat_map(|flow| flow.stream(request, 100));
    file("others.pcap", &pcap(RAW, &streams.collect::<Vec<_>>()))
}

#[test]
fn both_directions_are_read_from_every_link_type_and_file_form() {
    let (said, answered) = conversation();
    for is_v6 in [false, true] {
        let flow = |flow: Flow| Flow { is_v6, ..flow };
        let packets =
            [flow(CLIENT).stream(&said, 7), flow(SERVER).stream(&answered, 1000)].concat();
        for link_type in [ETHERNET, RAW, LINUX_SLL, LINUX_SLL2, LOOPBACK] {
            let short = u16::try_from(link_type).expect("short");
            for (name, capture) in
                [("pcap", pcap(link_type, &packets)), ("pcapng", pcapng(short, &packets))]
            {
                let ended = decode(&format!("{link_type}.{is_v6}.{name}"), &capture, &[]);
                ended.assert_done();
                let objects = items(&ended);
                assert_eq!(types(&objects, "client"), SAID, "{link_type} {name}");
                assert_eq!(types(&objects, "server"), ANSWERED, "{link_type} {name}");
            }
        }
    }
}

/// A live capture is not held up until a connection's sixteenth segment.
#[test]
fn a_stream_that_began_before_the_capture_is_told_once_it_is_acknowledged() {
    let (_, answered) = conversation();
    let size = u32::try_from(answered.len()).expect("short");
    let packets = [
        SERVER.packet(0, Flag::Data, &answered),
        CLIENT.packet_acknowledging(SERVER.first + 1 + size, 0, Flag::Data, b""),
        SERVER.packet(size, Flag::Data, &answered),
    ];
    let ended = decode("live.pcap", &pcap(RAW, &packets), &[]);
    ended.assert_done();
    let told: Vec<u64> =
        items(&ended).iter().filter_map(|object| object["packet"].as_u64()).collect();
    assert_eq!(told, [1, 1, 1, 3, 3, 3], "each with its own packet");
}

/// A capture that began in the middle of a conversation, on a port that nothing is known of.
#[test]
fn the_server_is_recognised_by_its_frames() {
    let (_, answered) = conversation();
    let server = Flow { source_port: 9000, ..SERVER };
    let client = Flow { destination_port: 9000, ..CLIENT };
    let from_server = server.packet(0, Flag::Data, &answered);
    let from_client =
        client.packet(0, Flag::Data, &chat(MessagePayload::LeaveRoom { room: "tea" }));
    for packets in [vec![from_server.clone(), from_client.clone()], vec![from_client, from_server]]
    {
        let ended = decode("begun.pcap", &pcap(RAW, &packets), &[]);
        ended.assert_done();
        let objects = items(&ended);
        assert_eq!(types(&objects, "server"), ANSWERED);
        assert_eq!(types(&objects, "client"), ["LeaveRoom"]);
        assert!(objects.iter().all(|object| object["server"] == "10.0.0.2:9000"), "{objects:?}");
    }
    // Also where the first that is captured is the rest of a frame, of either end.
    let rest = &answered[5..];
    for (flow, bytes) in [(server, rest), (client, &chat(MessagePayload::Disconnect)[..])] {
        let begun = [b"rest", bytes].concat();
        let ended =
            decode("begun-in-frame.pcap", &pcap(RAW, &[flow.packet(0, Flag::Data, &begun)]), &[]);
        ended.assert_done();
        let objects = items(&ended);
        assert!(objects.len() > 1, "{ended:?}");
        assert!(objects.iter().all(|object| object["server"] == "10.0.0.2:9000"), "{objects:?}");
    }
    // Echo frames are sent both ways: there the sender of the first one is the client.
    let pong = Message::pong().encode_into(&mut [0; 5]).expect("a good message").to_vec();
    let ended = decode("begun-echo.pcap", &pcap(RAW, &[client.packet(0, Flag::Data, &pong)]), &[]);
    assert_eq!(types(&items(&ended), "client"), ["Pong"]);
}

#[test]
fn a_frame_says_where_and_when_it_was() {
    let (said, answered) = conversation();
    let packets = [CLIENT.stream(&said, 16), SERVER.stream(&answered, 1000)].concat();
    for (name, capture) in
        [("place.pcap", pcap(RAW, &packets)), ("place.pcapng", pcapng(101, &packets))]
    {
        let ended = decode(name, &capture, &[]);
        let objects = items(&ended);
        let first = &objects[0];
        assert_eq!(
            (&first["conversation"], &first["packet"], &first["offset"]),
            (&1.into(), &2.into(), &0.into())
        );
        assert_eq!(
            (&first["client"], &first["server"]),
            (&"10.0.0.1:40000".into(), &"10.0.0.2:8080".into())
        );
        assert_eq!(first["time_ns"], 1_700_000_001_250_000_000_u64, "{name}");
        assert_eq!(objects[1]["offset"], 12);
        assert_eq!(objects[1]["packet"], 3, "the packet that made it whole");
    }
    let path = file("text.pcap", &pcap(RAW, &packets));
    let ended = run(&["decode", path.to_str().expect("a path")], "");
    let heading = "22:13:21 #1 10.0.0.1:40000 > 10.0.0.2:8080 packet 2 byte 0: \
                   chat Connect, 12 bytes, from the client";
    assert_eq!(ended.stdout[0], heading);
    assert!(
        ended.stdout.iter().any(|line| line.contains("10.0.0.1:40000 < 10.0.0.2:8080")),
        "{ended:?}"
    );
}

#[test]
fn missing_segments_are_said_plainly_and_reading_goes_on() {
    let ended = run(&["decode", "--json", with_a_gap().to_str().expect("a path")], "");
    assert_eq!(ended.code, Some(1));
    let objects = items(&ended);
    let kinds: Vec<(&str, u64, u64)> = objects
        .iter()
        .map(|it| {
            (
                it["kind"].as_str().unwrap(),
                it["offset"].as_u64().unwrap(),
                it["size"].as_u64().unwrap(),
            )
        })
        .collect();
    // Connect 0..12, JoinRoom 12..24, SendMessage 24..46, Disconnect 46..54; bytes 16 to 24 are
    // missing.
    assert_eq!(
        kinds,
        [("frame", 0, 12), ("part", 12, 4), ("gap", 16, 8), ("frame", 24, 22), ("frame", 46, 8)]
    );
    assert_eq!(objects[1]["lacks"], "gap");
    let text = run(&["decode", with_a_gap().to_str().expect("a path")], "");
    assert!(
        text.stdout.iter().any(
            |line| line.ends_with("byte 16: 8 bytes missing from the capture, from the client")
        )
    );
    assert_eq!(text.stderr, "3 good frames, 0 bad, 1 gap of 8 bytes");
}

#[test]
fn a_capture_that_began_in_the_middle_is_read_from_the_next_frame_on() {
    let (said, answered) = conversation();
    let packets = [&CLIENT.stream(&said, 8)[2..], &SERVER.stream(&answered, 1000)[1..]].concat();
    let ended = decode("middle.pcap", &pcap(RAW, &packets), &[]);
    ended.assert_done();
    let objects = items(&ended);
    assert_eq!((&objects[0]["kind"], &objects[0]["size"]), (&"part".into(), &4.into()));
    assert_eq!(types(&objects, "client"), SAID[1..]);
    assert_eq!(types(&objects, "server"), ANSWERED);
}

#[test]
fn conversations_are_told_apart_and_others_left_alone() {
    let (said, _) = conversation();
    let ping = Message::ping().encode_into(&mut [0; 8]).expect("a frame").to_vec();
    let echo = Flow { source_port: 40_001, destination_port: 9999, ..CLIENT };
    let web = Flow { source_port: 40_002, destination_port: 80, ..CLIENT };
    let mut packets = Vec::new();
    let streams =
        [CLIENT.stream(&said, 9), echo.stream(&ping, 2), web.stream(b"GET / HTTP/1.1\r\n\r\n", 5)];
    for index in 0..10 {
        packets.extend(streams.iter().filter_map(|stream| stream.get(index).cloned()));
    }
    // The same two ends again, with another sequence number.
    packets
        .extend(Flow { first: 1_000_000, ..CLIENT }.stream(&chat(MessagePayload::Disconnect), 3));
    let mut udp = Vec::new();
    PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 9)
        .udp(8080, 8080)
        .write(&mut udp, b"\xCA\xFE")
        .expect("a packet");
    packets.push(udp);
    let capture = pcap(ETHERNET, &packets);
    let numbered = |ended: &Ended| {
        items(ended).iter().fold(String::new(), |mut text, object| {
            let _ = write!(
                text,
                "{}{} ",
                object["conversation"],
                object["type"].as_str().unwrap_or("-")
            );
            text
        })
    };
    let ended = decode("several.pcap", &capture, &[]);
    ended.assert_done();
    assert_eq!(numbered(&ended), "1Connect 1JoinRoom 2Ping 1SendMessage 1Disconnect 3Disconnect ");
    let ended = decode("one-port.pcap", &capture, &["--port", "9999"]);
    assert_eq!(numbered(&ended), "1Ping ");
    let ended = decode("web.pcap", &capture, &["--port", "80"]);
    assert_eq!(
        (ended.code, items(&ended)[0]["error"]["kind"].as_str()),
        (Some(1), Some("UnsupportedVersion"))
    );
    let path = file("remarks.pcap", &capture);
    let text = run(&["decode", path.to_str().expect("a path")], "");
    let web = "1 TCP connection speaks HTTP and was left out: 10.0.0.1:40002 to 10.0.0.2:80";
    assert!(text.stderr.contains(web), "{text:?}");
    assert!(text.stderr.contains("1 packet is no TCP, but UDP"), "{text:?}");
}

#[test]
fn more_is_said_of_a_capture_if_asked_and_the_same_is_printed() {
    let packets = CLIENT.stream(&chat(MessagePayload::Disconnect), 3);
    let capture = pcap(ETHERNET, &packets);
    let usual = decode("usual.pcap", &capture, &[]);
    let told = decode("told.pcap", &capture, &["-v"]);
    told.assert_done();
    assert_eq!(told.stdout, usual.stdout);
    assert_eq!(usual.stderr, "");
    let sentences: Vec<&str> = told.stderr.lines().collect();
    assert!(sentences[0].ends_with("told.pcap is read as a capture"), "{told:?}");
    assert_eq!(
        sentences[1],
        "conversation 1, 10.0.0.1:40000 to 10.0.0.2:8080: 1 good frame, 0 bad"
    );
    assert_eq!(sentences[2], format!("{} packets, 2 of them TCP without data", packets.len()));
    assert_eq!(sentences.len(), 3, "{told:?}");
}

#[test]
fn a_type_sent_in_the_wrong_direction_is_bad() {
    let packets =
        CLIENT.stream(&chat(MessagePayload::ConnectAck { user_id: 1, server_info: "" }), 100);
    let ended = decode("wrong-way.pcap", &pcap(RAW, &packets), &[]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(items(&ended)[0]["error"]["kind"], "WrongDirection");
}

#[test]
fn a_damaged_file_is_read_as_far_as_it_goes() {
    let (said, _) = conversation();
    let capture = pcap(RAW, &CLIENT.stream(&said, 1000));
    let cut = decode("cut.pcap", &capture[..capture.len() - 3], &[]);
    cut.assert_failed(1, "after packet 2: the file ends in the middle of a block");
    assert_eq!(types(&items(&cut), "client"), SAID);
    let mut huge = capture.clone();
    huge[24 + 8..24 + 12].copy_from_slice(&0x7FFF_FFFF_u32.to_le_bytes());
    decode("huge.pcap", &huge, &[]).assert_failed(1, "after packet 0: ");
    let mut unknown = capture;
    unknown[20..24].copy_from_slice(&147_u32.to_le_bytes());
    let path = file("link.pcap", &unknown);
    let ended = run(&["decode", path.to_str().expect("a path")], "");
    assert!(
        ended
            .stderr
            .contains("3 packets of link type 147 (for private use), which is not read here, were"),
        "{ended:?}"
    );
}

#[test]
fn a_packet_cut_by_the_capture_is_a_gap() {
    let (said, _) = conversation();
    let mut packets = CLIENT.stream(&said, 12);
    let cut = packets[2].len() - 5;
    packets[2].truncate(cut); // JoinRoom, without its last 5 bytes
    let ended = decode("snaplen.pcap", &pcap(RAW, &packets), &[]);
    let kinds: Vec<String> =
        items(&ended).iter().map(|it| format!("{}{}", it["kind"], it["size"])).collect();
    assert_eq!(kinds.join(" ").replace('"', ""), "frame12 part7 gap5 frame22 frame8");
}

#[test]
fn a_capture_of_headers_alone_says_that_it_cut_the_packets() {
    let (said, _) = conversation();
    for port in [8080, 7000] {
        let client = Flow { destination_port: port, ..CLIENT };
        let packets = client.stream(&said, 12);
        let cut: Vec<Vec<u8>> = packets.iter().map(|it| without_payload(it)).collect();
        let ended = decode("headers.pcap", &pcap(RAW, &cut), &[]);
        assert_eq!((ended.code, items(&ended).len()), (Some(1), 0), "{ended:?}");
        let says = "in 1 TCP connection whose packets the capture cut, as by tcpdump -s, no good \
                    frame was found: 10.0.0.1:40000 to 10.0.0.2:";
        assert_eq!(ended.stderr, format!("{says}{port}"));
    }
}

/// No content of a file causes a panic or a hang.
#[test]
fn noise_in_a_capture_is_survived() {
    let (said, answered) = conversation();
    let good = pcapng(1, &[CLIENT.stream(&said, 5), SERVER.stream(&answered, 50)].concat());
    for place in (0..good.len()).step_by(97) {
        let mut damaged = good.clone();
        damaged[place] ^= 0xFF;
        let ended = decode("noise.pcapng", &damaged, &[]);
        assert!(matches!(ended.code, Some(0 | 1)), "byte {place}: {ended:?}");
        assert!(!ended.stderr.contains("panicked"), "byte {place}: {ended:?}");
    }
}

/// A reset's data is a remark of the system that sent it: RFC 1122, 4.2.2.12.
#[test]
fn what_a_reset_carries_is_no_stream_and_it_ends_both() {
    let said = chat(MessagePayload::Connect { username: "ada" });
    let mut reset = CLIENT.packet(12, Flag::Data, b"no route");
    reset[20 + 13] |= 4;
    let packets = [
        CLIENT.packet(0, Flag::Syn, b""),
        CLIENT.packet(0, Flag::Data, &said),
        SERVER.packet(0, Flag::SynAck, b""),
        SERVER.packet(0, Flag::Data, b"\x01\x81"),
        reset,
    ];
    let ended = decode("reset.pcap", &pcap(RAW, &packets), &[]);
    let told: Vec<String> = items(&ended)
        .iter()
        .map(|it| format!("{} {} {}", it["packet"], it["kind"], it["size"]))
        .collect();
    assert_eq!(told, ["2 \"frame\" 12", "5 \"bad\" 2"]);
}

/// A server answers a bad frame with an error: the frame comes first, for it came first.
#[test]
fn a_bad_frame_is_told_in_the_packet_in_which_it_became_bad() {
    let answer = chat(MessagePayload::Error {
        code: cafewire_core::ErrorCode::ChecksumMismatch,
        message: "",
    });
    let mut bad = chat(MessagePayload::Connect { username: "ada" });
    bad[5] ^= 0xFF;
    let packets = [
        CLIENT.packet(0, Flag::Syn, b""),
        SERVER.packet(0, Flag::SynAck, b""),
        CLIENT.packet(0, Flag::Data, &bad[..7]),
        CLIENT.packet(7, Flag::Data, &bad[7..]),
        SERVER.packet(0, Flag::Data, &answer),
        SERVER.packet(10, Flag::Fin, b""),
        CLIENT.packet(12, Flag::Fin, b""),
    ];
    let ended = decode("became-bad.pcap", &pcap(RAW, &packets), &[]);
    let objects = items(&ended);
    let told: Vec<_> =
        objects.iter().map(|it| (it["packet"].as_u64(), it["from"].as_str())).collect();
    assert_eq!(told, [(Some(4), Some("client")), (Some(5), Some("server"))]);
    assert_eq!(objects[0]["error"]["kind"], "ChecksumMismatch");
}

/// A capture that ended in mid-frame says nothing of what the sender did; a FIN does.
#[test]
fn a_frame_that_the_capture_ended_in_is_not_bad_and_one_that_the_sender_ended_in_is() {
    let said = chat(MessagePayload::Connect { username: "ada" });
    let mut packets = CLIENT.stream(&[&said[..], &said[..7]].concat(), 100);
    let by_sender = decode("by-sender.pcap", &pcap(RAW, &packets), &[]);
    assert_eq!(items(&by_sender)[1]["error"]["kind"], "Truncated");
    packets.pop();
    let by_capture = decode("by-capture.pcap", &pcap(RAW, &packets), &[]);
    by_capture.assert_done();
    let objects = items(&by_capture);
    assert_eq!((&objects[1]["kind"], &objects[1]["lacks"]), (&"part".into(), &"end".into()));
}

/// An acknowledgement may be captured before what it acknowledges, where two captures were merged.
#[test]
fn a_capture_out_of_order_has_no_gaps() {
    let (said, _) = conversation();
    let all = CLIENT.stream(&said, 8);
    let size = u32::try_from(said.len()).expect("short");
    let ack = SERVER.packet_acknowledging(CLIENT.first.wrapping_add(1 + size), 0, Flag::Data, b"");
    let packets = [
        &all[..1],
        &[SERVER.packet(0, Flag::SynAck, b""), ack],
        &[all[4].clone(), all[2].clone(), all[3].clone(), all[1].clone()],
        &all[5..],
    ]
    .concat();
    let ended = decode("merged.pcap", &pcap_of_a_burst(RAW, &packets), &[]);
    ended.assert_done();
    assert_eq!(types(&items(&ended), "client"), SAID);
}

#[test]
fn several_ports_may_be_asked_for_and_a_good_conversation_makes_its_port_known() {
    let [one, other] = [7000, 7001].map(|port| Flow { destination_port: port, ..CLIENT });
    let good = chat(MessagePayload::Disconnect);
    let packets = [
        one.stream(&good, 100),
        other.stream(&good, 100),
        Flow { source_port: 41_000, ..one }.stream(b"not a frame", 100),
        Flow { source_port: 42_000, destination_port: 7002, ..one }.stream(b"not a frame", 100),
    ]
    .concat();
    let capture = pcap(RAW, &packets);
    let servers = |args: &[&str]| -> Vec<String> {
        let ended = decode("ports.pcap", &capture, args);
        items(&ended).iter().map(|it| format!("{} {}", it["kind"], it["server"])).collect()
    };
    let good = |port: u16| format!("\"frame\" \"10.0.0.2:{port}\"");
    let bad = "\"bad\" \"10.0.0.2:7000\"".to_owned();
    assert_eq!(servers(&[]), [good(7000), good(7001), bad.clone()]);
    assert_eq!(servers(&["--port", "7000"]), [good(7000), bad.clone()]);
    assert_eq!(servers(&["--port", "7000", "--port", "7001"]), [good(7000), good(7001), bad]);
}

/// Connections that came before, still open or not, are looked at again.
#[test]
fn a_port_that_becomes_known_is_known_for_those_that_were_not_looked_at_before() {
    let flow = |source_port| Flow { source_port, destination_port: 7000, ..CLIENT };
    let good = chat(MessagePayload::Disconnect);
    let closed = flow(41_000).stream(&[b"not a frame", &good[..]].concat(), 8);
    let mut open = flow(42_000).stream(&[b"neither", &good[..]].concat(), 3);
    let rest = open.split_off(2);
    let cut = flow(43_000).stream(&good[..5], 100);
    let long = flow(44_000).stream(&[b'x'; 20_000], 1000);
    let http = flow(45_000).stream(b"GET / HTTP/1.1\r\n\r\n", 100);
    let before = [&closed[..], &open, &cut, &long, &http].concat();
    let packets = [before, flow(46_000).stream(&good, 100), rest].concat();
    let ended = decode("becomes-known.pcap", &pcap(RAW, &packets), &[]);
    let told = items(&ended);
    let of = |port: u16| -> Vec<String> {
        let client = format!("10.0.0.1:{port}");
        let those = told.iter().filter(|it| it["client"] == client.as_str());
        those.map(|it| format!("{} {}", it["kind"].as_str().unwrap(), it["size"])).collect()
    };
    for (port, size) in [(41_000, 11), (42_000, 7)] {
        let of_it = of(port);
        let bad = of_it.iter().filter_map(|it| it.strip_prefix("bad ")?.parse::<usize>().ok());
        assert_eq!(bad.sum::<usize>(), size, "{of_it:?}");
        assert_eq!(of_it.last().map(String::as_str), Some("frame 8"), "{of_it:?}");
    }
    assert_eq!(of(43_000), ["bad 5"]);
    assert_eq!(of(46_000), ["frame 8"]);
    let left_out = "1 TCP connection does not start with a good frame and was not looked at; \
                    --port PORT looks anyway: 10.0.0.1:44000 to 10.0.0.2:7000";
    assert!(ended.stderr.contains(left_out), "{ended:?}");
    assert!(ended.stderr.contains("1 TCP connection speaks HTTP and was left out"), "{ended:?}");
}
