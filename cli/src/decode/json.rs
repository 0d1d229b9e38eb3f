//! What is found, as JSON, and messages back from it. `cli/SCHEMAS.md` documents the members; they
//! are only ever added.

use cafewire_core::dissect::{AnyFrame, FieldValue, FieldView, fields};
use cafewire_core::{Family, MessagePayload, OwnedMessage, ParseError, chat, echo};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::report::{Content, Item, Lacks, Side};
use super::{hex, proxy};

/// A line of `decode --json`.
#[derive(Serialize)]
pub(crate) struct ItemJson<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_ns: Option<u64>,
    from: Option<Side>,
    offset: u64,
    size: u64,
    family: Option<Family>,
    #[serde(rename = "type")]
    type_name: Option<&'static str>,
    message: Option<MessageJson<'a>>,
    fields: Vec<FieldJson<'a>>,
    error: Option<ErrorJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lacks: Option<Lacks>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    hex: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum MessageJson<'a> {
    Echo {
        #[serde(rename = "type")]
        message_type: echo::MessageType,
        payload: String,
    },
    Chat(MessagePayload<'a>),
}

#[derive(Serialize)]
struct FieldJson<'a> {
    name: &'static str,
    offset: usize,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<ValueJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    means: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<u32>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ValueJson<'a> {
    Number(u64),
    Text(&'a str),
}

#[derive(Serialize)]
struct ErrorJson {
    #[serde(flatten)]
    error: ParseError,
    /// The byte of the frame that is wrong; the error's own `offset`, which not every kind has.
    at: usize,
    code: u16,
    code_name: &'static str,
    sentence: String,
}

impl<'a> ItemJson<'a> {
    pub(crate) fn of(item: &Item<'a>) -> Self {
        let (kind, bytes, error) = match item.content {
            Content::Frame { bytes, error, .. } => ("frame", Some(bytes), error),
            Content::Bad { bytes, error } => ("bad", Some(bytes), Some(error)),
            Content::Gap { .. } => ("gap", None, None),
            Content::Part { bytes, .. } => ("part", Some(bytes), None),
            Content::Proxy { bytes } => ("proxy", Some(bytes), None),
        };
        // Of what is no frame of ours, fields would be guesses.
        let shown = match item.content {
            Content::Frame { bytes, .. } | Content::Bad { bytes, .. } => bytes,
            Content::Gap { .. } | Content::Part { .. } | Content::Proxy { .. } => &[],
        };
        let type_name =
            fields(shown).find(|field| field.name == "type").and_then(|field| match field.value {
                FieldValue::Named { name, .. } => Some(name),
                _ => None,
            });
        Self {
            kind,
            conversation: item.place.map(|place| place.conversation),
            client: item.place.map(|place| place.client.to_string()),
            server: item.place.map(|place| place.server.to_string()),
            packet: item.place.map(|place| place.moment.packet),
            time_ns: item.place.and_then(|place| place.moment.time_ns),
            from: item.from,
            offset: item.offset,
            size: item.content.size(),
            family: shown.first().copied().and_then(Family::from_first_byte),
            type_name,
            message: match item.content {
                Content::Frame { frame, .. } => MessageJson::of(frame),
                _ => None,
            },
            fields: fields(shown).map(FieldJson::of).collect(),
            error: error.map(ErrorJson::of),
            lacks: match item.content {
                Content::Part { lacks, .. } => Some(lacks),
                _ => None,
            },
            text: match item.content {
                Content::Proxy { bytes } => Some(proxy::text(bytes)),
                _ => None,
            },
            hex: bytes.map(hex::digits),
        }
    }
}

impl<'a> MessageJson<'a> {
    /// `None` if a field is bad, and of version 2, whose messages `encode` does not take.
    fn of(frame: AnyFrame<'a>) -> Option<Self> {
        match frame {
            AnyFrame::Echo(view) => Some(Self::Echo {
                message_type: view.message_type,
                payload: hex::digits(view.payload),
            }),
            AnyFrame::Chat(view) => view.parse_payload().ok().map(Self::Chat),
            _ => None,
        }
    }
}

