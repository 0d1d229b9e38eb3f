//! The check of a header: CRC-8/SMBUS. A leaf: knows no header, only the five bytes that it covers.

use crate::chat::IS_SMALL;

/// `x⁸ + x² + x + 1`.
const POLYNOMIAL: u8 = 0x07;

/// Bytes of a header that its check covers: version, type, length, flags.
pub(super) const COVERED_SIZE: usize = 5;

/// The check of a header's first five bytes: CRC-8/SMBUS (polynomial `0x07`, nothing reflected,
/// initial value and final exclusive-or 0). It finds every damage of 1 to 3 bits in those five
/// bytes and the check itself.
///
/// ```
/// use cafewire_core::chat::v2;
/// // The header of a Connect of "ada".
/// let header = [0x02, 0x01, 0x00, 0x1A, 0x00, 0x07, 0x00, 0x01];
/// let [version, code, high, low, flags, check, ..] = header;
/// assert_eq!(v2::check([version, code, high, low, flags]), check);
/// ```
#[must_use]
#[inline]
pub const fn check(covered: [u8; COVERED_SIZE]) -> u8 {
    if IS_SMALL { by_bits(covered) } else { by_table(covered) }
}

/// 256 bytes of table, a step for each byte.
#[inline]
const fn by_table(covered: [u8; COVERED_SIZE]) -> u8 {
    let [version, code, high, low, flags] = covered;
    let crc = TABLE[version as usize];
    let crc = TABLE[(crc ^ code) as usize];
    let crc = TABLE[(crc ^ high) as usize];
    let crc = TABLE[(crc ^ low) as usize];
    TABLE[(crc ^ flags) as usize]
}

/// No table, and a step for each bit. Not inlined: its callers share the one copy.
#[inline(never)]
const fn by_bits(covered: [u8; COVERED_SIZE]) -> u8 {
    let [version, code, high, low, flags] = covered;
    let crc = next(version);
    let crc = next(crc ^ code);
    let crc = next(crc ^ high);
    let crc = next(crc ^ low);
    next(crc ^ flags)
}

static TABLE: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        #[allow(clippy::cast_possible_truncation)] // it is below 256
        {
            table[byte] = next(byte as u8);
        }
        byte += 1;
    }
    table
};

/// The register after eight bits of zeros.
const fn next(mut crc: u8) -> u8 {
    let mut bit = 0;
    while bit < u8::BITS {
        crc = (crc << 1) ^ if crc & 0x80 == 0 { 0 } else { POLYNOMIAL };
        bit += 1;
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_crc_8_of_the_catalogue() {
        // CRC-8/SMBUS of "123456789", which has two steps of five bytes less one.
        let half = check(*b"12345");
        assert_eq!(half, 0xCB);
        assert_eq!(check([half ^ b'6', b'7', b'8', b'9', 0]), next(0xF4));
    }

    #[test]
    fn both_shapes_give_the_same() {
        for seed in 0..=u16::MAX {
            let [a, b] = seed.to_be_bytes();
            let covered = [a, b, a ^ 0x5A, b.wrapping_mul(3), a.wrapping_add(b)];
            assert_eq!(by_table(covered), by_bits(covered));
        }
    }

    #[test]
    fn every_damage_of_one_to_three_bits_is_found() {
        let bits = 8 * (COVERED_SIZE + 1);
        // It is linear: what damage does to the check does not depend on the bytes.
        let changed = |damage: u64| {
            let [_, _, covered @ .., carried] = damage.to_be_bytes();
            check(covered) != carried
        };
        for first in 0..bits {
            assert!(changed(1 << first));
            for second in 0..first {
                assert!(changed((1 << first) | (1 << second)));
                for third in 0..second {
                    assert!(changed((1 << first) | (1 << second) | (1 << third)));
                }
            }
        }
    }
}
