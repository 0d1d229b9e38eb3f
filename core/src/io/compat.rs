//! Ports of embedded-io 0.6 as ports of 0.7. Passes calls on and changes no byte.

use core::fmt;

#[cfg(feature = "embedded-io")]
use ::embedded_io as io;
#[cfg(feature = "embedded-io-06")]
use ::embedded_io_06 as io_06;
#[cfg(not(feature = "embedded-io"))]
use ::embedded_io_async as io;
#[cfg(not(feature = "embedded-io-06"))]
use ::embedded_io_async_06 as io_06;

/// A port of embedded-io 0.6, or embedded-io-async 0.6, as one of 0.7: what the readers and
/// writers of this module are given for the many HALs that still speak 0.6.
#[cfg_attr(
    feature = "embedded-io-06",
    doc = r#"
```
use cafewire_core::io::{Compat06, ResyncReader};
use cafewire_core::{Frame, ProtocolParser};
# use embedded_io_06::{ErrorKind, ErrorType, Read};
# struct Uart(&'static [u8]);
# impl ErrorType for Uart { type Error = ErrorKind; }
# impl Read for Uart {
#     fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
#         Ok(self.0.read(buffer).unwrap())
#     }
# }
# let uart = Uart(b"\xCA\xFE\x01\x00\x00");
let mut reader = ResyncReader::new(Compat06(uart), ProtocolParser::<64>::new());
assert!(matches!(reader.receive(), Ok(Some(Frame::Echo(_)))));
```"#
)]
#[derive(Clone, Copy, Debug)]
pub struct Compat06<P>(
    /// The port.
    pub P,
);

/// An error of a port of 0.6, as 0.7 wants it: with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Error06<E>(
    /// The port's own error.
    pub E,
);

impl<E: fmt::Debug> fmt::Display for Error06<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Debug> core::error::Error for Error06<E> {}

impl<E: io_06::Error> io::Error for Error06<E> {
    fn kind(&self) -> io::ErrorKind {
        use io::ErrorKind as New;
        use io_06::ErrorKind as Old;
        match self.0.kind() {
            Old::NotFound => New::NotFound,
            Old::PermissionDenied => New::PermissionDenied,
            Old::ConnectionRefused => New::ConnectionRefused,
            Old::ConnectionReset => New::ConnectionReset,
            Old::ConnectionAborted => New::ConnectionAborted,
            Old::NotConnected => New::NotConnected,
            Old::AddrInUse => New::AddrInUse,
            Old::AddrNotAvailable => New::AddrNotAvailable,
            Old::BrokenPipe => New::BrokenPipe,
            Old::AlreadyExists => New::AlreadyExists,
            Old::InvalidInput => New::InvalidInput,
            Old::InvalidData => New::InvalidData,
            Old::TimedOut => New::TimedOut,
            Old::Interrupted => New::Interrupted,
            Old::Unsupported => New::Unsupported,
            Old::OutOfMemory => New::OutOfMemory,
            Old::WriteZero => New::WriteZero,
            _ => New::Other,
        }
    }
}

impl<P: io_06::ErrorType> io::ErrorType for Compat06<P> {
    type Error = Error06<P::Error>;
}

impl<P: io_06::ReadReady> io::ReadReady for Compat06<P> {
    fn read_ready(&mut self) -> Result<bool, Self::Error> {
        self.0.read_ready().map_err(Error06)
    }
}

/// The two traits, by one text: `async` and `await` are all that differs.
macro_rules! read_and_write {
    ($feature:literal, $new:ident, $old:ident $(, $async:tt, $await:tt)?) => {
        #[cfg(feature = $feature)]
        impl<P: ::$old::Read> ::$new::Read for Compat06<P> {
            $($async)? fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
                self.0.read(buffer)$(.$await)?.map_err(Error06)
            }
        }

        #[cfg(feature = $feature)]
        impl<P: ::$old::Write> ::$new::Write for Compat06<P> {
            $($async)? fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
                self.0.write(bytes)$(.$await)?.map_err(Error06)
            }

            $($async)? fn flush(&mut self) -> Result<(), Self::Error> {
                self.0.flush()$(.$await)?.map_err(Error06)
            }
        }
    };
}

read_and_write!("embedded-io-06", embedded_io, embedded_io_06);
read_and_write!("embedded-io-async-06", embedded_io_async, embedded_io_async_06, async, await);
