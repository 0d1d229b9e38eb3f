//! The check of a frame on every level: its checksum, and whether its text is ASCII.

use cafewire_kernel::{Kernel as _, Level};
use proptest::prelude::*;

#[track_caller]
fn assert_checked(frame: &[u8], text_start: usize) {
    let text = frame.get(text_start..).unwrap_or_default();
    let expected = text.is_ascii().then(|| core::str::from_utf8(text).expect("ASCII"));
    for level in Level::available() {
        let check = level.check(frame, text_start);
        let what = (level.name(), frame.len(), text_start);
        assert_eq!(check.crc, crc32fast::hash(frame), "{what:?}");
        assert_eq!(check.ascii, expected, "{what:?}");
    }
}

/// Where texts start in frames of the protocol, and where blocks do.
const TEXT_STARTS: [usize; 18] =
    [0, 1, 4, 6, 8, 15, 16, 17, 31, 32, 39, 63, 64, 65, 128, 255, 256, 300];

#[test]
fn integers_of_any_bytes_before_ascii_of_every_length() {
    for text_start in TEXT_STARTS {
        for len in 0..=700 {
            let mut frame = vec![b'~'; len];
            frame.iter_mut().take(text_start).for_each(|byte| *byte = 0xFF);
            assert_checked(&frame, text_start);
        }
    }
}

#[test]
fn one_byte_that_is_not_ascii_in_every_place() {
    for len in [1, 4, 15, 16, 17, 40, 63, 64, 65, 127, 128, 129, 192, 193, 300, 515, 640, 641, 900]
    {
        let mut frame = vec![b'x'; len];
        for place in 0..len {
            frame[place] = 0x80;
            for text_start in TEXT_STARTS {
                assert_checked(&frame, text_start);
            }
            frame[place] = b'x';
        }
    }
}

#[test]
fn every_alignment() {
    let mut bytes = [0x7F; 64 + 300];
    for start in 0..64 {
        for len in [4, 16, 40, 100, 128, 129, 200, 300] {
            bytes[start] = 0x80;
            assert_checked(&bytes[start..start + len], 1);
            bytes[start] = 0x7F;
            // What lies around the frame is none of its bytes.
            if start > 0 {
                bytes[start - 1] = 0xFF;
            }
            assert_checked(&bytes[start..start + len], 0);
            bytes[start.saturating_sub(1)] = 0x7F;
        }
    }
}

#[test]
fn a_text_that_starts_behind_the_frame_is_empty() {
    for level in Level::available() {
        for text_start in [3, 4, 200, usize::MAX] {
            assert_eq!(
                level.check(b"\xFF\xFF\xFF", text_start).ascii,
                Some(""),
                "{}",
                level.name()
            );
            assert_eq!(level.check(&[0xFF; 200], text_start.max(200)).ascii, Some(""));
        }
    }
}

proptest! {
    #[test]
    fn any_frame(
        integers in prop::collection::vec(any::<u8>(), 0..64),
        text in prop::collection::vec(0_u8..0x80, 0..600),
        high in prop::option::of((any::<prop::sample::Index>(), 0x80_u8..)),
    ) {
        let text_start = integers.len();
        let mut frame = [integers, text].concat();
        if let (Some((place, byte)), false) = (high, frame.is_empty()) {
            let place = place.index(frame.len());
            frame[place] = byte;
        }
        assert_checked(&frame, text_start);
    }
}
