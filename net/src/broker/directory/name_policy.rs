//! Which names this server lets people take. The wire allows more (see PROTOCOL.md): a name of
//! valid UTF-8 without control characters. Here a name is refused that cannot be told from another
//! one by eye, since it has characters that are not shown or a blank at an end.
//!
//! Characters that are not shown are those with the property Default_Ignorable_Code_Point (UAX
//! #44). Some of them shape what is around them, and are let pass where they do: joiners within
//! emoji and in scripts that join letters (RFC 5892, appendices A.1 and A.2), the variation
//! selectors of emoji and of Mongolian letters.

use icu_properties::props::{
    BinaryProperty as _, CanonicalCombiningClass, DefaultIgnorableCodePoint, EmojiModifier,
    EnumeratedProperty as _, ExtendedPictographic, JoiningType, Script, WhiteSpace,
};

const ZERO_WIDTH_NON_JOINER: char = '\u{200C}';
const ZERO_WIDTH_JOINER: char = '\u{200D}';
const TEXT_STYLE: char = '\u{FE0E}';
const EMOJI_STYLE: char = '\u{FE0F}';
const COMBINING_KEYCAP: char = '\u{20E3}';
/// A letter without a dot: shown as a blank.
const BRAILLE_BLANK: char = '\u{2800}';

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadName {
    /// It starts or ends with a blank.
    BlankAtAnEnd,
    /// It has a character that is not shown.
    Invisible,
}

/// Checks a name that the wire allows.
pub(super) fn check(name: &str) -> Result<(), BadName> {
    if name.starts_with(is_blank) || name.ends_with(is_blank) {
        return Err(BadName::BlankAtAnEnd);
    }
    if name.is_ascii() {
        return Ok(());
    }
    let mut before = None;
    let mut scalars = name.chars().peekable();
    while let Some(scalar) = scalars.next() {
        let is_shown = !DefaultIgnorableCodePoint::for_char(scalar);
        if !is_shown && !shapes_its_neighbours(before, scalar, scalars.peek().copied()) {
            return Err(BadName::Invisible);
        }
        before = Some(scalar);
    }
    Ok(())
}

fn is_blank(scalar: char) -> bool {
    scalar == BRAILLE_BLANK || WhiteSpace::for_char(scalar)
}

/// Whether a character that is not shown itself shapes the ones around it.
fn shapes_its_neighbours(before: Option<char>, scalar: char, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match scalar {
        ZERO_WIDTH_JOINER => {
            is_joined_emoji(before, after) || (joins_letters(before) && after.is_some())
        }
        ZERO_WIDTH_NON_JOINER => joins_letters(before) && after.is_some(),
        TEXT_STYLE | EMOJI_STYLE => {
            ExtendedPictographic::for_char(before) || after == Some(COMBINING_KEYCAP)
        }
        // The four that select the form of a Mongolian letter.
        '\u{180B}'..='\u{180D}' | '\u{180F}' => Script::for_char(before) == Script::Mongolian,
        _ => false,
    }
}

fn is_joined_emoji(before: char, after: Option<char>) -> bool {
    let ends_one = ExtendedPictographic::for_char(before)
        || EmojiModifier::for_char(before)
        || before == EMOJI_STYLE;
    ends_one && after.is_some_and(ExtendedPictographic::for_char)
}

/// Whether the letter is joined with the next one, or joins the letters around it.
fn joins_letters(scalar: char) -> bool {
    let joining = JoiningType::for_char(scalar);
    CanonicalCombiningClass::for_char(scalar) == CanonicalCombiningClass::Virama
        || [JoiningType::DualJoining, JoiningType::LeftJoining, JoiningType::RightJoining]
            .contains(&joining)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_scripts_and_emoji_pass() {
        for name in [
            "ada",
            "Ada Lovelace",
            "дмитрий",
            "山田太郎",
            "عائشة",
            "می\u{200C}خواهم",     // Persian wants the non-joiner
            "क\u{94D}\u{200D}ष",   // a half form in Devanagari
            "ᠮᠣᠩᠭᠣᠯ\u{180B}",      // a variant form of a Mongolian letter
            "👩\u{200D}🚀",        // an astronaut
            "👩🏽\u{200D}🚀",        // another one
            "🏳\u{FE0F}\u{200D}🌈", // a flag
            "❤\u{FE0F}",
            "1\u{FE0F}\u{20E3}",
        ] {
            assert_eq!(check(name), Ok(()), "{}", name.escape_unicode());
        }
    }

    #[test]
    fn what_looks_like_ada_is_refused() {
        for scalar in [
            '\u{34F}',
            '\u{17B4}',
            '\u{17B5}',
            '\u{180B}',
            '\u{180F}',
            '\u{2065}',
            '\u{FE00}',
            '\u{FE0F}',
            '\u{FFF0}',
            '\u{1BCA0}',
            '\u{1D173}',
            '\u{E0080}',
            '\u{E0100}',
            '\u{E01EF}',
            '\u{200B}',
            '\u{200C}',
            '\u{200D}',
            '\u{2060}',
            '\u{E0020}',
            '\u{AD}',
            '\u{3164}',
            '\u{FEFF}',
            '\u{115F}',
            '\u{202E}',
        ] {
            for name in [format!("ada{scalar}"), format!("a{scalar}da"), format!("{scalar}ada")] {
                assert_eq!(check(&name), Err(BadName::Invisible), "{}", name.escape_unicode());
            }
        }
        for blank in [' ', '\u{A0}', '\u{3000}', '\u{2800}', '\u{2028}', '\u{1680}'] {
            for name in [format!("ada{blank}"), format!("{blank}ada"), blank.to_string()] {
                assert_eq!(check(&name), Err(BadName::BlankAtAnEnd), "{}", name.escape_unicode());
            }
        }
    }

    #[test]
    fn joiners_with_nothing_to_join_are_refused() {
        for name in ["🚀\u{200D}", "\u{200D}🚀", "🚀\u{200D}a", "می\u{200C}", "क\u{94D}\u{200D}"]
        {
            assert_eq!(check(name), Err(BadName::Invisible), "{}", name.escape_unicode());
        }
    }
}
