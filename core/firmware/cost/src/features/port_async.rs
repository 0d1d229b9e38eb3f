//! `embedded-io-async`: frames over a port that is awaited, polled by hand.

use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use cafewire_core::io::{FrameReader, FrameWriter};

use super::port::{Received, Sent, queue};
use crate::harness::ram_port::{RamReader, RamWriter};
use crate::{SampleMessage, heard};

/// Receives a frame and reads it, down to its fields.
///
/// # Errors
/// Those of the receiver.
#[inline(never)]
pub fn receive<'r>(
    receiver: &'r mut FrameReader<'_, RamReader<'_>>,
    context: &mut Context<'_>,
) -> Received<'r> {
    Ok(finish(pin!(receiver.receive_async()), context)?.map(heard))
}

/// Sends a message of either family.
///
/// # Errors
/// Those of the sender.
#[inline(never)]
pub fn send(
    sender: &mut FrameWriter<'_, RamWriter<'_>>,
    message: &SampleMessage,
    context: &mut Context<'_>,
) -> Sent {
    queue(sender, message)?;
    Ok(finish(pin!(sender.flush_async()), context))
}

/// The smallest executor: it polls again at once.
fn finish<T>(mut future: Pin<&mut impl Future<Output = T>>, context: &mut Context<'_>) -> T {
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return output;
        }
    }
}
