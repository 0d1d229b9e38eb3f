//! `-v` and `-q`. A command has them only where its output can grow or shrink; the others refuse
//! them.

use clap::{ArgAction, Args};

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

#[cfg(feature = "bench")]
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

impl LogVerbosity {
    /// Steps up (more) or down (less) from the default, as of all these.
    pub(crate) fn steps(self) -> i16 {
        i16::from(self.verbose) - i16::from(self.quiet)
    }
}

/// For those whose output can only grow.
macro_rules! steps_up {
    ($($name:ident)*) => {$(
        impl $name {
            pub(crate) fn steps(self) -> i16 {
                self.verbose.into()
            }
        }
    )*};
}

/// For those whose output can grow and shrink.
macro_rules! steps_up_and_down {
    ($($name:ident)*) => {$(
        impl $name {
            pub(crate) fn steps(self) -> i16 {
                i16::from(self.verbose) - i16::from(self.quiet)
            }
        }
    )*};
}

steps_up!(ConnectionVerbosity EncodeVerbosity);
steps_up_and_down!(ListenVerbosity ChatVerbosity DecodeVerbosity);
#[cfg(feature = "bench")]
steps_up_and_down!(BenchVerbosity);
