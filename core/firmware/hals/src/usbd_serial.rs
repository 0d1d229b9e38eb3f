//! usbd-serial: embedded-io 0.6 over USB's CDC, which loses no byte. Its `read` and `write` pass
//! over packets of no bytes themselves.

use ::usbd_serial::SerialPort;
use cafewire_core::io::{Compat06, FrameReader, FrameWriter};
use cafewire_core::{Direction, Frame, Message};
use usb_device::bus::UsbBus;

/// The next frame, and an answer to it.
pub fn receive<B: UsbBus>(
    port: &mut SerialPort<'_, B>,
    buffers: (&mut [u8], &mut [u8]),
    mut heard: impl FnMut(&Frame<'_>),
) {
    let mut reader = FrameReader::new(Compat06(&mut *port), buffers.0, Direction::ToClient);
    if let Ok(Some(frame)) = reader.receive() {
        heard(&frame);
    }
    let mut writer = FrameWriter::new(Compat06(port), buffers.1);
    let _ = writer.queue_echo(&Message::pong()).map(|()| writer.flush());
}
