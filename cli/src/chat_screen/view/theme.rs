//! Colours and styles. A name has the same colour for every user and on every machine.

use ratatui::style::{Color, Modifier, Style};

use crate::theme_name::ThemeName;

/// Abilities of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColourDepth {
    None,
    Sixteen,
    TwoHundredFiftySix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Theme {
    pub(crate) bar: Style,
    /// Parts of a bar that call for attention.
    pub(crate) bar_warning: Style,
    pub(crate) current_room: Style,
    pub(crate) unread: Style,
    pub(crate) mention: Style,
    /// Times, joins and leaves, notes, lines between panes.
    pub(crate) dim: Style,
    pub(crate) warning: Style,
    pub(crate) mark: Style,
    pub(crate) prompt: Style,
    names: &'static [Color],
}

/// Far from each other, and each readable on a dark background.
const NAMES_ON_DARK: &[Color] = &[
    Color::Indexed(39),
    Color::Indexed(43),
    Color::Indexed(75),
    Color::Indexed(78),
    Color::Indexed(111),
    Color::Indexed(114),
    Color::Indexed(141),
    Color::Indexed(150),
    Color::Indexed(173),
    Color::Indexed(176),
    Color::Indexed(179),
    Color::Indexed(204),
    Color::Indexed(209),
    Color::Indexed(221),
];
const NAMES_ON_LIGHT: &[Color] = &[
    Color::Indexed(18),
    Color::Indexed(22),
    Color::Indexed(25),
    Color::Indexed(29),
    Color::Indexed(52),
    Color::Indexed(54),
    Color::Indexed(88),
    Color::Indexed(90),
    Color::Indexed(94),
    Color::Indexed(124),
    Color::Indexed(130),
    Color::Indexed(162),
];
const NAMES_OF_SIXTEEN_ON_DARK: &[Color] = &[
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Magenta,
    Color::Cyan,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
];
const NAMES_OF_SIXTEEN_ON_LIGHT: &[Color] =
    &[Color::Red, Color::Green, Color::Blue, Color::Magenta, Color::Cyan];

impl ColourDepth {
    /// From the variables `NO_COLOR` (<https://no-color.org>), `COLORTERM` and `TERM`, empty if
    /// unset.
    pub(crate) fn of(no_color: &str, colorterm: &str, term: &str) -> Self {
        if !no_color.is_empty() || term == "dumb" {
            Self::None
        } else if matches!(colorterm, "truecolor" | "24bit") || term.contains("256color") {
            Self::TwoHundredFiftySix
        } else {
            Self::Sixteen
        }
    }
}

impl Theme {
    pub(crate) fn new(name: ThemeName, depth: ColourDepth) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        let reversed = plain.add_modifier(Modifier::REVERSED);
        let without_colours = Self {
            bar: reversed,
            bar_warning: reversed.add_modifier(Modifier::BOLD),
            current_room: reversed,
            unread: bold,
            mention: bold.add_modifier(Modifier::UNDERLINED),
            dim,
            warning: bold,
            mark: dim,
            prompt: bold,
            names: &[],
        };
        let is_dark = name == ThemeName::Dark;
        match (name, depth) {
            (ThemeName::None, _) | (_, ColourDepth::None) => without_colours,
            (_, ColourDepth::Sixteen) => Self {
                unread: bold.fg(if is_dark { Color::LightGreen } else { Color::Green }),
                mention: bold.fg(if is_dark { Color::LightYellow } else { Color::Red }),
                warning: plain.fg(if is_dark { Color::Yellow } else { Color::Red }),
                mark: plain.fg(Color::Red),
                names: if is_dark { NAMES_OF_SIXTEEN_ON_DARK } else { NAMES_OF_SIXTEEN_ON_LIGHT },
                ..without_colours
            },
            (ThemeName::Dark, ColourDepth::TwoHundredFiftySix) => Self {
                bar: plain.fg(Color::Indexed(252)).bg(Color::Indexed(237)),
                bar_warning: bold.fg(Color::Indexed(221)).bg(Color::Indexed(237)),
                current_room: bold.fg(Color::Indexed(231)).bg(Color::Indexed(24)),
                unread: bold.fg(Color::Indexed(114)),
                mention: bold.fg(Color::Indexed(221)),
                dim: plain.fg(Color::Indexed(245)),
                warning: plain.fg(Color::Indexed(215)),
                mark: plain.fg(Color::Indexed(167)),
                prompt: bold.fg(Color::Indexed(75)),
                names: NAMES_ON_DARK,
            },
            (ThemeName::Light, ColourDepth::TwoHundredFiftySix) => Self {
                bar: plain.fg(Color::Indexed(236)).bg(Color::Indexed(253)),
                bar_warning: bold.fg(Color::Indexed(124)).bg(Color::Indexed(253)),
                current_room: bold.fg(Color::Indexed(16)).bg(Color::Indexed(153)),
                unread: bold.fg(Color::Indexed(22)),
                mention: bold.fg(Color::Indexed(124)),
                dim: plain.fg(Color::Indexed(242)),
                warning: plain.fg(Color::Indexed(130)),
                mark: plain.fg(Color::Indexed(160)),
                prompt: bold.fg(Color::Indexed(25)),
                names: NAMES_ON_LIGHT,
            },
        }
    }

    /// Style of this name.
    pub(crate) fn name(&self, name: &str) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        if self.names.is_empty() {
            return bold;
        }
        // FNV-1a: the same on every machine and in every version, as the standard library's hash is
        // not.
        let hash = name
            .bytes()
            .fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        bold.fg(self.names[hash as usize % self.names.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_colour_and_names_differ() {
        let theme = Theme::new(ThemeName::Dark, ColourDepth::TwoHundredFiftySix);
        assert_eq!(theme.name("ada"), theme.name("ada"));
        let colours: std::collections::BTreeSet<_> =
            ('a'..='z').map(|letter| format!("{:?}", theme.name(&letter.to_string()).fg)).collect();
        assert!(colours.len() > 8, "{colours:?}");
    }

    #[test]
    fn without_colours_there_are_none() {
        for theme in [
            Theme::new(ThemeName::None, ColourDepth::TwoHundredFiftySix),
            Theme::new(ThemeName::Light, ColourDepth::None),
        ] {
            assert!(!format!("{theme:?} {:?}", theme.name("ada")).contains("Color"), "{theme:?}");
        }
    }

    #[test]
    fn the_terminal_gets_what_it_can_show() {
        use ColourDepth as Depth;
        assert_eq!(Depth::of("1", "truecolor", "xterm-256color"), Depth::None);
        assert_eq!(Depth::of("", "truecolor", "xterm"), Depth::TwoHundredFiftySix);
        assert_eq!(Depth::of("", "", "tmux-256color"), Depth::TwoHundredFiftySix);
        assert_eq!(Depth::of("", "", "linux"), Depth::Sixteen);
        assert_eq!(Depth::of("", "", "dumb"), Depth::None);
        for name in [ThemeName::Dark, ThemeName::Light] {
            let theme = Theme::new(name, Depth::Sixteen);
            assert!(!format!("{theme:?}").contains("Indexed"), "{theme:?}");
        }
    }
}
