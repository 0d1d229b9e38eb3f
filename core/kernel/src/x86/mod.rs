//! The instruction sets of x86-64: their tokens, how they are detected, and the work compiled for them.
//! The loops themselves are in `sse41.rs` and `avx512.rs`, the judges of UTF-8 beside them.

mod avx512;
mod avx512_utf8;
mod sse41;
mod sse41_utf8;

use core::str::Utf8Error;
#[cfg(feature = "std")]
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use crate::kernel::{Check, Kernel, Routine, sealed, text_of, total_len};
use crate::level::Level;
use crate::portable::Portable;

/// Whether the processor that runs this has all of these features.
#[cfg(feature = "std")]
macro_rules! has {
    ($($feature:tt)*) => { $(std::is_x86_feature_detected!($feature))&&* };
}

/// Whether the crate is compiled for a processor that has all of these features.
#[cfg(not(feature = "std"))]
macro_rules! has {
    ($($feature:tt)*) => { $(cfg!(target_feature = $feature))&&* };
}

/// The token of an instruction set, its detection, and its kernel by the loops of a module.
macro_rules! instruction_set {
    ($(#[$doc:meta])* $name:ident, $module:ident, $utf8:ident, $list:literal, $($feature:tt)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(());

        impl $name {
            /// The token, if the processor has these instructions. Without the feature `std`: if the
            /// crate is compiled for them.
            #[must_use]
            pub fn detect() -> Option<Self> {
                (has!($($feature)*)).then_some(Self(()))
            }

            /// Does the work, compiled for these instructions.
            #[inline]
            pub(crate) fn run<R: Routine>(self, routine: R) -> R::Output {
                #[target_feature(enable = $list)]
                fn inner<R: Routine>(routine: R, kernel: $name) -> R::Output {
                    routine.run(kernel)
                }
                // SAFETY: the token was made by `detect` or by `best`, after the processor was found to
                // have each of the features that `inner` is compiled for.
                unsafe { inner(routine, self) }
            }
        }

        impl sealed::Sealed for $name {}

        // SAFETY of every block below: the loops need nothing but the features that they are compiled
        // for, and the token `self` was made after the processor was found to have each of them.
        impl Kernel for $name {
            #[inline(always)]
            fn crc(self, bytes: &[u8]) -> u32 {
                // SAFETY: the token; see above.
                unsafe { $module::crc(bytes) }
            }

            #[inline(always)]
            fn check(self, frame: &[u8], text_start: usize) -> Check<'_> {
                // SAFETY: the token; see above.
                let (crc, is_ascii) = unsafe { $module::check(frame, text_start) };
                let text = text_of(frame, text_start);
                // SAFETY: `check` has found every byte of the text to be ASCII, and ASCII is UTF-8.
                let ascii = is_ascii.then(|| unsafe { core::str::from_utf8_unchecked(text) });
                Check { crc, ascii }
            }

            #[inline(always)]
            fn utf8(self, bytes: &[u8]) -> Result<&str, Utf8Error> {
                // SAFETY: the token; see above.
                if unsafe { $utf8::is_valid(bytes) } {
                    // SAFETY: the bytes were just found to be UTF-8.
                    return Ok(unsafe { core::str::from_utf8_unchecked(bytes) });
                }
                where_it_is_wrong(bytes)
            }

            #[inline(always)]
            fn first_control(self, name: &str) -> Option<usize> {
                // SAFETY: the token; see above.
                unsafe { $module::first_control(name.as_bytes()) }
            }

            #[inline(always)]
            fn concat<const N: usize>(self, into: &mut [u8], pieces: [&[u8]; N]) -> Option<u32> {
                let whole = into.get_mut(..total_len(&pieces))?;
                // SAFETY: the token; see above.
                Some(unsafe { $module::concat(whole, pieces) })
            }
        }
    };
}

instruction_set! {
    /// Proof that the processor has SSE4.1 and PCLMULQDQ.
    Sse41, sse41, sse41_utf8, "sse4.1,pclmulqdq", "sse4.1" "pclmulqdq"
}

instruction_set! {
    /// Proof that the processor has AVX-512 (F, BW, DQ, VL), VPCLMULQDQ and BMI2.
    Avx512, avx512, avx512_utf8,
    "avx512f,avx512bw,avx512dq,avx512vl,vpclmulqdq,pclmulqdq,bmi1,bmi2,lzcnt,popcnt",
    "avx512f" "avx512bw" "avx512dq" "avx512vl" "vpclmulqdq" "pclmulqdq" "bmi1" "bmi2" "lzcnt" "popcnt"
}

