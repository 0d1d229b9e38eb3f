//! `decode` on the captures of `tests/captures`: what the packets prove, no less and no more.
//! Packet numbers and times are those that tshark shows.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::decode::objects;
use crate::support::{Ended, Running, command, run};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name)
}

fn decode(name: &str, more_args: &[&str]) -> Ended {
    let path = path(name);
    run(&[&["decode", path.to_str().expect("a path")], more_args].concat(), "")
}

/// Each item as `packet kind-or-type size`, and the summary.
fn read(name: &str) -> (Ended, Vec<String>, Value) {
    let ended = decode(name, &["--json"]);
    let mut objects = objects(&ended);
    let summary = objects.pop().expect("a summary");
    assert_eq!(summary["kind"], "summary");
    let items = objects.iter().map(|it| {
        let what = it["type"].as_str().or(it["kind"].as_str()).expect("text");
        assert!(it["error"].is_null(), "{it}");
        format!("{} {what} {}", it["packet"], it["size"])
    });
    let items = items.collect();
    (ended, items, summary)
}

/// Every frame is read, nothing is missing, and nothing else is said.
fn assert_all_read(name: &str, expected: &[&str]) {
    let (ended, items, summary) = read(name);
    assert_eq!(items, expected, "{name}");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{name}");
    assert_eq!(summary["passed_over"], Value::Array(vec![]), "{name}");
}

const SIGN_IN: [&str; 2] = ["4 Connect 12", "6 ConnectAck 14"];
const CHAT: [&str; 5] = [
    "4 Connect 12",
    "6 ConnectAck 19",
    "8 JoinRoom 14",
    "10 SendMessage 19",
    "12 MessageBroadcast 35",
];

/// A cut packet proves that it was there, and nothing of a hole before it.
#[test]
fn what_was_lost_before_a_cut_packet_does_not_move_what_came_between() {
    let (_, items, _) = read("loss-then-cut.pcap");
    assert_eq!(
        items,
        [
            "4 Echo 8",
            "6 gap 9",
            "6 Echo 8",
            "8 Echo 8",
            "10 Echo 8",
            "12 part 42",
            "12 gap 263",
            "14 Echo 8"
        ]
    );
    let (_, items, _) = read("cut-and-swapped.pcap");
    let places: Vec<&str> = items.iter().map(|item| item.split(' ').next().unwrap()).collect();
    assert_eq!(places, ["4", "5", "6", "8", "7", "7", "9", "10", "11"]);
    assert_eq!(items[3..6], ["8 Echo 17", "7 part 42", "7 gap 165"]);
}

/// A hole that is proven later than it was seen is waited for until it is told.
#[test]
fn what_answers_a_lost_packet_is_told_behind_the_gap() {
    let (_, items, _) = read("lost-of-two.pcap");
    let places: Vec<u64> =
        items.iter().map(|item| item.split(' ').next().unwrap().parse().unwrap()).collect();
    assert_eq!(items[0], "4 gap 9");
    assert!(places.is_sorted() && places.len() == 23, "{items:?}");
}

