//! `cafewire decode`: shows the meaning of bytes, frame by frame, and their errors.

use std::io::BufReader;
use std::process::ExitCode;

use cafewire_core::Direction;

use crate::decode::args::{DecodeArgs, Format};
#[cfg(feature = "capture")]
use crate::decode::capture;
#[cfg(feature = "capture")]
use crate::decode::capture::conversations::{Bounds, Conversations};
#[cfg(feature = "capture")]
use crate::decode::capture::summary::SummaryJson;
use crate::decode::filter::Filter;
use crate::decode::hex::HexReader;
use crate::decode::input::{self, Input};
use crate::decode::report::{Content, Form, Item, Report, Side};
use crate::decode::stream_decoder::StreamDecoder;
use crate::decode::text::Palette;
use crate::escape;
use crate::failure::Failure;
use crate::lines::LineReader;
use crate::output;

/// Size of the reads of a raw input.
const CHUNK_BYTES: usize = 64 * 1024;
/// The longest line of digits: a whole dump without a line ending may be one.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

pub(crate) fn run(args: &DecodeArgs) -> Result<ExitCode, Failure> {
    let mut input = Input::open(args.file.as_deref())?;
    let name = input.name().to_owned();
    let palette = if args.color.is_on() { Palette::COLOURED } else { Palette::PLAIN };
    let form = match (args.json, args.brief) {
        (true, _) => Form::Json,
        (false, true) => Form::Brief(palette),
        (false, false) => Form::Text(palette),
    };
    let mut report = Report::new(form, Filter::new(args.room.clone(), args.user.clone()));
    let format = input.format(args.format)?;
    output::detail(format_args!("{} is read as {}", escape::text(&name), described(format)));
    warn_of_options_without_effect(args, &name, format);
    let ended = match format {
        Format::Raw => explain_raw(input, args.from, &mut report)?,
        Format::Hex => explain_hex(input, args.from, &mut report)?,
        Format::Pcap => explain_capture(input, args, &mut report)?,
    };
    if !args.json {
        output::notice(report.tally.summary());
        match report.hidden {
            0 => {}
            1 => output::notice("1 of these is not shown"),
            hidden => output::notice(format_args!("{hidden} of these are not shown")),
        }
    }
    match ended {
        Ended::Early(damage) => Err(Failure::Message(format!("{name}: {damage}"))),
        Ended::Read if report.tally.is_all_good() => Ok(ExitCode::SUCCESS),
        Ended::Read | Ended::NothingRead => Ok(ExitCode::FAILURE),
    }
}

/// How far the input could be read.
enum Ended {
    Read,
    /// There was something, but nothing of it could be read.
    NothingRead,
    /// This is why it ended early.
    Early(String),
}

/// Reports options that change nothing for an input of this format.
fn warn_of_options_without_effect(args: &DecodeArgs, name: &str, format: Format) {
    let name = escape::text(name);
    if format == Format::Pcap && args.from.is_some() {
        output::notice(format_args!(
            "--from changes nothing: {name} is a capture, which has the senders"
        ));
    }
    if format != Format::Pcap && !args.port.is_empty() {
        output::notice(format_args!(
            "--port changes nothing: {name} is read as {}, not as a capture",
            described(format)
        ));
    }
}

const fn described(format: Format) -> &'static str {
    match format {
        Format::Raw => "bytes",
        Format::Hex => "hexadecimal digits",
        Format::Pcap => "a capture",
    }
}

fn stream_decoder(from: Option<Side>) -> StreamDecoder {
    StreamDecoder::new(from.map_or(Direction::Either, Side::direction))
}

/// Explains the whole input, and returns how it ended.
fn explain_raw(input: Input, from: Option<Side>, report: &mut Report) -> Result<Ended, Failure> {
    let mut stream_decoder = stream_decoder(from);
    let mut tell =
        |offset, content: Content<'_>| report.item(&Item { place: None, from, offset, content });
    let mut reader = input.into_reader();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match input::read(&mut reader, &mut chunk) {
            Ok(0) => break,
            Ok(count) => stream_decoder.push(&chunk[..count], &mut tell)?,
            Err(error) => {
                stream_decoder.finish(&mut tell)?;
                return Ok(Ended::Early(error.to_string()));
            }
        }
    }
    stream_decoder.finish(&mut tell)?;
    Ok(Ended::Read)
}

fn explain_hex(input: Input, from: Option<Side>, report: &mut Report) -> Result<Ended, Failure> {
    let mut stream_decoder = stream_decoder(from);
    let mut tell =
        |offset, content: Content<'_>| report.item(&Item { place: None, from, offset, content });
    let mut lines = LineReader::new(BufReader::new(input.into_reader()), MAX_LINE_BYTES);
    let mut digits = HexReader::default();
    let damage = loop {
        match lines.next_line() {
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
            Ok(Some(line)) => {
                let number = line.number;
                let text = match line.into_text() {
                    Ok(text) => text,
                    Err(error) => break Some(format!("line {number}: {error}")),
                };
                let mut bytes = Vec::new();
                let outcome = digits.line(&text, &mut bytes);
                stream_decoder.push(&bytes, &mut tell)?;
                if let Err(error) = outcome {
                    break Some(format!("line {number}, {error}"));
                }
            }
        }
    };
    stream_decoder.finish(&mut tell)?;
    Ok(damage.map_or(Ended::Read, Ended::Early))
}

#[cfg(not(feature = "capture"))]
fn explain_capture(_: Input, _: &DecodeArgs, _: &mut Report) -> Result<Ended, Failure> {
    Err(Failure::Message(
        "this build reads no captures: it was made without the feature `capture`".to_owned(),
    ))
}

#[cfg(feature = "capture")]
fn explain_capture(input: Input, args: &DecodeArgs, report: &mut Report) -> Result<Ended, Failure> {
    let mut input = input;
    let readiness = input.take_readiness();
    let mut conversations = Conversations::new(&args.port, Bounds::default());
    let reader = input.into_capture_reader();
    let outcome = capture::explain(reader, &readiness, &mut conversations, report)?;
    let passed_over = &conversations.passed_over;
    output::detail(format_args!(
        "{} packets, {} of them TCP without data",
        outcome.packets, outcome.without_data
    ));
    for sentence in passed_over.sentences() {
        output::notice(sentence);
    }
    if args.json {
        output::json(&SummaryJson::of(
            outcome.packets,
            conversations.numbered,
            report.tally,
            report.hidden,
            passed_over.json(),
            outcome.damage.clone(),
        ))?;
    }
    let is_hidden = report.tally.is_empty() && passed_over.may_hide_conversations();
    Ok(match outcome.damage {
        Some(damage) => Ended::Early(damage),
        None if is_hidden => Ended::NothingRead,
        None => Ended::Read,
    })
}
