//! The fast shape: the layouts of the table again, each a constant now, so that the compiler makes
//! straight code of each type. It takes only what keeps every rule, and builds the answer where the
//! last one is seen to be kept; for all else it asks the loop of `body.rs`, which says why. Nothing
//! is looked at twice: a frame's bytes are summed and seen to be ASCII in one pass.

use cafewire_kernel::{Kernel, Level, Routine};
use core::marker::PhantomData;
use zerocopy::IntoBytes as _;

use super::body::Fields;
use super::field::Field;
use super::layout::{FIXED_SIZE_MAX, LAYOUTS, Layout, TEXTS};
use super::schema::by_type;
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
            Some(Envelope { layout, summed, carried, consumed })
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
        if let Some(Envelope { layout, summed, carried, consumed }) = envelope(bytes, direction) {
            let text_start = HEADER_SIZE + usize::from(layout.fixed_size);
            let check = kernel.check(summed, text_start);
            if check.crc == carried
                && let Some(text) = check.ascii.or_else(|| utf8(kernel, summed, text_start))
            {
                by_type!(layout.message_type, LAYOUT => {
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
    let layout = LAYOUTS.get(usize::from(BY_CODE[usize::from(code)]))?;
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
    Some(Envelope { layout, summed, carried: u32::from_be_bytes(*carried), consumed })
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
    let (text, rest) = if field.is_name() {
        let len_bytes = usize::from(*text.as_bytes().first()?);
        text.split_at_checked(1)?.1.split_at_checked(len_bytes)?
    } else {
        (text, "")
    };
    keeps_its_rules(kernel, field, text).then_some((text, rest))
}

#[inline(always)]
fn keeps_its_rules<K: Kernel>(kernel: K, field: Field, text: &str) -> bool {
    length_is_allowed(field, text) && (!field.is_name() || kernel.first_control(text).is_none())
}

#[inline(always)]
fn length_is_allowed(field: Field, text: &str) -> bool {
    let (min, max) = field.length_range();
    (min..=max).contains(&text.len())
}

// ---- Encoding -----------------------------------------------------------------------------------

/// Writes a message. `CHECK`: after every field was held to its rules.
#[inline]
pub(super) fn encode<'b, const CHECK: bool>(
    message: &MessagePayload<'_>,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], ProtocolError> {
    Level::detect().run(Encode::<CHECK> { message, buffer })
}

struct Encode<'m, 'a, 'b, const CHECK: bool> {
    message: &'m MessagePayload<'a>,
    buffer: &'b mut [u8],
}

/// Bytes before the first variable field's own: header, integers, a name's length.
const HEAD_SIZE_MAX: usize = HEADER_SIZE + FIXED_SIZE_MAX + 1;

impl<'b, const CHECK: bool> Routine for Encode<'_, '_, 'b, CHECK> {
    type Output = Result<&'b [u8], ProtocolError>;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Self::Output {
        let Self { message, buffer } = self;
        let (head, head_size, separator, texts) = by_type!(message.message_type(), LAYOUT => {
            let fields = message.fields();
            if CHECK && !fields.keep_their_rules(kernel, &LAYOUT) {
                return message.write::<true>(buffer);
            }
            fields.pieces(&LAYOUT)
        });
        let [first, second, third] = texts;
        let second_len = [len_byte(second)];
        let pieces: [&[u8]; 5] = [
            head.get(..head_size).unwrap_or_default(),
            first.as_bytes(),
            second_len.get(..separator).unwrap_or_default(),
            second.as_bytes(),
            third.as_bytes(),
        ];
        let summed: usize = pieces.iter().map(|piece| piece.len()).sum();
        let (needed, available) = (summed + CHECKSUM_SIZE, buffer.len());
        let Some(frame) = buffer.get_mut(..needed) else {
            return Err(ProtocolError::BufferTooSmall { needed, available });
        };
        if let Some((summed, sum)) = frame.split_last_chunk_mut()
            && let Some(crc) = kernel.concat(summed, pieces)
        {
            *sum = crc.to_be_bytes();
        }
        Ok(frame)
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

    /// All that stands before the first name or text, how much of it there is, whether a length
    /// stands before the second name, and the names and texts.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // no valid body is longer than a header can say
    fn pieces(&self, layout: &Layout) -> ([u8; HEAD_SIZE_MAX], usize, usize, [&'a str; TEXTS]) {
        let mut head = [0; HEAD_SIZE_MAX];
        let head_size = HEADER_SIZE + usize::from(layout.fixed_size);
        let length = layout.encoded_len(self) as u16;
        head[0] = PROTOCOL_VERSION;
        head[1] = layout.message_type as u8;
        [head[2], head[3]] = length.to_be_bytes();
        let integers = self.integers.as_bytes();
        let mut index = 0;
        while index < FIXED_SIZE_MAX {
            head[HEADER_SIZE + index] = integers[index];
            index += 1;
        }
        let is_name = |field: Option<Field>| field.is_some_and(Field::is_name);
        let has_name = is_name(layout.texts[0]);
        if has_name {
            head[head_size] = len_byte(self.texts[0]);
        }
        let separator = usize::from(is_name(layout.texts[1]));
        (head, head_size + usize::from(has_name), separator, self.texts)
    }
}

/// Exact: a valid name has at most 64 bytes.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)]
const fn len_byte(name: &str) -> u8 {
    name.len() as u8
}
