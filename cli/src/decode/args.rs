//! The arguments of `decode` and `encode`.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use cafewire_core::{ErrorCode, FieldError, MessagePayload, OwnedMessage, echo};
use clap::{Args, Subcommand, ValueEnum};

use super::hex;
use super::report::Side;
use crate::{help, output, verbosity};

#[derive(Debug, Args)]
pub(crate) struct DecodeArgs {
    /// What to read; - or nothing is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// What the input is; without it, guessed from how it starts.
    #[arg(short, long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Who sent the bytes: messages that only the other side may send are then bad. A capture tells
    /// by itself.
    #[arg(long, value_enum, value_name = "SIDE")]
    pub(crate) from: Option<Side>,
    /// In a capture, look at connections of this port alone, whatever they hold; may be given more
    /// than once. Without it, at those of any port that speak the protocol.
    #[arg(short, long, value_name = "PORT", value_delimiter = ',')]
    pub(crate) port: Vec<u16>,
    /// Show only frames of this room.
    #[arg(long)]
    pub(crate) room: Option<String>,
    /// Show only frames that name this user, or that the user's client sent.
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Print a line per frame.
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) brief: bool,
    /// Print a JSON object per frame instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// Whether text is coloured; auto: on a terminal, unless the variable NO_COLOR is set.
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::DecodeVerbosity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Hexadecimal digits as text: plain, xxd, hexdump -C.
    Hex,
    /// The bytes as they are.
    Raw,
    /// A capture: pcap or pcapng.
    Pcap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    /// Whether standard output is to be coloured. <https://no-color.org>
    pub(crate) fn is_on(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => output::may_be_coloured(&io::stdout()),
        }
    }
}

