//! UTF-8 on every level, held against the standard library: the same verdict, at the same offset.

use cafewire_kernel::{Kernel as _, Level};
use proptest::prelude::*;

/// Bytes at which one class of bytes ends and the next starts, in any place of a character.
const EDGES: [u8; 26] = [
    0x00, 0x1F, 0x41, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0,
    0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF,
];

/// Around the borders of blocks of 16 and 64 bytes, and of the first ones.
const STARTS: [usize; 17] = [0, 1, 2, 3, 11, 12, 13, 14, 15, 16, 60, 61, 62, 63, 64, 125, 127];

#[track_caller]
fn assert_as_in_std(bytes: &[u8]) {
    let expected = core::str::from_utf8(bytes);
    for level in Level::available() {
        assert_eq!(level.utf8(bytes), expected, "{} of {bytes:02X?}", level.name());
    }
}

/// The sequence at each of the starts, at the end of the text and followed by ASCII.
fn assert_at_borders(sequence: &[u8]) {
    let mut text = [b'x'; 200];
    for start in STARTS {
        let end = start + sequence.len();
        text[start..end].copy_from_slice(sequence);
        assert_as_in_std(&text[..end]);
        assert_as_in_std(&text[..end + 1]);
        assert_as_in_std(&text[..end + 64]);
        text[start..end].fill(b'x');
    }
}

#[test]
fn every_sequence_of_one_and_two_bytes() {
    for first in 0..=u8::MAX {
        assert_at_borders(&[first]);
        for second in 0..=u8::MAX {
            assert_at_borders(&[first, second]);
        }
    }
}

#[test]
fn sequences_of_three_bytes() {
    for first in 0xE0..=0xEF {
        for second in 0x7F..=0xC0 {
            for third in EDGES {
                assert_at_borders(&[first, second, third]);
            }
        }
    }
}

#[test]
fn sequences_of_four_bytes() {
    for first in EDGES {
        for second in EDGES {
            for third in EDGES {
                for fourth in EDGES {
                    let mut text = [b'x'; 68];
                    for start in [0, 13, 61] {
                        let end = start + 4;
                        text[start..end].copy_from_slice(&[first, second, third, fourth]);
                        assert_as_in_std(&text[..end]);
                        assert_as_in_std(&text[..end + 1]);
                        text[start..end].fill(b'x');
                    }
                }
            }
        }
    }
}

#[test]
fn every_character() {
    let mut text = String::new();
    for character in (0..=0x0010_FFFF).filter_map(char::from_u32) {
        text.push(character);
        if text.len() > 500 {
            assert_as_in_std(text.as_bytes());
            text.clear();
        }
    }
    assert_as_in_std(text.as_bytes());
}

#[test]
fn every_length_cut_anywhere() {
    let text = "naïve 日本語 🦀é".repeat(20);
    for end in 0..=text.len() {
        for start in 0..8 {
            assert_as_in_std(&text.as_bytes()[start.min(end)..end]);
        }
    }
}

proptest! {
    #[test]
    fn texts_with_a_byte_changed(
        text in "\\PC{1,200}", place in any::<prop::sample::Index>(), byte: u8, change: bool,
    ) {
        let mut bytes = text.into_bytes();
        if change {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        assert_as_in_std(&bytes);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(prop::sample::select(&EDGES), 0..200)) {
        assert_as_in_std(&bytes);
    }
}
