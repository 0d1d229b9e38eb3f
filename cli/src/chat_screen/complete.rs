//! Completions of the word before the cursor. Pure: text and names in, candidates out.

use super::command::{Argument, COMMANDS};

/// Candidates that replace the text from `start` to the cursor, one after another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Candidates {
    pub(crate) start: usize,
    pub(crate) texts: Vec<String>,
}

/// `names` come in the order in which they are offered, as do `rooms`. `before` is the text before
/// the cursor.
pub(crate) fn candidates(before: &str, names: &[&str], rooms: &[&str]) -> Candidates {
    if let Some(command) = before.strip_prefix('/').filter(|rest| !rest.starts_with('/')) {
        let Some((name, rest)) = command.split_once(' ') else {
            let texts = COMMANDS
                .iter()
                .filter(|entry| begins_with(entry.name, command))
                .map(|entry| {
                    format!(
                        "/{}{}",
                        entry.name,
                        if entry.argument == Argument::None { "" } else { " " }
                    )
                })
                .collect();
            return Candidates { start: 0, texts };
        };
        // Names and rooms may hold spaces, so the whole argument is completed.
        let argument = rest.trim_start();
        let start = before.len() - argument.len();
        let (known, after) =
            match COMMANDS.iter().find(|entry| entry.name == name).map(|entry| entry.argument) {
                Some(Argument::Room) => (rooms, ""),
                Some(Argument::Name) => (names, " "),
                _ => (&[][..], ""),
            };
        let fitting = known.iter().filter(|name| begins_with(name, argument));
        return Candidates { start, texts: fitting.map(|name| format!("{name}{after}")).collect() };
    }
    let start = before
        .char_indices()
        .rev()
        .find(|(_, scalar)| scalar.is_whitespace())
        .map_or(0, |(at, space)| at + space.len_utf8());
    let word = &before[start..];
    if word.is_empty() {
        return Candidates { start, texts: Vec::new() };
    }
    let after_name = if start == 0 { ": " } else { " " };
    let names = names
        .iter()
        .filter(|name| begins_with(name, word))
        .map(|name| format!("{name}{after_name}"));
    let rooms = rooms.iter().filter(|room| begins_with(room, word)).map(|room| format!("{room} "));
    Candidates { start, texts: names.chain(rooms).collect() }
}

fn begins_with(name: &str, prefix: &str) -> bool {
    let mut rest = name.chars().flat_map(char::to_lowercase);
    prefix.chars().flat_map(char::to_lowercase).all(|scalar| rest.next() == Some(scalar))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(before: &str) -> (usize, Vec<String>) {
        let found =
            candidates(before, &["bob", "Bonny", "ada", "the bot"], &["lobby", "the tea room"]);
        (found.start, found.texts)
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_that_begins_the_line_is_spoken_to() {
        assert_eq!(complete("bo"), (0, texts(&["bob: ", "Bonny: "])));
        assert_eq!(complete("ask BO"), (4, texts(&["bob ", "Bonny "])));
        assert_eq!(complete("x\u{3000}ad"), (4, texts(&["ada "])));
    }

    #[test]
    fn a_room_is_completed_anywhere_after_the_names() {
        assert_eq!(complete("see lo"), (4, texts(&["lobby "])));
        assert_eq!(complete("see the"), (4, texts(&["the bot ", "the tea room "])));
    }

    #[test]
    fn commands_and_their_arguments() {
        assert_eq!(complete("/ro"), (0, texts(&["/room ", "/rooms"])));
        assert_eq!(complete("/room the t"), (6, texts(&["the tea room"])));
        assert_eq!(complete("/ignore the"), (8, texts(&["the bot "])));
        assert_eq!(complete("/leave "), (7, texts(&["lobby", "the tea room"])));
        assert_eq!(complete("/connect h"), (9, vec![]));
        assert_eq!(complete("/dance h"), (7, vec![]));
    }

    #[test]
    fn nothing_completes_to_nothing() {
        assert_eq!(complete(""), (0, vec![]));
        assert_eq!(complete("hello "), (6, vec![]));
        assert_eq!(complete("zebra"), (0, vec![]));
    }
}
