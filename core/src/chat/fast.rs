//! The fast shape: the layouts of the table again, each a constant now, so that the compiler makes
//! straight code of each type. It takes only what keeps every rule, and builds the answer where the
//! last one is seen to be kept; for all else it asks the loop of `body.rs`, which says why. Nothing
//! is looked at twice: a frame's bytes are summed and seen to be ASCII in one pass.

use cafewire_kernel::{Head, Kernel, Level, Routine};
use core::marker::PhantomData;

use super::body::Fields;
use super::field::Field;
use super::layout::{LAYOUTS, Layout, TEXTS};
use super::schema::{by_row, by_type};
use super::v1::{
    CHECKSUM_SIZE, HEADER_SIZE, PROTOCOL_VERSION, ZeroCopyMessage, frame_or_error, message_or_error,
};
use super::{MessagePayload, MessageType};
use crate::direction::Direction;
use crate::error::{ParseResult, ProtocolError};
use crate::outcome::Outcome;

// ---- Parsing ------------------------------------------------------------------------------------

/// The frame at the start of a stream, its payload not looked into.
#[inline]
pub(super) fn next_frame<'a, O: Outcome<ZeroCopyMessage<'a>>>(
    bytes: &'a [u8],
    direction: Direction,
) -> O {
    Level::detect().run(NextFrame { bytes, direction, outcome: PhantomData })
}

/// The message at the start of a stream.
#[inline]
pub(super) fn next_message<'a, O: Outcome<MessagePayload<'a>>>(
    bytes: &'a [u8],
    direction: Direction,
) -> O {
    Level::detect().run(NextMessage { bytes, direction, outcome: PhantomData })
}

/// The message in a frame's body.
#[inline]
pub(super) fn payload(message_type: MessageType, body: &[u8]) -> ParseResult<MessagePayload<'_>> {
    Level::detect().run(Payload { message_type, body })
}

struct NextFrame<'a, O> {
    bytes: &'a [u8],
    direction: Direction,
    outcome: PhantomData<O>,
}

impl<'a, O: Outcome<ZeroCopyMessage<'a>>> Routine for NextFrame<'a, O> {
    type Output = O;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> O {
        let Self { bytes, direction, .. } = self;
        match envelope(bytes, direction) {
            Some(Envelope { layout, summed, carried, consumed, .. })
                if kernel.crc(summed) == carried =>
            {
                let payload = summed.get(HEADER_SIZE..).unwrap_or_default();
                let message_type = layout.message_type;
                let view = ZeroCopyMessage { version: PROTOCOL_VERSION, message_type, payload };
                O::found(view, consumed)
            }
            _ => frame_or_error(bytes, direction),
        }
    }
}

struct NextMessage<'a, O> {
    bytes: &'a [u8],
    direction: Direction,
    outcome: PhantomData<O>,
}

impl<'a, O: Outcome<MessagePayload<'a>>> Routine for NextMessage<'a, O> {
    type Output = O;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> O {
        let Self { bytes, direction, .. } = self;
        if let Some(Envelope { row, layout, summed, carried, consumed }) =
            envelope(bytes, direction)
        {
            let text_start = HEADER_SIZE + usize::from(layout.fixed_size);
            let check = kernel.check(summed, text_start);
            if check.crc == carried
                && let Some(text) = check.ascii.or_else(|| utf8(kernel, summed, text_start))
            {
                by_row!(row, LAYOUT => {
                    if let Some(integers) = integers(&LAYOUT, summed)
                        && let Some(texts) = texts(kernel, &LAYOUT, text)
                    {
                        let message_type = LAYOUT.message_type;
                        return MessagePayload::of_fields(message_type, integers, texts, |message| {
                            O::found(message, consumed)
                        });
                    }
                });
            }
        }
        message_or_error(bytes, direction)
    }
}

struct Payload<'a> {
    message_type: MessageType,
    body: &'a [u8],
}

