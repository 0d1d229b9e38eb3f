//! Segments in any order, lost, cut and acknowledged.

use super::super::evidence::{MAX_CUTS, MAX_UNSEEN};
use super::*;

fn at(packet: u64) -> Moment {
    Moment { packet, time_ns: Some(packet * 1_000_000) }
}

fn carried(packet: u64) -> Rank {
    Rank::carried_by(at(packet))
}

fn push(reassembly: &mut Reassembly, packet: u64, sequence: u32, payload: &[u8]) {
    let part = Part { sequence, is_syn: false, is_fin: false, payload, wire_size: payload.len() };
    reassembly.push(&part, at(packet));
}

fn syn(reassembly: &mut Reassembly, sequence: u32) {
    let part = Part { sequence, is_syn: true, is_fin: false, payload: b"", wire_size: 0 };
    reassembly.push(&part, at(1));
}

fn fin(reassembly: &mut Reassembly, packet: u64, sequence: u32) {
    let part = Part { sequence, is_syn: false, is_fin: true, payload: b"", wire_size: 0 };
    reassembly.push(&part, at(packet));
}

/// After a SYN, the first byte with the number 1.
fn opened() -> Reassembly {
    let mut reassembly = Reassembly::new();
    syn(&mut reassembly, 0);
    reassembly
}

/// All that follows, as text: bytes as they are, a gap as its size; each with its packet.
fn pieces(reassembly: &mut Reassembly, is_settled: bool) -> Vec<String> {
    std::iter::from_fn(|| reassembly.pop(is_settled))
        .map(|Piece { content, moment, .. }| match content {
            PieceContent::Bytes(bytes) => {
                format!("{}@{}", String::from_utf8_lossy(&bytes), moment.packet)
            }
            PieceContent::Gap(size_bytes) => format!("-{size_bytes}@{}", moment.packet),
        })
        .collect()
}

fn drain(reassembly: &mut Reassembly) -> (Vec<u8>, Vec<u64>) {
    let (mut bytes, mut gaps) = (Vec::new(), Vec::new());
    while let Some(piece) = reassembly.pop(true) {
        match piece.content {
            PieceContent::Bytes(more) => bytes.extend(more),
            PieceContent::Gap(size_bytes) => gaps.push(size_bytes),
        }
    }
    (bytes, gaps)
}

/// After a SYN with the sequence number before `first`; each segment is its offset and its bytes.
fn reassembled(first: u32, segments: &[(u32, &[u8])]) -> (Vec<u8>, Vec<u64>) {
    let mut reassembly = Reassembly::new();
    syn(&mut reassembly, first.wrapping_sub(1));
    let (mut bytes, mut gaps) = (Vec::new(), Vec::new());
    for (packet, (offset, payload)) in (2..).zip(segments) {
        push(&mut reassembly, packet, first.wrapping_add(*offset), payload);
        let (more, missing) = drain(&mut reassembly);
        bytes.extend(more);
        gaps.extend(missing);
    }
    reassembly.finish(false);
    let (more, missing) = drain(&mut reassembly);
    ([bytes, more].concat(), [gaps, missing].concat())
}

#[test]
fn any_order_gives_the_same_bytes_also_where_numbers_wrap() {
    let pieces: [(u32, &[u8]); 4] = [(0, b"ab"), (2, b"cde"), (5, b"f"), (6, b"gh")];
    for first in [1, 1000, u32::MAX, u32::MAX - 3] {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]] {
            let segments = order.map(|index| pieces[index]);
            let expected = (b"abcdefgh".to_vec(), vec![]);
            assert_eq!(reassembled(first, &segments), expected, "{first} {order:?}");
        }
    }
}

#[test]
fn what_comes_twice_or_overlaps_counts_once() {
    let expected = (b"abcdefgh".to_vec(), vec![]);
    for segments in [
        &[(0, &b"abcd"[..]), (0, b"abcd"), (2, b"cdef"), (4, b"efgh"), (6, b"g")][..],
        &[(4, b"ef"), (4, b"efgh"), (2, b"cdefg"), (0, b"abc")],
        &[(4, b"efgh"), (4, b"ef"), (0, b"abcdef")],
        // A keep-alive: a byte that was acknowledged.
        &[(0, b"abcd"), (3, b"\0"), (4, b"efgh")],
    ] {
        assert_eq!(reassembled(7, segments), expected, "{segments:?}");
    }
}

