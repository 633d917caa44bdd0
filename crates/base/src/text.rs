//! Text for a log, a terminal and a page: that of strangers is made fit for them.

pub mod charset;

use std::borrow::Cow;

/// Whether a character has no place in a line of text: it steers terminals, ends lines, or turns
/// the order of what follows round. (Marks that only say how a letter is to be read stay: some
/// languages need them.)
#[must_use]
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` with a space in the place of each such character.
#[must_use]
pub fn cleaned(text: &str) -> Cow<'_, str> {
    if text.contains(is_control) { text.replace(is_control, " ").into() } else { text.into() }
}

/// Bytes of an unnamed charset as text: UTF-8, or else Latin-1, in which old programs write.
#[must_use]
pub fn utf8_or_latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// A length of time for people: `2.5 s`, `90 s`.
#[must_use]
pub fn seconds(ms: u64) -> String {
    if ms < 10_000 { format!("{:.1} s", ms as f64 / 1000.0) } else { format!("{} s", ms / 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_steers_a_terminal_ends_a_line_or_turns_text_round() {
        let bad = "a\u{1b}[2Jb\r\nc\u{85}d\u{9b}31me\u{2028}f\u{202e}g\u{2066}h\u{7f}\0i\tj";
        assert_eq!(cleaned(bad), "a [2Jb  c d 31me f g h  i j");
        for good in ["Caf\u{e9} \u{2013} \u{5e9}\u{200f}", "\u{1f468}\u{200d}\u{1f3a4}", ""] {
            assert!(matches!(cleaned(good), Cow::Borrowed(_)), "{good}");
        }
    }
}
