//! Lines of input, one at a time, in bounded memory. The meaning of a line does not matter here.

use std::fmt;
use std::io::{self, BufRead};

/// Splits input into lines and numbers them. Of a line of any length, at most `max_len_bytes` are
/// kept.
pub(crate) struct LineReader<R> {
    input: R,
    max_len_bytes: usize,
    lines_read: u64,
}

/// A line without its line ending (`\n` or `\r\n`), or why it is unusable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The first line is 1.
    pub(crate) number: u64,
    pub(crate) content: Result<Vec<u8>, LineError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineError {
    TooLong { len_bytes: u64, max_len_bytes: usize },
    NotUtf8 { position: usize },
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len_bytes, max_len_bytes } => {
                write!(f, "it is {len_bytes} bytes long, at most {max_len_bytes} are allowed")
            }
            Self::NotUtf8 { position } => write!(f, "it is not UTF-8 at its byte {position}"),
        }
    }
}

impl Line {
    /// The line as text, or why it is none.
    pub(crate) fn into_text(self) -> Result<String, LineError> {
        String::from_utf8(self.content?)
            .map_err(|error| LineError::NotUtf8 { position: error.utf8_error().valid_up_to() })
    }
}

impl<R: BufRead> LineReader<R> {
    pub(crate) const fn new(input: R, max_len_bytes: usize) -> Self {
        Self { input, max_len_bytes, lines_read: 0 }
    }

    /// The next line; `None` at the end of the input. A last line needs no line ending.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Line>> {
        // Room for a `\r` that may prove to belong to the line ending.
        let kept_at_most = self.max_len_bytes + 1;
        let mut kept = Vec::new();
        let mut len_bytes = 0_u64;
        let mut last_byte = 0;
        let ended = loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break false;
            }
            let newline = chunk.iter().position(|&byte| byte == b'\n');
            let piece = &chunk[..newline.unwrap_or(chunk.len())];
            kept.extend_from_slice(&piece[..piece.len().min(kept_at_most - kept.len())]);
            len_bytes += piece.len() as u64;
            last_byte = piece.last().copied().unwrap_or(last_byte);
            let taken = piece.len() + usize::from(newline.is_some());
            self.input.consume(taken);
            if newline.is_some() {
                break true;
            }
        };
        if !ended && len_bytes == 0 {
            return Ok(None);
        }
        if ended && len_bytes > 0 && last_byte == b'\r' {
            len_bytes -= 1;
        }
        self.lines_read += 1;
        let max_len_bytes = self.max_len_bytes;
        let content = match usize::try_from(len_bytes) {
            Ok(len) if len <= max_len_bytes => {
                kept.truncate(len);
                Ok(kept)
            }
            _ => Err(LineError::TooLong { len_bytes, max_len_bytes }),
        };
        Ok(Some(Line { number: self.lines_read, content }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(
        input: &[u8],
        max_len_bytes: usize,
        chunk_size: usize,
    ) -> Vec<Result<Vec<u8>, LineError>> {
        let mut reader =
            LineReader::new(BufReader::with_capacity(chunk_size, input), max_len_bytes);
        let mut lines = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            lines.push(line.content);
            assert_eq!(line.number, lines.len() as u64);
        }
        lines
    }

    #[test]
    fn endings_are_taken_off_whatever_the_chunks() {
        for chunk_size in [1, 2, 3, 64] {
            let got = lines(b"one\ntwo\r\n\n\r\nlast", 5, chunk_size);
            let expected = [&b"one"[..], b"two", b"", b"", b"last"];
            assert_eq!(got, expected.map(|line| Ok(line.to_vec())), "{chunk_size}");
        }
        assert_eq!(lines(b"", 5, 8), []);
        assert_eq!(lines(b"\r", 5, 8), [Ok(b"\r".to_vec())]);
    }

    #[test]
    fn the_limit_is_exact_and_says_how_long_the_line_was() {
        let too_long = |len_bytes| Err(LineError::TooLong { len_bytes, max_len_bytes: 4 });
        assert_eq!(
            lines(b"1234\n1234\r\n1234", 4, 64),
            [Ok(b"1234".into()), Ok(b"1234".into()), Ok(b"1234".into())]
        );
        assert_eq!(lines(b"12345\n", 4, 64), [too_long(5)]);
        assert_eq!(lines(b"12345", 4, 64), [too_long(5)]);
        assert_eq!(lines(b"123456\nok\n", 4, 2), [too_long(6), Ok(b"ok".into())]);
        assert_eq!(lines(b"1234567890\nok", 4, 3), [too_long(10), Ok(b"ok".into())]);
        assert_eq!(lines(b"1234567890\r\n1234567890", 4, 3), [too_long(10), too_long(10)]);
    }

    #[test]
    fn text_that_is_not_utf8_says_where() {
        let line = Line { number: 1, content: Ok(b"ab\xffc".to_vec()) };
        assert_eq!(line.into_text(), Err(LineError::NotUtf8 { position: 2 }));
    }
}
