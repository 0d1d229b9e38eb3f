//! The same through `embedded-io-async`, where each wait may also be given up.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;

impl Port {
    /// Ready at every second poll.
    async fn turn(&mut self) {
        poll_fn(|_| if self.alternate() { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

impl embedded_io_async::Read for Port {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.turn().await;
        Ok(self.give(buffer))
    }
}

impl embedded_io_async::Write for Port {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.turn().await;
        Ok(self.take(bytes))
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.turn().await;
        Ok(())
    }
}

/// Polls once and drops the future, as a `select` or a time limit does.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

#[test]
fn every_frame_arrives_whatever_the_pieces() {
    for (family, buffer_size) in [("echo", BIG), ("chat-v1", 630)] {
        let (frames, line) = line_of(family);
        for piece in [1, 7, 4096] {
            let mut buffer = vec![0; buffer_size];
            let mut receiver =
                FrameReader::new(Port::new(&line, piece), &mut buffer, Direction::Either);
            for frame in &frames {
                assert_eq!(bytes_of(block_on(receiver.receive_async()).unwrap().unwrap()), *frame);
            }
            assert_eq!(block_on(receiver.receive_async()), Ok(None));
        }
    }
}

#[test]
fn a_receive_that_is_dropped_at_every_await_loses_no_byte() {
    let (frames, line) = line_of("chat-v1");
    for piece in [1, 7, 100, 4096] {
        let mut buffer = [0; 630];
        let mut receiver =
            FrameReader::new(Port::new(&line, piece), &mut buffer, Direction::Either);
        let (mut received, mut dropped) = (Vec::new(), 0);
        loop {
            match poll_once(receiver.receive_async()) {
                Poll::Pending => dropped += 1,
                Poll::Ready(Ok(Some(frame))) => received.push(bytes_of(frame)),
                Poll::Ready(end) => break assert_eq!(end, Ok(None)),
            }
        }
        assert_eq!(received, frames, "{piece}");
        assert!(dropped >= line.len() / piece.min(630), "{dropped} futures were dropped");
    }
}

#[test]
fn a_flush_that_is_dropped_at_every_await_sends_each_byte_once() {
    let say = MessagePayload::SendMessage { room: "lobby", content: "hello" };
    for piece in [1, 7, 100] {
        let mut buffer = [0; 64];
        let mut sender = FrameWriter::new(Port::new(&[], piece), &mut buffer);
        let mut dropped = 0;
        for _ in 0..3 {
            sender.queue_chat(&say).unwrap();
        }
        while poll_once(sender.flush_async()).is_pending() {
            dropped += 1;
        }
        assert_eq!(sender.unsent(), b"");
        assert_eq!(sender.into_inner().line, bytes(&say).repeat(3), "{piece}");
        assert!(dropped > 57 / piece, "{dropped} futures were dropped");
    }
}

#[test]
fn a_write_that_is_dropped_at_every_await_sends_each_byte_once_and_flushes_nothing() {
    struct NeverFlushed(Port);

    impl io::ErrorType for NeverFlushed {
        type Error = ErrorKind;
    }

    impl embedded_io_async::Write for NeverFlushed {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
            self.0.write(bytes).await
        }

        async fn flush(&mut self) -> Result<(), ErrorKind> {
            panic!("it was not asked for")
        }
    }

    let mut buffer = [0; 8];
    let mut sender = FrameWriter::new(NeverFlushed(Port::new(&[], 1)), &mut buffer);
    sender.queue_echo(&Message::ping()).unwrap();
    while poll_once(sender.write_async()).is_pending() {}
    assert_eq!(sender.into_inner().0.line, b"\xCA\xFE\x01\0\0");
}

#[test]
fn errors_are_the_same_as_with_a_port_that_blocks() {
    let mut buffer = [0; 9];
    let mut receiver = FrameReader::new(
        Port::new(b"\xCA\xFE\x03\x00\x05hello", 3),
        &mut buffer,
        Direction::ToServer,
    );
    let error = block_on(receiver.receive_async()).unwrap_err();
    assert_eq!(error, ReadError::FrameTooLarge { needed: 10, available: 9 });

    let mut receiver =
        FrameReader::new(Port::new(b"\xCA\xFE\x03", 3), &mut buffer, Direction::ToServer);
    let error = ParseError::Truncated { needed: 5, available: 3 };
    assert_eq!(
        block_on(receiver.receive_async()),
        Err(ReadError::Parse { error, stream_offset: 3 })
    );
    assert_eq!(
        WriteError::<ErrorKind>::WriteZero.to_string(),
        "the port took no byte and did not say why"
    );
}

#[test]
fn echo_frames_and_refusals() {
    let mut buffer = [0; 8];
    let mut sender = FrameWriter::new(Port::new(&[], 2), &mut buffer);
    sender.queue_echo(&Message::ping()).unwrap();
    let refused = sender.queue_echo(&Message::ping());
    assert!(matches!(refused, Err(ProtocolError::BufferTooSmall { needed: 5, .. })));
    block_on(sender.flush_async()).unwrap();
    let port = sender.into_inner();
    let Frame::Echo(view) = crate::corpus::frame(&port.line) else { panic!() };
    assert_eq!(view.message(), Message::ping());
}