#[test]
fn a_segment_lost_in_the_middle_is_a_gap_and_the_frame_behind_it_keeps_its_packet() {
    let (ended, items, summary) = read("lost-middle.pcap");
    assert_eq!(items, ["4 Ping 6", "6 gap 6", "7 Ping 6"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!((&summary["gaps"], &summary["gap_bytes"]), (&1.into(), &6.into()));
    assert_eq!((&summary["frames"], &summary["bad"]), (&2.into(), &0.into()));
    let text = decode("lost-middle.pcap", &[]);
    assert_eq!(text.stderr, "2 good frames, 0 bad, 1 gap of 6 bytes");
}

#[test]
fn frames_behind_a_gap_carry_their_own_packets_and_times() {
    let ended = decode("lost-one-then-60.pcap", &["--json"]);
    assert_eq!(ended.code, Some(1));
    let told: Vec<Value> = objects(&ended);
    let broadcasts: Vec<&Value> =
        told.iter().filter(|it| it["type"] == "MessageBroadcast").collect();
    assert_eq!(broadcasts.len(), 60);
    for (index, broadcast) in (0_u64..).zip(broadcasts) {
        assert_eq!(broadcast["packet"], 9 + 2 * index);
        assert_eq!(broadcast["message"]["content"], format!("line {index}"));
        let time_ns = 1_700_000_004_000_000_000 + index * 1_000_000_000;
        assert_eq!(broadcast["time_ns"], time_ns);
    }
    assert_eq!((&told[2]["kind"], &told[2]["size"]), (&"gap".into(), &34.into()));
}

#[test]
fn both_directions_stay_in_order_behind_a_gap() {
    let (ended, items, _) = read("lost-packet-14.pcapng");
    assert_eq!(ended.code, Some(1));
    let packets: Vec<u64> = items
        .iter()
        .map(|item| item.split(' ').next().and_then(|it| it.parse().ok()).expect("a number"))
        .collect();
    assert!(packets.is_sorted(), "{packets:?}");
    assert_eq!(&items[6..10], ["14 gap 8", "14 Echo 8", "16 Echo 8", "17 Echo 8"]);
    assert!(packets.contains(&19) && packets.contains(&22), "{packets:?}");
}

#[test]
fn what_was_lost_before_the_fin_is_a_gap() {
    let (ended, items, _) = read("lost-tail-then-fin.pcap");
    assert_eq!(items, ["4 Ping 6", "6 Pong 6", "8 gap 6", "9 Pong 6"]);
    assert_eq!(ended.code, Some(1));
    let (ended, items, _) = read("lastlost.pcapng");
    assert_eq!(items, ["4 Data 8", "6 Data 8", "8 gap 8"]);
    assert_eq!(ended.code, Some(1));
}

#[test]
fn what_the_capture_cut_is_a_gap_and_nothing_is_bad() {
    for (name, expected) in [
        ("snap-last.pcap", &["4 Connect 12", "6 part 106", "6 gap 308"][..]),
        ("snap-mid.pcap", &["4 part 106", "4 gap 308", "6 SendMessage 34"]),
        ("spb_snap.pcapng", &["1 part 57", "1 gap 98", "2 Data 8"]),
    ] {
        let (ended, items, summary) = read(name);
        assert_eq!(items, expected, "{name}");
        assert_eq!((ended.code, &summary["bad"]), (Some(1), &0.into()), "{name}");
    }
}

#[test]
fn what_stands_before_the_first_frame_of_a_running_connection_is_before_the_capture() {
    for (name, expected) in [
        (
            "midstream-keepalive-chat.pcap",
            ["1 part 1", "3 SendMessage 16", "5 MessageBroadcast 32"],
        ),
        ("midframe.pcap", ["1 part 16", "3 SendMessage 17", "5 MessageBroadcast 33"]),
    ] {
        assert_all_read(name, &expected);
        let text = decode(name, &[]);
        assert!(text.stdout[0].contains("of what began before the capture"), "{text:?}");
        assert_eq!(text.stderr, "2 good frames, 0 bad");
        assert_eq!(objects(&decode(name, &["--json"]))[0]["lacks"], "before");
    }
}

#[test]
fn another_protocol_on_our_port_is_named_and_left_out() {
    let (ended, items, summary) = read("http-8080.pcap");
    assert_eq!((ended.code, items.len()), (Some(0), 0));
    let says = "1 TCP connection speaks HTTP and was left out: 10.0.0.1:40000 to 10.0.0.2:8080";
    assert_eq!(ended.stderr, says);
    let passed_over = &summary["passed_over"][0];
    assert_eq!(
        [&passed_over["what"], &passed_over["reason"], &passed_over["client"]],
        ["connection", "HTTP", "10.0.0.1:40000"]
    );
    // To look nevertheless is what the option is for.
    assert_eq!(decode("http-8080.pcap", &["--port", "8080"]).code, Some(1));
}

#[test]
fn link_types_tunnels_and_clocks_are_read() {
    assert_all_read("fcs.pcap", &SIGN_IN);
    for (name, part_ns) in [("tsres-94.pcapng", 250_000_000), ("multi-if.pcapng", 0)] {
        assert_all_read(name, &SIGN_IN);
        let times: Vec<Value> = objects(&decode(name, &["--json"]))
            .iter()
            .filter_map(|object| object.get("time_ns").cloned())
            .collect();
        let expected = [3, 5].map(|second| (1_700_000_000 + second) * 1_000_000_000_u64 + part_ns);
        assert_eq!(times, expected, "{name}");
    }
    for name in ["pktap.pcap", "nflog.pcap", "ppp9.pcap", "vxlan.pcap", "gre.pcap"] {
        assert_all_read(name, &CHAT);
    }
    assert_all_read("frag4.pcap", &["6 Echo 3005", "7 Echo 3005"]);
}

#[test]
fn a_link_type_that_is_not_read_is_said_in_a_sentence_and_nothing_was_read() {
    let (ended, items, summary) = read("radiotap.pcap");
    assert_eq!((ended.code, items.len()), (Some(1), 0));
    let says = "16 packets of link type 127 (IEEE 802.11 with a radiotap header), which is not \
                read here, were passed over";
    assert_eq!(ended.stderr, says);
    assert_eq!(summary["passed_over"][0]["packets"], 16);
}

#[test]
fn a_line_of_a_proxy_is_told_as_such() {
    assert_all_read("proxy1.pcap", &["4 proxy 39", "4 Connect 12", "6 ConnectAck 14"]);
    let objects = objects(&decode("proxy1.pcap", &["--json"]));
    assert_eq!(objects[0]["text"], "PROXY TCP4 1.2.3.4 10.0.0.2 5555 8080");
    assert_eq!(objects[1]["offset"], 39);
}

#[test]
fn a_text_with_nul_is_whole() {
    let ended = decode("nul-in-text.pcap", &["--json"]);
    ended.assert_done();
    let contents: Vec<Value> = objects(&ended)
        .iter()
        .filter(|object| object["type"] == "SendMessage")
        .map(|object| object["message"]["content"].clone())
        .collect();
    assert_eq!(contents[0], "a\0b");
}

#[test]
fn rooms_and_users_are_picked_and_a_line_is_enough_for_a_frame() {
    let brief = decode("nul-in-text.pcap", &["--brief", "--user", "Ada"]);
    brief.assert_done();
    assert!(brief.stdout.len() > 3, "{brief:?}");
    for line in &brief.stdout {
        let is_of_her_client = line.contains(":48518 > ");
        assert!(line.contains("username=\"Ada\"") || is_of_her_client, "{line}");
    }
    assert!(
        brief.stdout.iter().any(|line| line.ends_with(": JoinRoom room=\"lobby\"")),
        "{brief:?}"
    );
    assert!(brief.stderr.contains("of these are not shown"), "{brief:?}");
    let room = decode("nul-in-text.pcap", &["--brief", "--room", "nowhere"]);
    assert_eq!((room.code, room.stdout.len()), (Some(0), 0));
    let room = decode("nul-in-text.pcap", &["--json", "--room", "lobby"]);
    let objects = objects(&room);
    assert!(objects.iter().all(|it| it["message"]["room"] == "lobby" || it["kind"] == "summary"));
    assert!(objects.last().and_then(|it| it["hidden"].as_u64()) > Some(0));
    let one = run(&["decode", "--user", "Ada"], "01 01 0004 03 616461 9AFB8317");
    assert!(one.stderr.ends_with("1 of these is not shown"), "{one:?}");
    let long = decode("frag4.pcap", &["--brief"]);
    assert!(long.stdout[0].ends_with("qq\"… (3000 bytes)"), "{long:?}");
    assert_eq!(decode("frag4.pcap", &["--brief", "--json"]).code, Some(2));
}

/// What is proven is told while the writer of the capture pauses, not when it ends.
#[test]
fn a_live_capture_is_told_as_it_comes_also_behind_a_gap() {
    let capture = std::fs::read(path("lost-one-then-60.pcap")).expect("a capture");
    let mut ends = vec![24];
    while let Some(size) = capture.get(ends[ends.len() - 1] + 8..) {
        let Some(size) = size.first_chunk::<4>() else { break };
        ends.push(ends[ends.len() - 1] + 16 + u32::from_le_bytes(*size) as usize);
    }
    let mut child = command(&["decode", "--json"]).spawn().expect("the binary starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    let mut live = Running::adopt(child);
    pipe.write_all(&capture[..ends[9]]).expect("it reads");
    // The pipe stays open: nothing says that the capture is at its end.
    let told: Vec<Value> = (0..4)
        .map(|_| serde_json::from_str(&live.next_line()).expect("an object"))
        .map(|object: Value| object["packet"].clone())
        .collect();
    assert_eq!(told, [4, 6, 8, 9]);
    drop(pipe);
    assert_eq!(live.end_by_itself().code, Some(1));
}
