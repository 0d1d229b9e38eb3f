//! `embedded-io` and `embedded-io-async`: frames over ports that give and take a few bytes at a
//! time, fail and end.

use cafewire_core::io::{FrameReader, FrameWriter, ReadError, WriteError};
use cafewire_core::{Direction, Frame, Message, MessagePayload, ParseError, ProtocolError};
#[cfg(feature = "embedded-io")]
use embedded_io as io;
#[cfg(not(feature = "embedded-io"))]
use embedded_io_async as io;
use io::ErrorKind;

use crate::corpus::{bytes_of, good_of};

const BIG: usize = 65_540;

/// Reads and writes `piece` bytes at a time; every second call is not ready, or is interrupted if
/// the port blocks.
struct Port {
    line: Vec<u8>,
    given: usize,
    piece: usize,
    ready: bool,
}

impl Port {
    fn new(line: &[u8], piece: usize) -> Self {
        Self { line: line.to_vec(), given: 0, piece, ready: true }
    }

    fn alternate(&mut self) -> bool {
        self.ready = !self.ready;
        self.ready
    }

    fn give(&mut self, buffer: &mut [u8]) -> usize {
        assert!(!buffer.is_empty(), "a read into an empty buffer would look like the end");
        let count = (self.line.len() - self.given).min(self.piece).min(buffer.len());
        buffer[..count].copy_from_slice(&self.line[self.given..self.given + count]);
        self.given += count;
        count
    }

    fn take(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.piece);
        self.line.extend_from_slice(&bytes[..count]);
        count
    }
}

impl io::ErrorType for Port {
    type Error = ErrorKind;
}

fn line_of(family: &str) -> (Vec<Vec<u8>>, Vec<u8>) {
    let frames = good_of(family);
    assert!(frames.len() > 10);
    let line = frames.concat();
    (frames, line)
}

#[cfg(feature = "embedded-io")]
mod blocking {
    use super::*;

