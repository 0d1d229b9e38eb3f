//! `cafewire connections`: who is connected to a server on this machine, page by page.

use std::process::ExitCode;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::top::fetch::{Fetcher, MetricsUrl};
use crate::escape;
use crate::failure::Failure;
use crate::output;

/// Pages that are asked for, each with 500 connections at the most: far more than a server has.
const PAGES_MAX: usize = 1 << 16;

#[derive(Debug, Args)]
pub(crate) struct ConnectionsArgs {
    /// The server's HTTP address, as given to `serve --http`, on this machine: http://HOST:PORT,
    /// HOST:PORT or a port.
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:9090")]
    url: MetricsUrl,
    /// Print a JSON object per connection.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Page {
    connections: Vec<Connection>,
    next: Option<u32>,
}

/// A connection, as the server tells it and as `--json` prints it.
#[derive(Serialize, Deserialize)]
struct Connection {
    id: String,
    name: Option<String>,
    address: String,
    family: String,
    rooms: Vec<String>,
    rooms_total: usize,
    queued_bytes: u64,
    closing: bool,
}

impl Connection {
    /// A line for people. What peers chose stands last; all texts are escaped, since what answers
    /// may be another program.
    fn line(&self) -> String {
        let queued_bytes = self.queued_bytes;
        let [id, address, family] =
            [&self.id, &self.address, &self.family].map(|text| escape::text(text));
        let name = self.name.as_deref().map_or("-".into(), escape::text);
        let mut rooms: Vec<String> =
            self.rooms.iter().map(|room| escape::text(room).into_owned()).collect();
        let more = self.rooms_total.saturating_sub(rooms.len());
        if more > 0 {
            rooms.push(format!("and {more} more"));
        }
        let rooms = if rooms.is_empty() { "-".to_owned() } else { rooms.join(", ") };
        let closing = if self.closing { " (closing)" } else { "" };
        format!("{id:<10} {address:<22} {family:<8} {queued_bytes:>10}  {name}  {rooms}{closing}")
    }
}

pub(crate) fn run(args: &ConnectionsArgs) -> Result<ExitCode, Failure> {
    let fetcher = Fetcher::new(args.url.clone());
    let page_url = args.url.beside("connections");
    let mut url = page_url.clone();
    let mut last = None;
    for _ in 0..PAGES_MAX {
        let no_answer = |why| Failure::Message(format!("no answer from {page_url}: {why}"));
        let text = fetcher.fetch_from(&url).map_err(|why| match why.as_str() {
            "status 403" => Failure::Message(format!(
                "{page_url} tells only this machine itself who is connected: run this command \
                 where the server runs"
            )),
            "status 404" => Failure::Message(format!(
                "{page_url} is not there: the server is older than this program"
            )),
            _ => no_answer(why),
        })?;
        let page: Page = serde_json::from_str(&text)
            .map_err(|_| no_answer("it is no list of connections".to_owned()))?;
        if last.is_none() && !args.json {
            heading()?;
        }
        for connection in &page.connections {
            if args.json {
                output::json(connection)?;
            } else {
                output::line(connection.line())?;
            }
        }
        let Some(next) = page.next else { return Ok(ExitCode::SUCCESS) };
        if last.is_some_and(|last| next <= last) {
            return Err(Failure::Message(format!(
                "{page_url} does not go on: this is no cafewire"
            )));
        }
        last = Some(next);
        url = format!("{page_url}?after={next}");
    }
    Err(Failure::Message(format!("{page_url} has no end: so many connections no server has")))
}

fn heading() -> Result<(), Failure> {
    let heading = ["id", "address", "family", "queued", "name", "rooms"];
    let [id, address, family, queued, name, rooms] = heading;
    output::line(format_args!("{id:<10} {address:<22} {family:<8} {queued:>10}  {name}  {rooms}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_answer_drives_the_terminal() {
        let text = || "a\u{1b}[31m\n".to_owned();
        let connection = Connection {
            id: text(),
            name: Some(text()),
            address: text(),
            family: text(),
            rooms: vec![text()],
            rooms_total: 1,
            queued_bytes: 1,
            closing: false,
        };
        let line = connection.line();
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}
