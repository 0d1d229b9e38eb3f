//! Calls every feature's functions, as `main` does with the rest; part of `main`, and not counted
//! either.

use core::hint::black_box;

#[inline(always)]
pub fn call() {
    #[cfg(feature = "alloc")]
    {
        use cost::features::owned;
        for kept in [owned::keep_echo(black_box(&[])), owned::keep_chat(black_box(&[]))]
            .into_iter()
            .flatten()
        {
            let _ = black_box(owned::encode(kept).is_ok());
        }
    }
    #[cfg(feature = "serde")]
    {
        use cost::features::postcard_format;
        let echo = black_box(cafewire_core::echo::Message::Ping(black_box(&[])));
        let _ = black_box(postcard_format::write_echo(&echo, black_box(&mut [])));
        let _ = black_box(postcard_format::read_echo(black_box(&[])));
        let chat =
            black_box(cafewire_core::chat::MessagePayload::Connect { username: black_box("") });
        let _ = black_box(postcard_format::write_chat(&chat, black_box(&mut [])));
        let _ = black_box(postcard_format::read_chat(black_box(&[])));
    }
    #[cfg(feature = "embedded-io")]
    over_ports();
}

#[cfg(feature = "embedded-io")]
#[inline(always)]
fn over_ports() {
    use cafewire_core::io::{FrameReader, FrameWriter};
    use cafewire_core::{Direction, MessagePayload};
    use cost::SampleMessage;
    use cost::harness::ram_port::{RamReader, RamWriter};

    let reader = RamReader::new(black_box(&[]));
    let mut receiver = black_box(FrameReader::new(reader, black_box(&mut []), Direction::Either));
    let writer = RamWriter::new(black_box(&mut []));
    let mut sender = black_box(FrameWriter::new(writer, black_box(&mut [])));
    let message = black_box(MessagePayload::Connect { username: black_box("") });
    let message = black_box(SampleMessage::Chat(message));
    #[cfg(not(feature = "embedded-io-async"))]
    {
        use cost::features::port;
        let _ = black_box(port::receive(black_box(&mut receiver)).is_ok());
        let _ = black_box(port::send(black_box(&mut sender), black_box(&message)).is_ok());
    }
    #[cfg(feature = "embedded-io-async")]
    {
        use core::task::{Context, Waker};
        use cost::features::port_async;
        // No waker of this program's own, which would be counted among the tables.
        if let Some(waker) = black_box(None::<&Waker>) {
            let mut context = Context::from_waker(waker);
            let _ = black_box(port_async::receive(black_box(&mut receiver), &mut context).is_ok());
            let _ = black_box(
                port_async::send(black_box(&mut sender), black_box(&message), &mut context).is_ok(),
            );
        }
    }
}
