//! Encodes a message and reads it back, without std and without an allocator. Ends with 0 if it is
//! the same.
#![no_std]
#![no_main]

use cafewire_core::{MessagePayload, ZeroCopyMessage};

/// Called by the C runtime.
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let hello = MessagePayload::SendMessage { room: "lobby", content: "hello" };
    let mut buffer = [0; 64];
    let Ok(frame) = hello.encode_into(&mut buffer) else { return 1 };
    let Ok(view) = ZeroCopyMessage::parse_from_bytes(frame) else { return 2 };
    if view.parse_payload() == Ok(hello) { 0 } else { 3 }
}

// The C library that the C runtime needs.
#[link(name = "c")]
unsafe extern "C" {}

/// The one panic handler. If std were linked there would be two.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
