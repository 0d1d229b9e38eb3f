//! Meaning of a line typed into `cafewire chat`. Pure: a line in, an intent out.

use crate::values;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Intent<'a> {
    /// An empty line.
    Nothing,
    /// Send this to the current room.
    Say(&'a str),
    Join(&'a str),
    /// `None`: the current one.
    Leave(Option<&'a str>),
    /// Make this the current one.
    Switch(&'a str),
    Quit,
    Help,
    /// An invalid line, with a sentence for the user.
    Unclear(String),
}

pub(crate) const COMMANDS: &str =
    "/join ROOM, /leave [ROOM], /room ROOM, /quit, /help; // says a text that begins with /";

pub(crate) fn parse(line: &str) -> Intent<'_> {
    let Some(command) = line.strip_prefix('/') else {
        return if line.is_empty() { Intent::Nothing } else { Intent::Say(line) };
    };
    if command.starts_with('/') {
        return Intent::Say(command);
    }
    let (name, argument) = command.split_once(' ').unwrap_or((command, ""));
    let argument = argument.trim();
    match name {
        "join" => with_room(argument, "/join", Intent::Join),
        "room" => with_room(argument, "/room", Intent::Switch),
        "leave" if argument.is_empty() => Intent::Leave(None),
        "leave" => with_room(argument, "/leave", |room| Intent::Leave(Some(room))),
        "quit" => Intent::Quit,
        "help" => Intent::Help,
        "who" => Intent::Unclear(
            "protocol version 1 has no list of members: \
             names seen to join, leave or speak are all there is"
                .to_owned(),
        ),
        "rooms" => Intent::Unclear(
            "protocol version 1 has no list of rooms: /join ROOM makes one".to_owned(),
        ),
        "msg" => Intent::Unclear(
            "not sent: protocol version 1 has no messages to one person, only to rooms".to_owned(),
        ),
        "ignore" | "clear" | "raw" | "connect" => Intent::Unclear(format!(
            "/{name} is for the full screen, which wants a terminal; here there are {COMMANDS}"
        )),
        _ => Intent::Unclear(format!("there is no command /{name}: {COMMANDS}")),
    }
}

fn with_room<'a>(
    room: &'a str,
    command: &str,
    intent: impl Fn(&'a str) -> Intent<'a>,
) -> Intent<'a> {
    match values::room(room) {
        Ok(_) => intent(room),
        Err(_) if room.is_empty() => Intent::Unclear(format!("which room? {command} ROOM")),
        Err(error) => Intent::Unclear(format!("{command}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_said_as_it_is() {
        assert_eq!(parse("hello"), Intent::Say("hello"));
        assert_eq!(parse("  spaces  "), Intent::Say("  spaces  "));
        assert_eq!(parse(""), Intent::Nothing);
        assert_eq!(parse("//help"), Intent::Say("/help"));
        assert_eq!(parse("///"), Intent::Say("//"));
    }

    #[test]
    fn commands_take_the_rest_of_the_line() {
        assert_eq!(parse("/join tea"), Intent::Join("tea"));
        assert_eq!(parse("/join  the tea room "), Intent::Join("the tea room"));
        assert_eq!(parse("/room tea"), Intent::Switch("tea"));
        assert_eq!(parse("/leave"), Intent::Leave(None));
        assert_eq!(parse("/leave tea"), Intent::Leave(Some("tea")));
        assert_eq!(parse("/quit"), Intent::Quit);
        assert_eq!(parse("/help"), Intent::Help);
    }

    #[test]
    fn what_is_not_understood_says_why() {
        let why = |line: &str| match parse(line) {
            Intent::Unclear(why) => why,
            other => panic!("{line}: {other:?}"),
        };
        assert!(why("/").contains("no command /:"));
        assert!(why("/dance now").contains("/dance"));
        assert!(why("/joint").contains("/joint"));
        for (line, says) in [
            ("/who", "version 1 has no list of members"),
            ("/rooms", "version 1 has no list of rooms"),
            ("/msg bob hi", "version 1 has no messages to one person"),
            ("/clear", "/clear is for the full screen"),
        ] {
            assert!(why(line).contains(says), "{line}: {}", why(line));
        }
        assert_eq!(why("/join"), "which room? /join ROOM");
        assert_eq!(why("/room "), "which room? /room ROOM");
        let long = "x".repeat(65);
        assert_eq!(
            why(&format!("/join {long}")),
            "/join: room name is 65 bytes long, 1 to 64 are allowed"
        );
        assert!(why("/leave a\u{1b}b").contains("control character"));
    }
}
