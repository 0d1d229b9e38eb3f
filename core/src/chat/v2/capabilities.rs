//! What a client asks for and a server grants at sign-in. A leaf: what a capability changes stands
//! where it is obeyed.

/// The capabilities that a client asks for in Connect, and those that a server grants in Challenge
/// and ConnectAck. Bits without a meaning are ignored, but kept: the keys of a sealed session are
/// made of both numbers as they were sent.
///
/// ```
/// use cafewire_core::chat::v2::Capabilities;
/// let asked = Capabilities::SIGN.union(Capabilities::COMPRESS);
/// let offered = Capabilities::SIGN.union(Capabilities::DIRECT);
/// assert_eq!(Capabilities::granted(asked, offered), Capabilities::SIGN);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Capabilities(u16);

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(0);
    /// Payloads may be compressed once the client is signed in.
    pub const COMPRESS: Self = Self(0x0001);
    /// Frames are sealed from the sign-in on.
    pub const SIGN: Self = Self(0x0002);
    /// A byte line behind a bridge: damaged frames are stepped over. Granted only with
    /// [`SIGN`](Self::SIGN).
    pub const LOSSY: Self = Self(0x0004);
    /// The sign-in closes an older connection of the same user. Needs [`SIGN`](Self::SIGN).
    pub const TAKEOVER: Self = Self(0x0008);
    /// Contents over 512 bytes reach the client in parts. COMPRESS is not granted beside it.
    pub const SMALL: Self = Self(0x0010);
    /// The client takes DirectDelivery.
    pub const DIRECT: Self = Self(0x0020);
    /// The client speaks a higher version, but was refused it. Tells, asks for nothing, and is
    /// never granted.
    pub const FALLBACK: Self = Self(0x8000);

    /// The capabilities of a field, those without a meaning included.
    #[must_use]
    #[inline]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The field's number.
    #[must_use]
    #[inline]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether each of those capabilities is here.
    #[must_use]
    #[inline]
    pub const fn contains(self, capabilities: Self) -> bool {
        self.0 & capabilities.0 == capabilities.0
    }

    /// The capabilities that are here or there.
    #[must_use]
    #[inline]
    pub const fn union(self, capabilities: Self) -> Self {
        Self(self.0 | capabilities.0)
    }

    /// The capabilities that are both here and there.
    #[must_use]
    #[inline]
    pub const fn intersection(self, capabilities: Self) -> Self {
        Self(self.0 & capabilities.0)
    }

    /// The capabilities that are here and not there.
    #[must_use]
    #[inline]
    pub const fn difference(self, capabilities: Self) -> Self {
        Self(self.0 & !capabilities.0)
    }

    /// What a server that offers those grants: what was asked for and is offered, without what
    /// needs a capability that is not granted, and without what does not go together.
    ///
    /// ```
    /// use cafewire_core::chat::v2::Capabilities;
    /// let both = Capabilities::SMALL.union(Capabilities::COMPRESS);
    /// assert_eq!(Capabilities::granted(both, both), Capabilities::SMALL);
    /// ```
    #[must_use]
    pub const fn granted(asked: Self, offered: Self) -> Self {
        let mut granted = asked.intersection(offered).difference(Self::FALLBACK);
        if !granted.contains(Self::SIGN) {
            granted = granted.difference(Self::LOSSY.union(Self::TAKEOVER));
        }
        if granted.contains(Self::SMALL) {
            granted = granted.difference(Self::COMPRESS);
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_was_asked_for_and_offered_and_goes_together() {
        for asked in (0..=0x3F_u16).chain(0x8000..=0x803F).map(Capabilities::from_bits) {
            for offered in (0..=0x3F_u16).chain(0x8000..=0x803F).map(Capabilities::from_bits) {
                let granted = Capabilities::granted(asked, offered);
                assert!(asked.contains(granted) && offered.contains(granted));
                let has = |capability| granted.contains(capability);
                assert!(has(Capabilities::SIGN) || !has(Capabilities::LOSSY));
                assert!(has(Capabilities::SIGN) || !has(Capabilities::TAKEOVER));
                assert!(!has(Capabilities::SMALL) || !has(Capabilities::COMPRESS));
                assert!(!has(Capabilities::FALLBACK));
                let alone = Capabilities::SIGN.union(Capabilities::DIRECT);
                assert_eq!(
                    granted.intersection(alone),
                    asked.intersection(offered).intersection(alone)
                );
            }
        }
    }
}