#[test]
fn what_never_comes_is_a_gap_at_the_end() {
    let expected = (b"abfgj".to_vec(), vec![3, 2]);
    assert_eq!(reassembled(7, &[(0, b"ab"), (5, b"fg"), (9, b"j")]), expected);
    assert_eq!(reassembled(7, &[(3, b"d")]), (b"d".to_vec(), vec![3]));
}

#[test]
fn an_acknowledgement_past_a_hole_proves_it_and_each_piece_keeps_its_packet() {
    let mut reassembly = opened();
    push(&mut reassembly, 2, 1, b"ab");
    push(&mut reassembly, 4, 6, b"fg");
    assert_eq!(pieces(&mut reassembly, true), ["ab@2"]);
    assert_eq!(reassembly.head(), Head::Hole { behind: carried(4), is_proven: false });
    reassembly.acknowledge(5, false, at(5));
    assert_eq!(pieces(&mut reassembly, true), [""; 0], "a part of it may still be on its way");
    reassembly.acknowledge(8, false, at(6));
    assert_eq!(reassembly.head(), Head::Hole { behind: carried(4), is_proven: true });
    assert_eq!(pieces(&mut reassembly, false), [""; 0], "who has patience waits");
    assert_eq!(pieces(&mut reassembly, true), ["-3@4", "fg@4"]);
    // What comes after all that is too late.
    push(&mut reassembly, 9, 3, b"cdefgh");
    assert_eq!(pieces(&mut reassembly, true), ["h@9"]);
}

/// The packets that carried them, and where they stand among what the other end says: once the
/// hole is filled, or acknowledged.
#[test]
fn what_stands_behind_a_hole_that_is_filled_keeps_its_packet_and_comes_with_what_fills_it() {
    let ranks = |reassembly: &mut Reassembly| -> Vec<Rank> {
        std::iter::from_fn(|| reassembly.pop(true)).map(|piece| piece.rank).collect()
    };
    let filled = |is_acknowledged_before: bool, filler: &[u8]| {
        let mut reassembly = opened();
        push(&mut reassembly, 2, 4, b"def");
        if is_acknowledged_before {
            reassembly.acknowledge(7, false, at(4));
        }
        push(&mut reassembly, 5, 1, filler);
        reassembly.acknowledge(7, false, at(6));
        push(&mut reassembly, 7, 7, b"gh");
        reassembly
    };
    let before = |packet| Rank::before(at(packet));
    assert_eq!(pieces(&mut filled(false, b"abc"), false), ["abc@5", "def@2", "gh@7"]);
    assert_eq!(ranks(&mut filled(false, b"abc")), [carried(5), carried(5), carried(7)]);
    assert_eq!(pieces(&mut filled(true, b"abc"), false), ["abc@5", "def@2", "gh@7"]);
    assert_eq!(ranks(&mut filled(true, b"abc")), [before(4), before(4), carried(7)]);
    // Filled in part: the rest was told to have arrived.
    assert_eq!(pieces(&mut filled(false, b"ab"), true), ["ab@5", "-1@2", "def@2", "gh@7"]);
    assert_eq!(
        ranks(&mut filled(false, b"ab")),
        [[carried(5); 3].as_slice(), &[carried(7)]].concat()
    );
    assert_eq!(pieces(&mut filled(true, b"ab"), true), ["ab@5", "-1@2", "def@2", "gh@7"]);
}

#[test]
fn of_bytes_that_come_twice_those_count_that_came_first() {
    let mut reassembly = opened();
    push(&mut reassembly, 2, 4, b"def");
    push(&mut reassembly, 3, 9, b"ij");
    // Another cut of the same stream, with other bytes where both have some.
    push(&mut reassembly, 4, 3, b"cDEFghIJkl");
    push(&mut reassembly, 5, 2, b"bCDEFGHIJKLm");
    push(&mut reassembly, 6, 1, b"a");
    let told = ["a@6", "b@5", "c@4", "def@2", "gh@4", "ij@3", "kl@4", "m@5"];
    assert_eq!(pieces(&mut reassembly, false), told);
    assert_eq!(reassembly.held_bytes(), 0);
}

