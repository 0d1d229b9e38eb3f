//! Which kernels this processor can run, and the best of them. No loops here.

use core::str::Utf8Error;

use crate::head::Head;
use crate::kernel::{Check, Kernel, Routine, sealed};
use crate::portable::Portable;
#[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
use crate::x86::{Avx512, Sse41};

/// A kernel that this processor can run.
///
/// The variants hold tokens that only detection makes: to have a level is to have the instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Level {
    /// Portable code.
    Portable(Portable),
    /// SSE4.1 and PCLMULQDQ: x86-64 since 2010.
    #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
    Sse41(Sse41),
    /// AVX-512 with VPCLMULQDQ: Intel since Ice Lake, AMD since Zen 4.
    #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
    Avx512(Avx512),
}

impl Level {
    /// The best level there is. With the feature `std` the processor is asked once for all, and
    /// what it said is one load from then on; without, it is decided when the crate is compiled.
    #[inline]
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
        return crate::x86::best();
        #[cfg(not(all(feature = "simd", target_arch = "x86_64", not(miri))))]
        Self::Portable(Portable)
    }

    /// Makes [`detect`](Self::detect) give this level from now on, in the whole process: a bench
    /// compares the levels in one run, a test takes each way, and a profiler counts one of them.
    /// All levels give the same answers, so that it may be called while other threads parse.
    ///
    /// ```
    /// use cafewire_kernel::Level;
    /// for level in Level::available() {
    ///     level.select();
    ///     assert_eq!(Level::detect(), level);
    /// }
    /// ```
    #[cfg(feature = "std")]
    pub fn select(self) {
        #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
        crate::x86::select(self);
    }

    /// All levels that this processor can run, the portable one first and the best one last.
    ///
    /// ```
    /// use cafewire_kernel::{Kernel as _, Level};
    /// for level in Level::available() {
    ///     assert_eq!(level.crc(b"123456789"), 0xCBF4_3926, "{}", level.name());
    /// }
    /// ```
    pub fn available() -> impl Iterator<Item = Self> {
        let portable = core::iter::once(Self::Portable(Portable));
        #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
        let portable = portable
            .chain(Sse41::detect().map(Self::Sse41))
            .chain(Avx512::detect().map(Self::Avx512));
        portable
    }

    /// The level's name: `portable`, `sse4.1` or `avx512`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable(_) => "portable",
            #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
            Self::Sse41(_) => "sse4.1",
            #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
            Self::Avx512(_) => "avx512",
        }
    }

    /// Does work with this level's kernel. The work is compiled for its instructions, and the
    /// kernel's loops are inlined into it: one jump for all of the work, instead of one for each
    /// call.
    ///
    /// ```
    /// use cafewire_kernel::{Kernel, Level, Routine};
    ///
    /// /// How many of these frames end with their checksum.
    /// struct Intact<'a>(&'a [&'a [u8]]);
    ///
    /// impl Routine for Intact<'_> {
    ///     type Output = usize;
    ///
    ///     #[inline(always)]
    ///     fn run<K: Kernel>(self, kernel: K) -> usize {
    ///         let is_intact = |frame: &&&[u8]| {
    ///             let Some((summed, crc)) = frame.split_last_chunk() else { return false };
    ///             kernel.crc(summed) == u32::from_be_bytes(*crc)
    ///         };
    ///         self.0.iter().filter(is_intact).count()
    ///     }
    /// }
    ///
    /// let frames: [&[u8]; 2] = [b"123456789\xCB\xF4\x39\x26", b"damaged\0\0\0\0"];
    /// assert_eq!(Level::detect().run(Intact(&frames)), 1);
    /// ```
    #[inline]
    pub fn run<R: Routine>(self, routine: R) -> R::Output {
        match self {
            Self::Portable(kernel) => kernel.run(routine),
            #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
            Self::Sse41(kernel) => kernel.run(routine),
            #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
            Self::Avx512(kernel) => kernel.run(routine),
        }
    }
}

impl sealed::Sealed for Level {}

/// Calls the kernel's method of this name.
macro_rules! each_level {
    ($level:expr, $kernel:ident => $call:expr) => {
        match $level {
            Level::Portable($kernel) => $call,
            #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
            Level::Sse41($kernel) => $call,
            #[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
            Level::Avx512($kernel) => $call,
        }
    };
}

impl Kernel for Level {
    #[inline]
    fn crc(self, bytes: &[u8]) -> u32 {
        each_level!(self, kernel => kernel.crc(bytes))
    }

    #[inline]
    fn check(self, frame: &[u8], text_start: usize) -> Check<'_> {
        each_level!(self, kernel => kernel.check(frame, text_start))
    }

    #[inline]
    fn utf8(self, bytes: &[u8]) -> Result<&str, Utf8Error> {
        each_level!(self, kernel => kernel.utf8(bytes))
    }

    #[inline]
    fn first_control_within(self, text: &str, len: usize) -> Option<usize> {
        each_level!(self, kernel => kernel.first_control_within(text, len))
    }

    #[inline]
    fn write(self, into: &mut [u8], head: Head, names: &[&[u8]], text: &[u8]) -> Option<u32> {
        each_level!(self, kernel => kernel.write(into, head, names, text))
    }
}
