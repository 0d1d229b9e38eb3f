//! A frame's fields, front to back, as far as the bytes can be followed.

use crate::chat::{self, ErrorCode, FieldSpec, Kind, checksum, v2};
use crate::echo;
use crate::family::Family;

/// A field of a header.
#[derive(Clone, Copy, Debug)]
enum HeaderField {
    Magic,
    EchoType,
    Version,
    ChatType,
    ChatTypeV2,
    Length,
    Flags,
    Check,
    Request,
}

impl HeaderField {
    const ECHO: &[Self] = &[Self::Magic, Self::EchoType, Self::Length];
    const CHAT: &[Self] = &[Self::Version, Self::ChatType, Self::Length];
    const CHAT_V2: &[Self] =
        &[Self::Version, Self::ChatTypeV2, Self::Length, Self::Flags, Self::Check, Self::Request];

    const fn name_and_size(self) -> (&'static str, usize) {
        match self {
            Self::Magic => ("magic", 2),
            Self::EchoType | Self::ChatType | Self::ChatTypeV2 => ("type", 1),
            Self::Version => ("version", 1),
            Self::Length => ("length", 2),
            Self::Flags => ("flags", 1),
            Self::Check => ("check", 1),
            Self::Request => ("request", 2),
        }
    }
}

/// One field of a frame.
///
/// ```
/// use cafewire_core::dissect::{FieldValue, FieldView, fields};
/// let payload = fields(b"\xCA\xFE\x03\x00\x02hi").last();
/// let expected =
///     FieldView { name: "payload", offset: 5, bytes: b"hi", value: FieldValue::Bytes(b"hi") };
/// assert_eq!(payload, Some(expected));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldView<'a> {
    /// As the specification names it. The length byte of a name is a field of its own, such as
    /// `username_length`; bytes of a body that belong to no field are `left_over`.
    pub name: &'static str,
    /// Where the field starts, in bytes from the start of the frame.
    pub offset: usize,
    /// The field on the wire.
    pub bytes: &'a [u8],
    /// What the bytes say.
    pub value: FieldValue<'a>,
}

/// What a field says.
///
/// ```
/// use cafewire_core::dissect::{FieldValue, fields};
/// let frame = b"\x01\x02\x00\x00\x9A\x7C\x6C\x17";
/// let value = |name| {
///     fields(frame).find(|field| field.name == name).map(|field| field.value)
/// };
/// assert_eq!(value("length"), Some(FieldValue::Number(0)));
/// assert_eq!(value("type"), Some(FieldValue::Named { number: 2, name: "Disconnect" }));
/// let sum = 0x9A7C_6C17;
/// assert_eq!(value("checksum"), Some(FieldValue::Checksum { carried: sum, computed: sum }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldValue<'a> {
    /// An integer.
    Number(u64),
    /// An integer that stands for something: a type, an error code. The name is `Unknown` if it has
    /// none.
    Named {
        /// On the wire.
        number: u64,
        /// In the specification.
        name: &'static str,
    },
    /// UTF-8. May hold control characters, in names too if the frame is bad: escape them before
    /// showing them.
    Text(&'a str),
    /// Bytes of no kind, and a text or name that is not UTF-8.
    Bytes(&'a [u8]),
    /// A checksum, or the check of a header: good if the two are the same.
    Checksum {
        /// By the frame.
        carried: u32,
        /// Of the frame's bytes.
        computed: u32,
    },
}

/// The fields of the frame that `bytes` start with, of any family. They end where the frame
/// ends, and where its bytes do not say what comes next: after a first byte of no family, an
/// unknown type, a length that the type cannot have, a check of a header that is wrong, and before
/// the first field that is not there whole. A compressed payload is not inflated, and a seal not
/// proved: they are fields of their own.
///
/// Checks nothing but that: whether a frame is good is for [`Dissector`](super::Dissector) or
/// [`Framing`](crate::Framing) to say.
///
/// ```
/// use cafewire_core::dissect::fields;
/// // A Connect that claims more name than there is.
/// let names: Vec<&str> =
///     fields(b"\x01\x01\x00\x04\x04ada\x07\x2C\xBB\xAE").map(|field| field.name).collect();
/// assert_eq!(names, ["version", "type", "length", "username_length", "left_over", "checksum"]);
/// ```
#[must_use]
pub fn fields(bytes: &[u8]) -> Fields<'_> {
    let family = bytes.first().copied().and_then(Family::from_first_byte);
    let header = match family {
        Some(Family::Echo) => HeaderField::ECHO,
        Some(Family::ChatV2) => HeaderField::CHAT_V2,
        Some(Family::ChatV1) | None => HeaderField::CHAT,
    };
    Fields { bytes, offset: 0, stage: Stage::Header { family, header }, name_length: None }
}

