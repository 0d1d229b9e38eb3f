//! UART0 of the LM3S6965: a PL011 at 0x4000_C000, as QEMU's `lm3s6965evb` has it. The one file that
//! touches hardware.
//!
//! In the emulator it carries bytes at any speed from reset on. On a board, its clock, its pins and
//! its baud rate need to be set before.

#![allow(unsafe_code)]

use core::ptr;

const BASE: usize = 0x4000_C000;
const DATA: *mut u32 = BASE as *mut u32;
const FLAGS: *mut u32 = (BASE + 0x018) as *mut u32;
const LINE_CONTROL: *mut u32 = (BASE + 0x02C) as *mut u32;
const CONTROL: *mut u32 = (BASE + 0x030) as *mut u32;

const FLAG_RECEIVER_EMPTY: u32 = 1 << 4;
const FLAG_TRANSMITTER_FULL: u32 = 1 << 5;
const LINE_8_BITS: u32 = 0b11 << 5;
const LINE_QUEUES: u32 = 1 << 4;
const CONTROL_RECEIVER: u32 = 1 << 9;
const CONTROL_TRANSMITTER: u32 = 1 << 8;
const CONTROL_ENABLE: u32 = 1 << 0;

/// The serial line. Receives into a queue of 16 bytes; the emulator holds back what does not fit.
pub struct Uart(());

impl Uart {
    /// The UART, switched on. It needs the core's peripherals, of which there is one set, as proof
    /// of exclusive access.
    #[must_use]
    pub fn new(_only_one: &cortex_m::Peripherals) -> Self {
        write(LINE_CONTROL, LINE_8_BITS | LINE_QUEUES);
        write(CONTROL, CONTROL_ENABLE | CONTROL_TRANSMITTER | CONTROL_RECEIVER);
        Self(())
    }

    /// Sends all of it; waits while the queue is full.
    pub fn send(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            while read(FLAGS) & FLAG_TRANSMITTER_FULL != 0 {}
            write(DATA, u32::from(byte));
        }
    }

    /// The next byte, if one is there.
    pub fn receive(&mut self) -> Option<u8> {
        let is_empty = read(FLAGS) & FLAG_RECEIVER_EMPTY != 0;
        if is_empty { None } else { Some(read(DATA).to_le_bytes()[0]) }
    }
}

/// `register` is one of the constants above.
fn read(register: *mut u32) -> u32 {
    // SAFETY: every caller passes one of the four addresses above. They are aligned 32-bit
    // registers that exist on this chip and belong to no Rust object; reading one changes nothing
    // but the UART's own state. This file alone uses them, from one thread of execution: no
    // interrupt handler is installed.
    unsafe { ptr::read_volatile(register) }
}

/// `register` is one of the constants above.
fn write(register: *mut u32, value: u32) {
    // SAFETY: as for `read`. The values written switch the UART on and give it bytes to send: it
    // has no access to memory (its DMA stays off), so no write to it can change a Rust object.
    unsafe { ptr::write_volatile(register, value) }
}
