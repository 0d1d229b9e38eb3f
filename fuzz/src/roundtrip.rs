//! Target `roundtrip`: any message, valid or not, into bytes and back.

use arbitrary::{Arbitrary, Unstructured};
use cafewire_core::{
    ErrorCode, FieldError, Message, MessagePayload, MessageType, ParseError, ProtocolError, chat,
    echo,
};

use crate::checks::{UNTOUCHED, writes_exactly};
use crate::reference::{self, encoder};
use crate::translate;

/// Longer than the longest field, so that rules are broken.
const FIELD_SIZE_MAX: usize = 700;

/// Runs every check on one message.
pub(crate) fn check(data: &[u8]) -> arbitrary::Result<()> {
    let Case { available, subject } = Unstructured::new(data).arbitrary()?;
    match &subject {
        Subject::Typed(message) => typed_chat(&message.borrow(), available),
        Subject::Raw(message_type, body) => raw_chat(*message_type, body, available),
        Subject::Echo(message_type, payload) => echo(*message_type, payload, available),
    }
    Ok(())
}

fn typed_chat(message: &MessagePayload<'_>, available: u16) {
    let type_code = message.message_type() as u8;
    let fields = translate::values(*message);
    let refused = encoder::broken_rule(type_code, &fields);
    assert_eq!(message.validate().map_err(rule), refused.clone().map_or(Ok(()), Err));
    if let Some(rule_broken) = refused {
        let mut buffer = [UNTOUCHED; 4 * FIELD_SIZE_MAX];
        match message.encode_into(&mut buffer) {
            Err(ProtocolError::InvalidField(error)) => assert_eq!(rule(error), rule_broken),
            other => panic!("encoded though {rule_broken:?} is broken: {other:?}"),
        }
        assert!(buffer.iter().all(|&byte| byte == UNTOUCHED), "wrote before it refused");
        return;
    }
    let frame = encoder::chat_frame(type_code, &fields);
    assert_eq!(message.encoded_len(), frame.len());
    writes_exactly(&frame, |buffer| message.encode_into(buffer));
    refuses_less(&frame, available, |buffer| message.encode_into(buffer));

    let view =
        chat::ZeroCopyMessage::parse_from_bytes(&frame).expect("what was encoded is a frame");
    assert_eq!(view.message_type, message.message_type());
    assert_eq!(view.parse_payload(), Ok(*message));
}

fn raw_chat(message_type: MessageType, body: &[u8], available: u16) {
    let view =
        chat::ZeroCopyMessage { version: chat::PROTOCOL_VERSION, message_type, payload: body };
    let (min, max) = message_type.length_range();
    let (min, max, actual) = (usize::from(min), usize::from(max), body.len());
    if actual > max {
        return refuses(&ProtocolError::PayloadTooLong { actual, max }, |buffer| {
            view.encode_into(buffer)
        });
    }
    let frame = encoder::raw_chat_frame(message_type as u8, body);
    assert_eq!(view.encoded_len(), frame.len());
    writes_exactly(&frame, |buffer| view.encode_into(buffer));
    refuses_less(&frame, available, |buffer| view.encode_into(buffer));
    let parsed = chat::ZeroCopyMessage::parse_from_bytes(&frame);
    if actual < min {
        assert!(matches!(parsed, Err(ParseError::LengthOutOfRange { .. })), "{parsed:?}");
    } else {
        assert_eq!(parsed, Ok(view));
    }
}

fn echo(message_type: echo::MessageType, payload: &[u8], available: u16) {
    let view = echo::ZeroCopyMessage { message_type, payload };
    let message = typed_echo(message_type, payload);
    assert_eq!(message.frame(), view);
    assert_eq!(view.message(), message);
    let (actual, max) = (payload.len(), echo::MAX_PAYLOAD_SIZE);
    if actual > max {
        let error = ProtocolError::PayloadTooLong { actual, max };
        assert_eq!(view.header(), Err(error));
        return refuses(&error, |buffer| message.encode_into(buffer));
    }
    let frame = encoder::echo_frame(message_type as u8, payload);
    assert_eq!(message.encoded_len(), frame.len());
    assert_eq!(view.header().as_ref().map(<[u8; 5]>::as_slice), Ok(&frame[..5]));
    writes_exactly(&frame, |buffer| message.encode_into(buffer));
    refuses_less(&frame, available, |buffer| message.encode_into(buffer));
    assert_eq!(echo::ZeroCopyMessage::parse_from_bytes(&frame), Ok(view));
}

fn typed_echo(message_type: echo::MessageType, payload: &[u8]) -> Message<'_> {
    match message_type {
        echo::MessageType::Ping => Message::Ping(payload),
        echo::MessageType::Pong => Message::Pong(payload),
        echo::MessageType::Echo => Message::echo(payload),
        echo::MessageType::Data => Message::data(payload),
        echo::MessageType::Error => Message::Error(payload),
    }
}

