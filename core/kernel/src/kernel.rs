//! What a kernel can do, whatever instructions it uses: the trait, and what it returns. No
//! instructions here.

use core::str::Utf8Error;

use crate::head::{HEAD_MAX, Head};

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
    #[inline(always)]
    fn first_control(self, name: &str) -> Option<usize> {
        self.first_control_within(name, name.len())
    }

    /// The same for the first `len` bytes of a text; for all of it, if no character ends there.
    /// Faster where more of the text follows, which may be loaded with them.
    ///
    /// ```
    /// use cafewire_kernel::{Kernel as _, Level};
    /// assert_eq!(Level::detect().first_control_within("lobby\n", 5), None);
    /// assert_eq!(Level::detect().first_control_within("lobby\n", 6), Some(5));
    /// ```
    fn first_control_within(self, text: &str, len: usize) -> Option<usize>;

    /// Writes a frame, but for its checksum, to the front of `into`: the integers, each name with
    /// its length in a byte before it, the text. Gives the checksum over all of that.
    ///
    /// `None`, and nothing is written, if it does not fit or a name has more than 255 bytes.
    ///
    /// ```
    /// use cafewire_kernel::{Head, Kernel as _, Level};
    /// let mut into = [0; 8];
    /// let crc = Level::detect().write(&mut into, Head::new().u16(0x3132), &[b"3"], b"4567");
    /// assert_eq!(&into, b"12\x0134567");
    /// assert_eq!(crc, Some(Level::detect().crc(&into)));
    /// assert_eq!(Level::detect().write(&mut into, Head::new().u16(0), &[], b"1234567"), None);
    /// ```
    fn write(self, into: &mut [u8], head: Head, names: &[&[u8]], text: &[u8]) -> Option<u32>;
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

/// Work that is compiled once for each set of instructions, so that the kernel's loops are inlined
/// into it.
///
/// `run` should be `#[inline(always)]`, and so should be what it calls with the kernel: only what
/// is inlined into the instantiation for a set of instructions is compiled for that set.
/// See [`Level::run`](crate::Level::run).
pub trait Routine {
    /// What the work gives.
    type Output;

    /// The work itself.
    fn run<K: Kernel>(self, kernel: K) -> Self::Output;
}

pub(crate) mod sealed {
    /// Keeps [`Kernel`](super::Kernel) to this crate, whose tests hold each implementation to the
    /// others.
    pub trait Sealed {}
}

/// How many bytes the frame has without its checksum. `None` if a name's length does not fit into
/// its byte.
#[inline(always)]
pub(crate) fn written_len(head: Head, names: &[&[u8]], text: &[u8]) -> Option<usize> {
    if head.len() > HEAD_MAX {
        return None;
    }
    // No sum overflows: a slice has at most half of what a number can say.
    let mut len = head.len() + text.len();
    for name in names {
        len += 1 + usize::from(u8::try_from(name.len()).ok()?);
    }
    Some(len)
}

/// The text part of a frame; empty if the frame ends before it.
#[inline(always)]
pub(crate) fn text_of(frame: &[u8], text_start: usize) -> &[u8] {
    frame.get(text_start..).unwrap_or_default()
}
