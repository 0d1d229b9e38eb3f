//! Which levels there are, by feature and processor, and that a level does work as its own.

use cafewire_kernel::{Kernel, Level, Routine};

fn names() -> Vec<&'static str> {
    Level::available().map(Level::name).collect()
}

#[test]
fn the_portable_level_is_always_there_and_first() {
    assert_eq!(names()[0], "portable");
}

#[test]
fn the_best_level_is_detected_again_and_again() {
    for _ in 0..3 {
        assert_eq!(Some(Level::detect()), Level::available().last());
    }
}

#[cfg(not(all(feature = "simd", target_arch = "x86_64", not(miri))))]
#[test]
fn without_simd_there_is_no_other() {
    assert_eq!(names(), ["portable"]);
}

#[cfg(all(feature = "std", feature = "simd", target_arch = "x86_64", not(miri)))]
#[test]
fn there_are_those_that_the_processor_can_run() {
    use std::is_x86_feature_detected as has;

    let sse41 = has!("sse4.1") && has!("pclmulqdq");
    let avx512 = sse41
        && has!("avx512f")
        && has!("avx512bw")
        && has!("avx512vl")
        && has!("avx512vbmi2")
        && has!("vpclmulqdq");
    assert_eq!(names().contains(&"sse4.1"), sse41);
    assert_eq!(names().contains(&"avx512"), avx512);
}

#[cfg(all(not(feature = "std"), feature = "simd", target_arch = "x86_64", not(miri)))]
#[test]
fn there_are_those_that_the_crate_is_compiled_for() {
    let sse41 = cfg!(all(target_feature = "sse4.1", target_feature = "pclmulqdq"));
    let avx512 = cfg!(all(target_feature = "avx512vbmi2", target_feature = "vpclmulqdq"));
    assert_eq!(names().contains(&"sse4.1"), sse41);
    assert_eq!(names().contains(&"avx512"), avx512 && cfg!(target_feature = "bmi2"));
}

/// The kernel's type that the work is done with.
struct KernelName;

impl Routine for KernelName {
    type Output = &'static str;

    #[inline(always)]
    fn run<K: Kernel>(self, _: K) -> &'static str {
        core::any::type_name::<K>()
    }
}

#[test]
fn work_is_done_with_the_levels_own_kernel() {
    for level in Level::available() {
        let expected = match level.name() {
            "portable" => "Portable",
            "sse4.1" => "Sse41",
            "avx512" => "Avx512",
            other => panic!("unknown level {other}"),
        };
        assert!(level.run(KernelName).ends_with(expected), "{}", level.run(KernelName));
    }
}
