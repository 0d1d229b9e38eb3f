//! The variable fields of a body, names and texts: their bounds and their rules.
//!
//! ```text
//! name: │ len:u8 │ len bytes of UTF-8 │        text: │ UTF-8 to the end of the body │
//! ```
//!
//! A name may hold no control characters: it is shown on other people's terminals. A text may: it
//! is up to whoever shows it to escape what is in it.

use crate::error::{Field, FieldError};

/// The longest username, in bytes.
///
/// ```
/// use cafewire_core::{MessagePayload, chat};
/// let longest = "x".repeat(chat::MAX_USERNAME_SIZE);
/// assert!(MessagePayload::Connect { username: &longest }.validate().is_ok());
/// assert!(MessagePayload::Connect { username: &(longest + "x") }.validate().is_err());
/// ```
pub const MAX_USERNAME_SIZE: usize = 32;

/// The longest room name, in bytes.
///
/// ```
/// use cafewire_core::{Field, FieldError, MessagePayload, chat};
/// let room = "ü".repeat(chat::MAX_ROOM_NAME_SIZE / 2 + 1); // 33 characters, but 66 bytes
/// let why = FieldError::Length { field: Field::RoomName, actual: 66, min: 1, max: chat::MAX_ROOM_NAME_SIZE };
/// assert_eq!(MessagePayload::JoinRoom { room: &room }.validate(), Err(why));
/// ```
pub const MAX_ROOM_NAME_SIZE: usize = 64;

/// The longest content of a message, in bytes.
///
/// ```
/// use cafewire_core::{MessagePayload, chat};
/// let text = "€".repeat(200); // 600 bytes, too long for one message: cut it between two characters
/// let mut end = chat::MAX_CONTENT_SIZE;
/// while !text.is_char_boundary(end) {
///     end -= 1;
/// }
/// for content in [&text[..end], &text[end..]] {
///     MessagePayload::SendMessage { room: "lobby", content }.validate()?;
/// }
/// # Ok::<(), cafewire_core::FieldError>(())
/// ```
pub const MAX_CONTENT_SIZE: usize = 512;

/// The longest text that a server adds of its own (server info, error message), in bytes.
///
/// ```
/// use cafewire_core::{MessagePayload, chat};
/// const WELCOME: &str = "be kind; rooms are cleared at midnight";
/// const { assert!(WELCOME.len() <= chat::MAX_TEXT_SIZE) }; // too long? Told when it is compiled, not when it is sent
/// MessagePayload::ConnectAck { user_id: 7, server_info: WELCOME }.validate()?;
/// # Ok::<(), cafewire_core::FieldError>(())
/// ```
pub const MAX_TEXT_SIZE: usize = 512;

/// Bytes before a name's own: its length.
pub(super) const NAME_PREFIX_SIZE: usize = 1;

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
    match control_character(text.as_bytes()) {
        Some(position) => Err(FieldError::ControlCharacter { field, position }),
        None => Ok(()),
    }
}

impl Field {
    /// Whether it is a name, with its length before it, or a text, which ends with its body.
    #[inline]
    pub(super) const fn is_name(self) -> bool {
        matches!(self, Self::Username | Self::RoomName)
    }

    /// Bytes before the field's own.
    #[inline]
    pub(super) const fn prefix_size(self) -> usize {
        if self.is_name() { NAME_PREFIX_SIZE } else { 0 }
    }
}

/// Where the first control character is. In UTF-8 the C1 controls U+0080..=U+009F are `C2 80` to
/// `C2 9F`.
#[inline]
fn control_character(name: &[u8]) -> Option<usize> {
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
        assert_eq!(control_character("plain, naïve, 日本, 🦀".as_bytes()), None);
        assert_eq!(control_character("a\u{0}".as_bytes()), Some(1));
        assert_eq!(control_character("ab\u{1F}".as_bytes()), Some(2));
        assert_eq!(control_character("\u{7F}".as_bytes()), Some(0));
        assert_eq!(control_character("é\u{80}".as_bytes()), Some(2));
        assert_eq!(control_character("\u{9F}x".as_bytes()), Some(0));
        assert_eq!(control_character("\u{20}\u{7E}\u{A0}".as_bytes()), None);
    }

    #[test]
    fn the_rule_is_charactes_own_rule() {
        for scalar in (0..=0x3000).filter_map(char::from_u32) {
            let mut bytes = [0; 4];
            let found = control_character(scalar.encode_utf8(&mut bytes).as_bytes()).is_some();
            assert_eq!(found, scalar.is_control(), "U+{:04X}", scalar as u32);
        }
    }

    #[test]
    fn a_name_is_held_to_its_bounds() {
        let name = "x".repeat(65);
        for (len_bytes, ok) in [(0, false), (1, true), (32, true), (33, false)] {
            assert_eq!(validate(&name[..len_bytes], Field::Username).is_ok(), ok, "{len_bytes}");
        }
        for (len_bytes, ok) in [(0, false), (1, true), (64, true), (65, false)] {
            assert_eq!(validate(&name[..len_bytes], Field::RoomName).is_ok(), ok, "{len_bytes}");
        }
    }
}