impl<'a> Routine for Payload<'a> {
    type Output = ParseResult<MessagePayload<'a>>;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Self::Output {
        let Self { message_type, body } = self;
        let fixed_size = usize::from(message_type.layout().fixed_size);
        if let Some((integers, text)) = body.split_at_checked(fixed_size)
            && let Ok(text) = kernel.utf8(text)
        {
            by_type!(message_type, LAYOUT => {
                if let Some(texts) = texts(kernel, &LAYOUT, text) {
                    return MessagePayload::of_fields(LAYOUT.message_type, integers, texts, Ok);
                }
            });
        }
        MessagePayload::read(message_type, body)
    }
}

/// A whole frame whose header is right. Its checksum was not looked at.
struct Envelope<'a> {
    /// The layout's place.
    row: u8,
    layout: &'static Layout,
    summed: &'a [u8],
    carried: u32,
    consumed: usize,
}

/// The frame at the start of `bytes`, if it is whole and its header right.
#[inline(always)]
fn envelope(bytes: &[u8], direction: Direction) -> Option<Envelope<'_>> {
    let header = u32::from_be_bytes(*bytes.first_chunk::<HEADER_SIZE>()?);
    let [version, code, ..] = header.to_be_bytes();
    #[allow(clippy::cast_possible_truncation)] // the length is the lower half
    let length = header as u16;
    let row = BY_CODE[usize::from(code)];
    let layout = LAYOUTS.get(usize::from(row))?;
    let (min, max) = layout.length_range;
    if version != PROTOCOL_VERSION
        || !(min..=max).contains(&length)
        || !layout.message_type.is_sent(direction)
    {
        return None;
    }
    let end = HEADER_SIZE + usize::from(length);
    let consumed = end + CHECKSUM_SIZE;
    let (summed, carried) = bytes.get(..consumed)?.split_last_chunk::<CHECKSUM_SIZE>()?;
    Some(Envelope { row, layout, summed, carried: u32::from_be_bytes(*carried), consumed })
}

/// Per code the place of its layout; of a code without a type, none that there is.
static BY_CODE: [u8; 256] = {
    let mut places = [u8::MAX; 256];
    let mut index = 0;
    while index < LAYOUTS.len() {
        #[allow(clippy::cast_possible_truncation)] // there are 256 codes
        {
            places[LAYOUTS[index].message_type as usize] = index as u8;
        }
        index += 1;
    }
    places
};

/// The integers of a frame.
#[inline(always)]
fn integers<'a>(layout: &Layout, summed: &'a [u8]) -> Option<&'a [u8]> {
    summed.get(HEADER_SIZE..HEADER_SIZE + usize::from(layout.fixed_size))
}

/// All names and texts of a frame in one piece, if they are UTF-8. The length before a name is
/// part of it: that of a good name is an ASCII character.
#[inline(always)]
fn utf8<K: Kernel>(kernel: K, summed: &[u8], text_start: usize) -> Option<&str> {
    kernel.utf8(summed.get(text_start..)?).ok()
}

/// The names and the text of a body, if they keep every rule and nothing is left over. Where
/// UTF-8 is cut at the ends of its characters, the pieces are UTF-8.
#[inline(always)]
fn texts<'a, K: Kernel>(kernel: K, layout: &Layout, text: &'a str) -> Option<[&'a str; TEXTS]> {
    let (first, rest) = next_text(kernel, layout.texts[0], text)?;
    let (second, rest) = next_text(kernel, layout.texts[1], rest)?;
    let (third, rest) = next_text(kernel, layout.texts[2], rest)?;
    rest.is_empty().then_some([first, second, third])
}

/// The field at the start of `text`, if the layout has one here, and what follows it.
#[inline(always)]
fn next_text<K: Kernel>(kernel: K, field: Option<Field>, text: &str) -> Option<(&str, &str)> {
    let Some(field) = field else { return Some(("", text)) };
    if !field.is_name() {
        return length_is_allowed(field, text.len()).then_some((text, ""));
    }
    let len_bytes = usize::from(*text.as_bytes().first()?);
    let behind = text.get(1..)?;
    let (name, rest) = behind.split_at_checked(len_bytes)?;
    let keeps_its_rules = length_is_allowed(field, len_bytes)
        && kernel.first_control_within(behind, len_bytes).is_none();
    keeps_its_rules.then_some((name, rest))
}

