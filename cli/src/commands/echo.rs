//! `cafewire echo`: sends a line to the server and prints the one that comes back.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use cafewire_core::MAX_PAYLOAD_SIZE;
use cafewire_net::client::Client;
use clap::Args;

use crate::escape;
use crate::failure::Failure;
use crate::format;
use crate::lines::LineReader;
use crate::output;
use crate::server_args::ServerAddress;
use crate::tls_remarks;
use crate::verbosity;

#[derive(Debug, Args)]
pub(crate) struct EchoArgs {
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    #[command(flatten)]
    pub(crate) verbosity: verbosity::ConnectionVerbosity,
}

pub(crate) fn run(args: &EchoArgs) -> Result<ExitCode, Failure> {
    let config = args.server.way.client_config();
    tls_remarks::make(&args.server.address, &config.tls);
    let mut client = Client::connect_with(&args.server.address, &config)?;
    format::connected(&args.server.address, client.peer_address());
    let stdin = io::stdin().lock();
    let is_interactive = stdin.is_terminal();
    let mut lines = LineReader::new(stdin, MAX_PAYLOAD_SIZE);
    loop {
        if is_interactive {
            output::text("> ")?;
        }
        let Some(line) = lines.next_line().map_err(|error| Failure::input(&error))? else { break };
        match line.content {
            Ok(content) if content == b"quit" => return Ok(ExitCode::SUCCESS),
            Ok(content) if content == b"ping" => {
                client.ping()?;
                output::line("Pong!")?;
            }
            Ok(content) => output::line(format_args!("Server: {}", shown(client.echo(&content)?)))?,
            Err(error) if is_interactive => {
                output::remark(format_args!("cafewire: line not sent: {error}"));
            }
            Err(error) => {
                return Err(Failure::Message(format!("line {} not sent: {error}", line.number)));
            }
        }
    }
    if is_interactive {
        // The cursor stands behind the prompt.
        output::line("")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Text as text; other bytes escaped one by one.
fn shown(payload: &[u8]) -> String {
    match str::from_utf8(payload) {
        Ok(text) => escape::text(text).into_owned(),
        Err(_) => escape::bytes(payload),
    }
}
