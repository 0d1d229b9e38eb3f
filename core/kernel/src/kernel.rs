//! What a kernel can do, whatever instructions it uses: the trait, and what it returns. No instructions here.

use core::str::Utf8Error;

/// The byte loops of a chat frame, for one set of instructions.
///
/// Every implementation gives the same answers; they differ in time alone. The trait is sealed: its
/// implementations are [`Portable`](crate::Portable), the tokens of the instruction sets, and
/// [`Level`](crate::Level), which looks up at each call which of them it is.
pub trait Kernel: Copy + sealed::Sealed {
    /// CRC-32/ISO-HDLC of these bytes, what `crc32fast::hash` gives.
    ///
    /// ```
    /// use cafewire_kernel::{Kernel as _, Level};
    /// assert_eq!(Level::detect().crc(b"123456789"), 0xCBF4_3926);
    /// ```
    fn crc(self, bytes: &[u8]) -> u32;

    /// The checksum of a frame (without the checksum at its end), and whether its bytes from
    /// `text_start` on are ASCII, in one pass over memory.
    ///
    /// `text_start` is the first byte after the integers. The length before a name counts as text:
    /// those of valid names are ASCII themselves. A frame shorter than that has an empty text.
    fn check(self, frame: &[u8], text_start: usize) -> Check<'_>;

    /// These bytes as text. The error is the one that `core::str::from_utf8` gives.
    ///
    /// Several texts with an ASCII byte between them can be judged by one call: UTF-8 is valid on
    /// either side of an ASCII byte exactly if it is valid in one piece.
    ///
    /// ```
    /// use cafewire_kernel::{Kernel as _, Level};
    /// assert_eq!(Level::detect().utf8("naïve".as_bytes()), Ok("naïve"));
    /// assert_eq!(Level::detect().utf8(b"na\xC3").unwrap_err().valid_up_to(), 2);
    /// ```
    fn utf8(self, bytes: &[u8]) -> Result<&str, Utf8Error>;

    /// The offset of the first control character, U+0000 to U+001F or U+007F to U+009F.
    ///
    /// ```
    /// use cafewire_kernel::{Kernel as _, Level};
    /// assert_eq!(Level::detect().first_control("lobby"), None);
    /// assert_eq!(Level::detect().first_control("lob\u{9B}by"), Some(3));
    /// ```
    fn first_control(self, name: &str) -> Option<usize>;

    /// Copies the pieces behind each other to the front of `into`; gives the checksum over all of them.
    /// `None`, and nothing is written, if they do not fit.
    ///
    /// ```
    /// use cafewire_kernel::{Kernel as _, Level};
    /// let mut into = [0; 8];
    /// let crc = Level::detect().concat(&mut into, [b"1234", b"", b"567"]);
    /// assert_eq!(crc, Some(0x5003_699F));
    /// assert_eq!(&into, b"1234567\0");
    /// ```
    fn concat<const N: usize>(self, into: &mut [u8], pieces: [&[u8]; N]) -> Option<u32>;
}

/// What [`Kernel::check`] found out about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Check<'a> {
    /// CRC-32/ISO-HDLC over all of the frame's bytes.
    pub crc: u32,
    /// Everything from `text_start` on, if it is ASCII: then it is text, and needs no second pass.
    /// Otherwise [`Kernel::utf8`] is to be asked.
    pub ascii: Option<&'a str>,
}

/// Work that is compiled once for each set of instructions, so that the kernel's loops are inlined into it.
///
/// `run` should be `#[inline(always)]`, and so should be what it calls with the kernel: only what is
/// inlined into the instantiation for a set of instructions is compiled for that set.
/// See [`Level::run`](crate::Level::run).
pub trait Routine {
    /// What the work gives.
    type Output;

    /// The work itself.
    fn run<K: Kernel>(self, kernel: K) -> Self::Output;
}

pub(crate) mod sealed {
    /// Keeps [`Kernel`](super::Kernel) to this crate, whose tests hold each implementation to the others.
    pub trait Sealed {}
}

/// How many bytes the pieces have together; the largest number if no number holds them.
#[inline(always)]
pub(crate) fn total_len<const N: usize>(pieces: &[&[u8]; N]) -> usize {
    pieces.iter().fold(0_usize, |sum, piece| sum.saturating_add(piece.len()))
}

/// The text part of a frame; empty if the frame ends before it.
#[inline(always)]
pub(crate) fn text_of(frame: &[u8], text_start: usize) -> &[u8] {
    frame.get(text_start..).unwrap_or_default()
}
