//! The name that the client asked to be let in under: what a probe repeats. The one text that a
//! session keeps, in its own bytes.

use crate::chat::MAX_USERNAME_SIZE;

#[derive(Clone, Copy)]
pub(super) struct OwnName {
    bytes: [u8; MAX_USERNAME_SIZE],
    len_bytes: u8,
}

impl OwnName {
    pub(super) const EMPTY: Self = Self { bytes: [0; MAX_USERNAME_SIZE], len_bytes: 0 };

    /// A name that has been encoded, and so has 1 to 32 bytes.
    pub(super) fn of(name: &str) -> Self {
        let mut kept = Self::EMPTY;
        for (place, &byte) in kept.bytes.iter_mut().zip(name.as_bytes()) {
            *place = byte;
            kept.len_bytes += 1;
        }
        kept
    }

    pub(super) fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.len_bytes.into()).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_allowed_size_is_kept() {
        for name in ["a", "naïve", &"x".repeat(MAX_USERNAME_SIZE)] {
            assert_eq!(OwnName::of(name).as_str(), name);
        }
        assert_eq!(OwnName::EMPTY.as_str(), "");
    }
}
