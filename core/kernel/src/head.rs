//! The integers that a frame starts with, as a value: no memory behind it.

/// The longest head, in bytes: that of a broadcast of version 2 has 39.
pub const HEAD_MAX: usize = 40;

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
/// let crc = Level::detect().write(&mut frame, head, &[b"den"], b"text");
/// assert_eq!(&frame, b"\x01\x03\x00\x08\x03dentext");
/// # assert_eq!(crc, Some(Level::detect().crc(&frame)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The bytes, the first as the lowest of the first part. Those behind `len` are zero. Three
    /// fields and no array: an array would stand in memory.
    first: u128,
    second: u128,
    third: u64,
    /// Up to [`HEAD_MAX`], or the largest number if it was exceeded: such a head fits nowhere.
    len: usize,
}

impl Head {
    /// No integers.
    #[inline(always)]
    #[must_use]
    pub const fn new() -> Self {
        Self { first: 0, second: 0, third: 0, len: 0 }
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
    #[allow(clippy::cast_possible_truncation)] // where the rest has its own part
    const fn append(mut self, bytes: u64, count: usize) -> Self {
        const FIRST: usize = size_of::<u128>();
        const SECOND: usize = 2 * FIRST;
        if self.len >= HEAD_MAX || self.len + count > HEAD_MAX {
            self.len = usize::MAX;
            return self;
        }
        let (start, wide) = (self.len, bytes as u128);
        if start < FIRST {
            self.first |= wide << (start * 8);
            if start + count > FIRST {
                self.second |= wide >> ((FIRST - start) * 8);
            }
        } else if start < SECOND {
            self.second |= wide << ((start - FIRST) * 8);
            if start + count > SECOND {
                self.third |= (wide >> ((SECOND - start) * 8)) as u64;
            }
        } else {
            self.third |= bytes << ((start - SECOND) * 8);
        }
        self.len += count;
        self
    }

    /// Only its first bytes, so many. Those that are cut off have to be zero.
    ///
    /// For an encoder of several types, which appends all integers that any of them has: it need
    /// not branch.
    ///
    /// ```
    /// use cafewire_kernel::Head;
    /// assert_eq!(Head::new().u16(7).u32(0).truncate(2), Head::new().u16(7));
    /// ```
    #[inline(always)]
    #[must_use]
    pub const fn truncate(mut self, len: usize) -> Self {
        if len < self.len {
            self.len = len;
        }
        self
    }

    /// Its length in bytes. The largest number if more than [`HEAD_MAX`] were appended.
    #[allow(clippy::len_without_is_empty)] // Every frame has one.
    #[inline(always)]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Its first 16 bytes, the first as the lowest; zeros behind a shorter one.
    #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
    #[inline(always)]
    pub(crate) const fn first(self) -> u128 {
        self.first
    }

    /// All bytes, by words.
    #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // the halves
    pub(crate) const fn words(self) -> [u64; 5] {
        let (first, second) = (self.first, self.second);
        [first as u64, (first >> 64) as u64, second as u64, (second >> 64) as u64, self.third]
    }

    /// Writes it to the front; gives the rest. `None` if it does not fit.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // the lower half
    pub(crate) fn put(self, into: &mut [u8]) -> Option<&mut [u8]> {
        // What is behind the head is written over: it is the frame's.
        if self.len <= 16
            && let Some(place) = into.first_chunk_mut()
        {
            *place = self.first.to_le_bytes();
            return into.get_mut(self.len..);
        }
        if self.len <= 8
            && let Some(place) = into.first_chunk_mut()
        {
            *place = (self.first as u64).to_le_bytes();
            return into.get_mut(self.len..);
        }
        if self.len == 4
            && let Some(place) = into.first_chunk_mut()
        {
            *place = (self.first as u32).to_le_bytes();
            return into.get_mut(self.len..);
        }
        put_exactly(self.first, self.second, self.third, self.len, into)
    }
}

/// For a head that is long, or has little behind it.
#[cold]
#[inline(never)]
fn put_exactly(
    first: u128,
    second: u128,
    third: u64,
    len: usize,
    into: &mut [u8],
) -> Option<&mut [u8]> {
    let (place, rest) = into.split_at_mut_checked(len)?;
    let first = first.to_le_bytes().into_iter();
    let bytes = first.chain(second.to_le_bytes()).chain(third.to_le_bytes());
    for (place, byte) in place.iter_mut().zip(bytes) {
        *place = byte;
    }
    Some(rest)
}
