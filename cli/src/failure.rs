//! How a command fails: what is said about it, and the exit status.

use std::fmt;
use std::io;
use std::process::ExitCode;

use cafewire_core::ErrorCode;
use cafewire_net::client::ClientError;

/// Why a command could not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read standard output has gone (`cafewire listen … | head -1`): they have had all
    /// they wanted.
    OutputClosed,
    /// One plain sentence. It may hold text from the other side, so it is escaped where it is
    /// shown.
    Message(String),
}

impl Failure {
    /// Wrong arguments are clap's and end with 2; all else that goes wrong ends with 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::OutputClosed => ExitCode::SUCCESS,
            Self::Message(_) => ExitCode::FAILURE,
        }
    }

    /// The server said that something was wrong, and this command cannot go on.
    pub(crate) fn refused(what: impl fmt::Display, code: ErrorCode, message: &str) -> Self {
        Self::Message(format!("{what}: {message} [{code}]"))
    }

    /// The sentence, for a log.
    pub(crate) fn into_sentence(self) -> String {
        match self {
            Self::OutputClosed => "nobody reads the output any more".to_owned(),
            Self::Message(sentence) => sentence,
        }
    }

    /// Standard input broke.
    pub(crate) fn input(error: &io::Error) -> Self {
        Self::Message(format!("cannot read standard input: {error}"))
    }

    /// The system would not give the writing half of the connection a descriptor of its own.
    pub(crate) fn no_second_handle(error: io::Error) -> Self {
        Self::Message(format!("cannot write and read at once: {error}"))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Message(error.to_string())
    }
}
