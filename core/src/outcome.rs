//! What a family's parser found at the start of a stream, told in the caller's own type, so that the
//! answer is built once, where it is found. A leaf: families and framing both import it.

use crate::error::{ParseError, ParseResult};

/// An answer about a frame or message `T` at the start of a stream.
pub(crate) trait Outcome<T>: Sized {
    /// It is there, and takes so many bytes.
    fn found(item: T, consumed: usize) -> Self;
    /// All is well so far, and the frame goes on.
    fn incomplete(needed: usize, available: usize) -> Self;
    /// No frame can start here.
    fn corrupt(error: ParseError) -> Self;
    /// A good frame of so many bytes, around a payload that breaks a rule.
    fn refused(error: ParseError, consumed: usize) -> Self;

    /// One-shot parsing failed: a frame cut short is none yet.
    #[inline(always)]
    fn failed(error: ParseError) -> Self {
        match error {
            ParseError::Truncated { needed, available } => Self::incomplete(needed, available),
            error => Self::corrupt(error),
        }
    }
}

/// The one-shot parsers' answer: all that is not found is an error.
impl<T> Outcome<T> for ParseResult<T> {
    #[inline(always)]
    fn found(item: T, _: usize) -> Self {
        Ok(item)
    }

    #[inline(always)]
    fn incomplete(needed: usize, available: usize) -> Self {
        Err(ParseError::Truncated { needed, available })
    }

    #[inline(always)]
    fn corrupt(error: ParseError) -> Self {
        Err(error)
    }

    #[inline(always)]
    fn refused(error: ParseError, _: usize) -> Self {
        Err(error)
    }
}
