//! Names and texts that are known to keep their rules: checked once, when they are made.
//!
//! ```text
//! name: │ len:u8 │ len bytes of UTF-8 │        text: │ UTF-8 to the end of the body │
//! ```
//!
//! A name may hold no control characters: it is shown on other people's terminals. A text may: the
//! program that shows it escapes what is in it.

use core::fmt;

use super::field::Field;
use crate::error::FieldError;

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $field:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $name<S>(S);

        impl<S: AsRef<str>> $name<S> {
            /// Checks the rules, and keeps the text as it is held: borrowed, in a `String`, or in
            /// a type of the caller's.
            ///
            /// # Errors
            /// The first rule that it breaks.
            pub fn new(text: S) -> Result<Self, FieldError> {
                validate(text.as_ref(), $field)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            #[inline]
            pub fn as_str(&self) -> &str {
                self.0.as_ref()
            }

            /// The same text, borrowed. Checks nothing again.
            #[must_use]
            #[inline]
            pub fn as_borrowed(&self) -> $name<&str> {
                $name(self.0.as_ref())
            }

            /// What holds the text.
            #[must_use]
            #[inline]
            pub fn into_inner(self) -> S {
                self.0
            }
        }

        impl<'a> $name<&'a str> {
            /// The same text in a type that keeps it. Checks nothing again.
            #[must_use]
            #[inline]
            pub fn to_kept<T: AsRef<str> + From<&'a str>>(self) -> $name<T> {
                $name(self.0.into())
            }

            /// The text, for as long as it is borrowed.
            #[must_use]
            #[inline]
            pub const fn get(self) -> &'a str {
                self.0
            }
        }

        impl<S: AsRef<str>> AsRef<str> for $name<S> {
            #[inline]
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl<S: AsRef<str>> fmt::Display for $name<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

checked_text! {
    /// A user's name: 1 to 32 bytes, no control characters.
    ///
    /// ```
    /// use cafewire_core::FieldError;
    /// use cafewire_core::chat::Username;
    /// let ada = Username::new("ada")?;
    /// let kept: Username<String> = ada.to_kept();
    /// assert_eq!(kept.as_borrowed(), ada);
    /// assert!(matches!(Username::new(""), Err(FieldError::Length { actual: 0, .. })));
    /// # Ok::<(), FieldError>(())
    /// ```
    Username, Field::Username
}

checked_text! {
    /// A room's name: 1 to 64 bytes, no control characters.
    ///
    /// ```
    /// use cafewire_core::chat::RoomName;
    /// assert_eq!(RoomName::new("lobby")?.as_str(), "lobby");
    /// let error = RoomName::new("a\nb").unwrap_err();
    /// assert_eq!(error.to_string(), "room name holds a control character at its byte 1");
    /// # Ok::<(), cafewire_core::FieldError>(())
    /// ```
    RoomName, Field::RoomName
}

checked_text! {
    /// What a user says: 1 to 512 bytes.
    ///
    /// ```
    /// use cafewire_core::chat::Content;
    /// assert!(Content::new("two\nlines").is_ok());
    /// assert!(Content::new("x".repeat(513)).is_err());
    /// ```
    Content, Field::Content
}

/// A field's whole rule: its length and, in a name, no control characters.
pub(super) fn validate(text: &str, field: Field) -> Result<(), FieldError> {
    let (min, max) = field.length_range();
    let actual = text.len();
    if actual < min || actual > max {
        return Err(FieldError::Length { field, actual, min, max });
    }
    if !field.is_name() {
        return Ok(());
    }
    match first_control(text.as_bytes()) {
        Some(position) => Err(FieldError::ControlCharacter { field, position }),
        None => Ok(()),
    }
}

/// Where the first control character is, byte by byte: the smallest code. In UTF-8 the C1 controls
/// U+0080..=U+009F are `C2 80` to `C2 9F`.
#[inline]
pub(super) fn first_control(name: &[u8]) -> Option<usize> {
    let mut previous = 0;
    for (position, &byte) in name.iter().enumerate() {
        match byte {
            b' '..=b'~' => {}
            0x80..=0x9F if previous == 0xC2 => return Some(position - 1),
            0x80.. => {}
            _ => return Some(position),
        }
        previous = byte;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_found_where_they_are() {
        assert_eq!(first_control("plain, naïve, 日本, 🦀".as_bytes()), None);
        assert_eq!(first_control("a\u{0}".as_bytes()), Some(1));
        assert_eq!(first_control("ab\u{1F}".as_bytes()), Some(2));
        assert_eq!(first_control("\u{7F}".as_bytes()), Some(0));
        assert_eq!(first_control("é\u{80}".as_bytes()), Some(2));
        assert_eq!(first_control("\u{9F}x".as_bytes()), Some(0));
        assert_eq!(first_control("\u{20}\u{7E}\u{A0}".as_bytes()), None);
    }

    #[test]
    fn the_rule_is_chars_own_rule() {
        for scalar in (0..=0x3000).filter_map(char::from_u32) {
            let mut bytes = [0; 4];
            let found = first_control(scalar.encode_utf8(&mut bytes).as_bytes()).is_some();
            assert_eq!(found, scalar.is_control(), "U+{:04X}", scalar as u32);
        }
    }

    #[test]
    fn a_name_is_held_to_its_bounds() {
        let name = "x".repeat(65);
        for (len_bytes, ok) in [(0, false), (1, true), (32, true), (33, false)] {
            assert_eq!(Username::new(&name[..len_bytes]).is_ok(), ok, "{len_bytes}");
        }
        for (len_bytes, ok) in [(0, false), (1, true), (64, true), (65, false)] {
            assert_eq!(RoomName::new(&name[..len_bytes]).is_ok(), ok, "{len_bytes}");
        }
    }
}
