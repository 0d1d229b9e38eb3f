//! `cafewire encode`: converts messages to frames.

use std::io::BufReader;
use std::process::ExitCode;

use cafewire_core::OwnedMessage;

use crate::decode::args::{EncodeArgs, EncodeWhat};
use crate::decode::input::Input;
use crate::decode::{hex, json};
use crate::failure::Failure;
use crate::lines::LineReader;
use crate::output;

/// More than any line that `decode --json` prints, which holds the digits of the longest frame
/// three times.
const MAX_LINE_BYTES: usize = 1024 * 1024;

pub(crate) fn run(args: &EncodeArgs) -> Result<ExitCode, Failure> {
    let mut made = Made { is_hex: args.is_hex(), frames: 0, bytes: 0 };
    let outcome = make(args, &mut made);
    let plural = if made.frames == 1 { "" } else { "s" };
    output::detail(format_args!("{} frame{plural}, {} bytes", made.frames, made.bytes));
    outcome
}

/// Output format, and counts of the frames printed.
struct Made {
    is_hex: bool,
    frames: u64,
    bytes: u64,
}

fn make(args: &EncodeArgs, made: &mut Made) -> Result<ExitCode, Failure> {
    if let EncodeWhat::Json { file } = &args.what {
        encode_lines(Input::open(file.as_deref())?, made)?;
    } else if let Some(message) = args.message().map_err(Failure::Message)? {
        made.print(&encoded(&message).map_err(Failure::Message)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn encode_lines(input: Input, made: &mut Made) -> Result<(), Failure> {
    let name = input.name().to_owned();
    let mut lines = LineReader::new(BufReader::new(input.into_reader()), MAX_LINE_BYTES);
    loop {
        let line = lines
            .next_line()
            .map_err(|error| Failure::Message(format!("cannot read {name}: {error}")))?;
        let Some(line) = line else { return Ok(()) };
        let number = line.number;
        let refused =
            |sentence: String| Failure::Message(format!("{name}, line {number}: {sentence}"));
        let text = line.into_text().map_err(|error| refused(error.to_string()))?;
        if text.trim().is_empty() {
            continue;
        }
        if let Some(message) = json::message(&text).map_err(refused)? {
            made.print(&encoded(&message).map_err(refused)?)?;
        }
    }
}

fn encoded(message: &OwnedMessage) -> Result<Vec<u8>, String> {
    message.encode_to_vec().map_err(|error| error.to_string())
}

impl Made {
    fn print(&mut self, frame: &[u8]) -> Result<(), Failure> {
        self.frames += 1;
        self.bytes += frame.len() as u64;
        if self.is_hex { output::line(hex::digits(frame)) } else { output::bytes(frame) }
    }
}