impl<'a> FieldJson<'a> {
    fn of(field: FieldView<'a>) -> Self {
        let mut json = Self {
            name: field.name,
            offset: field.offset,
            size: field.bytes.len(),
            value: None,
            bytes: None,
            means: None,
            expected: None,
        };
        match field.value {
            FieldValue::Number(number) => json.value = Some(ValueJson::Number(number)),
            FieldValue::Named { number, name } => {
                (json.value, json.means) = (Some(ValueJson::Number(number)), Some(name));
            }
            FieldValue::Text(text) => json.value = Some(ValueJson::Text(text)),
            FieldValue::Checksum { carried, computed } => {
                (json.value, json.expected) =
                    (Some(ValueJson::Number(u64::from(carried))), Some(computed));
            }
            _ => json.bytes = Some(hex::digits(field.bytes)),
        }
        json
    }
}

impl ErrorJson {
    fn of(error: ParseError) -> Self {
        let code = error.code();
        Self {
            error,
            at: error.offset(),
            code: code.to_wire(),
            code_name: code.name(),
            sentence: error.to_string(),
        }
    }
}

// ---- And back -----------------------------------------------------------------------------------

/// A line that `encode json` reads: what `decode --json` prints, or as much of it as a message
/// needs.
#[derive(Deserialize)]
struct Input {
    kind: Option<String>,
    family: Option<String>,
    message: Option<Value>,
}

#[derive(Deserialize)]
struct EchoInput {
    #[serde(rename = "type")]
    message_type: echo::MessageType,
    payload: Option<String>,
    text: Option<String>,
}

const WANTED: &str = "an object is wanted such as \
                      {\"family\":\"chat-v1\",\
                      \"message\":{\"type\":\"JoinRoom\",\"room\":\"tea\"}}";

/// The parser is given one line at a time and calls each the first: which one it is, the caller
/// says.
fn without_its_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// The message of one line; `None` of a summary, which is of no frame. The sentence of an error is
/// for the user.
pub(crate) fn message(line: &str) -> Result<Option<OwnedMessage>, String> {
    let line = line.trim();
    if !line.starts_with('{') {
        return Err(format!("no JSON object begins here: {WANTED}"));
    }
    let input: Input = serde_json::from_str(line).map_err(|error| without_its_line(&error))?;
    if input.kind.as_deref() == Some("summary") {
        return Ok(None);
    }
    let family = input.family.as_deref().map(encodable).transpose()?;
    let (Some(family), Some(message)) = (family, input.message) else {
        return Err(match input.kind.as_deref() {
            Some("bad" | "frame") => {
                "it holds a bad frame, which is no message that could be encoded".to_owned()
            }
            Some("gap") => "it stands for bytes that are missing".to_owned(),
            Some("part") => "it holds a part of a frame, whose rest is missing".to_owned(),
            Some("proxy") => "it holds what a proxy put in front, which is no message".to_owned(),
            _ => WANTED.to_owned(),
        });
    };
    let message = match family {
        Family::Echo => echo_message(message)?,
        _ => serde_json::from_value::<chat::OwnedMessage>(message)
            .map(OwnedMessage::from)
            .map_err(|error| error.to_string())?,
    };
    Ok(Some(message))
}

/// The family of this name, if its messages can be encoded.
fn encodable(family: &str) -> Result<Family, String> {
    match family {
        "echo" => Ok(Family::Echo),
        "chat-v1" => Ok(Family::ChatV1),
        "chat-v2" => Err("messages of chat version 2 cannot be encoded".to_owned()),
        other => Err(format!("`{other}` is no family that can be encoded: echo and chat-v1 are")),
    }
}

fn echo_message(message: Value) -> Result<OwnedMessage, String> {
    let input: EchoInput = serde_json::from_value(message).map_err(|error| error.to_string())?;
    let payload = match (&input.payload, input.text) {
        (Some(_), Some(_)) => {
            return Err("payload and text are two ways to say the same: give one".to_owned());
        }
        (Some(digits), None) => hex::parse(digits).map_err(|error| format!("payload: {error}"))?,
        (None, Some(text)) => text.into_bytes(),
        (None, None) => Vec::new(),
    };
    let frame = echo::ZeroCopyMessage { message_type: input.message_type, payload: &payload };
    Ok(OwnedMessage::from(frame.message()))
}
