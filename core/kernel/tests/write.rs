//! Writing a frame, on every level: what is written, what is not, and the checksum over it.

#![allow(clippy::cast_possible_truncation)] // Any bytes will do.

use cafewire_kernel::{HEAD_MAX, Head, Kernel as _, Level};
use proptest::prelude::*;

/// A head of as many bytes, made of integers of all sizes, and its bytes.
fn head(len: usize) -> (Head, Vec<u8>) {
    let (mut head, mut bytes) = (Head::new(), Vec::new());
    let mut next = 0x1122_3344_5566_7788_u64;
    while bytes.len() < len {
        next = next.rotate_left(7) ^ 0x9E;
        let left = len - bytes.len();
        // The odd ones first, so that the others cross the borders of words.
        if left % 2 == 1 {
            head = head.u8(next as u8);
            bytes.extend((next as u8).to_be_bytes());
        } else if left % 4 == 2 {
            head = head.u16(next as u16);
            bytes.extend((next as u16).to_be_bytes());
        } else if left % 8 == 4 {
            head = head.u32(next as u32);
            bytes.extend((next as u32).to_be_bytes());
        } else {
            head = head.u64(next);
            bytes.extend(next.to_be_bytes());
        }
    }
    assert_eq!(head.len(), len);
    (head, bytes)
}

/// Holds every level to plain copies and crc32fast. Bytes around the target must stay as they are.
#[track_caller]
fn assert_written<const N: usize>(head_len: usize, names: [&[u8]; N], text: &[u8], room: usize) {
    const AROUND: usize = 130;
    let (head, mut whole) = head(head_len);
    for name in names {
        whole.push(u8::try_from(name.len()).expect("a byte says it"));
        whole.extend(name);
    }
    whole.extend(text);
    let end = AROUND + whole.len() + room;
    let expected = [&[0xEE; AROUND][..], &whole, &vec![0xEE; room + AROUND]].concat();
    for level in Level::available() {
        let mut buffer = vec![0xEE; end + AROUND];
        let crc = level.write(&mut buffer[AROUND..end], head, &names, text);
        assert_eq!(crc, Some(crc32fast::hash(&whole)), "{}, {} bytes", level.name(), whole.len());
        assert!(buffer == expected, "{} wrote other bytes of {}", level.name(), whole.len());
    }
}

/// Different at every index below 700, as far as bytes can be.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 167 + index / 7).to_le_bytes()[0]).collect()
}

#[test]
fn heads_and_texts_of_every_length() {
    let all = bytes(700);
    for head_len in 0..=HEAD_MAX {
        for text_len in (0..140).chain([191, 192, 193, 510, 511, 512, 600, 640, 700]) {
            assert_written(head_len, [], &all[..text_len], text_len % 3);
        }
    }
    for text_len in 0..=700 {
        assert_written(4, [], &all[..text_len], 0);
        assert_written(16, [], &all[700 - text_len..], 0);
    }
}

#[test]
fn a_name_of_every_length_before_a_text_of_every_length() {
    let all = bytes(500);
    for name in 0..=130 {
        for text in (0..=130).chain([190, 256, 320]) {
            assert_written(4, [&all[..name]], &all[100..100 + text], 0);
        }
    }
}

#[test]
fn a_broadcast_of_every_length() {
    let all = bytes(600);
    for head_len in [16, 39] {
        for username in [1, 7, 31, 32] {
            for room in [1, 8, 24, 33, 64] {
                for content in 1..=512 {
                    let names = [&all[..username], &all[50..50 + room]];
                    assert_written(head_len, names, &all[..content], 4);
                }
            }
        }
    }
}

#[test]
fn names_of_any_length_that_a_byte_can_say() {
    let all = bytes(4096);
    for name in [0, 1, 63, 64, 65, 127, 128, 200, 255] {
        for text in [0, 1, 64, 500, 4096] {
            assert_written(8, [&all[..name], &all[..name]], &all[..text], 0);
            assert_written(8, [&all[..name], &all[..255], &all[..name]], &all[..text], 0);
        }
    }
}

#[test]
fn nothing_is_written_where_it_does_not_fit() {
    let all = bytes(256);
    for level in Level::available() {
        let (head, _) = head(12);
        for text in 0..200 {
            let mut into = vec![0xEE; 12 + 1 + 5 + text - 1];
            assert_eq!(level.write(&mut into, head, &[b"lobby"], &all[..text]), None);
            assert!(into.iter().all(|&byte| byte == 0xEE), "{}", level.name());
        }
        let mut into = [0xEE; 1024];
        assert_eq!(level.write(&mut into, head, &[&all], b""), None, "a name of 256 bytes");
        assert_eq!(
            level.write(&mut into, Head::new().u8(1), &[], b""),
            Some(crc32fast::hash(&[1]))
        );
        assert_eq!(level.write(&mut [], Head::new(), &[], b""), Some(0));
    }
}

#[test]
fn a_head_that_is_too_long_fits_nowhere() {
    let (full, _) = head(HEAD_MAX);
    let (short_of_one, _) = head(HEAD_MAX - 1);
    for level in Level::available() {
        let mut into = [0xEE; 100];
        for head in [full.u8(0), full.u64(0), short_of_one.u16(0), full.u8(0).u8(0)] {
            assert_eq!(level.write(&mut into, head, &[], b""), None, "{}", level.name());
        }
        assert!(into.iter().all(|&byte| byte == 0xEE));
    }
}

proptest! {
    #[test]
    fn any_frame(
        head_len in 0..=HEAD_MAX,
        names in prop::array::uniform2(prop::collection::vec(any::<u8>(), 0..100)),
        text in prop::collection::vec(any::<u8>(), 0..700),
        room in 0_usize..80,
    ) {
        assert_written(head_len, names.each_ref().map(Vec::as_slice), &text, room);
    }
}
