//! Failures of commands: their message and their exit status.

use std::fmt;
use std::io;
use std::process::ExitCode;

use cafewire_core::ErrorCode;
use cafewire_net::client::{CertificateFault, ClientError};
use cafewire_net::tls::TlsError;

/// As shells have it of a program that SIGHUP ended, which is how a terminal's end is told.
const HANG_UP_EXIT_STATUS: u8 = 129;

/// What is said of a reader that is gone.
pub(crate) const OUTPUT_CLOSED: &str = "the reader of standard output has closed it";

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of standard output has closed it: it is gone, or has read all that it wanted
    /// (`cafewire listen … | head -1`). Which of these, no program can tell.
    OutputClosed,
    /// The terminal is gone, so there is no place to say so.
    TerminalGone,
    /// One plain sentence. It may hold text from the other side, so it is escaped where it is
    /// shown.
    Message(String),
    /// Several of them, two at least, each on a line of its own.
    Messages(Vec<String>),
}

impl Failure {
    /// Invalid arguments are clap's and end with 2; all other errors end with 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::TerminalGone => ExitCode::from(HANG_UP_EXIT_STATUS),
            Self::OutputClosed | Self::Message(_) | Self::Messages(_) => ExitCode::FAILURE,
        }
    }

    /// The server sent an Error, and this command cannot go on.
    pub(crate) fn refused(what: impl fmt::Display, code: ErrorCode, message: &str) -> Self {
        Self::Message(format!("{what}: {message} [{code}]"))
    }

    /// One or several sentences.
    pub(crate) fn of_sentences(mut sentences: Vec<String>) -> Self {
        match sentences.as_mut_slice() {
            [sentence] => Self::Message(std::mem::take(sentence)),
            _ => Self::Messages(sentences),
        }
    }

    /// What it has to say, sentence by sentence.
    pub(crate) fn into_sentences(self) -> Vec<String> {
        match self {
            Self::Messages(sentences) => sentences,
            other => vec![other.into_sentence()],
        }
    }

    /// The sentence, for a log.
    pub(crate) fn into_sentence(self) -> String {
        match self {
            Self::OutputClosed => OUTPUT_CLOSED.to_owned(),
            Self::TerminalGone => "the terminal is gone".to_owned(),
            Self::Message(sentence) => sentence,
            Self::Messages(sentences) => sentences.join("; "),
        }
    }

    /// Standard output could not be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Message(format!("cannot write to standard output: {error}")),
        }
    }

    /// Standard input broke.
    pub(crate) fn input(error: &io::Error) -> Self {
        Self::Message(format!("cannot read standard input: {error}"))
    }

    /// The system refused a second descriptor for the writing half of the connection.
    pub(crate) fn no_second_handle(error: io::Error) -> Self {
        Self::Message(format!("cannot write and read at once: {error}"))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Message(sentence(&error))
    }
}

/// The client's error, with the option that may help.
pub(crate) fn sentence(error: &ClientError) -> String {
    let option = match error.certificate_fault() {
        Some(CertificateFault::Untrusted) => " (--ca)",
        Some(CertificateFault::Wanted) => ": --cert and --key name its files",
        Some(CertificateFault::Refused) => " (--cert)",
        _ => option_of_file(error).unwrap_or_default(),
    };
    format!("{error}{option}")
}

/// The option that named a file which cannot be used.
fn option_of_file(error: &ClientError) -> Option<&'static str> {
    let ClientError::Connect { source, .. } = error else { return None };
    match source.get_ref()?.downcast_ref()? {
        TlsError::File { wanted, .. }
        | TlsError::Block { wanted, .. }
        | TlsError::Unusable { wanted, .. } => match *wanted {
            "private key" => Some(" (--key)"),
            "CA certificate" => Some(" (--ca)"),
            _ => Some(" (--cert)"),
        },
        TlsError::NoSystemRoots => Some(" (--ca)"),
        _ => None,
    }
}
