//! Dictionaries in libFuzzer's format: one quoted word a line, with an optional name before it.

use super::corpus::workspace;

/// The words of a dictionary in `fuzz`.
pub(crate) fn read(file: &str) -> Vec<Vec<u8>> {
    let path = workspace().join("fuzz").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let words = parse(&text).unwrap_or_else(|line| panic!("{}: no dictionary line: {line}", path.display()));
    assert!(!words.is_empty(), "{}: no words", path.display());
    words
}

/// The words of `text`, or the first line that holds none.
fn parse(text: &str) -> Result<Vec<Vec<u8>>, &str> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| word(line).ok_or(line)).collect()
}

/// What stands between the quotes, with `\xNN`, `\\` and `\"` decoded.
fn word(line: &str) -> Option<Vec<u8>> {
    let quoted = line.split_once('"')?.1.strip_suffix('"')?;
    let (mut word, mut rest) = (Vec::new(), quoted.as_bytes());
    loop {
        rest = match rest {
            [] => return Some(word),
            [b'\\', b'x', high, low, rest @ ..] => {
                let digits = [*high, *low];
                word.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                rest
            }
            [b'\\', escaped @ (b'\\' | b'"'), rest @ ..] => {
                word.push(*escaped);
                rest
            }
            [b'\\' | b'"', ..] => return None,
            [byte, rest @ ..] => {
                word.push(*byte);
                rest
            }
        };
    }
}

#[test]
fn words_are_read_as_libfuzzer_reads_them() {
    let text = "# a comment\n\n\"TAG\"\nname=\"\\xFF\\xfb\\\"\\\\\"\n";
    assert_eq!(parse(text), Ok(vec![b"TAG".to_vec(), b"\xFF\xFB\"\\".to_vec()]));
    for bad in ["TAG", "\"TAG", "\"\\x4\"", "\"\\n\"", "\"a\"b\""] {
        assert_eq!(parse(bad), Err(bad));
    }
}