/// Iterator over the fields of a frame; see [`fields`].
///
/// ```
/// use cafewire_core::dissect::fields;
/// // magic, type, length, and a payload of no bytes
/// assert_eq!(fields(b"\xCA\xFE\x01\x00\x00").count(), 4);
/// assert_eq!(fields(b"").count(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    offset: usize,
    stage: Stage,
    /// A name whose length byte was told; the name itself is next.
    name_length: Option<(&'static str, usize)>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Header { family: Option<Family>, header: &'static [HeaderField] },
    Payload { end: usize },
    Body { fields: &'static [FieldSpec], end: usize, is_sealed: bool },
    Checksum,
    Done,
}

impl<'a> Iterator for Fields<'a> {
    type Item = FieldView<'a>;

    fn next(&mut self) -> Option<FieldView<'a>> {
        loop {
            match self.stage {
                Stage::Done => return None,
                Stage::Checksum => {
                    self.stage = Stage::Done;
                    return self.checksum();
                }
                Stage::Header { family, header } => match header.split_first() {
                    Some((&field, header)) => {
                        self.stage = Stage::Header { family, header };
                        let field = self.header_field(field);
                        if field.is_none() {
                            self.stage = Stage::Done;
                        }
                        return field;
                    }
                    None => self.stage = self.body_stage(family),
                },
                Stage::Payload { end } => {
                    self.stage = Stage::Done;
                    let (offset, bytes) = self.take(end.saturating_sub(self.offset), end)?;
                    let value = FieldValue::Bytes(bytes);
                    return Some(FieldView { name: "payload", offset, bytes, value });
                }
                Stage::Body { fields, end, is_sealed } => {
                    if let Some(field) = self.body_field(fields, end, is_sealed) {
                        return Some(field);
                    }
                    self.stage = match (self.offset == end, is_sealed) {
                        (false, _) => Stage::Done,
                        (true, false) => Stage::Checksum,
                        (true, true) => {
                            let end = end + v2::SEAL_SIZE;
                            Stage::Body { fields: v2::SEAL_FIELDS, end, is_sealed: false }
                        }
                    };
                }
            }
        }
    }
}

impl<'a> Fields<'a> {
    /// The next `size` bytes, if they are all there and before `end`.
    fn take(&mut self, size: usize, end: usize) -> Option<(usize, &'a [u8])> {
        let (start, stop) = (self.offset, self.offset.checked_add(size)?);
        if stop > end {
            return None;
        }
        let bytes = self.bytes.get(start..stop)?;
        self.offset = stop;
        Some((start, bytes))
    }

