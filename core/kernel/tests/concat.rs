//! Copying with the checksum, on every level: what is written, what is not, and the checksum over it.

use cafewire_kernel::{Kernel as _, Level};
use proptest::prelude::*;

/// Holds every level to plain copies and crc32fast. Bytes around the target must stay as they are.
#[track_caller]
fn assert_concatenated<const N: usize>(pieces: [&[u8]; N], room: usize) {
    const AROUND: usize = 70;
    let whole = pieces.concat();
    for level in Level::available() {
        let mut buffer = vec![0xEE; AROUND + whole.len() + room + AROUND];
        let end = AROUND + whole.len() + room;
        let crc = level.concat(&mut buffer[AROUND..end], pieces);
        assert_eq!(crc, Some(crc32fast::hash(&whole)), "{}", level.name());
        let expected = [&[0xEE; AROUND][..], &whole, &vec![0xEE; room + AROUND]].concat();
        assert!(buffer == expected, "{} wrote other bytes", level.name());
    }
}

/// Different at every index below 700, as far as bytes can be.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 167 + index / 7).to_le_bytes()[0]).collect()
}

#[test]
fn one_piece_of_every_length() {
    let all = bytes(700);
    for len in 0..=all.len() {
        assert_concatenated([&all[..len]], 0);
        assert_concatenated([&all[700 - len..]], 1);
    }
}

#[test]
fn pieces_of_every_length_at_every_border() {
    let all = bytes(400);
    for first in 0..=70 {
        for second in 0..=70 {
            assert_concatenated([&all[..first], &all[100..100 + second], &all[300..]], 0);
        }
    }
}

#[test]
fn a_broadcast_of_every_length() {
    let all = bytes(600);
    for username in [1, 7, 32] {
        for room in [1, 8, 33, 64] {
            for content in (1..=512).step_by(3) {
                let (head, lengths) = ([0x01; 17], [room as u8]);
                let pieces =
                    [&head[..], &all[..username], &lengths, &all[50..50 + room], &all[..content]];
                assert_concatenated(pieces, 4);
            }
        }
    }
}

#[test]
fn nothing_is_written_where_it_does_not_fit() {
    for level in Level::available() {
        for len in 1..200 {
            let piece = bytes(len);
            let mut into = vec![0xEE; len * 2 - 1];
            assert_eq!(level.concat(&mut into, [&piece, &piece]), None, "{}", level.name());
            assert!(into.iter().all(|&byte| byte == 0xEE));
        }
        assert_eq!(level.concat(&mut [], [b"", b"", b""]), Some(0));
        assert_eq!(level.concat::<0>(&mut [1], []), Some(0));
    }
}

proptest! {
    #[test]
    fn any_pieces(
        pieces in prop::array::uniform5(prop::collection::vec(any::<u8>(), 0..150)), room in 0_usize..80,
    ) {
        assert_concatenated(pieces.each_ref().map(Vec::as_slice), room);
    }
}
