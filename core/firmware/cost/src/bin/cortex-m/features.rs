//! Uses every feature on one sample and prints its cost: `feature-stack FEATURE bytes`, and after
//! the last sample `feature-ram FEATURE bytes`. A call that did not work is a failure, and not
//! measured.

#![cfg_attr(not(any(feature = "alloc", feature = "embedded-io", feature = "serde")), allow(unused))]

use cortex_m_semihosting::hprintln;
use cost::{Heard, MAX_SAMPLE_SIZE, SampleMessage};

use crate::stack;

pub fn report_stack(message: &'static SampleMessage, frame: &[u8]) -> Result<(), &'static str> {
    #[cfg(feature = "alloc")]
    report("alloc", || {
        use cost::features::owned;
        let kept = match message {
            SampleMessage::Echo(_) => owned::keep_echo(frame),
            SampleMessage::Chat(_) => owned::keep_chat(frame),
        };
        kept.is_ok_and(|kept| owned::encode(kept).is_ok_and(|written| written == frame))
    })?;
    #[cfg(feature = "serde")]
    report_postcard(message)?;
    #[cfg(feature = "embedded-io")]
    over_ports(frame, |receiver, sender| {
        use cost::features::port;
        report("embedded-io", || is_heard(port::receive(receiver)))?;
        report("embedded-io", || matches!(port::send(sender, message), Ok(Ok(()))))
    })?;
    #[cfg(feature = "embedded-io-async")]
    over_ports(frame, |receiver, sender| {
        use core::task::{Context, Waker};
        use cost::features::port_async;
        let mut context = Context::from_waker(Waker::noop());
        report("embedded-io-async", || is_heard(port_async::receive(receiver, &mut context)))?;
        report("embedded-io-async", || {
            matches!(port_async::send(sender, message, &mut context), Ok(Ok(())))
        })
    })?;
    Ok(())
}

pub fn report_ram() {
    #[cfg(feature = "alloc")]
    hprintln!("feature-ram\talloc\t{}", cost::harness::bump::most_used());
    #[cfg(feature = "embedded-io")]
    hprintln!("feature-ram\tembedded-io\t{}", cost::features::port::RAM_BYTES);
    #[cfg(feature = "embedded-io-async")]
    hprintln!("feature-ram\tembedded-io-async\t{}", cost::features::port::RAM_BYTES);
}

fn report(feature: &str, mut operation: impl FnMut() -> bool) -> Result<(), &'static str> {
    let mut worked = false;
    let stack = stack::used_by(&mut || worked = operation());
    hprintln!("feature-stack\t{}\t{}", feature, stack);
    if worked { Ok(()) } else { Err("a feature did not work") }
}

#[cfg(feature = "serde")]
fn report_postcard(message: &SampleMessage) -> Result<(), &'static str> {
    use cost::features::postcard_format;
    let mut buffer = [0; MAX_SAMPLE_SIZE];
    match message {
        SampleMessage::Echo(message) => {
            report("serde", || postcard_format::write_echo(message, &mut buffer).is_ok())?;
            report("serde", || {
                postcard_format::read_echo(&buffer).is_ok_and(|read| read == *message)
            })
        }
        SampleMessage::Chat(message) => {
            report("serde", || postcard_format::write_chat(message, &mut buffer).is_ok())?;
            report("serde", || {
                postcard_format::read_chat(&buffer).is_ok_and(|read| read == *message)
            })
        }
    }
}

/// Calls with a receiver whose port delivers `frame`, and a sender whose port must have accepted
/// `frame` in the end.
#[cfg(feature = "embedded-io")]
fn over_ports(
    frame: &[u8],
    exchange: impl FnOnce(&mut Receiver<'_>, &mut Sender<'_>) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    use cost::harness::ram_port::{RamReader, RamWriter};
    let (mut inbox, mut outbox, mut line) =
        ([0; MAX_SAMPLE_SIZE], [0; MAX_SAMPLE_SIZE], [0; MAX_SAMPLE_SIZE]);
    let mut receiver =
        Receiver::new(RamReader::new(frame), &mut inbox, cafewire_core::Direction::Either);
    let mut sender = Sender::new(RamWriter::new(&mut line), &mut outbox);
    exchange(&mut receiver, &mut sender)?;
    if line.starts_with(frame) { Ok(()) } else { Err("a port did not get the frame") }
}

#[cfg(feature = "embedded-io")]
type Receiver<'b> = cafewire_core::io::FrameReader<'b, cost::harness::ram_port::RamReader<'b>>;
#[cfg(feature = "embedded-io")]
type Sender<'b> = cafewire_core::io::FrameWriter<'b, cost::harness::ram_port::RamWriter<'b>>;

#[cfg(feature = "embedded-io")]
fn is_heard(received: cost::features::port::Received<'_>) -> bool {
    matches!(received, Ok(Some(Ok(Heard::Echo(_) | Heard::Chat(_)))))
}
