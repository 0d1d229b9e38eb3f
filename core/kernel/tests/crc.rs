//! The checksum on every level, held against its bitwise definition.

use cafewire_kernel::{Kernel as _, Level};
use proptest::prelude::*;

/// CRC-32/ISO-HDLC as the catalogue defines it: polynomial 0x04C11DB7, start and final XOR all
/// ones, the lowest bit of each byte first.
fn defined(bytes: &[u8]) -> u32 {
    let mut remainder = u32::MAX;
    for byte in bytes {
        for bit in 0..8 {
            let incoming = u32::from(byte >> bit & 1);
            let outgoing = remainder >> 31;
            remainder <<= 1;
            if incoming != outgoing {
                remainder ^= 0x04C1_1DB7;
            }
        }
    }
    !remainder.reverse_bits()
}

#[track_caller]
fn assert_as_defined(bytes: &[u8]) {
    let expected = defined(bytes);
    for level in Level::available() {
        let found = level.crc(bytes);
        assert_eq!(found, expected, "{}, {} bytes", level.name(), bytes.len());
    }
}

/// Bytes without a pattern that a checksum could mistake for another.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn the_check_value_of_the_catalogue() {
    assert_eq!(defined(b"123456789"), 0xCBF4_3926);
    for level in Level::available() {
        assert_eq!(level.crc(b"123456789"), 0xCBF4_3926, "{}", level.name());
        assert_eq!(level.crc(b""), 0, "{}", level.name());
    }
}

#[test]
fn every_length_at_every_alignment() {
    let noise = noise(700 + 64);
    for len in 0..=700 {
        for start in 0..64 {
            let bytes = &noise[start..start + len];
            let expected = if start % 16 == 0 { defined(bytes) } else { crc32fast::hash(bytes) };
            for level in Level::available() {
                assert_eq!(level.crc(bytes), expected, "{}, {start} + {len}", level.name());
            }
        }
    }
}

#[test]
fn zeros_and_ones_of_every_length() {
    for len in 0..=700 {
        assert_as_defined(&vec![0; len]);
        assert_as_defined(&vec![0xFF; len]);
    }
}

#[test]
fn a_single_bit_in_every_place() {
    for len in [4, 16, 17, 64, 65, 100, 128, 129, 200, 640, 641] {
        let mut bytes = vec![0; len];
        for bit in 0..len * 8 {
            bytes[bit / 8] = 1 << (bit % 8);
            let expected = crc32fast::hash(&bytes);
            for level in Level::available() {
                assert_eq!(level.crc(&bytes), expected, "{}, bit {bit} of {len}", level.name());
            }
            bytes[bit / 8] = 0;
        }
    }
}

#[test]
fn lengths_that_are_folded() {
    let noise = noise(70_000);
    for len in (700..1500).chain(4090..4300).chain([8192, 65_535, 65_539, 70_000]) {
        let bytes = &noise[70_000 - len..];
        let expected = if len % 64 == 1 { defined(bytes) } else { crc32fast::hash(bytes) };
        for level in Level::available() {
            assert_eq!(level.crc(bytes), expected, "{}, {len} bytes", level.name());
        }
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        assert_as_defined(&bytes);
    }
}
