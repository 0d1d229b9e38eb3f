//! The checksum of chat frames, CRC-32/ISO-HDLC, and who computes it. Knows nothing of frames.
//!
//! crc32fast is fast and brings 16 KiB of tables. With the feature `crc-small` it is computed here,
//! bit by bit, instead and crc32fast is not called at all, so that none of it is linked. With `std`
//! there is no small flash to fill: crc32fast stays even when some other crate of the build has
//! asked for `crc-small`.

#[cfg(any(feature = "std", not(feature = "crc-small")))]
pub(crate) use fast::checksum;
#[cfg(all(feature = "crc-small", not(feature = "std")))]
pub(crate) use small::checksum;

#[cfg(any(test, feature = "std", not(feature = "crc-small")))]
mod fast {
    #[inline]
    pub(crate) fn checksum(bytes: &[u8]) -> u32 {
        crc32fast::hash(bytes)
    }
}

#[cfg(all(feature = "crc-small", any(test, not(feature = "std"))))]
mod small {
    /// The polynomial 0x04C11DB7, its bits reversed: the lowest bit comes first here.
    const POLYNOMIAL: u32 = 0xEDB8_8320;

    /// Not inlined: parsing and encoding share the one copy.
    #[inline(never)]
    pub(crate) fn checksum(bytes: &[u8]) -> u32 {
        let mut remainder = !0;
        for &byte in bytes {
            remainder ^= u32::from(byte);
            for _ in 0..8 {
                let odd = remainder & 1 == 1;
                remainder >>= 1;
                if odd {
                    remainder ^= POLYNOMIAL;
                }
            }
        }
        !remainder
    }
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(checksum(b"123456789"), 0xCBF4_3926);
        assert_eq!(checksum(b""), 0);
    }

    #[cfg(feature = "crc-small")]
    #[test]
    fn the_small_one_and_the_fast_one_agree() {
        use super::{fast::checksum as fast, small::checksum as small};

        let bytes: [u8; 1024] =
            core::array::from_fn(|place| (place * 167 + place / 7).to_le_bytes()[0]);
        for start in 0..64 {
            for end in start..bytes.len() {
                let bytes = &bytes[start..end];
                assert_eq!(small(bytes), fast(bytes), "{start}..{end}");
            }
        }
    }
}