    impl embedded_io::Read for Port {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
            if self.alternate() { Ok(self.give(buffer)) } else { Err(ErrorKind::Interrupted) }
        }
    }

    impl embedded_io::Write for Port {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
            if self.alternate() { Ok(self.take(bytes)) } else { Err(ErrorKind::Interrupted) }
        }

        fn flush(&mut self) -> Result<(), ErrorKind> {
            Ok(())
        }
    }

    /// All frames; interrupted calls are repeated.
    fn receive_all<R>(
        receiver: &mut FrameReader<'_, R>,
    ) -> Result<Vec<Vec<u8>>, ReadError<ErrorKind>>
    where
        R: embedded_io::Read<Error = ErrorKind>,
    {
        let mut frames = Vec::new();
        loop {
            match receiver.receive() {
                Ok(Some(frame)) => frames.push(bytes_of(frame)),
                Ok(None) => return Ok(frames),
                Err(ReadError::Io(ErrorKind::Interrupted)) => {}
                Err(error) => return Err(error),
            }
        }
    }

    #[test]
    fn every_frame_arrives_whatever_the_pieces() {
        for (family, buffer_size) in [("echo", BIG), ("chat-v1", 630), ("chat-v1", 2000)] {
            let (frames, line) = line_of(family);
            for piece in [1, 2, 3, 7, 630, 4096, usize::MAX] {
                let mut buffer = vec![0; buffer_size];
                let mut receiver =
                    FrameReader::new(Port::new(&line, piece), &mut buffer, Direction::Either);
                assert_eq!(receive_all(&mut receiver).unwrap(), frames, "{family}, {piece}");
                assert_eq!(receiver.reader().stream_offset(), line.len() as u64);
                assert_eq!(receiver.pending(), b"");
                assert_eq!(receiver.into_inner().given, line.len());
            }
        }
    }

    #[test]
    fn a_buffer_of_the_largest_frame_is_enough_and_of_one_byte_less_is_not() {
        let line = [&b"\xCA\xFE\x03\x00\x05hello"[..], b"\xCA\xFE\x01\x00\x00"].concat();
        let mut buffer = [0; 10];
        let mut receiver = FrameReader::new(&line[..], &mut buffer, Direction::ToServer);
        for expected in [Message::echo(b"hello"), Message::ping()] {
            assert!(matches!(
                receiver.receive(),
                Ok(Some(Frame::Echo(view))) if view.message() == expected
            ));
        }
        let mut buffer = [0; 9];
        let mut receiver = FrameReader::new(&line[..], &mut buffer, Direction::ToServer);
        for _ in 0..2 {
            let error = receiver.receive().unwrap_err();
            assert_eq!(error, ReadError::FrameTooLarge { needed: 10, available: 9 });
        }
        let mut receiver = FrameReader::new(&line[..], &mut [], Direction::ToServer);
        assert!(matches!(
            receiver.receive(),
            Err(ReadError::FrameTooLarge { needed: 1, available: 0 })
        ));
    }

    #[test]
    fn an_end_within_a_frame_is_an_error_that_says_where() {
        let line = b"\xCA\xFE\x01\x00\x00\xCA\xFE\x03\x00\x05hel";
        let mut buffer = [0; 16];
        let mut receiver = FrameReader::new(&line[..], &mut buffer, Direction::ToServer);
        assert!(receiver.receive().unwrap().is_some());
        let error = ParseError::Truncated { needed: 10, available: 8 };
        assert_eq!(receiver.receive().unwrap_err(), ReadError::Parse { error, stream_offset: 13 });
        assert_eq!(receiver.pending(), b"\xCA\xFE\x03\x00\x05hel");
    }

    #[test]
    fn bytes_that_are_no_frame_are_an_error_and_stay_one() {
        let line = b"\xCA\xFE\x01\x00\x00GET / HTTP/1.1\r\n\r\n";
        let mut buffer = [0; 16];
        let mut receiver = FrameReader::new(&line[..], &mut buffer, Direction::ToServer);
        assert!(receiver.receive().unwrap().is_some());
        for _ in 0..2 {
            let error = ParseError::BadMagic { offset: 0, expected: 0xCA, actual: b'G' };
            assert_eq!(
                receiver.receive().unwrap_err(),
                ReadError::Parse { error, stream_offset: 5 }
            );
        }
    }

    #[test]
    fn what_is_queued_is_written_once_whatever_the_pieces() {
        let say = MessagePayload::SendMessage { room: "lobby", content: "hello" };
        let expected =
            [bytes(&MessagePayload::Connect { username: "ada" }), bytes(&say), bytes(&say)]
                .concat();
        for piece in [1, 2, 5, 64] {
            let mut buffer = [0; 40];
            let mut sender = FrameWriter::new(Port::new(&[], piece), &mut buffer);
            sender.queue_chat(&MessagePayload::Connect { username: "ada" }).unwrap();
            sender.queue_chat(&say).unwrap();
            let full = sender.queue_chat(&say).unwrap_err();
            assert!(matches!(full, ProtocolError::BufferTooSmall { needed: 19, .. }), "{full:?}");
            while sender.flush().is_err() {}
            assert_eq!(sender.unsent(), b"");
            sender.queue_chat(&say).unwrap();
            while sender.flush().is_err() {}
            assert_eq!(sender.into_inner().line, expected, "{piece}");
        }
    }

    #[test]
    fn room_is_made_for_a_frame_while_another_is_half_written() {
        let mut buffer = [0; 10];
        let mut sender = FrameWriter::new(Port::new(&[], 1), &mut buffer);
        sender.queue_echo(&Message::ping()).unwrap();
        sender.queue_echo(&Message::pong()).unwrap();
        assert!(sender.queue_echo(&Message::ping()).is_err());
        for _ in 0..5 {
            assert_eq!(sender.flush(), Err(WriteError::Io(ErrorKind::Interrupted)));
        }
        assert!(sender.unsent().len() <= 6, "{:?}", sender.unsent());
        sender.queue_echo(&Message::echo(b"")).unwrap_err();
        while sender.unsent().len() > 5 {
            assert_eq!(sender.flush(), Err(WriteError::Io(ErrorKind::Interrupted)));
        }
        sender.queue_echo(&Message::echo(b"")).unwrap();
        while sender.flush().is_err() {}
        assert_eq!(sender.into_inner().line, b"\xCA\xFE\x01\0\0\xCA\xFE\x02\0\0\xCA\xFE\x03\0\0");
    }

    #[test]
    fn what_is_refused_is_not_queued() {
        let mut buffer = [0; 64];
        let mut sender = FrameWriter::new(Port::new(&[], 1), &mut buffer);
        let refused = sender.queue_chat(&MessagePayload::Connect { username: "" });
        assert!(matches!(refused, Err(ProtocolError::InvalidField(_))));
        let refused = sender.queue_echo(&Message::data(&[0; 65]));
        assert_eq!(refused, Err(ProtocolError::BufferTooSmall { needed: 70, available: 64 }));
        assert_eq!(sender.unsent(), b"");
    }

    struct Stuck;

    impl embedded_io::ErrorType for Stuck {
        type Error = ErrorKind;
    }

    impl embedded_io::Write for Stuck {
        fn write(&mut self, _: &[u8]) -> Result<usize, ErrorKind> {
            Ok(0)
        }

        fn flush(&mut self) -> Result<(), ErrorKind> {
            Err(ErrorKind::BrokenPipe)
        }
    }

    #[test]
    fn a_port_that_takes_nothing_is_an_error_and_no_endless_loop() {
        let mut buffer = [0; 8];
        let mut sender = FrameWriter::new(Stuck, &mut buffer);
        assert_eq!(sender.flush(), Err(WriteError::Io(ErrorKind::BrokenPipe)));
        sender.queue_echo(&Message::ping()).unwrap();
        assert_eq!(sender.flush(), Err(WriteError::WriteZero));
        assert_eq!(sender.unsent().len(), 5);
    }

    /// Gives one piece per call, an empty one too: USB's packet of no bytes.
    struct Packets(Vec<&'static [u8]>);

    impl embedded_io::ErrorType for Packets {
        type Error = ErrorKind;
    }

    impl embedded_io::Read for Packets {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
            let packet = self.0.remove(0);
            buffer[..packet.len()].copy_from_slice(packet);
            Ok(packet.len())
        }
    }

    #[test]
    fn a_port_that_gives_no_byte_is_read_again_by_the_next_call() {
        let ping = &b"\xCA\xFE\x01\x00\x00"[..];
        let packets = vec![b"", ping, b"", &ping[..3], b"", b"", &ping[3..]];
        let mut buffer = [0; 16];
        let mut receiver = FrameReader::new(Packets(packets), &mut buffer, Direction::ToServer);
        assert_eq!(receiver.receive(), Ok(None));
        assert!(receiver.receive().unwrap().is_some());
        assert_eq!(receiver.receive(), Ok(None));
        for _ in 0..2 {
            let error = ParseError::Truncated { needed: 5, available: 3 };
            assert_eq!(receiver.receive(), Err(ReadError::Parse { error, stream_offset: 8 }));
        }
        assert!(receiver.receive().unwrap().is_some());
        assert_eq!(receiver.reader().stream_offset(), 10);
    }

    /// Takes a byte, then is busy, as `Tx` of stm32f4xx-hal; counts what it is asked to flush.
    #[derive(Default)]
    struct Busy {
        line: Vec<u8>,
        is_busy: bool,
        flushes: usize,
    }

    impl embedded_io::ErrorType for Busy {
        type Error = ErrorKind;
    }

    impl embedded_io::Write for Busy {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
            self.is_busy = !self.is_busy;
            let count = usize::from(self.is_busy);
            self.line.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> Result<(), ErrorKind> {
            self.flushes += 1;
            Ok(())
        }
    }

    #[test]
    fn a_busy_port_is_told_and_written_to_again_and_flushed_only_when_asked() {
        let mut buffer = [0; 16];
        let mut sender = FrameWriter::new(Busy::default(), &mut buffer);
        sender.queue_echo(&Message::ping()).unwrap();
        let mut busy = 0;
        while let Err(error) = sender.write() {
            assert_eq!(error, WriteError::WriteZero);
            busy += 1;
        }
        assert_eq!((busy, sender.unsent()), (4, &[][..]));
        sender.queue_echo(&Message::pong()).unwrap();
        while sender.flush().is_err() {}
        let port = sender.into_inner();
        assert_eq!(port.line, b"\xCA\xFE\x01\0\0\xCA\xFE\x02\0\0");
        assert_eq!(port.flushes, 1);
    }

    /// Claims to have read and written more than it was given room for.
    struct Liar;

    impl embedded_io::ErrorType for Liar {
        type Error = ErrorKind;
    }

    impl embedded_io::Read for Liar {
        fn read(&mut self, _: &mut [u8]) -> Result<usize, ErrorKind> {
            Ok(usize::MAX)
        }
    }

    impl embedded_io::Write for Liar {
        fn write(&mut self, _: &[u8]) -> Result<usize, ErrorKind> {
            Ok(usize::MAX)
        }

        fn flush(&mut self) -> Result<(), ErrorKind> {
            Ok(())
        }
    }

    #[test]
    fn a_port_that_lies_causes_no_panic() {
        let mut buffer = [0; 8];
        let mut receiver = FrameReader::new(Liar, &mut buffer, Direction::Either);
        assert!(matches!(receiver.receive(), Err(ReadError::Parse { .. })));
        let mut sender = FrameWriter::new(Liar, &mut buffer);
        sender.queue_echo(&Message::ping()).unwrap();
        assert_eq!(sender.flush(), Ok(()));
    }
}

#[cfg(feature = "embedded-io-async")]
mod awaited;

fn bytes(message: &MessagePayload<'_>) -> Vec<u8> {
    message.encode_into(&mut [0; 630]).unwrap().to_vec()
}
