//! stm32g4xx-hal: embedded-io 0.6, for reading, asking and writing.

use ::stm32g4xx_hal::serial::{NoDMA, Rx, Tx};
use ::stm32g4xx_hal::stm32::USART2;
use cafewire_core::Frame;
use cafewire_core::io::{Compat06, FrameWriter, ResyncReader};

use crate::{SILENCE_MS, parser};

/// Frames of a loop that never waits. `now_ms` is its clock.
pub fn receive<Pin>(
    uart: Rx<USART2, Pin, NoDMA>,
    mut now_ms: impl FnMut() -> u32,
    mut heard: impl FnMut(&Frame<'_>),
) {
    let mut reader = ResyncReader::new(Compat06(uart), parser());
    loop {
        // Noise and the port's errors: the next call goes on.
        if let Ok(Some(frame)) = reader.poll(now_ms(), SILENCE_MS) {
            heard(&frame);
        }
    }
}

/// Writes what is queued, without waiting until it is on the line.
pub fn send<Pin>(writer: &mut FrameWriter<'_, Compat06<Tx<USART2, Pin, NoDMA>>>) -> bool {
    writer.write().is_ok()
}

/// Does not compile: this port speaks 0.6.
#[cfg(feature = "canary")]
pub fn receive_without_adapter<Pin>(uart: Rx<USART2, Pin, NoDMA>) -> bool {
    ResyncReader::new(uart, parser()).receive().is_ok()
}
