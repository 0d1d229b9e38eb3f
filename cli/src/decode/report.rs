//! What is found in a stream, and the ways to tell it. Counts good and bad.

use std::net::SocketAddr;

use cafewire_core::dissect::AnyFrame;
use cafewire_core::{Direction, ParseError};

use super::filter::Filter;
use super::{brief, json, text};
use crate::failure::Failure;
use crate::output;

/// One thing found in a stream of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    /// `None` unless the bytes come from a capture.
    pub(crate) place: Option<&'a Place>,
    pub(crate) from: Option<Side>,
    /// Where it starts, in bytes from the start of the stream.
    pub(crate) offset: u64,
    pub(crate) content: Content<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    Frame {
        frame: AnyFrame<'a>,
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
    /// Bytes of frames of which the capture does not hold the rest: not good, and the sender's
    /// fault neither.
    Part {
        bytes: &'a [u8],
        lacks: Lacks,
    },
    /// What a proxy put in front of the stream.
    Proxy {
        bytes: &'a [u8],
    },
}

impl Content<'_> {
    /// How many bytes of the stream it takes.
    pub(crate) const fn size(&self) -> u64 {
        match self {
            Self::Frame { bytes, .. }
            | Self::Bad { bytes, .. }
            | Self::Part { bytes, .. }
            | Self::Proxy { bytes } => bytes.len() as u64,
            Self::Gap { size_bytes } => *size_bytes,
        }
    }
}

/// Why a part of a frame is no whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Lacks {
    /// What stands in front was before the capture.
    Before,
    /// A gap is in it.
    Gap,
    /// The capture ended before it did.
    End,
}

/// When and where a segment was captured. Later is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    /// Which packet, from 1.
    pub(crate) packet: u64,
    /// In nanoseconds since 1970-01-01 UTC.
    pub(crate) time_ns: Option<u64>,
}

/// Where in a capture something was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Which TCP connection, from 1, in the order in which they appear.
    pub(crate) conversation: u64,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// The packet that made the frame whole: of those that carried it the one captured last.
    pub(crate) moment: Moment,
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
    filter: Filter,
    pub(crate) tally: Tally,
    /// How many items the filter held back.
    pub(crate) hidden: u64,
}

/// How many of each were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    pub(crate) bad: u64,
    pub(crate) gaps: u64,
    pub(crate) gap_bytes: u64,
    pub(crate) parts: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    Json,
    Text(text::Palette),
    Brief(text::Palette),
}

impl Report {
    pub(crate) fn new(form: Form, filter: Filter) -> Self {
        Self { form, filter, tally: Tally::default(), hidden: 0 }
    }

    pub(crate) fn item(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        self.tally.count(&item.content);
        if !self.filter.shows(item) {
            self.hidden += 1;
            return Ok(());
        }
        match self.form {
            Form::Json => output::json(&json::ItemJson::of(item)),
            Form::Text(palette) => output::text(&text::of(item, palette)),
            Form::Brief(palette) => output::line(brief::of(item, palette)),
        }
    }
}

impl Tally {
    pub(crate) const fn count(&mut self, content: &Content<'_>) {
        match content {
            Content::Frame { error: None, .. } => self.frames += 1,
            Content::Frame { .. } | Content::Bad { .. } => self.bad += 1,
            Content::Gap { size_bytes } => {
                self.gaps += 1;
                self.gap_bytes += *size_bytes;
            }
            Content::Part { .. } => self.parts += 1,
            Content::Proxy { .. } => {}
        }
    }

    pub(crate) const fn is_all_good(&self) -> bool {
        self.bad == 0 && self.gaps == 0
    }

    /// Whether anything was found at all, good or bad.
    pub(crate) const fn is_empty(&self) -> bool {
        self.frames == 0 && self.is_all_good()
    }

    /// One sentence: `12 good frames, 1 bad, 2 gaps of 40 bytes in all`.
    pub(crate) fn summary(&self) -> String {
        let frames = match self.frames {
            1 => "1 good frame".to_owned(),
            frames => format!("{frames} good frames"),
        };
        let size = text::count_bytes(self.gap_bytes);
        let gaps = match self.gaps {
            0 => String::new(),
            1 => format!(", 1 gap of {size}"),
            gaps => format!(", {gaps} gaps of {size} in all"),
        };
        format!("{frames}, {} bad{gaps}", self.bad)
    }
}
