//! Meaning of each key. Pure: a key in, an action out.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Insert(char),
    Enter,
    Escape,
    Interrupt,
    EndOfInput,
    Suspend,
    Redraw,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Backspace,
    Delete,
    CutToStart,
    CutToEnd,
    CutWord,
    PutBack,
    Older,
    Newer,
    Search,
    Complete,
    CompleteBackwards,
    /// The room with this number; 0 is the client's own page.
    Room(usize),
    NextActiveRoom,
    PreviousRoom,
    NextRoom,
    PageUp,
    PageDown,
    ScrollToEnd,
}

/// `None` for keys that do nothing here.
pub(crate) fn action(key: KeyEvent) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        return alt(key.code);
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return control(key.code);
    }
    Some(match key.code {
        KeyCode::Char(scalar) => Action::Insert(scalar),
        KeyCode::Enter => Action::Enter,
        KeyCode::Esc => Action::Escape,
        KeyCode::Left => Action::Left,
        KeyCode::Right => Action::Right,
        KeyCode::Home => Action::Home,
        KeyCode::End => Action::End,
        KeyCode::Backspace => Action::Backspace,
        KeyCode::Delete => Action::Delete,
        KeyCode::Up => Action::Older,
        KeyCode::Down => Action::Newer,
        KeyCode::Tab => Action::Complete,
        KeyCode::BackTab => Action::CompleteBackwards,
        KeyCode::PageUp => Action::PageUp,
        KeyCode::PageDown => Action::PageDown,
        _ => return None,
    })
}

fn alt(code: KeyCode) -> Option<Action> {
    Some(match code {
        KeyCode::Char(digit @ '0'..='9') => Action::Room(digit as usize - '0' as usize),
        KeyCode::Char('a' | 'A') => Action::NextActiveRoom,
        KeyCode::Char('b') => Action::WordLeft,
        KeyCode::Char('f') => Action::WordRight,
        KeyCode::Up => Action::PreviousRoom,
        KeyCode::Down => Action::NextRoom,
        KeyCode::Left => Action::WordLeft,
        KeyCode::Right => Action::WordRight,
        KeyCode::Backspace => Action::CutWord,
        KeyCode::End => Action::ScrollToEnd,
        _ => return None,
    })
}

fn control(code: KeyCode) -> Option<Action> {
    Some(match code {
        KeyCode::Char('a') => Action::Home,
        KeyCode::Char('b') => Action::Left,
        KeyCode::Char('c') => Action::Interrupt,
        KeyCode::Char('d') => Action::EndOfInput,
        KeyCode::Char('e') => Action::End,
        KeyCode::Char('f') => Action::Right,
        KeyCode::Char('g') => Action::Escape,
        KeyCode::Char('h') => Action::Backspace,
        KeyCode::Char('k') => Action::CutToEnd,
        KeyCode::Char('l') => Action::Redraw,
        KeyCode::Char('n') => Action::Newer,
        KeyCode::Char('p') => Action::Older,
        KeyCode::Char('r') => Action::Search,
        KeyCode::Char('u') => Action::CutToStart,
        KeyCode::Char('w') => Action::CutWord,
        KeyCode::Char('y') => Action::PutBack,
        KeyCode::Char('z') => Action::Suspend,
        // Ctrl-J: what some terminals send for Enter.
        KeyCode::Char('j') => Action::Enter,
        KeyCode::Left => Action::WordLeft,
        KeyCode::Right => Action::WordRight,
        KeyCode::End => Action::ScrollToEnd,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: KeyCode, modifiers: KeyModifiers) -> Option<Action> {
        action(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn the_keys_of_the_help() {
        for (scalar, does) in [
            ('a', Action::Home),
            ('e', Action::End),
            ('k', Action::CutToEnd),
            ('u', Action::CutToStart),
            ('w', Action::CutWord),
            ('l', Action::Redraw),
            ('r', Action::Search),
        ] {
            assert_eq!(press(KeyCode::Char(scalar), KeyModifiers::CONTROL), Some(does));
            assert_eq!(
                press(KeyCode::Char(scalar), KeyModifiers::NONE),
                Some(Action::Insert(scalar))
            );
        }
        assert_eq!(press(KeyCode::Char('1'), KeyModifiers::ALT), Some(Action::Room(1)));
        assert_eq!(press(KeyCode::Char('9'), KeyModifiers::ALT), Some(Action::Room(9)));
        assert_eq!(press(KeyCode::Char('a'), KeyModifiers::ALT), Some(Action::NextActiveRoom));
        assert_eq!(press(KeyCode::Char('A'), KeyModifiers::SHIFT), Some(Action::Insert('A')));
        assert_eq!(press(KeyCode::F(5), KeyModifiers::NONE), None);
    }

    #[test]
    fn a_key_does_nothing_when_it_is_let_go() {
        let mut key = KeyEvent::new(KeyCode::Char('x'), KeyModifiers::NONE);
        key.kind = KeyEventKind::Release;
        assert_eq!(action(key), None);
    }
}
