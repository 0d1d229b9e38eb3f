//! embassy-rp: embedded-io 0.7 and embedded-io-async 0.7.

use core::future::Future;

use ::embassy_rp::uart::{BufferedUartRx, BufferedUartTx};
use cafewire_core::io::{FrameWriter, ResyncReader};
use cafewire_core::{Frame, MessagePayload, chat};

use crate::{SILENCE_MS, parser};

/// Frames until the task ends. `timer` waits for so many milliseconds.
pub async fn receive<T: Future<Output = ()>>(
    uart: BufferedUartRx,
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

/// The same without an executor.
pub fn poll(
    reader: &mut ResyncReader<BufferedUartRx, { chat::MAX_FRAME_SIZE }>,
    now_ms: u32,
) -> bool {
    matches!(reader.poll(now_ms, SILENCE_MS), Ok(Some(_)))
}

/// Sends a message.
pub async fn send(
    writer: &mut FrameWriter<'_, BufferedUartTx>,
    message: &MessagePayload<'_>,
) -> bool {
    writer.queue_chat(message).is_ok() && writer.write_async().await.is_ok()
}
