//! stm32f4xx-hal: embedded-io 0.6 for writing alone, and a `write` that answers `Ok(0)` when busy.
//! stm32f1xx-hal is the same.

use ::stm32f4xx_hal::nb;
use ::stm32f4xx_hal::pac::USART2;
use ::stm32f4xx_hal::prelude::_embedded_hal_serial_nb_Read as _;
use ::stm32f4xx_hal::serial::{Error, Rx, RxISR as _, Tx};
use cafewire_core::io::{Compat06, Error06, FrameWriter, WriteError};
use cafewire_core::{Frame, MessagePayload};

use crate::Parser;

/// Sends a message; while the UART is busy the processor may do something else.
///
/// # Errors
/// Those of the port.
pub fn send(
    writer: &mut FrameWriter<'_, Compat06<Tx<USART2>>>,
    message: &MessagePayload<'_>,
    mut meanwhile: impl FnMut(),
) -> Result<(), WriteError<Error06<Error>>> {
    // A message that is valid and shorter than the buffer of the writer, which is empty.
    let _ = writer.queue_chat(message);
    loop {
        match writer.write() {
            Err(WriteError::WriteZero) => meanwhile(),
            written => return written,
        }
    }
}

/// Called from the UART's interrupt, or from a loop: there is no `embedded_io::Read` here.
pub fn receive(uart: &mut Rx<USART2>, parser: &mut Parser, mut heard: impl FnMut(&Frame<'_>)) {
    while uart.is_rx_not_empty() {
        match uart.read() {
            Ok(byte) => {
                let _ = parser.feed(&[byte]); // of one byte it always takes one
            }
            Err(nb::Error::WouldBlock) => return,
            Err(nb::Error::Other(_)) => continue, // an overrun: the parser finds its way
        }
        while let Ok(Some(frame)) = parser.try_parse() {
            heard(&frame);
        }
    }
}
