//! `embedded-io-06` and `embedded-io-async-06`: ports of embedded-io 0.6 under the readers and the
//! writer.

use cafewire_core::io::{Compat06, Error06, FrameWriter, ResyncReader, WriteError};
use cafewire_core::{Frame, Message, ProtocolParser};
#[cfg(feature = "embedded-io")]
use embedded_io as io;
#[cfg(feature = "embedded-io-06")]
use embedded_io_06 as io_06;
#[cfg(not(feature = "embedded-io"))]
use embedded_io_async as io;
#[cfg(not(feature = "embedded-io-06"))]
use embedded_io_async_06 as io_06;
use io::Error as _;
use io_06::ErrorKind;

const PING: &[u8] = b"\xCA\xFE\x01\x00\x00";

/// A byte at a time; busy at every second write, and without an error then.
#[derive(Default)]
struct Uart {
    received: Vec<u8>,
    sent: Vec<u8>,
    is_busy: bool,
    flushes: usize,
}

impl Uart {
    fn give(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.received.is_empty() {
            true => Err(ErrorKind::TimedOut),
            false => {
                buffer[0] = self.received.remove(0);
                Ok(1)
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> usize {
        self.is_busy = !self.is_busy;
        let count = usize::from(self.is_busy);
        self.sent.extend_from_slice(&bytes[..count]);
        count
    }
}

impl io_06::ErrorType for Uart {
    type Error = ErrorKind;
}

impl io_06::ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(!self.received.is_empty())
    }
}

fn uart(received: &[u8]) -> Compat06<Uart> {
    Compat06(Uart { received: received.to_vec(), ..Uart::default() })
}

#[cfg(feature = "embedded-io-06")]
mod blocking {
    use cafewire_core::io::{FrameReader, ReadError, ResyncError};
    use cafewire_core::{Direction, ParseError};

    use super::*;

    impl embedded_io_06::Read for Uart {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
            self.give(buffer)
        }
    }

    impl embedded_io_06::Write for Uart {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
            Ok(self.take(bytes))
        }

        fn flush(&mut self) -> Result<(), ErrorKind> {
            self.flushes += 1;
            Ok(())
        }
    }

    #[test]
    fn frames_come_from_a_port_of_06_and_its_time_out_is_silence() {
        let line = [PING, &PING[..3]].concat();
        let mut reader = ResyncReader::new(uart(&line), ProtocolParser::<64>::new());
        assert!(matches!(reader.receive(), Ok(Some(Frame::Echo(_)))));
        let noise = ParseError::Truncated { needed: 5, available: 3 };
        assert_eq!(reader.receive(), Err(ResyncError::Noise(noise)));
        assert_eq!(reader.receive(), Err(ResyncError::Io(Error06(ErrorKind::TimedOut))));

        let mut reader = ResyncReader::new(uart(&line), ProtocolParser::<64>::new());
        assert!(matches!(reader.poll(0, 20), Ok(Some(Frame::Echo(_)))));
        assert_eq!(reader.poll(0, 20), Ok(None));
        assert_eq!(reader.poll(21, 20), Err(ResyncError::Noise(noise)));

        let mut buffer = [0; 8];
        let mut reader = FrameReader::new(uart(PING), &mut buffer, Direction::ToServer);
        assert!(matches!(reader.receive(), Ok(Some(Frame::Echo(_)))));
        assert_eq!(reader.receive(), Err(ReadError::Io(Error06(ErrorKind::TimedOut))));
    }

    #[test]
    fn a_port_of_06_that_is_busy_is_written_to_again() {
        let mut buffer = [0; 8];
        let mut writer = FrameWriter::new(uart(b""), &mut buffer);
        writer.queue_echo(&Message::ping()).unwrap();
        let mut busy = 0;
        while let Err(error) = writer.write() {
            assert_eq!(error, WriteError::WriteZero);
            busy += 1;
        }
        assert_eq!(busy, 4);
        writer.flush().unwrap();
        let Compat06(uart) = writer.into_inner();
        assert_eq!((&uart.sent[..], uart.flushes), (PING, 1));
    }
}

#[cfg(feature = "embedded-io-async-06")]
mod awaited {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    impl embedded_io_async_06::Read for Uart {
        async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
            self.give(buffer)
        }
    }

    impl embedded_io_async_06::Write for Uart {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
            Ok(self.take(bytes))
        }

        async fn flush(&mut self) -> Result<(), ErrorKind> {
            self.flushes += 1;
            Ok(())
        }
    }

    fn now<F: Future>(future: F) -> F::Output {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("this port never waits"),
        }
    }

    #[test]
    fn frames_come_from_and_go_to_a_port_of_06_that_is_awaited() {
        let mut reader = ResyncReader::new(uart(PING), ProtocolParser::<64>::new());
        assert!(matches!(now(reader.receive_async()), Ok(Some(Frame::Echo(_)))));
        let mut buffer = [0; 8];
        let mut writer = FrameWriter::new(uart(b""), &mut buffer);
        writer.queue_echo(&Message::ping()).unwrap();
        while now(writer.write_async()) == Err(WriteError::WriteZero) {}
        now(writer.flush_async()).unwrap();
        let Compat06(uart) = writer.into_inner();
        assert_eq!((&uart.sent[..], uart.flushes), (PING, 1));
    }
}

#[test]
fn every_kind_of_error_keeps_its_name() {
    use io_06::ErrorKind::*;
    for kind in [
        Other,
        NotFound,
        PermissionDenied,
        ConnectionRefused,
        ConnectionReset,
        ConnectionAborted,
        NotConnected,
        AddrInUse,
        AddrNotAvailable,
        BrokenPipe,
        AlreadyExists,
        InvalidInput,
        InvalidData,
        TimedOut,
        Interrupted,
        Unsupported,
        OutOfMemory,
        WriteZero,
    ] {
        let error = Error06(kind);
        assert_eq!(format!("{:?}", error.kind()), format!("{kind:?}"));
        assert_eq!(error.to_string(), format!("{kind:?}"));
    }
}