#[test]
fn an_acknowledgement_of_what_was_not_captured_proves_it_with_its_own_packet() {
    let mut reassembly = opened();
    push(&mut reassembly, 2, 1, b"ab");
    assert_eq!(pieces(&mut reassembly, true), ["ab@2"]);
    reassembly.acknowledge(4, false, at(3));
    assert_eq!(reassembly.head(), Head::Nothing, "one number more may be a FIN's");
    reassembly.acknowledge(6, false, at(4));
    assert_eq!(reassembly.head(), Head::Hole { behind: carried(3), is_proven: true });
    push(&mut reassembly, 7, 6, b"fg");
    reassembly.acknowledge(8, false, at(8));
    assert_eq!(pieces(&mut reassembly, true), ["-3@3", "fg@7"]);
}

#[test]
fn the_end_proves_what_lacks_by_fin_and_acknowledgement() {
    // The FIN's number says how far the stream went.
    let mut by_fin = opened();
    push(&mut by_fin, 2, 1, b"ab");
    fin(&mut by_fin, 4, 6);
    assert_eq!(pieces(&mut by_fin, true), ["ab@2"]);
    by_fin.finish(false);
    assert_eq!(pieces(&mut by_fin, true), ["-3@4"]);
    assert_eq!(by_fin.head(), Head::End { rank: carried(4), moment: at(4) });
    // The acknowledgement of the FIN itself is of no byte.
    let mut by_both = opened();
    push(&mut by_both, 2, 1, b"ab");
    by_both.acknowledge(6, false, at(3));
    fin(&mut by_both, 4, 6);
    by_both.acknowledge(7, false, at(5));
    assert_eq!(pieces(&mut by_both, true), ["ab@2", "-3@3"]);
    // Without the FIN one number more proves nothing, two do.
    for (acknowledged, expected) in
        [(3, vec!["ab@2"]), (4, vec!["ab@2"]), (5, vec!["ab@2", "-2@3"])]
    {
        let mut reassembly = opened();
        push(&mut reassembly, 2, 1, b"ab");
        reassembly.acknowledge(acknowledged, false, at(3));
        reassembly.finish(false);
        assert_eq!(pieces(&mut reassembly, true), expected, "{acknowledged}");
    }
}

/// A FIN that the capture lacks is answered with one, sooner or later.
#[test]
fn one_number_more_is_a_byte_if_nothing_closes_the_connection() {
    for (is_open, expected) in [(false, vec!["ab@2"]), (true, vec!["ab@2", "-1@3"])] {
        let mut reassembly = opened();
        push(&mut reassembly, 2, 1, b"ab");
        reassembly.acknowledge(4, false, at(3));
        assert_eq!(pieces(&mut reassembly, true), ["ab@2"]);
        reassembly.finish(is_open);
        assert_eq!(pieces(&mut reassembly, true), expected[1..]);
    }
}

#[test]
fn a_stream_of_which_nothing_was_captured_lacks_what_was_acknowledged() {
    let mut reassembly = Reassembly::new();
    reassembly.acknowledge(1000, false, at(1));
    reassembly.acknowledge(1001, false, at(2));
    reassembly.acknowledge(1050, false, at(3));
    reassembly.finish(false);
    assert_eq!(pieces(&mut reassembly, true), ["-50@2"]);
    let mut silent = Reassembly::new();
    silent.acknowledge(1000, false, at(1));
    silent.finish(false);
    assert_eq!(pieces(&mut silent, true), [""; 0]);
}

#[test]
fn what_the_capture_cut_is_a_gap_at_once() {
    let mut reassembly = opened();
    let part = Part { sequence: 1, is_syn: false, is_fin: false, payload: b"ab", wire_size: 10 };
    reassembly.push(&part, at(2));
    assert_eq!(pieces(&mut reassembly, false), ["ab@2", "-8@2"]);
    push(&mut reassembly, 3, 11, b"kl");
    assert_eq!(pieces(&mut reassembly, false), ["kl@3"]);
    // Another packet may hold what was cut.
    let cut = Part { sequence: 13, payload: b"m", wire_size: 4, ..part };
    push(&mut reassembly, 4, 14, b"nop");
    reassembly.push(&cut, at(5));
    assert_eq!(pieces(&mut reassembly, false), ["m@5", "nop@4"]);
    reassembly.push(&Part { sequence: 17, payload: b"", wire_size: 4, ..part }, at(6));
    assert_eq!(pieces(&mut reassembly, false), ["-4@6"]);
}

