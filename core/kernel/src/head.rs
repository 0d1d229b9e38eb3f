//! The integers that a frame starts with, as a value: no memory behind it.

/// The longest head, in bytes: that of a broadcast of version 2 has 39.
pub const HEAD_MAX: usize = 8 * WORDS;

const WORDS: usize = 5;

/// The integers that a frame starts with, in their order, big-endian.
///
/// They are kept in words and not in an array of bytes, so that they can stay in registers. An
/// encoder that writes small integers to memory and copies them in one piece from there waits for
/// the processor to finish the writes, frame by frame.
///
/// ```
/// use cafewire_kernel::{Head, Kernel as _, Level};
/// let (version, code, length) = (0x01, 0x03, 8);
/// let head = Head::new().u8(version).u8(code).u16(length);
/// let mut frame = [0; 12];
/// let crc = Level::detect().write(&mut frame, head, [b"den"], b"text");
/// assert_eq!(&frame, b"\x01\x03\x00\x08\x03dentext");
/// # assert_eq!(crc, Some(Level::detect().crc(&frame)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The bytes, the first as the lowest of the first word. Those behind `len` are zero.
    words: [u64; WORDS],
    /// Up to [`HEAD_MAX`], or the largest number if it was exceeded: such a head fits nowhere.
    len: usize,
}

impl Head {
    /// No integers.
    #[inline(always)]
    #[must_use]
    pub const fn new() -> Self {
        Self { words: [0; WORDS], len: 0 }
    }

    /// One byte more.
    #[inline(always)]
    #[must_use]
    pub const fn u8(self, integer: u8) -> Self {
        self.append(integer as u64, 1)
    }

    /// Two bytes more.
    #[inline(always)]
    #[must_use]
    pub const fn u16(self, integer: u16) -> Self {
        self.append(integer.swap_bytes() as u64, 2)
    }

    /// Four bytes more.
    #[inline(always)]
    #[must_use]
    pub const fn u32(self, integer: u32) -> Self {
        self.append(integer.swap_bytes() as u64, 4)
    }

    /// Eight bytes more.
    #[inline(always)]
    #[must_use]
    pub const fn u64(self, integer: u64) -> Self {
        self.append(integer.swap_bytes(), 8)
    }

    /// Appends the lowest bytes, the lowest first.
    #[inline(always)]
    const fn append(mut self, bytes: u64, count: usize) -> Self {
        if self.len >= HEAD_MAX || self.len + count > HEAD_MAX {
            self.len = usize::MAX;
            return self;
        }
        let (word, shift) = (self.len / 8, self.len % 8 * 8);
        self.words[word] |= bytes << shift;
        if shift + count * 8 > 64 {
            self.words[word + 1] |= bytes >> (64 - shift);
        }
        self.len += count;
        self
    }

    /// Its length in bytes. The largest number if more than [`HEAD_MAX`] were appended.
    #[allow(clippy::len_without_is_empty)] // Every frame has one.
    #[inline(always)]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
    #[inline(always)]
    pub(crate) const fn words(&self) -> &[u64; WORDS] {
        &self.words
    }

    /// Writes it to the front, word by word; gives the rest. `None` if it does not fit.
    #[inline(always)]
    pub(crate) fn put<'a>(&self, into: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (place, rest) = into.split_at_mut_checked(self.len)?;
        let (places, last_place) = place.as_chunks_mut::<8>();
        let mut words = self.words.iter();
        for (place, word) in places.iter_mut().zip(&mut words) {
            *place = word.to_le_bytes();
        }
        if let Some(word) = words.next() {
            put_lowest(last_place, *word);
        }
        Some(rest)
    }
}

/// Writes the lowest bytes of the word, of fewer than eight.
#[inline(always)]
fn put_lowest(mut place: &mut [u8], mut word: u64) {
    #[allow(clippy::cast_possible_truncation)] // the lower half, the rest follows
    if place.len() >= 4
        && let Some((four, rest)) = core::mem::take(&mut place).split_first_chunk_mut()
    {
        *four = (word as u32).to_le_bytes();
        (place, word) = (rest, word >> 32);
    }
    for (place, byte) in place.iter_mut().zip(word.to_le_bytes()) {
        *place = byte;
    }
}
