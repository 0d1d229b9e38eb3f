//! The payload of each message of a load test: its sender, its number and the time at which it was
//! due. Pure.
//!
//! ```text
//!  0                          16                         32
//! ┌──────────────────────────┬──────────────────────────┬──────────┐
//! │ sender:24 │ sequence:40  │       due at, ns:64      │  filler… │
//! └──────────────────────────┴──────────────────────────┴──────────┘
//! ```
//!
//! Two numbers of 64 bits, most significant digit first, 4 bits to a character: `0123456789:;<=>?`.
//! They are text because a chat message must be, and in these sixteen characters because those
//! share their upper four bits, so that eight are encoded at once.

/// The bytes of the two numbers, which is the size of the smallest message.
pub(crate) const STAMP_SIZE: usize = 32;

/// The byte that fills a message behind the stamp, up to the configured size.
const FILLER: u8 = b'.';

const SEQUENCE_BITS: u32 = 40;

/// The number of senders that a key can tell apart.
pub(crate) const SENDERS_MAX: usize = 1 << (64 - SEQUENCE_BITS);

/// The highest message number of one sender.
pub(crate) const SEQUENCE_MAX: u64 = (1 << SEQUENCE_BITS) - 1;

const NIBBLES: u64 = 0x0F0F_0F0F_0F0F_0F0F;
const DIGITS: u64 = 0x3030_3030_3030_3030;

/// The key of a message: its sender and its number among that sender's messages, from 0. Ordered by
/// sender, then number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MessageKey(u64);

impl MessageKey {
    pub(crate) const fn new(sender: usize, sequence: u64) -> Self {
        debug_assert!(sender < SENDERS_MAX && sequence <= SEQUENCE_MAX);
        Self(((sender as u64) << SEQUENCE_BITS) | sequence)
    }

    #[allow(clippy::cast_possible_truncation)] // 24 bits
    pub(crate) const fn sender(self) -> usize {
        (self.0 >> SEQUENCE_BITS) as usize
    }

    pub(crate) const fn sequence(self) -> u64 {
        self.0 & SEQUENCE_MAX
    }
}

/// The key and the time that a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) key: MessageKey,
    /// The time at which the message was due or, without a fixed rate, was sent; since the start of
    /// the run.
    pub(crate) at_ns: u64,
}

impl Stamp {
    /// The stamp at the start of a message, if it is one.
    #[inline]
    pub(crate) fn read(content: &[u8]) -> Option<Self> {
        let (key, rest) = content.split_first_chunk()?;
        let at_ns = rest.first_chunk()?;
        Some(Self { key: MessageKey(number(key)?), at_ns: number(at_ns)? })
    }

    /// Writes over the start of a message, which must have room for it.
    #[inline]
    fn write(self, content: &mut [u8]) {
        content[..16].copy_from_slice(&digits(self.key.0));
        content[16..STAMP_SIZE].copy_from_slice(&digits(self.at_ns));
    }
}

/// A message that gets a new stamp each time it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<u8>);

impl Template {
    /// A template of this many bytes, at least [`STAMP_SIZE`].
    pub(crate) fn new(size_bytes: usize) -> Self {
        let mut content = vec![FILLER; size_bytes.max(STAMP_SIZE)];
        Stamp { key: MessageKey(0), at_ns: 0 }.write(&mut content);
        Self(content)
    }

    #[inline]
    pub(crate) fn stamped(&mut self, stamp: Stamp) -> &[u8] {
        stamp.write(&mut self.0);
        &self.0
    }

    /// The stamp of a message, if its size and filler are those of this template.
    #[inline]
    pub(crate) fn read(&self, content: &[u8]) -> Option<Stamp> {
        let is_whole =
            content.len() == self.0.len() && content[STAMP_SIZE..] == self.0[STAMP_SIZE..];
        if is_whole { Stamp::read(content) } else { None }
    }
}

#[inline]
fn digits(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    digits[..8].copy_from_slice(&(spread(number >> 32) | DIGITS).to_be_bytes());
    digits[8..].copy_from_slice(&(spread(number & 0xFFFF_FFFF) | DIGITS).to_be_bytes());
    digits
}

#[inline]
fn number(digits: &[u8; 16]) -> Option<u64> {
    let both = u128::from_be_bytes(*digits);
    #[allow(clippy::cast_possible_truncation)] // the two halves
    let (high, low) = ((both >> 64) as u64, both as u64);
    let are_digits = (high & !NIBBLES) == DIGITS && (low & !NIBBLES) == DIGITS;
    are_digits.then(|| (gathered(high) << 32) | gathered(low))
}

/// Spreads 32 bits over eight bytes, four bits each.
#[inline]
const fn spread(half: u64) -> u64 {
    let pairs = (half | (half << 16)) & 0x0000_FFFF_0000_FFFF;
    let bytes = (pairs | (pairs << 8)) & 0x00FF_00FF_00FF_00FF;
    (bytes | (bytes << 4)) & NIBBLES
}

/// The inverse of [`spread`].
#[inline]
const fn gathered(digits: u64) -> u64 {
    let nibbles = digits & NIBBLES;
    let bytes = (nibbles | (nibbles >> 4)) & 0x00FF_00FF_00FF_00FF;
    let pairs = (bytes | (bytes >> 8)) & 0x0000_FFFF_0000_FFFF;
    (pairs | (pairs >> 16)) & 0xFFFF_FFFF
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { key: MessageKey::new(0x12, 0x0A_BCDE_F012), at_ns: 1_000_000_007 };

    #[test]
    fn a_stamp_is_text_that_can_be_read() {
        let mut template = Template::new(40);
        let content = template.stamped(STAMP).to_vec();
        assert_eq!(content, b"0000120:;<=>?012000000003;9:<:07........");
        assert_eq!(template.read(&content), Some(STAMP));
    }

    #[test]
    fn every_number_comes_back() {
        let mut template = Template::new(0);
        for number in (0..64).map(|bit| 1 << bit).chain([0, u64::MAX, 0x0123_4567_89AB_CDEF]) {
            let stamp = Stamp { key: MessageKey(number), at_ns: !number };
            let content = template.stamped(stamp);
            assert_eq!(content.len(), STAMP_SIZE);
            assert_eq!(Stamp::read(content), Some(stamp));
        }
        let largest = MessageKey::new(SENDERS_MAX - 1, SEQUENCE_MAX);
        assert_eq!((largest.sender(), largest.sequence()), (SENDERS_MAX - 1, SEQUENCE_MAX));
    }

    #[test]
    fn a_damaged_or_foreign_message_has_no_stamp() {
        let mut template = Template::new(40);
        let content = template.stamped(STAMP).to_vec();
        for position in 0..content.len() {
            for bit in 0..8 {
                let mut damaged = content.clone();
                damaged[position] ^= 1 << bit;
                assert_ne!(template.read(&damaged), Some(STAMP), "bit {bit} of byte {position}");
            }
        }
        assert_eq!(template.read(&content[..39]), None);
        assert_eq!(template.read(b"hello"), None);
        assert_eq!(template.read(&[b'x'; 40]), None);
    }
}
