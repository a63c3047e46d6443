//! Text that is shown to readers: the one list of characters that hide, blank or reorder it, from Unicode's own data.

use icu_properties::props::{
    BidiControl, CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EmojiModifier, ExtendedPictographic,
    GeneralCategory, JoiningType,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Why a text is not shown as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidText {
    /// Nothing of it is visible.
    #[error("has at least one visible character")]
    Blank,
    /// A character that hides, blanks or reorders text.
    #[error("has U+{:04X}, which hides or reorders text", u32::from(*.0))]
    Hidden(char),
    /// An embedding or an isolate of another direction that does not end, or an end without a start.
    #[error("has a change of the text's direction that does not start and end in the same line")]
    Unbalanced,
}

/// Symbols and marks that are drawn as nothing, although Unicode's properties do not say so: the blanks of Braille, of
/// musical notes, of Egyptian hieroglyphs and of Khitan, and the placeholder of an object.
const BLANKS: [char; 6] = ['\u{2800}', '\u{1d159}', '\u{13441}', '\u{13442}', '\u{16fe4}', '\u{fffc}'];

/// The flags of England, Scotland and Wales, the only sequences of tag characters that are emoji.
const TAGGED_FLAGS: [&str; 3] = [
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
];

/// Whether a character shows nothing, is drawn differently by each font, or reorders the text around it. A space is
/// white space, which is not hidden.
pub fn is_hidden(c: char) -> bool {
    let category = matches!(
        category(c),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    category || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) || BLANKS.contains(&c)
}

/// Checks a name, which others see beside texts that are not its author's: visible, and without a hidden character. Joiners
/// and variation selectors are allowed where a script or an emoji needs them.
pub fn check_name(text: &str) -> Result<(), InvalidText> {
    match hidden(text).next() {
        Some((_, c)) => Err(InvalidText::Hidden(c)),
        None => check_visible(text),
    }
}

/// Checks one line of a message, such as its title: a name that may also have directional marks, and other directions from
/// their start to their end, as texts with right-to-left scripts do.
pub fn check_line(text: &str) -> Result<(), InvalidText> {
    if let Some((_, c)) = hidden(text).find(|(_, c)| !is_direction(*c)) {
        return Err(InvalidText::Hidden(c));
    }
    check_directions(text)?;
    check_visible(text)
}

/// Checks a message of several lines: without control characters, and each line with its directions balanced. It may be
/// blank, and have hidden characters that reorder nothing.
pub fn check_message(text: &str) -> Result<(), InvalidText> {
    let is_line_end = |c| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}');
    let control = |c: &char| category(*c) == GeneralCategory::Control && *c != '\t' && !is_line_end(*c);
    match text.chars().find(control) {
        Some(c) => Err(InvalidText::Hidden(c)),
        None => text.split(is_line_end).try_for_each(check_directions),
    }
}

/// The text without its hidden characters.
pub fn without_hidden(text: &str) -> String {
    let hidden: Vec<usize> = hidden(text).map(|(at, _)| at).collect();
    text.char_indices().filter(|(at, _)| hidden.binary_search(at).is_err()).map(|(_, c)| c).collect()
}

/// The hidden characters of a text with their places, but for those that a script or an emoji needs there.
fn hidden(text: &str) -> impl Iterator<Item = (usize, char)> {
    let needed = |at: usize, c: char| {
        let (before, after) = (&text[..at], &text[at + c.len_utf8()..]);
        match c {
            '\u{200c}' | '\u{200d}' => joins_letters(before, after) || (c == '\u{200d}' && joins_emoji(before, after)),
            '\u{fe0e}' | '\u{fe0f}' => varies_emoji(before, after),
            '\u{e0020}'..='\u{e007f}' => ends_flag(before, c),
            _ => false,
        }
    };
    text.char_indices().filter(move |(at, c)| is_hidden(*c) && !needed(*at, *c))
}

