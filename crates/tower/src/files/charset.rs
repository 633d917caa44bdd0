//! Text in tags, in the charset that it really has: many programs write their system's, whatever
//! the tag declares.

use encoding_rs::{Encoding, KOI8_R, UTF_16BE, UTF_16LE, WINDOWS_1251, WINDOWS_1252};

/// Letters in a row outside ASCII that no Western language has.
const RUN_MIN: usize = 3;

/// Text that is declared as Latin-1 or not at all: UTF-8 if it can be that, Cyrillic if it looks
/// like it, and otherwise Latin-1 in its extent of Windows.
pub(super) fn of_unknown(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let cyrillic = [WINDOWS_1251, KOI8_R].into_iter().find(|encoding| is_cyrillic(bytes, encoding));
    cyrillic.unwrap_or(WINDOWS_1252).decode_without_bom_handling(bytes).0.into_owned()
}

/// Whether each word with letters outside ASCII has no others, and is written in small letters, in
/// capitals, or with a capital in front: the other Cyrillic charset has them the other way round,
/// and Western text has such letters singly.
fn is_cyrillic(bytes: &[u8], encoding: &'static Encoding) -> bool {
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
    longest >= RUN_MIN
}

/// UTF-16, by its mark; without one, by where its zeros are, and otherwise as declared.
pub(super) fn of_utf16(bytes: &[u8], is_big: bool) -> String {
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
