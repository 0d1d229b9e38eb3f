//! What is found in a stream, and the two ways to tell it. Counts good and bad.

use std::net::SocketAddr;

use cafewire_core::{Direction, Frame, ParseError};

use super::{json, text};
use crate::failure::Failure;
use crate::output;

/// One thing found in a stream of bytes.
pub(crate) struct Item<'a> {
    /// `None` unless the bytes come from a capture.
    pub(crate) place: Option<&'a Place>,
    pub(crate) from: Option<Side>,
    /// Where it starts, in bytes from the start of the stream.
    pub(crate) offset: u64,
    pub(crate) content: Content<'a>,
}

pub(crate) enum Content<'a> {
    Frame {
        frame: Frame<'a>,
        bytes: &'a [u8],
        error: Option<ParseError>,
    },
    /// Bytes that belong to no good frame.
    Bad {
        bytes: &'a [u8],
        error: ParseError,
    },
    /// Bytes of the stream that the capture does not hold.
    Gap {
        size_bytes: u64,
    },
}

/// Where in a capture something was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Which TCP connection, from 1, in the order in which they appear.
    pub(crate) conversation: u64,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// The packet that made the frame whole, from 1.
    pub(crate) packet: u64,
    /// When it was captured, in nanoseconds since 1970-01-01 UTC.
    pub(crate) time_ns: Option<u64>,
}

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) const fn direction(self) -> Direction {
        match self {
            Self::Client => Direction::ToServer,
            Self::Server => Direction::ToClient,
        }
    }
}

/// Tells each item as it comes.
#[derive(Debug)]
pub(crate) struct Report {
    form: Form,
    pub(crate) tally: Tally,
}

/// How many of each were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    pub(crate) bad: u64,
    pub(crate) gaps: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    Json,
    Text(text::Palette),
}

impl Report {
    pub(crate) const fn new(form: Form) -> Self {
        Self { form, tally: Tally { frames: 0, bad: 0, gaps: 0 } }
    }

    pub(crate) fn item(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        self.tally.count(&item.content);
        match self.form {
            Form::Json => output::json(&json::ItemJson::of(item)),
            Form::Text(palette) => output::text(&text::of(item, palette)),
        }
    }
}

impl Tally {
    pub(crate) const fn count(&mut self, content: &Content<'_>) {
        match content {
            Content::Frame { error: None, .. } => self.frames += 1,
            Content::Frame { .. } | Content::Bad { .. } => self.bad += 1,
            Content::Gap { .. } => self.gaps += 1,
        }
    }

    pub(crate) const fn is_all_good(&self) -> bool {
        self.bad == 0 && self.gaps == 0
    }

    /// One sentence: `12 frames, 1 bad`.
    pub(crate) fn summary(&self) -> String {
        let frames = match self.frames {
            1 => "1 good frame".to_owned(),
            frames => format!("{frames} good frames"),
        };
        let gaps = match self.gaps {
            0 => String::new(),
            gaps => format!(", {gaps} with missing bytes"),
        };
        format!("{frames}, {} bad{gaps}", self.bad)
    }
}
