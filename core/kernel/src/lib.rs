#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_op_in_unsafe_fn)]

#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
mod automaton;
mod head;
mod kernel;
mod level;
#[cfg_attr(not(all(feature = "simd", target_arch = "x86_64", not(miri))), allow(dead_code))]
mod polynomial;
mod portable;
#[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
mod x86;

pub use head::{HEAD_MAX, Head};
pub use kernel::{Check, Kernel, Routine};
pub use level::Level;
pub use portable::Portable;
#[cfg(all(feature = "simd", target_arch = "x86_64", not(miri)))]
pub use x86::{Avx512, Sse41};
