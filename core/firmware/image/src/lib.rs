//! Shared by the images: the checks that the self-test runs on the chip, the UART, and the end of
//! an image.
//!
//! The checks know nothing of the hardware; only [`uart`] touches it.

#![no_std]

pub mod noisy_line;
pub mod outcome;
pub mod round_trip;
#[cfg(target_arch = "arm")]
pub mod uart;
pub mod vectors;
