//! Guesses the charset of text in tags, titles and playlists: many programs write their system's,
//! whatever they declare.

use encoding_rs::{
    BIG5, EUC_KR, Encoding, GBK, IBM866, KOI8_R, SHIFT_JIS, UTF_16BE, UTF_16LE, WINDOWS_1250, WINDOWS_1251,
    WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255,
};
use std::borrow::Cow;

/// Letters in a row outside ASCII that no Western language has.
const RUN_MIN: usize = 3;
/// The same in text that is Unicode, and so right as a rule: `ÅÄÖ` is a word.
const RUN_MIN_UNICODE: usize = 4;

/// Text that is declared as Latin-1 or not at all: UTF-8 if it can be that, Cyrillic if it looks
/// like it, and otherwise Latin-1 in its extent of Windows.
#[must_use]
pub fn of_unknown(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    cyrillic(bytes, RUN_MIN).unwrap_or(WINDOWS_1252).decode_without_bom_handling(bytes).0.into_owned()
}

/// Text that a program has read in the wrong charset and written so as Unicode: `Ð¡Ð¿Ð»Ð¸Ð½`, `Ñïëèí`,
/// `BeyoncÃ©`. Its bytes, as they were, are read anew if they can be nothing but UTF-8 or Cyrillic.
#[must_use]
pub fn repaired(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let Some(bytes) = text.chars().map(byte_of_windows).collect::<Option<Vec<u8>>>() else { return text.into() };
    match std::str::from_utf8(&bytes) {
        Ok(right) => right.to_owned().into(),
        Err(_) => match cyrillic(&bytes, RUN_MIN_UNICODE) {
            Some(encoding) => encoding.decode_without_bom_handling(&bytes).0.into_owned().into(),
            None => text.into(),
        },
    }
}

/// The byte that Windows' charset or Latin-1 has for a character.
fn byte_of_windows(c: char) -> Option<u8> {
    if let Ok(byte) = u8::try_from(c) {
        return Some(byte);
    }
    let mut utf8 = [0; 4];
    match *WINDOWS_1252.encode(c.encode_utf8(&mut utf8)).0 {
        [byte] if !byte.is_ascii() => Some(byte),
        _ => None,
    }
}

/// The charsets that a name of unknown charset may be in, the likeliest first.
pub fn likely(bytes: &[u8]) -> impl Iterator<Item = &'static Encoding> {
    let first = cyrillic(bytes, RUN_MIN).unwrap_or(WINDOWS_1252);
    // Of Windows and DOS, by the number of people who used them.
    let others = [
        WINDOWS_1252,
        WINDOWS_1251,
        WINDOWS_1250,
        GBK,
        SHIFT_JIS,
        EUC_KR,
        BIG5,
        WINDOWS_1253,
        WINDOWS_1254,
        WINDOWS_1255,
        IBM866,
        KOI8_R,
    ];
    std::iter::once(first).chain(others.into_iter().filter(move |encoding| *encoding != first))
}

fn cyrillic(bytes: &[u8], run_min: usize) -> Option<&'static Encoding> {
    [WINDOWS_1251, KOI8_R].into_iter().find(|encoding| is_cyrillic(bytes, encoding, run_min))
}

/// Whether each word with letters outside ASCII has no others, and is written in small letters, in
/// capitals, or with a capital in front: the other Cyrillic charset has them the other way round,
/// and Western text has such letters singly.
fn is_cyrillic(bytes: &[u8], encoding: &'static Encoding, run_min: usize) -> bool {
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    let words = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_ascii());
    let mut longest = 0;
    for word in words {
        let letters: Vec<char> = word.chars().collect();
        let is_small = |c: &char| c.is_lowercase();
        let has_shape = letters.iter().skip(1).all(is_small) || !letters.iter().any(is_small);
        if !has_shape || !letters.iter().all(|c| ('\u{400}'..'\u{460}').contains(c)) {
            return false;
        }
        longest = longest.max(letters.len());
    }
    longest >= run_min
}

/// UTF-16, by its mark; without one, by where its zeros are, and otherwise as declared.
#[must_use]
pub fn of_utf16(bytes: &[u8], is_big: bool) -> String {
    let bytes = &bytes[..bytes.len() - bytes.len() % 2];
    let zeros = |parity: usize| bytes.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) if encoding != encoding_rs::UTF_8 => encoding,
        _ if is_big => UTF_16BE,
        _ if zeros(0) > zeros(1) => UTF_16BE,
        _ => UTF_16LE,
    };
    // Each of several texts may have a mark of its own.
    encoding.decode_without_bom_handling(bytes).0.replace(['\u{FEFF}', '\u{FFFE}'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_in_the_charset_that_it_has() {
        let cases: [(&[u8], &str); 12] = [
            ("Beyoncé".as_bytes(), "Beyoncé"),
            (b"Beyonc\xe9", "Beyoncé"),
            (b"Don\x92t \x96 \x80 5", "Don’t – € 5"),
            (b"Fran\xe7oise Hardy: No\xebl \xe0 la cr\xe8che", "Françoise Hardy: Noël à la crèche"),
            (b"D\xe9\xe9sse", "Déésse"),
            (b"\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"),
            (b"\xca\xe8\xed\xee - \xc3\xf0\xf3\xef\xef\xe0 \xea\xf0\xee\xe2\xe8 (Live)", "Кино - Группа крови (Live)"),
            (b"\xc0\xd0\xc8\xdf", "АРИЯ"),
            (b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"),
            (b"\xc5 i \xe5a \xe4 e \xf6", "Å i åa ä e ö"),
            (b"\xdcber \xd6l", "Über Öl"),
            (b"", ""),
        ];
        for (bytes, text) in cases {
            assert_eq!(of_unknown(bytes), text);
        }
    }

    #[test]
    fn text_that_was_read_wrongly_before_it_was_written_is_read_anew() {
        let cases = [
            ("BeyoncÃ©", "Beyoncé"),
            ("Ð¡Ð¿Ð»Ð¸Ð½", "Сплин"),
            ("Ñïëèí", "Сплин"),
            ("Êèíî - Ãðóïïà êðîâè (Live)", "Кино - Группа крови (Live)"),
            ("Donâ€™t", "Don’t"),
            ("ÅÄÖ", "ÅÄÖ"),
            ("Café del Mar", "Café del Mar"),
            ("Déésse", "Déésse"),
            ("Für Élise", "Für Élise"),
            ("Ælfrǣd Š", "Ælfrǣd Š"),
            ("Сплин", "Сплин"),
            ("東京", "東京"),
            ("plain", "plain"),
        ];
        for (written, meant) in cases {
            assert_eq!(repaired(written), meant);
        }
    }

    #[test]
    fn utf_16_is_read_whichever_way_it_is_written() {
        let written = |is_big: bool, has_mark: bool| -> Vec<u8> {
            let units = "\u{FEFF}Señor".encode_utf16().skip(usize::from(!has_mark));
            units.flat_map(|unit| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        for (is_big, has_mark) in [(false, true), (true, true), (false, false), (true, false)] {
            assert_eq!(of_utf16(&written(is_big, has_mark), is_big && !has_mark), "Señor");
        }
        assert_eq!(of_utf16(&[], false), "");
        assert_eq!(of_utf16(b"x", true), "");
    }
}
