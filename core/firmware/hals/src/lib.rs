//! A frame from, and one to, the serial port of each HAL that is built: that the adapters of
//! `cafewire_core::io` fit it. To be checked by the compiler for the HAL's target; sets up no clock
//! and no pin, and is not run.

#![no_std]

#[cfg(feature = "embassy-nrf")]
pub mod embassy_nrf;
#[cfg(feature = "embassy-rp")]
pub mod embassy_rp;
#[cfg(feature = "stm32f4xx-hal")]
pub mod stm32f4xx_hal;
#[cfg(feature = "stm32g4xx-hal")]
pub mod stm32g4xx_hal;
#[cfg(feature = "usbd-serial")]
pub mod usbd_serial;

use cafewire_core::{Direction, Family, ProtocolParser, chat};

/// A parser of what a server sends.
type Parser = ProtocolParser<{ chat::MAX_FRAME_SIZE }>;

/// How long a sender may pause within a frame.
pub const SILENCE_MS: u32 = 20;

/// A parser for a line that carries chat to this device.
#[must_use]
pub const fn parser() -> Parser {
    ProtocolParser::for_family(Family::ChatV1, Direction::ToClient)
}