    /// A field of the header. What it says may be the end of what can be followed.
    fn header_field(&mut self, field: HeaderField) -> Option<FieldView<'a>> {
        let (name, size) = field.name_and_size();
        let (offset, bytes) = self.take(size, usize::MAX)?;
        let number = big_endian(bytes);
        let code = u8::try_from(number).ok();
        let value = match field {
            HeaderField::Magic => FieldValue::Bytes(bytes),
            HeaderField::Version | HeaderField::Length | HeaderField::Request => {
                FieldValue::Number(number)
            }
            HeaderField::Flags => named(number, code.and_then(v2::Flags::name_of)),
            HeaderField::Check => self.check(number),
            HeaderField::EchoType => {
                named(number, code.and_then(echo::MessageType::from_wire).map(|known| known.name()))
            }
            HeaderField::ChatType => {
                named(number, code.and_then(chat::MessageType::from_wire).map(|known| known.name()))
            }
            HeaderField::ChatTypeV2 => {
                let known = code.and_then(v2::MessageType::from_wire);
                named(number, known.map(v2::MessageType::name))
            }
        };
        let goes_on = match (field, value) {
            // Nothing of such a header is judged before its check.
            (HeaderField::ChatTypeV2 | HeaderField::Flags, _) => true,
            (_, FieldValue::Bytes(magic)) => magic == echo::MAGIC_BYTES,
            (_, FieldValue::Named { name, .. }) => name != UNKNOWN,
            (_, FieldValue::Checksum { carried, computed }) => carried == computed,
            _ => {
                name != "version"
                    || number == u64::from(chat::PROTOCOL_VERSION)
                    || number == u64::from(v2::PROTOCOL_VERSION)
            }
        };
        if !goes_on {
            self.stage = Stage::Done;
        }
        Some(FieldView { name, offset, bytes, value })
    }

    fn check(&self, carried: u64) -> FieldValue<'a> {
        let covered = self.bytes.first_chunk().copied().unwrap_or_default();
        let carried = u32::try_from(carried).unwrap_or_default();
        FieldValue::Checksum { carried, computed: v2::check(covered).into() }
    }

    /// The header is whole: what its body is, and where it ends.
    fn body_stage(&mut self, family: Option<Family>) -> Stage {
        match family {
            Some(Family::Echo) => {
                let length = self.bytes.get(3..5).map_or(0, big_endian);
                Stage::Payload { end: self.offset + size_of_length(length) }
            }
            Some(Family::ChatV2) => self.payload_stage(),
            Some(Family::ChatV1) | None => self.chat_stage(),
        }
    }

    fn payload_stage(&self) -> Stage {
        let header = v2::Header::parse(self.bytes).ok();
        let Some((header, fields)) =
            header.and_then(|header| v2::payload_fields(header).map(|fields| (header, fields)))
        else {
            return Stage::Done;
        };
        let end = self.offset + header.payload_size().unwrap_or_default();
        Stage::Body { fields, end, is_sealed: header.flags.contains(v2::Flags::SEALED) }
    }

    fn chat_stage(&self) -> Stage {
        let (Some(&code), Some(length)) = (self.bytes.get(1), self.bytes.get(2..4).map(big_endian))
        else {
            return Stage::Done;
        };
        let Some(message_type) = chat::MessageType::from_wire(code) else { return Stage::Done };
        let (min, max) = message_type.length_range();
        if length < u64::from(min) || length > u64::from(max) {
            return Stage::Done;
        }
        let end = self.offset + size_of_length(length);
        Stage::Body { fields: message_type.row().fields, end, is_sealed: false }
    }

    fn body_field(
        &mut self,
        fields: &'static [FieldSpec],
        end: usize,
        is_sealed: bool,
    ) -> Option<FieldView<'a>> {
        if let Some((name, size)) = self.name_length.take() {
            if let Some((offset, bytes)) = self.take(size, end) {
                return Some(FieldView { name, offset, bytes, value: text_or_bytes(bytes) });
            }
            return self.left_over(end, is_sealed);
        }
        let Some((&FieldSpec { name, kind }, fields)) = fields.split_first() else {
            return self.left_over(end, is_sealed);
        };
        self.stage = Stage::Body { fields, end, is_sealed };
        let size = match kind {
            Kind::Integer { .. } | Kind::ErrorCode | Kind::Bool | Kind::Bytes { .. } => {
                kind.fixed_size()
            }
            Kind::Name { .. } => 1,
            Kind::Text { .. } | Kind::Data { .. } => end.saturating_sub(self.offset),
        };
        let Some((offset, bytes)) = self.take(size, end) else {
            return self.left_over(end, is_sealed);
        };
        let number = big_endian(bytes);
        let (name, value) = match kind {
            Kind::Integer { .. } | Kind::Bool => (name, FieldValue::Number(number)),
            Kind::Bytes { .. } | Kind::Data { .. } => (name, FieldValue::Bytes(bytes)),
            Kind::ErrorCode => {
                let code = u16::try_from(number).ok().map(ErrorCode::from_wire);
                (name, named(number, code.map(|code| code.name())))
            }
            Kind::Name { length_name, .. } => {
                self.name_length = Some((name, size_of_length(number)));
                (length_name, FieldValue::Number(number))
            }
            Kind::Text { .. } => (name, text_or_bytes(bytes)),
        };
        Some(FieldView { name, offset, bytes, value })
    }

    /// Bytes of the body that no field accounts for.
    fn left_over(&mut self, end: usize, is_sealed: bool) -> Option<FieldView<'a>> {
        self.stage = Stage::Body { fields: &[], end, is_sealed };
        let size = end.checked_sub(self.offset).filter(|&size| size > 0)?;
        let (offset, bytes) = self.take(size, end)?;
        Some(FieldView { name: "left_over", offset, bytes, value: FieldValue::Bytes(bytes) })
    }

    fn checksum(&mut self) -> Option<FieldView<'a>> {
        let summed = self.bytes.get(..self.offset)?;
        let (offset, bytes) = self.take(chat::CHECKSUM_SIZE, usize::MAX)?;
        let carried = u32::from_be_bytes(bytes.try_into().ok()?);
        let value = FieldValue::Checksum { carried, computed: checksum(summed) };
        Some(FieldView { name: "checksum", offset, bytes, value })
    }
}

