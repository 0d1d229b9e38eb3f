//! The instruction sets of x86-64: their tokens, how they are detected, and the work compiled for
//! them. The loops themselves are in the modules of their sets.

mod avx512;
mod sse41;
mod utf8;

use core::str::Utf8Error;
#[cfg(feature = "std")]
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use crate::head::Head;
use crate::kernel::{Check, Kernel, Routine, sealed, text_of, written_len};
use crate::level::Level;
use crate::portable::{self, Portable};

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
    (
        $(#[$doc:meta])* $name:ident, $module:ident, $list:literal, [$($feature:tt)*],
        $($first_control:item)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(());

        impl $name {
            /// The token, if the processor has these instructions. Without the feature `std`: if
            /// the crate is compiled for them.
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
                // SAFETY: the token was made by `detect` or by `best`, after the processor was
                // found to have each of the features that `inner` is compiled for.
                unsafe { inner(routine, self) }
            }
        }

        impl sealed::Sealed for $name {}

        // SAFETY of every block below: the loops need nothing but the features that they are
        // compiled for, and the token `self` was made after the processor was found to have each of
        // them.
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
                if unsafe { $module::is_valid(bytes) } {
                    // SAFETY: the bytes were just found to be UTF-8.
                    return Ok(unsafe { core::str::from_utf8_unchecked(bytes) });
                }
                where_it_is_wrong(bytes)
            }

            $($first_control)*

            #[inline(always)]
            fn write(
                self,
                into: &mut [u8],
                head: Head,
                names: &[&[u8]],
                text: &[u8],
            ) -> Option<u32> {
                let whole = into.get_mut(..written_len(head, names, text)?)?;
                // SAFETY: the token; see above.
                Some(unsafe { $module::write(whole, head, names, text) })
            }
        }
    };
}

instruction_set! {
    /// Proof that the processor has SSE4.1 and PCLMULQDQ.
    Sse41, sse41, "sse4.1,pclmulqdq", ["sse3" "ssse3" "sse4.1" "pclmulqdq"],
    #[inline(always)]
    fn first_control(self, name: &str) -> Option<usize> {
        if name.len() <= 16 {
            return portable::first_control(name.as_bytes());
        }
        self.first_control_within(name, name.len())
    }

    #[inline(always)]
    fn first_control_within(self, text: &str, len: usize) -> Option<usize> {
        // SAFETY: the token; see above.
        if unsafe { sse41::is_printable(text.as_bytes(), len) } {
            return None;
        }
        portable::first_control(text.get(..len).unwrap_or(text).as_bytes())
    }
}

instruction_set! {
    /// Proof that the processor has AVX-512 (F, BW, DQ, VL, VBMI, VBMI2), VPCLMULQDQ and BMI2.
    Avx512, avx512,
    "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2",
    ["avx512f" "avx512bw" "avx512dq" "avx512vl" "avx512vbmi" "avx512vbmi2"
     "pclmulqdq" "vpclmulqdq" "avx2" "fma" "f16c" "bmi1" "bmi2" "lzcnt" "popcnt"],
    #[inline(always)]
    fn first_control_within(self, text: &str, len: usize) -> Option<usize> {
        let name = text.get(..len).unwrap_or(text);
        // SAFETY: the token; see above.
        unsafe { avx512::first_control(name.as_bytes()) }
    }
}

/// Which level [`Level::detect`] gives, by [`select`]'s numbers; 0 before the first call. Every
/// thread that finds 0 in it stores the same number, and nothing else depends on it: no order is
/// needed.
#[cfg(feature = "std")]
static SELECTED: AtomicU8 = AtomicU8::new(0);

/// The best level, for [`Level::detect`]: asked for once, one load from then on.
#[cfg(feature = "std")]
#[inline]
pub(crate) fn best() -> Level {
    #[cold]
    #[inline(never)]
    fn find() -> Level {
        let best = find_best();
        select(best);
        best
    }

    match SELECTED.load(Relaxed) {
        1 => Level::Portable(Portable),
        // 2 and 3 are stored by `select` alone, which was given the token.
        2 => Level::Sse41(Sse41(())),
        3 => Level::Avx512(Avx512(())),
        _ => find(),
    }
}

/// From now on [`best`] gives this level.
#[cfg(feature = "std")]
pub(crate) fn select(level: Level) {
    let number = match level {
        Level::Portable(_) => 1,
        Level::Sse41(_) => 2,
        Level::Avx512(_) => 3,
    };
    SELECTED.store(number, Relaxed);
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
