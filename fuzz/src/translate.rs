//! Conversion of cafewire-core's results to the reference parser's types, so that the two can be
//! compared. Checks nothing.
//!
//! Every number of an error is compared, not only its kind, so the conversion omits nothing.

use cafewire_core::{
    Direction, ErrorCode, Field, FieldError, Frame, Framing, MessagePayload, ParseError,
};

use crate::reference::{self, Family, Fault, Outcome, Rule, Value};

pub(crate) fn direction(direction: reference::Direction) -> Direction {
    match direction {
        reference::Direction::Either => Direction::Either,
        reference::Direction::ToServer => Direction::ToServer,
        reference::Direction::ToClient => Direction::ToClient,
    }
}

pub(crate) fn outcome(framing: Framing<'_>) -> Outcome {
    match framing {
        Framing::Frame { frame, consumed } => {
            Outcome::Frame { frame: self::frame(frame), consumed }
        }
        Framing::Incomplete { needed } => Outcome::Incomplete(needed),
        Framing::Corrupt { error } => Outcome::Corrupt(fault(error)),
    }
}

pub(crate) fn frame(frame: Frame<'_>) -> reference::Frame {
    match frame {
        Frame::Echo(view) => reference::Frame {
            family: Family::Echo,
            type_code: view.message_type as u8,
            body: view.payload.to_vec(),
            fields: Ok(vec![Value::Bytes(view.message().frame().payload.to_vec())]),
        },
        Frame::Chat(view) => reference::Frame {
            family: Family::Chat,
            type_code: view.message_type as u8,
            body: view.payload.to_vec(),
            fields: view.parse_payload().map(values).map_err(fault),
        },
    }
}

pub(crate) fn values(payload: MessagePayload<'_>) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    let id = |user_id: u32| Value::Number(user_id.into());
    match payload {
        MessagePayload::Disconnect => vec![],
        MessagePayload::Connect { username } => vec![text(username)],
        MessagePayload::SendMessage { room, content } => vec![text(room), text(content)],
        MessagePayload::JoinRoom { room } | MessagePayload::LeaveRoom { room } => vec![text(room)],
        MessagePayload::ConnectAck { user_id, server_info } => vec![id(user_id), text(server_info)],
        MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content } => {
            vec![id(user_id), Value::Number(timestamp), text(username), text(room), text(content)]
        }
        MessagePayload::UserJoined { user_id, username, room }
        | MessagePayload::UserLeft { user_id, username, room } => {
            vec![id(user_id), text(username), text(room)]
        }
        MessagePayload::Error { code, message } => {
            vec![Value::Number(number_of(code)), text(message)]
        }
        other => panic!("the reference parser does not know {other:?} yet"),
    }
}

fn number_of(code: ErrorCode) -> u64 {
    if let ErrorCode::Unknown(number) = code {
        assert!(
            ErrorCode::ALL.iter().all(|known| known.to_wire() != number),
            "{number} has a name"
        );
    }
    code.to_wire().into()
}

pub(crate) fn fault(error: ParseError) -> Fault {
    let rule = match error {
        ParseError::BadMagic { .. } => Rule::Magic,
        ParseError::UnsupportedVersion { .. } => Rule::Version,
        ParseError::FamilyChanged { .. } => Rule::OneFamily,
        ParseError::UnknownType { .. } => Rule::KnownType,
        ParseError::WrongDirection { .. } => Rule::Direction,
        ParseError::LengthOutOfRange { min, max, .. } => {
            Rule::Length { min: min.into(), max: max.into() }
        }
        ParseError::ChecksumMismatch { expected, actual, .. } => {
            Rule::Checksum { right: expected, found: actual }
        }
        ParseError::FieldOverrun { field, needed, available, .. } => {
            Rule::FieldFits { field: name_of(field), needed, available }
        }
        ParseError::InvalidUtf8 { field, .. } => Rule::Utf8 { field: name_of(field) },
        ParseError::InvalidField {
            error: FieldError::Length { field, actual, min, max }, ..
        } => Rule::FieldLength { field: name_of(field), actual, min, max },
        ParseError::InvalidField {
            error: FieldError::ControlCharacter { field, position },
            ..
        } => Rule::NoControlCharacter { field: name_of(field), position },
        ParseError::TrailingBytes { extra, .. } => Rule::NothingLeft { extra },
        other => panic!("the reference parser never says {other:?}"),
    };
    Fault { offset: error.offset(), rule }
}

fn name_of(field: Field) -> &'static str {
    match field {
        Field::Username => "username",
        Field::RoomName => "room",
        Field::Content => "content",
        Field::ServerInfo => "server_info",
        Field::ErrorMessage => "message",
        Field::FixedPart => "numbers",
        other => panic!("the reference parser does not know the field {other:?} yet"),
    }
}
