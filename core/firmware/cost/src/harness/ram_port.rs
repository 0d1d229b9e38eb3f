//! A port whose line is a slice in RAM. Like a real one it may fail, and if it is awaited, it is
//! ready only at the second poll.

use embedded_io::{ErrorKind, ErrorType, Read, Write};

/// The half that is read from.
pub struct RamReader<'b> {
    line: &'b [u8],
    line_state: LineState,
}

/// The half that is written to.
pub struct RamWriter<'b> {
    line: &'b mut [u8],
    used: usize,
    line_state: LineState,
}

/// What a driver would ask the hardware for.
#[derive(Default)]
struct LineState {
    fault: Option<ErrorKind>,
    #[cfg(feature = "embedded-io-async")]
    was_asked: bool,
}

impl<'b> RamReader<'b> {
    /// A port that delivers these bytes, as many at a time as are requested, and then ends.
    #[must_use]
    pub fn new(line: &'b [u8]) -> Self {
        Self { line, line_state: LineState::default() }
    }

    #[inline(never)]
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.line_state.fault.map_or(Ok(()), Err)?;
        let count = copy(self.line, buffer);
        self.line = self.line.get(count..).unwrap_or_default();
        Ok(count)
    }
}

impl<'b> RamWriter<'b> {
    /// A port that accepts as many bytes as there is room for.
    #[must_use]
    pub fn new(line: &'b mut [u8]) -> Self {
        Self { line, used: 0, line_state: LineState::default() }
    }

    #[inline(never)]
    fn put(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.line_state.fault.map_or(Ok(()), Err)?;
        let count = copy(bytes, self.line.get_mut(self.used..).unwrap_or_default());
        self.used += count;
        Ok(count)
    }

    #[inline(never)]
    fn drain(&mut self) -> Result<(), ErrorKind> {
        self.line_state.fault.map_or(Ok(()), Err)
    }
}

/// Byte by byte, as a UART delivers them; and no `memcpy` of the port's counts as the core's.
#[inline(never)]
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let mut count = 0;
    for (to, from) in to.iter_mut().zip(from) {
        *to = core::hint::black_box(*from);
        count += 1;
    }
    count
}

impl ErrorType for RamReader<'_> {
    type Error = ErrorKind;
}

impl ErrorType for RamWriter<'_> {
    type Error = ErrorKind;
}

impl Read for RamReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.take(buffer)
    }
}

impl Write for RamWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.put(bytes)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.drain()
    }
}

#[cfg(feature = "embedded-io-async")]
mod awaited {
    use core::future::poll_fn;
    use core::task::Poll;

    use super::{ErrorKind, LineState, RamReader, RamWriter};

    impl LineState {
        #[inline(never)]
        fn poll_ready(&mut self) -> Poll<()> {
            self.was_asked = !self.was_asked;
            if self.was_asked { Poll::Pending } else { Poll::Ready(()) }
        }
    }

    impl embedded_io_async::Read for RamReader<'_> {
        async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
            poll_fn(|_| self.line_state.poll_ready()).await;
            self.take(buffer)
        }
    }

    impl embedded_io_async::Write for RamWriter<'_> {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
            poll_fn(|_| self.line_state.poll_ready()).await;
            self.put(bytes)
        }

        async fn flush(&mut self) -> Result<(), ErrorKind> {
            poll_fn(|_| self.line_state.poll_ready()).await;
            self.drain()
        }
    }
}