const UNKNOWN: &str = "Unknown";

fn named<'a>(number: u64, name: Option<&'static str>) -> FieldValue<'a> {
    FieldValue::Named { number, name: name.unwrap_or(UNKNOWN) }
}

fn text_or_bytes(bytes: &[u8]) -> FieldValue<'_> {
    core::str::from_utf8(bytes).map_or(FieldValue::Bytes(bytes), FieldValue::Text)
}

/// The number of at most 8 bytes, of more the last 8.
fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// A length has at most 16 bits.
fn size_of_length(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX).min(usize::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn names(bytes: &[u8]) -> Vec<&'static str> {
        fields(bytes).map(|field| field.name).collect()
    }

    #[test]
    fn fields_end_where_nothing_says_what_comes_next() {
        assert_eq!(names(b"GET / HTTP/1.1"), ["version"]);
        assert_eq!(names(b"\x01\x77\x00\x04aaaaaaaa"), ["version", "type"]);
        assert_eq!(names(b"\x01\x02\x00\x01aaaaaaaa"), ["version", "type", "length"]);
        assert_eq!(names(b"\xCA\xFF\x01\x00\x00"), ["magic"]);
        assert_eq!(names(b"\xCA\xFE\x09\x00\x00"), ["magic", "type"]);
        assert_eq!(names(b"\xCA"), [""; 0]);
    }

    #[test]
    fn a_frame_that_is_cut_shows_its_whole_fields() {
        let frame = b"\x01\x03\x00\x0A\x05lobbyol\xC3\xA1\x88\x3D\x14\xD9";
        let all = ["version", "type", "length", "room_length", "room", "content", "checksum"];
        let ends = [1, 2, 4, 5, 10, 14, 18];
        for cut in 0..=frame.len() {
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            assert_eq!(names(&frame[..cut]), all[..whole], "{cut}");
        }
    }

    #[test]
    fn what_follows_the_frame_is_not_looked_at() {
        assert_eq!(
            names(b"\x01\x02\x00\x00\x9A\x7C\x6C\x17\x01\x02"),
            ["version", "type", "length", "checksum"]
        );
        assert_eq!(
            fields(b"\xCA\xFE\x03\x00\x01ab").last().map(|field| field.bytes),
            Some(&b"a"[..])
        );
    }

    #[test]
    fn a_checksum_is_computed_from_the_bytes_that_are_there() {
        let value = fields(b"\x01\x02\x00\x00\x9A\x7C\x6C\x00").last().map(|field| field.value);
        assert_eq!(
            value,
            Some(FieldValue::Checksum { carried: 0x9A7C_6C00, computed: 0x9A7C_6C17 })
        );
    }

    #[test]
    fn a_name_that_is_not_utf8_is_bytes_and_the_rest_is_still_read() {
        let frame = b"\x01\x03\x00\x04\x02\xFF\xFEx\0\0\0\0";
        let values: Vec<FieldValue<'_>> =
            fields(frame).skip(4).take(2).map(|field| field.value).collect();
        assert_eq!(values, [FieldValue::Bytes(b"\xFF\xFE"), FieldValue::Text("x")]);
    }
}
