//! `-v` and `-q`. A command has them only where its output can grow or shrink; the others refuse
//! them.

use clap::{ArgAction, Args};

use crate::args::{Arguments, Command};

/// For a command that keeps a log.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LogVerbosity {
    /// Log debug messages too; given twice, everything.
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Log from warnings up; given twice, only errors.
    #[arg(short, long, action = ArgAction::Count)]
    quiet: u8,
}

/// For a command that connects, and has no output that could be left out.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ConnectionVerbosity {
    /// Say, on standard error, which address the connection was made to.
    #[arg(short, long)]
    verbose: bool,
}

/// For one that listens to rooms, line by line.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ListenVerbosity {
    /// Say, on standard error, which address the connection was made to.
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Do not say that the room was joined: only errors.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ChatVerbosity {
    /// Say which address a connection was made to, and on the full screen each attempt that failed.
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Leave out the hints at the start and, line by line, everything on standard error that is no
    /// complaint.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct DecodeVerbosity {
    /// Say, on standard error, what the input was taken for and, of a capture, how many packets it
    /// has and what each conversation came to.
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Say on standard error neither the sum nor what of a capture was passed over: only errors.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct EncodeVerbosity {
    /// Say, on standard error, how many frames and bytes were made.
    #[arg(short, long, global = true)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct BenchVerbosity {
    /// Say, on standard error, which address is connected to, each phase as it begins and each
    /// connection that comes to nothing; no progress is shown then.
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Show no progress and make no remarks on standard error: the report, and errors.
    #[arg(short, long)]
    quiet: bool,
}

impl Arguments {
    /// Steps up (more) or down (less) from the default verbosity.
    pub(crate) fn verbosity(&self) -> i16 {
        let (verbose, quiet) = match &self.command {
            Command::Serve(serve) => (serve.verbosity.verbose, serve.verbosity.quiet),
            Command::Ping(ping) => (ping.verbosity.verbose.into(), 0),
            Command::Echo(echo) => (echo.verbosity.verbose.into(), 0),
            Command::Send(send) => (send.verbosity.verbose.into(), 0),
            Command::Chat(chat) => (chat.verbosity.verbose.into(), chat.verbosity.quiet.into()),
            Command::Listen(listen) => {
                (listen.verbosity.verbose.into(), listen.verbosity.quiet.into())
            }
            Command::Decode(decode) => {
                (decode.verbosity.verbose.into(), decode.verbosity.quiet.into())
            }
            Command::Encode(encode) => (encode.verbosity.verbose.into(), 0),
            Command::Bench(bench) => {
                let BenchVerbosity { verbose, quiet } = bench.common().verbosity;
                (verbose.into(), quiet.into())
            }
            Command::Top(_) | Command::Completions(_) | Command::Man(_) => (0, 0),
        };
        i16::from(verbose) - i16::from(quiet)
    }
}
