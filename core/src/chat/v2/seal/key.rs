//! The secret that a user and the server share. Read from bytes or from the hexadecimal digits of a
//! file; never shown, never compared, gone from memory when it is dropped.

use core::fmt;

use zeroize::Zeroize as _;

/// A user's secret key, 16 to 64 bytes of randomness. A passphrase is none: one recorded sign-in is
/// enough to guess it offline.
///
/// It is not shown by `Debug`, and its bytes are overwritten when it is dropped. Copies that a
/// compiler makes on the stack are not within reach.
///
/// ```
/// use cafewire_core::chat::v2::{Key, KeyError};
/// let key = Key::from_hex("000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f")?;
/// assert_eq!(format!("{key:?}"), "Key(..)");
/// let error = Key::from_hex("0001").unwrap_err();
/// assert_eq!(error, KeyError::Length { actual: 2 });
/// assert_eq!(error.to_string(), "the key has 2 bytes, 16 to 64 are allowed");
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Clone)]
pub struct Key {
    bytes: [u8; Self::MAX_SIZE],
    len_bytes: u8,
}

impl Key {
    /// Bytes of the shortest key.
    pub const MIN_SIZE: usize = 16;
    /// Bytes of the longest key.
    pub const MAX_SIZE: usize = 64;

    /// What stands in for the key of a name that has none. No sign-in with it succeeds.
    pub(super) const ZERO: Self = Self { bytes: [0; Self::MAX_SIZE], len_bytes: 32 };

    /// A key of these bytes.
    ///
    /// # Errors
    /// [`KeyError::Length`].
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        let actual = bytes.len();
        let mut key = Self::with_len(actual)?;
        for (place, &byte) in key.bytes.iter_mut().zip(bytes) {
            *place = byte;
        }
        Ok(key)
    }

    /// A key written as 32 to 128 hexadecimal digits, in either case, and nothing else.
    ///
    /// # Errors
    /// [`KeyError`]. It holds no digit of the key.
    pub fn from_hex(digits: &str) -> Result<Self, KeyError> {
        let digits = digits.as_bytes();
        let is_digit = |digit: &u8| digit.is_ascii_hexdigit();
        if let Some(position) = digits.iter().position(|digit| !is_digit(digit)) {
            return Err(KeyError::NotHex { position });
        }
        if digits.len() % 2 == 1 {
            return Err(KeyError::OddDigits { actual: digits.len() });
        }
        let mut key = Self::with_len(digits.len() / 2)?;
        for (place, pair) in key.bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *place = pair.iter().fold(0, |byte, &digit| byte << 4 | value_of(digit));
        }
        Ok(key)
    }

    fn with_len(actual: usize) -> Result<Self, KeyError> {
        match u8::try_from(actual) {
            Ok(len_bytes) if (Self::MIN_SIZE..=Self::MAX_SIZE).contains(&actual) => {
                Ok(Self { bytes: [0; Self::MAX_SIZE], len_bytes })
            }
            _ => Err(KeyError::Length { actual }),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        // Never longer than the array.
        self.bytes.get(..usize::from(self.len_bytes)).unwrap_or(&self.bytes)
    }
}

/// Of a hexadecimal digit, without a table that the key would leave traces of in a cache.
const fn value_of(digit: u8) -> u8 {
    // Letters have bit 6 set, and follow 9 by 9.
    (digit & 0x0F) + 9 * (digit >> 6)
}

impl Drop for Key {
    fn drop(&mut self) {
        self.bytes.zeroize();
        self.len_bytes.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Why bytes or digits are no [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum KeyError {
    /// Too few bytes, or too many.
    Length {
        /// How many.
        actual: usize,
    },
    /// A character that is no hexadecimal digit.
    NotHex {
        /// Where it starts, in bytes.
        position: usize,
    },
    /// Half a byte at the end.
    OddDigits {
        /// How many digits.
        actual: usize,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, max) = (Key::MIN_SIZE, Key::MAX_SIZE);
        match *self {
            Self::Length { actual } => {
                write!(f, "the key has {actual} bytes, {min} to {max} are allowed")
            }
            Self::NotHex { position } => {
                write!(f, "the key's character at byte {position} is no hexadecimal digit")
            }
            Self::OddDigits { actual } => {
                write!(f, "the key has {actual} hexadecimal digits, half a byte too many")
            }
        }
    }
}

impl core::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString as _;

    #[test]
    fn a_key_has_16_to_64_bytes() {
        for len in 0..=70 {
            let bytes = std::vec![0x5A; len];
            match Key::new(&bytes) {
                Ok(key) => {
                    assert!((16..=64).contains(&len), "{len}");
                    assert_eq!(key.as_bytes(), bytes);
                }
                Err(error) => {
                    assert!(!(16..=64).contains(&len), "{len}");
                    assert_eq!(error, KeyError::Length { actual: len });
                }
            }
        }
        let error = Key::new(&[0; 300]).unwrap_err();
        assert_eq!(error, KeyError::Length { actual: 300 });
    }

    #[test]
    fn digits_of_either_case_are_the_bytes_and_nothing_else_is_a_digit() {
        let bytes: std::vec::Vec<u8> = (0..16).map(|index| index * 17).collect();
        for digits in ["00112233445566778899aabbccddeeff", "00112233445566778899AABBCCDDEEFF"] {
            assert_eq!(Key::from_hex(digits).unwrap().as_bytes(), bytes);
        }
        for character in (0..=0x7F).map(char::from).filter(|shown| !shown.is_ascii_hexdigit()) {
            let digits = std::format!("0011{character}233445566778899aabbccddeeff");
            assert_eq!(Key::from_hex(&digits).unwrap_err(), KeyError::NotHex { position: 4 });
        }
        let error = Key::from_hex("001122334455667788990011223344556").unwrap_err();
        assert_eq!(error, KeyError::OddDigits { actual: 33 });
        assert_eq!(error.to_string(), "the key has 33 hexadecimal digits, half a byte too many");
        assert_eq!(Key::from_hex("é").unwrap_err(), KeyError::NotHex { position: 0 });
        assert_eq!(Key::from_hex("").unwrap_err(), KeyError::Length { actual: 0 });
    }
}
