//! Pieces of packets in any order, cut, and too many.

use std::net::Ipv4Addr;

use super::*;

const TEXT: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

fn at(packet: u64) -> Moment {
    Moment { packet, time_ns: Some(packet * 1_000_000_000) }
}

fn of_v6(mut fragment: Fragment<'static>) -> Fragment<'static> {
    let address = std::net::Ipv6Addr::LOCALHOST.into();
    (fragment.payload.source, fragment.payload.destination) = (address, address);
    let id = DatagramId::of(&fragment.payload, fragment.id.id);
    Fragment { id, ..fragment }
}

/// Of the text, from a place on.
fn piece(id: u32, offset: usize, captured: usize, wire_size: usize) -> Fragment<'static> {
    let payload = Payload {
        source: Ipv4Addr::LOCALHOST.into(),
        destination: Ipv4Addr::LOCALHOST.into(),
        protocol: 6,
        bytes: &TEXT[offset..offset + captured],
        wire_size,
        depth: 0,
    };
    let is_last = offset + wire_size == TEXT.len();
    Fragment { id: DatagramId::of(&payload, id), offset, is_last, payload }
}

#[test]
fn any_order_gives_the_whole_and_what_comes_twice_counts_once() {
    let pieces = [piece(1, 0, 8, 8), piece(1, 8, 8, 8), piece(1, 16, 10, 10), piece(1, 8, 8, 8)];
    for order in [[0, 1, 3, 2], [2, 1, 3, 0], [1, 2, 3, 0], [2, 0, 0, 1]] {
        let mut fragments = Fragments::default();
        // Pieces of another packet between them change nothing.
        assert_eq!(fragments.push(&piece(2, 8, 8, 8), at(1)), None);
        for (index, pick) in order.into_iter().enumerate() {
            let whole = fragments.push(&pieces[pick], at(2 + index as u64));
            assert_eq!(whole.is_some(), index == 3, "{order:?}");
            if let Some(whole) = whole {
                assert_eq!((whole.bytes.as_slice(), whole.wire_size), (TEXT, TEXT.len()));
                assert_eq!((whole.is_whole, whole.moment), (true, at(5)));
            }
        }
        assert_eq!((fragments.partial.len(), fragments.held_bytes), (1, 8));
    }
}

#[test]
fn a_piece_that_the_capture_cut_leaves_what_stands_before_and_the_size() {
    let mut fragments = Fragments::default();
    assert_eq!(fragments.push(&piece(1, 0, 5, 16), at(1)), None);
    let whole = fragments.push(&piece(1, 16, 10, 10), at(2)).unwrap();
    assert_eq!((whole.bytes.as_slice(), whole.wire_size), (&b"abcde"[..], TEXT.len()));
}

#[test]
fn what_never_becomes_whole_is_handed_out_at_the_end_or_after_a_minute() {
    let mut fragments = Fragments::default();
    fragments.push(&piece(1, 0, 8, 8), at(1));
    fragments.push(&piece(1, 16, 10, 10), at(2));
    fragments.push(&piece(2, 0, 8, 8), at(50));
    assert_eq!(fragments.pop_given_up(), None);
    fragments.push(&piece(3, 0, 8, 8), at(62));
    let given_up = fragments.pop_given_up().unwrap();
    assert_eq!((given_up.bytes.as_slice(), given_up.wire_size), (&b"abcdefgh"[..], 26));
    assert_eq!((given_up.is_whole, given_up.moment), (false, at(2)));
    assert_eq!(fragments.pop_given_up(), None, "the others may still become whole");
    fragments.finish();
    let rest: Vec<u32> =
        std::iter::from_fn(|| fragments.pop_given_up()).map(|it| it.id.id).collect();
    assert_eq!((rest, fragments.held_bytes), (vec![2, 3], 0));
}

#[test]
fn pieces_that_overlap_with_other_bytes_are_counted_and_of_ipv6_all_is_dropped() {
    let mut other = piece(1, 8, 8, 8);
    other.offset = 4;
    for is_v6 in [false, true] {
        for order in [[0, 1, 2, 3], [3, 1, 0, 2], [1, 3, 2, 0]] {
            let pieces = [piece(1, 0, 8, 8), other, piece(1, 8, 8, 8), piece(1, 16, 10, 10)];
            let mut fragments = Fragments::default();
            let mut whole = None;
            for pick in order {
                let piece = if is_v6 { of_v6(pieces[pick]) } else { pieces[pick] };
                whole = fragments.push(&piece, at(1)).or(whole);
            }
            assert_eq!(fragments.contradictory, 1, "{order:?}");
            assert_eq!(whole.is_some(), !is_v6, "{order:?}");
            fragments.finish();
            assert_eq!((fragments.pop_given_up(), fragments.held_bytes), (None, 0), "{order:?}");
        }
        // The same bytes again are no contradiction.
        let mut fragments = Fragments::default();
        let mut again = piece(2, 4, 8, 8);
        again.is_last = false;
        for piece in [piece(2, 0, 8, 8), again, piece(2, 8, 8, 8), piece(2, 16, 10, 10)] {
            let piece = if is_v6 { of_v6(piece) } else { piece };
            let whole = fragments.push(&piece, at(1));
            assert_eq!(whole.is_some(), piece.is_last);
        }
        assert_eq!(fragments.contradictory, 0);
    }
}

#[test]
fn everything_has_a_bound() {
    let bounds = Bounds { datagrams: 4, pieces: 2, held_bytes: 1000, ..Bounds::default() };
    let mut fragments = Fragments::with(bounds);
    for id in 0..10 {
        fragments.push(&piece(id, 8, 8, 8), at(u64::from(id)));
        assert!(fragments.partial.len() <= 4);
    }
    assert_eq!(fragments.given_up.len(), 6);
    let mut fragments = Fragments::with(bounds);
    for offset in [0, 8, 16] {
        fragments.push(&piece(1, offset, 2, 2), at(1));
    }
    assert_eq!(fragments.held_bytes, 4, "the third piece was too many");
    let mut fragments = Fragments::with(Bounds { held_bytes: 20, ..Bounds::default() });
    for id in 0..10 {
        fragments.push(&piece(id, 8, 8, 8), at(1));
        assert!(fragments.held_bytes <= 20);
    }
    let beyond = Fragment { offset: MAX_DATAGRAM_BYTES - 7, ..piece(1, 8, 8, 8) };
    assert_eq!(Fragments::default().push(&beyond, at(1)), None);
}
