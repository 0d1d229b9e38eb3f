//! What an Error frame says: a sentence, formatted without allocating and cut where the frame ends,
//! and for version 2 which request it answers, and when it may go better.

use std::fmt;

use cafewire_core::chat::MAX_TEXT_SIZE;

pub(in crate::broker) struct ErrorText {
    bytes: [u8; MAX_TEXT_SIZE],
    len: usize,
    /// The number of the request, 0 if it answers none.
    pub(super) request: u16,
    /// 0 says nothing.
    pub(super) retry_after_ms: u32,
}

impl ErrorText {
    pub(in crate::broker) fn new(text: impl fmt::Display) -> Self {
        let mut this = Self { bytes: [0; MAX_TEXT_SIZE], len: 0, request: 0, retry_after_ms: 0 };
        // Its own write never fails; a Display that does has said all it can.
        let _ = fmt::write(&mut this, format_args!("{text}"));
        this
    }

    /// It answers this request, which may do better later.
    pub(super) const fn answering(mut self, request: u16, retry_after_ms: u32) -> Self {
        self.request = request;
        self.retry_after_ms = retry_after_ms;
        self
    }

    pub(in crate::broker) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl fmt::Write for ErrorText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = MAX_TEXT_SIZE - self.len;
        let mut fits = text.len().min(free);
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        self.bytes[self.len..self.len + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.len += fits;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = ErrorText::new("é".repeat(300));
        assert_eq!(text.as_str(), "é".repeat(256));
        let text = ErrorText::new(format_args!("x{}", "é".repeat(300)));
        assert_eq!(text.as_str().len(), 511);
        assert_eq!(ErrorText::new("short").as_str(), "short");
    }
}
