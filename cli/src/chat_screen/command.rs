//! Meaning of a line typed into the full screen: the commands of the line mode, and more. Pure: a
//! line in, a command out.

use cafewire_net::Address;

use crate::chat_line::{self, Intent};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// A command of the line mode.
    Basic(Intent<'a>),
    Who,
    Rooms,
    Message,
    /// `None` lists the ignored names.
    Ignore(Option<&'a str>),
    Clear,
    Raw,
    /// `None` connects to the same server again.
    Connect(Option<Address>),
}

/// Kind of names that complete a command's argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    None,
    Room,
    Name,
    Address,
}

pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) argument: Argument,
    pub(crate) usage: &'static str,
    pub(crate) does: &'static str,
}

/// Every command, as `/help` and completion list them.
pub(crate) const COMMANDS: &[Entry] = &[
    entry("join", Argument::Room, "/join ROOM", "join a room and switch to it"),
    entry("leave", Argument::Room, "/leave [ROOM]", "leave a room, without a name this one"),
    entry("room", Argument::Room, "/room ROOM", "switch to another joined room"),
    entry("who", Argument::None, "/who", "names seen in this room"),
    entry("rooms", Argument::None, "/rooms", "your rooms"),
    entry("msg", Argument::Name, "/msg NAME TEXT", "not in protocol version 1: says so"),
    entry(
        "ignore",
        Argument::Name,
        "/ignore [NAME]",
        "hide what NAME says, or show it again; without: list the hidden",
    ),
    entry("clear", Argument::None, "/clear", "empty this page"),
    entry(
        "raw",
        Argument::None,
        "/raw",
        "show events as JSON, as the server sent them; again: as usual",
    ),
    entry(
        "connect",
        Argument::Address,
        "/connect [ADDR]",
        "connect now, to another server if one is given",
    ),
    entry("quit", Argument::None, "/quit", "leave"),
    entry("help", Argument::None, "/help", "this list"),
];

const fn entry(
    name: &'static str,
    argument: Argument,
    usage: &'static str,
    does: &'static str,
) -> Entry {
    Entry { name, argument, usage, does }
}

/// The keys, as `/help` lists them.
pub(crate) const KEYS: &[(&str, &str)] = &[
    ("Tab, Shift-Tab", "complete a name, a room or a command; again: the next, the one before"),
    ("Up, Down", "lines typed before; refused commands too"),
    ("Ctrl-R", "search them; again: an older one; Enter takes it, Esc does not"),
    ("Alt-1 to Alt-9, Alt-0", "the room of that number; this client's own page"),
    ("Alt-A", "the next room with something unread"),
    ("Alt-Up, Alt-Down", "the room before, the next"),
    ("PgUp, PgDn, mouse wheel", "scroll; Alt-End or Esc goes to the end"),
    ("Ctrl-A, Ctrl-E", "start and end of the line (Home, End)"),
    ("Ctrl-Left, Ctrl-Right", "a word back, a word on (Alt-B, Alt-F)"),
    ("Ctrl-K, Ctrl-U, Ctrl-W", "cut to the end, to the start, a word"),
    ("Ctrl-Y", "insert the text cut last"),
    ("Ctrl-L", "redraw the screen"),
    ("Ctrl-Z", "stop; fg goes on"),
    ("Ctrl-C", "empty the line; twice on an empty one: leave (Ctrl-D: at once)"),
    ("Shift and mouse", "select text, in most terminals"),
];

/// An `Err` is a sentence for the user.
pub(crate) fn parse(line: &str) -> Result<Command<'_>, String> {
    let Some(command) = line.strip_prefix('/').filter(|rest| !rest.starts_with('/')) else {
        return basic(line);
    };
    let (name, argument) = command.split_once(' ').unwrap_or((command, ""));
    let argument = argument.trim();
    match name {
        "who" => Ok(Command::Who),
        "rooms" => Ok(Command::Rooms),
        "msg" => Ok(Command::Message),
        "ignore" => Ok(Command::Ignore((!argument.is_empty()).then_some(argument))),
        "clear" => Ok(Command::Clear),
        "raw" => Ok(Command::Raw),
        "connect" if argument.is_empty() => Ok(Command::Connect(None)),
        "connect" => match argument.parse() {
            Ok(address) => Ok(Command::Connect(Some(address))),
            Err(error) => Err(format!("/connect: {error}")),
        },
        _ if COMMANDS.iter().any(|entry| entry.name == name) => basic(line),
        _ => Err(unknown(name)),
    }
}

fn basic(line: &str) -> Result<Command<'_>, String> {
    match chat_line::parse(line) {
        Intent::Unclear(why) => Err(why),
        intent => Ok(Command::Basic(intent)),
    }
}

fn unknown(name: &str) -> String {
    match crate::config_file::nearest(COMMANDS.iter().map(|entry| entry.name), name) {
        Some(nearest) => format!("there is no command /{name}; did you mean /{nearest}?"),
        None => format!(
            "there is no command /{name}; /help lists all, and // says a text that begins with /"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_list_is_known() {
        for entry in COMMANDS {
            let line = entry.usage.replace(['[', ']'], "").replace("ADDR", "h:1");
            assert!(parse(&line).is_ok(), "{line}: {:?}", parse(&line));
            assert!(entry.usage.starts_with(&format!("/{}", entry.name)));
        }
    }

    #[test]
    fn the_line_modes_commands_mean_the_same() {
        for line in
            ["hello", "//join", "/join tea", "/leave", "/room the tea room", "/quit", "/help", ""]
        {
            assert_eq!(parse(line), Ok(Command::Basic(chat_line::parse(line))), "{line:?}");
        }
    }

    #[test]
    fn arguments() {
        assert_eq!(parse("/ignore"), Ok(Command::Ignore(None)));
        assert_eq!(parse("/ignore  the bot "), Ok(Command::Ignore(Some("the bot"))));
        assert_eq!(parse("/connect"), Ok(Command::Connect(None)));
        assert_eq!(parse("/connect h:1"), Ok(Command::Connect("h:1".parse().ok())));
    }

    #[test]
    fn what_is_not_understood_says_why() {
        assert!(
            parse("/connect nowhere").unwrap_err().starts_with("/connect: the port is missing")
        );
        assert_eq!(
            parse("/joni tea").unwrap_err(),
            "there is no command /joni; did you mean /join?"
        );
        assert!(parse("/zebra").unwrap_err().contains("/help"));
        assert!(parse("/join").unwrap_err().contains("which room?"));
    }
}