#[test]
fn a_cut_packet_that_comes_twice_is_told_once() {
    let mut reassembly = opened();
    let part = Part { sequence: 1, is_syn: false, is_fin: false, payload: b"ab", wire_size: 10 };
    reassembly.push(&part, at(2));
    assert_eq!(pieces(&mut reassembly, false), ["ab@2", "-8@2"]);
    reassembly.push(&part, at(3));
    reassembly.acknowledge(11, false, at(4));
    assert_eq!(pieces(&mut reassembly, true), [""; 0]);
    push(&mut reassembly, 5, 11, b"kl");
    assert_eq!(pieces(&mut reassembly, true), ["kl@5"]);
}

#[test]
fn cuts_behind_a_hole_have_a_bound_in_number() {
    let mut reassembly = opened();
    for number in 0..2 * MAX_CUTS {
        let sequence = 10 + 10 * u32::try_from(number).unwrap();
        let part = Part { sequence, is_syn: false, is_fin: false, payload: b"", wire_size: 10 };
        reassembly.push(&part, at(2));
        assert_eq!(reassembly.pop(false).is_some(), number + 1 >= MAX_CUTS, "{number}");
    }
}

#[test]
fn waiting_has_a_bound_in_bytes() {
    let mut reassembly = opened();
    reassembly.acknowledge(1, true, at(1));
    let chunk = vec![0x55; 65_536];
    let mut waited = 0_u32;
    while reassembly.pop(false).is_none() {
        // The byte with the number 1 never comes.
        push(&mut reassembly, 2, 2 + waited, &chunk);
        waited += 65_536;
        assert!(waited as usize <= MAX_WAITING_BYTES + 65_536);
    }
    assert_eq!(reassembly.next, Some(2));
    assert!(waited as usize > MAX_WAITING_BYTES - 2 * 65_536, "{waited}");
}

#[test]
fn waiting_has_a_bound_in_time() {
    let mut reassembly = opened();
    reassembly.acknowledge(1, true, at(1));
    let later = |packet, ns| Moment { packet, time_ns: Some(ns) };
    let part =
        |sequence| Part { sequence, is_syn: false, is_fin: false, payload: b"x", wire_size: 1 };
    reassembly.push(&part(5), later(2, 1));
    reassembly.push(&part(6), later(3, 1 + MAX_WAITING_NS));
    assert_eq!(pieces(&mut reassembly, false), [""; 0]);
    reassembly.push(&part(7), later(4, 2 + MAX_WAITING_NS));
    assert_eq!(pieces(&mut reassembly, false), ["-4@2", "x@2", "x@3", "x@4"]);
}

/// No proof will come where the other direction was not captured.
#[test]
fn in_one_direction_alone_a_hole_is_waited_for_much_less() {
    let later = |packet, ns| Moment { packet, time_ns: Some(ns) };
    let part =
        |sequence| Part { sequence, is_syn: false, is_fin: false, payload: b"x", wire_size: 1 };
    let mut slow = opened();
    slow.push(&part(5), later(2, 1));
    slow.push(&part(6), later(3, 1 + MAX_WAITING_ONE_WAY_NS));
    assert_eq!(pieces(&mut slow, false), [""; 0]);
    slow.push(&part(7), later(4, 2 + MAX_WAITING_ONE_WAY_NS));
    assert_eq!(pieces(&mut slow, false), ["-4@2", "x@2", "x@3", "x@4"]);
    let mut fast = opened();
    for sequence in 0..=1024 {
        assert_eq!(pieces(&mut fast, false), [""; 0], "{sequence}");
        fast.push(&part(2 + sequence), later(2, 1));
    }
    assert_eq!(pieces(&mut fast, false).len(), 1 + 1025);
}

#[test]
fn what_is_remembered_of_acknowledgements_has_a_bound() {
    let mut reassembly = Reassembly::new();
    for number in 0..10_000 {
        reassembly.acknowledge(number * 100, false, at(u64::from(number)));
        assert!(reassembly.evidence.unseen_count() <= MAX_UNSEEN);
    }
    // A number that no window reaches is of another connection, or damage.
    let mut far = opened();
    far.acknowledge(2 + (1 << 30), false, at(2));
    far.finish(false);
    assert_eq!(pieces(&mut far, true), [""; 0]);
}