type Encoded<'b> = Result<&'b [u8], ProtocolError>;

fn refuses(error: &ProtocolError, encode: impl for<'b> Fn(&'b mut [u8]) -> Encoded<'b>) {
    let mut buffer = vec![UNTOUCHED; chat::MAX_MESSAGE_SIZE + 100];
    assert_eq!(encode(&mut buffer), Err(*error));
    assert!(buffer.iter().all(|&byte| byte == UNTOUCHED), "wrote before it refused");
}

/// For any buffer smaller than the frame, not only one that is a byte too small.
fn refuses_less(
    frame: &[u8],
    available: u16,
    encode: impl for<'b> Fn(&'b mut [u8]) -> Encoded<'b>,
) {
    let (needed, available) = (frame.len(), usize::from(available) % frame.len());
    let mut buffer = vec![UNTOUCHED; available];
    assert_eq!(encode(&mut buffer), Err(ProtocolError::BufferTooSmall { needed, available }));
    assert!(buffer.iter().all(|&byte| byte == UNTOUCHED), "wrote before it refused");
}

fn rule(error: FieldError) -> reference::Rule {
    translate::fault(ParseError::InvalidField { offset: 0, error }).rule
}

// ---- From the fuzzer's bytes --------------------------------------------------------------------

/// `available:u16 kind:u8`, then, for a typed chat message, every field that a message can have,
/// used by its type or not: `user_id:u32 timestamp:u64 code:u16`, two names and a text; for the
/// others, a payload. Integers are little-endian, as the crate arbitrary reads them.
struct Case {
    available: u16,
    subject: Subject,
}

enum Subject {
    Typed(Owned),
    Raw(MessageType, Vec<u8>),
    Echo(echo::MessageType, Vec<u8>),
}

/// The fields of a chat message, whichever its type uses.
struct Owned {
    message_type: MessageType,
    user_id: u32,
    timestamp: u64,
    code: u16,
    names: [String; 2],
    text: String,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let available = input.arbitrary()?;
        let kind: u8 = input.arbitrary()?;
        let chat_type = MessageType::ALL[usize::from(kind >> 2) % MessageType::ALL.len()];
        let echo_type =
            echo::MessageType::ALL[usize::from(kind >> 2) % echo::MessageType::ALL.len()];
        let subject = match kind & 3 {
            0 | 1 => Subject::Typed(Owned::read(chat_type, input)?),
            2 => Subject::Raw(chat_type, bytes(input)?),
            _ => Subject::Echo(echo_type, echo_payload(kind, input)?),
        };
        Ok(Self { available, subject })
    }
}

impl Owned {
    fn read(message_type: MessageType, input: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        Ok(Self {
            message_type,
            user_id: input.arbitrary()?,
            timestamp: input.arbitrary()?,
            code: input.arbitrary()?,
            names: [text(input)?, text(input)?],
            text: text(input)?,
        })
    }

    fn borrow(&self) -> MessagePayload<'_> {
        let Self { message_type, user_id, timestamp, code, names: [first, second], text } = self;
        let (user_id, timestamp) = (*user_id, *timestamp);
        match message_type {
            MessageType::Connect => MessagePayload::Connect { username: first },
            MessageType::Disconnect => MessagePayload::Disconnect,
            MessageType::SendMessage => MessagePayload::SendMessage { room: first, content: text },
            MessageType::JoinRoom => MessagePayload::JoinRoom { room: first },
            MessageType::LeaveRoom => MessagePayload::LeaveRoom { room: first },
            MessageType::ConnectAck => MessagePayload::ConnectAck { user_id, server_info: text },
            MessageType::MessageBroadcast => MessagePayload::MessageBroadcast {
                user_id,
                timestamp,
                username: first,
                room: second,
                content: text,
            },
            MessageType::UserJoined => {
                MessagePayload::UserJoined { user_id, username: first, room: second }
            }
            MessageType::UserLeft => {
                MessagePayload::UserLeft { user_id, username: first, room: second }
            }
            MessageType::Error => {
                MessagePayload::Error { code: ErrorCode::from_wire(*code), message: text }
            }
            other => panic!("{other} has no message here yet"),
        }
    }
}

fn text(input: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    Ok(String::from_utf8_lossy(&bytes(input)?).into_owned())
}

/// `size:u16`, then so many bytes; `x` for those that the input does not have.
fn bytes(input: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let size = usize::from(input.arbitrary::<u16>()?) % FIELD_SIZE_MAX;
    let mut bytes = input.bytes(size.min(input.len()))?.to_vec();
    bytes.resize(size, b'x');
    Ok(bytes)
}

/// For one of the kinds, a payload at the limit of a frame.
fn echo_payload(kind: u8, input: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let mut payload = bytes(input)?;
    if kind >= 0xF0 {
        payload.resize(echo::MAX_PAYLOAD_SIZE - 2 + payload.len() % 5, b'x');
    }
    Ok(payload)
}