/// Whether a joiner changes how the letters around it are drawn (RFC 5892, appendix A.1): after a virama, or between letters
/// that connect.
fn joins_letters(before: &str, after: &str) -> bool {
    let class = CodePointMapData::<CanonicalCombiningClass>::new();
    if before.chars().next_back().is_some_and(|c| class.get(c) == CanonicalCombiningClass::Virama) {
        return true;
    }
    let joining = CodePointMapData::<JoiningType>::new();
    let transparent = |c: &char| joining.get(*c) == JoiningType::Transparent && !is_hidden(*c);
    let before = before.chars().rev().find(|c| !transparent(c)).map(|c| joining.get(c));
    let after = after.chars().find(|c| !transparent(c)).map(|c| joining.get(c));
    matches!(before, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(after, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// Whether a joiner makes one emoji of two.
fn joins_emoji(before: &str, after: &str) -> bool {
    let modifier = CodePointSetData::new::<EmojiModifier>();
    let pictograph = CodePointSetData::new::<ExtendedPictographic>();
    let first = before.strip_suffix('\u{fe0f}').unwrap_or(before);
    let first = first.strip_suffix(|c| modifier.contains(c)).unwrap_or(first);
    let is_pictograph = |c: Option<char>| c.is_some_and(|c| pictograph.contains(c));
    is_pictograph(first.chars().next_back()) && is_pictograph(after.chars().next())
}

/// Whether a variation selector chooses between the text and the picture of an emoji. A digit has a picture in a keycap only.
fn varies_emoji(before: &str, after: &str) -> bool {
    let emoji = |c: char| CodePointSetData::new::<Emoji>().contains(c);
    before.chars().next_back().is_some_and(|c| emoji(c) && (!c.is_ascii() || after.starts_with('\u{20e3}')))
}

/// Whether a tag character continues a flag.
fn ends_flag(before: &str, c: char) -> bool {
    let begun = before.rfind('\u{1f3f4}').map(|at| format!("{}{c}", &before[at..]));
    begun.is_some_and(|begun| TAGGED_FLAGS.iter().any(|flag| flag.starts_with(&begun)))
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// Whether a character is for text of two directions. An override is not: it shows letters in an order that no script has.
fn is_direction(c: char) -> bool {
    CodePointSetData::new::<BidiControl>().contains(c) && !matches!(c, '\u{202d}' | '\u{202e}')
}

/// Checks that a line has no override, and that its embeddings and isolates are balanced, so that it reorders nothing after
/// it.
fn check_directions(line: &str) -> Result<(), InvalidText> {
    const POP_EMBEDDING: char = '\u{202c}';
    const POP_ISOLATE: char = '\u{2069}';
    let mut open = Vec::new();
    for c in line.chars() {
        match c {
            '\u{202d}' | '\u{202e}' => return Err(InvalidText::Hidden(c)),
            '\u{202a}' | '\u{202b}' => open.push(POP_EMBEDDING),
            '\u{2066}'..='\u{2068}' => open.push(POP_ISOLATE),
            POP_EMBEDDING | POP_ISOLATE if open.pop() != Some(c) => return Err(InvalidText::Unbalanced),
            _ => {}
        }
    }
    if open.is_empty() { Ok(()) } else { Err(InvalidText::Unbalanced) }
}

/// Checks that a text has a visible character. A mark alone has no letter to be drawn on.
fn check_visible(text: &str) -> Result<(), InvalidText> {
    let is_mark = |c| matches!(category(c), GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark);
    let visible = text.chars().any(|c| !c.is_whitespace() && !is_hidden(c) && !is_mark(c));
    if visible { Ok(()) } else { Err(InvalidText::Blank) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters that hide, blank or reorder, of every kind.
    const HIDDEN: [char; 44] = [
        '\0',
        '\t',
        '\n',
        '\r',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{ad}',
        '\u{34f}',
        '\u{378}',
        '\u{600}',
        '\u{61c}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{180b}',
        '\u{180e}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202e}',
        '\u{2060}',
        '\u{2064}',
        '\u{2066}',
        '\u{2069}',
        '\u{206f}',
        '\u{2800}',
        '\u{3164}',
        '\u{e000}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{fffc}',
        '\u{1d173}',
        '\u{e0041}',
        '\u{e0100}',
        '\u{e0fff}',
        '\u{10ffff}',
    ];

    /// Words and emoji whose joiners, selectors and tags are seen.
    const NEEDED: [&str; 12] = [
        "می\u{200c}خواهم",
        "क\u{94d}\u{200d}ष",
        "क\u{94d}\u{200c}ष",
        "👩\u{200d}🚀",
        "👩🏽\u{200d}🚀",
        "❤\u{fe0f}\u{200d}🔥",
        "👨\u{200d}👩\u{200d}👧",
        "❤\u{fe0f} ☎\u{fe0e}",
        "1\u{fe0f}\u{20e3}",
        "🏳\u{fe0f}\u{200d}🌈",
        TAGGED_FLAGS[0],
        TAGGED_FLAGS[2],
    ];

    #[test]
    fn a_name_has_no_hidden_character() {
        for c in HIDDEN {
            for name in
                [format!("Shop{c}"), format!("{c}Shop"), format!("Sh{c}op"), format!("Шо{c}п"), format!("店{c}店")]
            {
                assert_eq!(check_name(&name), Err(InvalidText::Hidden(c)), "{name:?}");
            }
        }
        for name in ["Webshop", "Übung ✓", "日本語", "日\u{3000}本", "שלום", "عربى", "a\u{301}", "🇩🇪", "👍🏽", "ß\u{a0}ß"]
        {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn joiners_selectors_and_tags_are_allowed_where_they_are_seen() {
        for name in NEEDED {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
            assert_eq!(without_hidden(name), name);
        }
        for name in [
            "1\u{fe0f}",
            "a\u{fe0f}",
            "👩\u{200d}",
            "\u{200d}👩",
            "👩\u{200d}\u{200d}🚀",
            "❤\u{fe0f}\u{fe0f}",
            "👩\u{200d}x",
            "é\u{200d}é",
            "م\u{200c}\u{200c}م",
            "🏴\u{e0067}\u{e0061}",
            "🏴x\u{e0067}",
            "👍\u{e0067}",
        ] {
            assert!(matches!(check_name(name), Err(InvalidText::Hidden(_))), "{name:?}");
        }
    }

    #[test]
    fn a_name_and_a_line_show_something() {
        for text in ["", " ", "\u{a0}\u{3000}", "\u{2003}\u{301}", "\u{300}"] {
            assert_eq!(check_name(text), Err(InvalidText::Blank), "{text:?}");
            assert_eq!(check_line(text), Err(InvalidText::Blank), "{text:?}");
        }
        for text in ["\u{200f}", "\u{2068}\u{2069}", " \u{61c} "] {
            assert_eq!(check_line(text), Err(InvalidText::Blank), "{text:?}");
        }
    }

    #[test]
    fn a_line_has_balanced_directions_and_no_other_hidden_character() {
        for c in HIDDEN.into_iter().filter(|c| !is_direction(*c)) {
            assert_eq!(check_line(&format!("Sh{c}op")), Err(InvalidText::Hidden(c)), "{c:?}");
        }
        for line in ["שלום\u{200f}!", "\u{2068}Ada\u{2069} says שלום", "\u{202b}שלום\u{202c}", "a\u{61c}b\u{200e}"]
        {
            assert_eq!(check_line(line), Ok(()), "{line:?}");
        }
        assert_eq!(check_line("a\u{202d}b\u{202c}"), Err(InvalidText::Hidden('\u{202d}')));
        for line in [
            "\u{2068}a",
            "a\u{2069}",
            "\u{2067}\u{202c}a\u{2069}",
            "\u{202a}a",
            "a\u{202c}",
            "\u{2066}\u{202b}a\u{2069}",
        ] {
            assert_eq!(check_line(line), Err(InvalidText::Unbalanced), "{line:?}");
        }
    }

    #[test]
    fn a_message_has_lines_with_balanced_directions_and_no_control_character() {
        for message in ["", " ", "a\nb\r\n\tc", "a\u{200b}b\u{ad}\u{feff}", "\u{2067}א\u{2069}\n\u{202a}b\u{202c}"] {
            assert_eq!(check_message(message), Ok(()), "{message:?}");
        }
        for c in ['\0', '\u{8}', '\u{1b}', '\u{7f}', '\u{85}', '\u{202d}', '\u{202e}'] {
            assert_eq!(check_message(&format!("a{c}b\u{202c}")), Err(InvalidText::Hidden(c)), "{c:?}");
        }
        for message in ["\u{2067}א\n\u{2069}", "\u{202b}a", "a\u{202c}", "\u{2066}a\u{2029}\u{2069}"] {
            assert_eq!(check_message(message), Err(InvalidText::Unbalanced), "{message:?}");
        }
    }

    #[test]
    fn a_text_without_its_hidden_characters_has_none() {
        for c in HIDDEN {
            assert_eq!(without_hidden(&format!("A{c}d{c}{c}a")), "Ada", "{c:?}");
        }
    }
}
