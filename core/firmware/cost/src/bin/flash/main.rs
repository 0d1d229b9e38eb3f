//! The core, as much of it as the features select, and nothing else: for measuring its size in
//! flash. Not for running.

#![no_std]
#![no_main]
// For the name `main`; nothing unsafe is called.
#![allow(unsafe_code)]
#![allow(missing_docs)]

#[cfg(any(feature = "echo", feature = "chat", feature = "stream"))]
use core::hint::black_box;

#[cfg(any(feature = "alloc", feature = "embedded-io", feature = "serde"))]
mod features;

/// Calls the measured functions with inputs unknown to the compiler; is not counted itself.
#[unsafe(no_mangle)]
extern "C" fn main() {
    #[cfg(feature = "echo")]
    {
        let _ = black_box(cost::parse_echo(black_box(&[])));
        let message = black_box(cafewire_core::echo::Message::Ping(black_box(&[])));
        let _ = black_box(cost::encode_echo(&message, black_box(&mut [])));
    }
    #[cfg(feature = "chat")]
    {
        let _ = black_box(cost::parse_chat(black_box(&[])));
        let message =
            black_box(cafewire_core::chat::MessagePayload::Connect { username: black_box("") });
        let _ = black_box(cost::encode_chat(&message, black_box(&mut [])));
    }
    #[cfg(feature = "stream")]
    {
        let mut parser = black_box(cost::StreamParser::new());
        let _ = black_box(cost::parse_stream(&mut parser, black_box(&[])).is_ok());
    }
    #[cfg(any(feature = "alloc", feature = "embedded-io", feature = "serde"))]
    features::call();
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