#[inline(always)]
fn keeps_its_rules<K: Kernel>(kernel: K, field: Field, text: &str) -> bool {
    length_is_allowed(field, text.len())
        && (!field.is_name() || kernel.first_control(text).is_none())
}

#[inline(always)]
fn length_is_allowed(field: Field, len_bytes: usize) -> bool {
    let (min, max) = field.length_range();
    (min..=max).contains(&len_bytes)
}

// ---- Encoding -----------------------------------------------------------------------------------

/// Writes a message; if it `is_valid`, without holding its fields to their rules.
#[inline]
pub(super) fn encode<'b>(
    message: &MessagePayload<'_>,
    is_valid: bool,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], ProtocolError> {
    Level::detect().run(Encode { message, is_valid, buffer })
}

/// Not generic over `is_valid`: what has one caller is inlined, and only where the kernel's `write`
/// is inlined do the integers stay in registers. From memory, where they have just been written
/// one by one, they could be read in one piece only after a wait.
struct Encode<'m, 'a, 'b> {
    message: &'m MessagePayload<'a>,
    is_valid: bool,
    buffer: &'b mut [u8],
}

impl<'b> Routine for Encode<'_, '_, 'b> {
    type Output = Result<&'b [u8], ProtocolError>;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Self::Output {
        let Self { message, is_valid, buffer } = self;
        let message_type = message.message_type();
        let fields = message.fields();
        let (fixed_size, names, text, length) = by_type!(message_type, LAYOUT => {
            if !is_valid && !fields.keep_their_rules(kernel, &LAYOUT) {
                return message.write::<true>(buffer);
            }
            let (names, text) = fields.names_and_text(&LAYOUT);
            (LAYOUT.fixed_size, names, text, LAYOUT.encoded_len(&fields))
        });
        let needed = HEADER_SIZE + length + CHECKSUM_SIZE;
        let available = buffer.len();
        let Some(frame) = buffer.get_mut(..needed) else {
            return Err(ProtocolError::BufferTooSmall { needed, available });
        };
        if let Some((summed, sum)) = frame.split_last_chunk_mut() {
            let head = fields.head(message_type, length, fixed_size);
            let [first, second, _] = fields.texts.map(str::as_bytes);
            let both = [first, second];
            let names = both.get(..names).unwrap_or_default();
            let crc = kernel.write(summed, head, names, text.as_bytes());
            debug_assert!(crc.is_some(), "a frame's size and its bytes disagree");
            *sum = crc.unwrap_or_default().to_be_bytes();
        }
        Ok(frame)
    }
}

impl Layout {
    /// How many names there are.
    #[inline(always)]
    const fn names(&self) -> usize {
        match self.texts {
            [Some(first), Some(second), _] if second.is_name() => 1 + first.is_name() as usize,
            [Some(first), ..] => first.is_name() as usize,
            _ => 0,
        }
    }
}

impl<'a> Fields<'a> {
    #[inline(always)]
    fn keep_their_rules<K: Kernel>(&self, kernel: K, layout: &Layout) -> bool {
        let [first, second, text] = layout.texts;
        let [first_text, second_text, last_text] = self.texts;
        first.is_none_or(|field| keeps_its_rules(kernel, field, first_text))
            && second.is_none_or(|field| keeps_its_rules(kernel, field, second_text))
            && text.is_none_or(|field| keeps_its_rules(kernel, field, last_text))
    }

    /// How many names there are, and the text, empty if there is none.
    #[inline(always)]
    fn names_and_text(&self, layout: &Layout) -> (usize, &'a str) {
        let names = layout.names();
        (names, self.texts.get(names).copied().unwrap_or_default())
    }

    /// Header and integers. All types' integers are appended, and cut to those of this type: the
    /// others are zero.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // no valid body is longer than a header can say
    fn head(&self, message_type: MessageType, length: usize, fixed_size: u8) -> Head {
        let (first, timestamp) = (self.integers.first.get(), self.integers.timestamp.get());
        Head::new()
            .u8(PROTOCOL_VERSION)
            .u8(message_type as u8)
            .u16(length as u16)
            .u32(first)
            .u64(timestamp)
            .truncate(HEADER_SIZE + usize::from(fixed_size))
    }
}
