//! `cafewire encode`: messages to frames.

use std::io::BufReader;
use std::process::ExitCode;

use cafewire_core::OwnedMessage;

use crate::decode::args::{EncodeArgs, EncodeWhat};
use crate::decode::input::Input;
use crate::decode::{hex, json};
use crate::failure::Failure;
use crate::lines::LineReader;
use crate::output;

/// More than any line that `decode --json` prints: of the longest frame it holds the digits three times.
const MAX_LINE_BYTES: usize = 1024 * 1024;

pub(crate) fn run(args: &EncodeArgs) -> Result<ExitCode, Failure> {
    let is_hex = args.is_hex();
    if let EncodeWhat::Json { file } = &args.what {
        encode_lines(Input::open(file.as_deref())?, is_hex)?;
    } else if let Some(message) = args.message().map_err(Failure::Sentence)? {
        print(&encoded(&message).map_err(Failure::Sentence)?, is_hex)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn encode_lines(input: Input, is_hex: bool) -> Result<(), Failure> {
    let name = input.name().to_owned();
    let mut lines = LineReader::new(BufReader::new(input.into_reader()), MAX_LINE_BYTES);
    loop {
        let line = lines.next_line().map_err(|error| Failure::Sentence(format!("cannot read {name}: {error}")))?;
        let Some(line) = line else { return Ok(()) };
        let number = line.number;
        let refused = |sentence: String| Failure::Sentence(format!("{name}, line {number}: {sentence}"));
        let text = line.into_text().map_err(|error| refused(error.to_string()))?;
        if text.trim().is_empty() {
            continue;
        }
        let frame = json::message(&text).and_then(|message| encoded(&message)).map_err(refused)?;
        print(&frame, is_hex)?;
    }
}

fn encoded(message: &OwnedMessage) -> Result<Vec<u8>, String> {
    message.encode_to_vec().map_err(|error| error.to_string())
}

fn print(frame: &[u8], is_hex: bool) -> Result<(), Failure> {
    if is_hex { output::line(hex::digits(frame)) } else { output::bytes(frame) }
}
