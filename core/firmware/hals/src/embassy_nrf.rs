//! embassy-nrf: embedded-io-async 0.7.

use core::future::Future;

use ::embassy_nrf::buffered_uarte::{BufferedUarteRx, BufferedUarteTx};
use cafewire_core::io::{FrameWriter, ResyncReader};
use cafewire_core::{Frame, MessagePayload};

use crate::{SILENCE_MS, parser};

/// Frames until the task ends. `timer` waits for so many milliseconds.
pub async fn receive<T: Future<Output = ()>>(
    uart: BufferedUarteRx<'_>,
    mut timer: impl FnMut(u32) -> T,
    mut heard: impl FnMut(&Frame<'_>),
) {
    let mut reader = ResyncReader::new(uart, parser());
    loop {
        if let Ok(Some(frame)) = reader.receive_async_or_silence(|| timer(SILENCE_MS)).await {
            heard(&frame);
        }
    }
}

/// Sends a message, and waits until it is on the line.
pub async fn send(
    writer: &mut FrameWriter<'_, BufferedUarteTx<'_>>,
    message: &MessagePayload<'_>,
) -> bool {
    writer.queue_chat(message).is_ok() && writer.flush_async().await.is_ok()
}