/// The best level, for [`Level::detect`]: asked for once, one load from then on.
#[cfg(feature = "std")]
#[inline]
pub(crate) fn best() -> Level {
    /// 0 before detection, then which of the levels. It is written with the same value by every thread
    /// that finds 0 in it, and nothing else depends on it: no order is needed.
    static BEST: AtomicU8 = AtomicU8::new(0);

    #[cold]
    #[inline(never)]
    fn find() -> Level {
        let best = find_best();
        let number = match best {
            Level::Portable(_) => 1,
            Level::Sse41(_) => 2,
            Level::Avx512(_) => 3,
        };
        BEST.store(number, Relaxed);
        best
    }

    match BEST.load(Relaxed) {
        1 => Level::Portable(Portable),
        // 2 and 3 are stored by `find` alone, when detection has given the token.
        2 => Level::Sse41(Sse41(())),
        3 => Level::Avx512(Avx512(())),
        _ => find(),
    }
}

/// The best level, for [`Level::detect`]: known when the crate is compiled.
#[cfg(not(feature = "std"))]
#[inline(always)]
pub(crate) fn best() -> Level {
    find_best()
}

#[inline(always)]
fn find_best() -> Level {
    if let Some(token) = Avx512::detect() {
        return Level::Avx512(token);
    }
    Sse41::detect().map_or(Level::Portable(Portable), Level::Sse41)
}

/// The standard library's verdict, which has the error's offsets. Bad text is rare.
#[cold]
#[inline(never)]
fn where_it_is_wrong(bytes: &[u8]) -> Result<&str, Utf8Error> {
    core::str::from_utf8(bytes)
}

/// The tables of the UTF-8 judges: see Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction
/// Per Byte" (2021). Each nibble of a pair of bytes says which faults it leaves possible; a fault that
/// all three leave possible is there.
mod utf8_tables {
    const TOO_SHORT: u8 = 1 << 0; // a lead or an ASCII byte where a continuation must be
    const TOO_LONG: u8 = 1 << 1; // a continuation after ASCII
    const OVERLONG_3: u8 = 1 << 2; // E0 80..9F
    const TOO_LARGE: u8 = 1 << 3; // F4 90..BF, F5..FF
    const SURROGATE: u8 = 1 << 4; // ED A0..BF
    const OVERLONG_2: u8 = 1 << 5; // C0, C1
    const TOO_LARGE_1000: u8 = 1 << 6; // F5..FF 80..8F
    const OVERLONG_4: u8 = 1 << 6; // F0 80..8F
    const TWO_CONTINUATIONS: u8 = 1 << 7; // right only as the third or fourth byte
    const ANY: u8 = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;

    /// By the high nibble of the first byte of the pair.
    pub(super) static FIRST_HIGH: [u8; 16] = {
        let mut table = [TOO_LONG; 16];
        let mut nibble = 0x8;
        while nibble < 0xC {
            table[nibble] = TWO_CONTINUATIONS;
            nibble += 1;
        }
        table[0xC] = TOO_SHORT | OVERLONG_2;
        table[0xD] = TOO_SHORT;
        table[0xE] = TOO_SHORT | OVERLONG_3 | SURROGATE;
        table[0xF] = TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4;
        table
    };

    /// By its low nibble.
    pub(super) static FIRST_LOW: [u8; 16] = {
        let mut table = [ANY | TOO_LARGE | TOO_LARGE_1000; 16];
        table[0x0] = ANY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4;
        table[0x1] = ANY | OVERLONG_2;
        table[0x2] = ANY;
        table[0x3] = ANY;
        table[0x4] = ANY | TOO_LARGE;
        table[0xD] |= SURROGATE;
        table
    };

    /// By the high nibble of the second byte.
    pub(super) static SECOND_HIGH: [u8; 16] = {
        let mut table = [TOO_SHORT; 16];
        let continuation = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS;
        table[0x8] = continuation | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4;
        table[0x9] = continuation | OVERLONG_3 | TOO_LARGE;
        table[0xA] = continuation | SURROGATE | TOO_LARGE;
        table[0xB] = continuation | SURROGATE | TOO_LARGE;
        table
    };
}

/// Whether the bytes end within a character, as far as its first byte tells.
#[inline(always)]
fn is_cut_short(bytes: &[u8]) -> bool {
    let from_the_end =
        |count: usize| bytes.len().checked_sub(count).map_or(0, |index| bytes[index]);
    from_the_end(1) >= 0xC0 || from_the_end(2) >= 0xE0 || from_the_end(3) >= 0xF0
}