#[test]
fn without_a_syn_the_earliest_of_the_first_segments_is_the_start() {
    let mut reassembly = Reassembly::new();
    push(&mut reassembly, 1, 102, b"cd");
    push(&mut reassembly, 2, 100, b"ab");
    assert!(reassembly.began_before());
    assert_eq!(drain(&mut reassembly), (vec![], vec![]), "one more may come before");
    for offset in 0..14 {
        push(&mut reassembly, 3, 104 + offset, b"x");
    }
    assert_eq!(drain(&mut reassembly), ([&b"abcd"[..], &[b'x'; 14]].concat(), vec![]));
    let mut acknowledged = Reassembly::new();
    acknowledged.acknowledge(7, false, at(1));
    push(&mut acknowledged, 2, 102, b"cd");
    push(&mut acknowledged, 3, 100, b"ab");
    acknowledged.acknowledge(100, false, at(4));
    let of_before = "that speaks of what was before the capture";
    assert_eq!(drain(&mut acknowledged), (vec![], vec![]), "{of_before}");
    acknowledged.acknowledge(104, false, at(5));
    assert_eq!(pieces(&mut acknowledged, false), ["ab@3", "cd@2"]);
    let mut short = Reassembly::new();
    push(&mut short, 1, 100, b"ab");
    short.finish(false);
    assert_eq!(drain(&mut short), (b"ab".to_vec(), vec![]));
}

#[test]
fn the_answer_to_a_syn_tells_the_start_and_so_does_one_that_comes_late() {
    let mut answered = Reassembly::new();
    answered.acknowledge(100, true, at(1));
    push(&mut answered, 2, 102, b"cd");
    assert!(!answered.began_before());
    assert_eq!(answered.head(), Head::Hole { behind: carried(2), is_proven: false });
    let mut reassembly = Reassembly::new();
    push(&mut reassembly, 1, 102, b"cd");
    syn(&mut reassembly, 99);
    push(&mut reassembly, 2, 100, b"ab");
    assert_eq!(drain(&mut reassembly), (b"abcd".to_vec(), vec![]));
}

#[test]
fn the_fin_ends_it_once_all_before_it_is_there() {
    let mut reassembly = opened();
    push(&mut reassembly, 2, 3, b"cd");
    fin(&mut reassembly, 3, 5);
    assert_eq!(reassembly.head(), Head::Hole { behind: carried(2), is_proven: false });
    push(&mut reassembly, 4, 1, b"ab");
    assert_eq!(pieces(&mut reassembly, false), ["ab@4", "cd@2"]);
    assert_eq!(reassembly.head(), Head::End { rank: carried(4), moment: at(3) });
    assert!(reassembly.is_reopened_by(5000) && !reassembly.is_reopened_by(0));
}

#[test]
fn the_senders_own_number_proves_a_lost_end_once_nothing_more_comes() {
    let mut stream = opened();
    push(&mut stream, 2, 1, b"ab");
    push(&mut stream, 3, 11, b"");
    // It may come late yet.
    assert_eq!(pieces(&mut stream, true), ["ab@2"]);
    stream.finish(true);
    assert_eq!(pieces(&mut stream, true), ["-8@3"]);

    let mut stream = opened();
    push(&mut stream, 2, 1, b"ab");
    stream.reset(11, at(3));
    stream.finish(false);
    assert_eq!(pieces(&mut stream, true), ["ab@2", "-8@3"]);
}

#[test]
fn a_number_behind_the_own_fin_is_no_byte() {
    let mut stream = opened();
    push(&mut stream, 2, 1, b"ab");
    fin(&mut stream, 3, 3);
    push(&mut stream, 4, 4, b"");
    stream.finish(false);
    assert_eq!(pieces(&mut stream, true), ["ab@2"]);
    // Nor where the capture lacks the FIN of a connection that was closed.
    let mut stream = opened();
    push(&mut stream, 2, 1, b"ab");
    push(&mut stream, 4, 4, b"");
    stream.finish(false);
    assert_eq!(pieces(&mut stream, true), ["ab@2"]);
}

#[test]
fn a_gap_is_told_with_what_proved_it_though_the_sender_counted_on_before() {
    let mut stream = opened();
    push(&mut stream, 2, 1, b"ab");
    push(&mut stream, 3, 11, b"");
    stream.acknowledge(11, false, at(4));
    push(&mut stream, 9, 11, b"cd");
    assert_eq!(pieces(&mut stream, true), ["ab@2", "-8@4", "cd@9"]);
}