// ---- encode -------------------------------------------------------------------------------------

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub(crate) struct EncodeArgs {
    /// Print hexadecimal digits, a frame per line; as it is when standard output is a terminal.
    #[arg(long, global = true, conflicts_with = "raw")]
    pub(crate) hex: bool,
    /// Print the bytes as they are; as it is when standard output is a file or a pipe.
    #[arg(long, global = true)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::EncodeVerbosity,
    #[command(subcommand)]
    pub(crate) what: EncodeWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EncodeWhat {
    /// A frame of the echo family.
    #[command(subcommand, after_help = help::ENCODE_ECHO)]
    Echo(EchoMessage),
    /// A frame of the chat family, version 1.
    #[command(subcommand, after_help = help::ENCODE_CHAT)]
    Chat(ChatMessage),
    /// Frames from JSON, one object per line, as `decode --json` prints them.
    #[command(after_help = help::ENCODE_JSON)]
    Json {
        /// What to read; - or nothing is standard input.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum EchoMessage {
    /// Client: are you there?
    #[command(after_help = "Examples:\n  \
                     cafewire encode echo ping --payload hello | nc -q 1 127.0.0.1 8080 | cafewire \
                     decode")]
    Ping(Payload),
    /// The answer to a Ping.
    #[command(after_help = "Examples:\n  cafewire encode echo pong --payload hello --hex")]
    Pong(Payload),
    /// Client: send this back. Server: here it is.
    #[command(after_help = "Examples:\n  cafewire encode echo echo --payload-hex 00ff --hex")]
    Echo(Payload),
    /// Client: take this and say nothing.
    #[command(after_help = "Examples:\n  \
                     cafewire encode echo data --payload '21.5 C' | nc -q 1 127.0.0.1 8080")]
    Data(Payload),
    /// What went wrong.
    #[command(
        after_help = "Examples:\n  cafewire encode echo error --payload 'out of paper' --hex"
    )]
    Error(Payload),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Payload {
    /// The payload as text; none without it.
    #[arg(long, value_name = "TEXT", conflicts_with = "payload_hex")]
    payload: Option<String>,
    /// The payload as hexadecimal digits.
    #[arg(long, value_name = "DIGITS")]
    payload_hex: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ChatMessage {
    /// Client: sign in under a name.
    #[command(after_help = "Examples:\n  cafewire encode chat connect --username ada --hex")]
    Connect {
        /// 1 to 32 bytes, no control characters.
        #[arg(long, value_name = "NAME")]
        username: String,
    },
    /// Client: goodbye.
    #[command(after_help = "Examples:\n  cafewire encode chat disconnect --hex")]
    Disconnect,
    /// Client: say something in a room.
    #[command(after_help = "Examples:\n  \
                     cafewire encode chat send-message --room lobby --content hi --hex")]
    SendMessage {
        /// 1 to 64 bytes, no control characters.
        #[arg(long)]
        room: String,
        /// 1 to 512 bytes.
        #[arg(long, value_name = "TEXT")]
        content: String,
    },
    /// Client: enter a room.
    #[command(after_help = "Examples:\n  cafewire encode chat join-room --room lobby --hex")]
    JoinRoom {
        /// 1 to 64 bytes, no control characters.
        #[arg(long)]
        room: String,
    },
    /// Client: leave a room.
    #[command(after_help = "Examples:\n  cafewire encode chat leave-room --room lobby --hex")]
    LeaveRoom {
        /// 1 to 64 bytes, no control characters.
        #[arg(long)]
        room: String,
    },
    /// Server: you are signed in.
    #[command(after_help = "Examples:\n  \
                     cafewire encode chat connect-ack --user-id 7 --server-info cafewire --hex")]
    ConnectAck {
        /// The client's.
        #[arg(long, value_name = "NUMBER")]
        user_id: u32,
        /// 0 to 512 bytes.
        #[arg(long, value_name = "TEXT", default_value = "")]
        server_info: String,
    },
    /// Server: a member said something.
    #[command(after_help = help::ENCODE_BROADCAST)]
    MessageBroadcast {
        /// The speaker's.
        #[arg(long, value_name = "NUMBER")]
        user_id: u32,
        /// Milliseconds since 1970-01-01 UTC.
        #[arg(long, value_name = "MS")]
        timestamp: u64,
        /// The speaker's: 1 to 32 bytes, no control characters.
        #[arg(long, value_name = "NAME")]
        username: String,
        /// 1 to 64 bytes, no control characters.
        #[arg(long)]
        room: String,
        /// 1 to 512 bytes.
        #[arg(long, value_name = "TEXT")]
        content: String,
    },
    /// Server: a member entered a room.
    #[command(after_help = "Examples:\n  cafewire encode chat user-joined \
                     --user-id 7 --username ada --room lobby --hex")]
    UserJoined(Presence),
    /// Server: a member left a room.
    #[command(after_help = "Examples:\n  \
                     cafewire encode chat user-left --user-id 7 --username ada --room lobby --hex")]
    UserLeft(Presence),
    /// Server: what was wrong.
    #[command(after_help = "Examples:\n  \
                     cafewire encode chat error --code UsernameTaken --message no --hex")]
    Error {
        /// A number, or a name such as UsernameTaken.
        #[arg(long, value_parser = error_code)]
        code: ErrorCode,
        /// 0 to 512 bytes.
        #[arg(long, value_name = "TEXT", default_value = "")]
        message: String,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Presence {
    /// Who.
    #[arg(long, value_name = "NUMBER")]
    user_id: u32,
    /// 1 to 32 bytes, no control characters.
    #[arg(long, value_name = "NAME")]
    username: String,
    /// 1 to 64 bytes, no control characters.
    #[arg(long)]
    room: String,
}

fn error_code(text: &str) -> Result<ErrorCode, String> {
    if let Ok(number) = text.parse() {
        return Ok(ErrorCode::from_wire(number));
    }
    let named = ErrorCode::ALL.iter().find(|code| code.name().eq_ignore_ascii_case(text));
    named.copied().ok_or_else(|| {
        "a number from 0 to 65535 is wanted, or a name such as UsernameTaken".to_owned()
    })
}

impl EncodeArgs {
    /// Whether digits are printed rather than bytes.
    pub(crate) fn is_hex(&self) -> bool {
        self.hex || (!self.raw && io::stdout().is_terminal())
    }

    /// The message that the arguments spell; `None` if it is to be read from JSON.
    ///
    /// # Errors
    /// A field breaks a rule. A sentence for the user.
    pub(crate) fn message(&self) -> Result<Option<OwnedMessage>, String> {
        match &self.what {
            EncodeWhat::Json { .. } => Ok(None),
            EncodeWhat::Echo(message) => message.as_owned().map(Some),
            EncodeWhat::Chat(message) => {
                let message = message.as_payload();
                message.validate().map_err(|error: FieldError| error.to_string())?;
                Ok(Some(OwnedMessage::from(message)))
            }
        }
    }
}

impl EchoMessage {
    fn as_owned(&self) -> Result<OwnedMessage, String> {
        let (message_type, payload) = match self {
            Self::Ping(payload) => (echo::MessageType::Ping, payload),
            Self::Pong(payload) => (echo::MessageType::Pong, payload),
            Self::Echo(payload) => (echo::MessageType::Echo, payload),
            Self::Data(payload) => (echo::MessageType::Data, payload),
            Self::Error(payload) => (echo::MessageType::Error, payload),
        };
        let payload = match (&payload.payload, &payload.payload_hex) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(digits)) => hex::parse(digits)
                .map_err(|error| format!("invalid value for --payload-hex: {error}"))?,
            (None, None) => Vec::new(),
        };
        let frame = echo::ZeroCopyMessage { message_type, payload: &payload };
        frame.header().map_err(|error| error.to_string())?;
        Ok(OwnedMessage::from(frame.message()))
    }
}

impl ChatMessage {
    fn as_payload(&self) -> MessagePayload<'_> {
        match self {
            Self::Connect { username } => MessagePayload::Connect { username },
            Self::Disconnect => MessagePayload::Disconnect,
            Self::SendMessage { room, content } => MessagePayload::SendMessage { room, content },
            Self::JoinRoom { room } => MessagePayload::JoinRoom { room },
            Self::LeaveRoom { room } => MessagePayload::LeaveRoom { room },
            Self::ConnectAck { user_id, server_info } => {
                MessagePayload::ConnectAck { user_id: *user_id, server_info }
            }
            Self::MessageBroadcast { user_id, timestamp, username, room, content } => {
                let (user_id, timestamp) = (*user_id, *timestamp);
                MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content }
            }
            Self::UserJoined(Presence { user_id, username, room }) => {
                MessagePayload::UserJoined { user_id: *user_id, username, room }
            }
            Self::UserLeft(Presence { user_id, username, room }) => {
                MessagePayload::UserLeft { user_id: *user_id, username, room }
            }
            Self::Error { code, message } => MessagePayload::Error { code: *code, message },
        }
    }
}
