//! The flags of a frame. A leaf: knows which bits there are, not when a session has agreed on them.

use core::fmt;

/// The flags byte of a header: what was done to the payload, and what follows it.
///
/// ```
/// use cafewire_core::chat::v2::Flags;
/// let flags = Flags::COMPRESSED.union(Flags::SEALED);
/// assert_eq!((flags.bits(), flags.to_string().as_str()), (0x03, "COMPRESSED | SEALED"));
/// assert!(flags.contains(Flags::SEALED));
/// assert!(!Flags::NONE.contains(Flags::SEALED));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Flags(u8);

impl Flags {
    /// The payload is as it is, and no seal follows.
    pub const NONE: Self = Self(0);
    /// The payload is its own length when inflated, a u16, and one block of LZ4.
    pub const COMPRESSED: Self = Self(0x01);
    /// A seal stands between payload and checksum.
    pub const SEALED: Self = Self(0x02);
    /// Every flag that version 2 has.
    pub const ALL: Self = Self(0x03);

    /// The flags of a header's byte, those without a meaning included.
    ///
    /// ```
    /// use cafewire_core::chat::v2::Flags;
    /// assert!(!Flags::ALL.contains(Flags::from_bits(0x80)));
    /// ```
    #[must_use]
    #[inline]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The header's byte.
    #[must_use]
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether each of those flags is set here.
    #[must_use]
    #[inline]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// The flags that are set here or there.
    #[must_use]
    #[inline]
    pub const fn union(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }
}

impl Flags {
    /// The names of a header's flags, if each has one.
    pub(crate) const fn name_of(bits: u8) -> Option<&'static str> {
        Some(match bits {
            0 => "none",
            0x01 => "COMPRESSED",
            0x02 => "SEALED",
            0x03 => "COMPRESSED | SEALED",
            _ => return None,
        })
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::name_of(self.0) {
            Some(names) => f.write_str(names),
            None => write!(f, "{:#04x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_one_bit_and_all_are_the_known_ones() {
        assert_eq!(Flags::COMPRESSED.bits().count_ones(), 1);
        assert_eq!(Flags::SEALED.bits().count_ones(), 1);
        assert_eq!(Flags::COMPRESSED.union(Flags::SEALED), Flags::ALL);
        for bits in 0..=u8::MAX {
            assert_eq!(Flags::from_bits(bits).bits(), bits);
            assert_eq!(Flags::ALL.contains(Flags::from_bits(bits)), bits < 4);
        }
    }

    #[test]
    fn flags_without_a_meaning_are_shown_as_a_number() {
        use std::string::ToString as _;

        assert_eq!(Flags::NONE.to_string(), "none");
        assert_eq!(Flags::from_bits(0x81).to_string(), "0x81");
    }
}
