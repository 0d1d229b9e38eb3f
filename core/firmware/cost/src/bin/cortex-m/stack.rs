//! Stack depth of a call: the memory below the stack pointer is painted, and the bytes that the
//! call overwrote are counted. The one file that touches memory which is not its own.

#![allow(unsafe_code)]

use core::ptr;

use cortex_m::register::msp;

/// No operation of the core comes near it; `used_by` panics if one does.
const PAINTED_BYTES: usize = 4096;

const PAINT: u8 = 0xA5;

/// Bytes left unpainted for the frames of the painter and its callees. An operation that takes less
/// is reported to take this much.
const MARGIN_BYTES: usize = 32;

/// Bytes of stack that the operation takes, called once. Its caller's frame is not counted.
#[inline(never)]
pub fn used_by(operation: &mut dyn FnMut()) -> usize {
    let top = msp::read() as usize;
    paint(top);
    operation();
    let used = unpainted(top);
    assert!(used < PAINTED_BYTES, "the paint was not deep enough");
    used
}

#[inline(never)]
fn paint(top: usize) {
    let end = msp::read() as usize - MARGIN_BYTES;
    let mut address = top - PAINTED_BYTES;
    while address < end {
        // SAFETY: the range begins 4 KiB below the caller's stack pointer and ends below this
        // function's own, with a margin for what it may call. The linker script puts the stack at
        // the end of RAM (16 KiB) and the statics, below 2 KiB, at its start, and only a few KiB of
        // stack are in use: all of the range is RAM below the live stack, and no object lives
        // there. No interrupt is enabled whose handler could push a frame there meanwhile.
        unsafe { ptr::write_volatile(address as *mut u8, PAINT) };
        address += 1;
    }
}

/// From `top` down to the lowest byte without paint.
#[inline(never)]
fn unpainted(top: usize) -> usize {
    let mut address = top - PAINTED_BYTES;
    // SAFETY: as in `paint`; reading RAM changes nothing. The loop ends at the first byte without
    // paint, and `paint` left some below `top`.
    while address < top && unsafe { ptr::read_volatile(address as *const u8) } == PAINT {
        address += 1;
    }
    top - address
}
