//! The form in which players that sent `Icy-MetaData: 1` get a title. The length byte and the padding are the fan-out's.

use radio_base::title::Title;
use radio_config::Charset;

/// Bytes of the title's part at most; with the address it stays under the 4080 of a block.
const LABEL_BYTES_MAX: usize = 2048;
/// An address that is longer is left out: a part of one is of no use.
const URL_BYTES_MAX: usize = 1024;

/// The block for `title`; without one, a block that takes the last title away.
#[must_use]
pub fn block(title: Option<&Title>, charset: Charset) -> Vec<u8> {
    let empty = Title::default();
    let title = title.unwrap_or(&empty);
    let mut block = b"StreamTitle='".to_vec();
    block.extend(cut(&encode(&title.label(), charset), charset));
    block.extend(b"';");
    let url = encode(&title.url, charset);
    if !url.is_empty() && url.len() <= URL_BYTES_MAX {
        block.extend(b"StreamUrl='");
        block.extend(url);
        block.extend(b"';");
    }
    block
}

/// There is no escape for `'`: parsers look for the first `';`, so that pair must not occur within.
fn encode(text: &str, charset: Charset) -> Vec<u8> {
    let text = text.replace("';", "' ;");
    match charset {
        Charset::Utf8 => text.into_bytes(),
        Charset::Latin1 => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(),
    }
}

/// The first bytes, without a part of a character.
fn cut(bytes: &[u8], charset: Charset) -> &[u8] {
    if bytes.len() <= LABEL_BYTES_MAX {
        return bytes;
    }
    let is_boundary = |at: &usize| charset == Charset::Latin1 || bytes[*at] & 0xc0 != 0x80;
    let end = (0..=LABEL_BYTES_MAX).rev().find(is_boundary).unwrap_or(0);
    &bytes[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(title: &Title) -> String {
        String::from_utf8(block(Some(title), Charset::Utf8)).unwrap()
    }

    #[test]
    fn players_find_title_and_address_between_quotes() {
        assert_eq!(text(&Title::new("Sting", "It's Probably Me", "")), "StreamTitle='Sting - It's Probably Me';");
        assert_eq!(text(&Title::new("", "A", "http://x/a.jpg")), "StreamTitle='A';StreamUrl='http://x/a.jpg';");
        assert_eq!(block(None, Charset::Utf8), b"StreamTitle='';");
    }

    #[test]
    fn a_title_cannot_end_its_own_quotes() {
        assert_eq!(text(&Title::new("", "a';StreamUrl='evil", "")), "StreamTitle='a' ;StreamUrl='evil';");
    }

    #[test]
    fn latin_1_is_one_byte_each_and_says_so_when_it_lacks_a_character() {
        assert_eq!(block(Some(&Title::new("", "ö–", "")), Charset::Latin1), b"StreamTitle='\xf6?';");
    }

    #[test]
    fn the_longest_title_fits_a_block_and_no_character_is_cut() {
        let long = "\u{1f4fb}".repeat(5000);
        let title = Title::new(&long, &long, &long);
        let block = block(Some(&title), Charset::Utf8);
        assert!(block.len() <= 255 * 16, "{}", block.len());
        assert!(std::str::from_utf8(&block).is_ok());
        assert!(!text(&title).contains("StreamUrl"), "too long an address is left out");
    }

    proptest! {
        #[test]
        fn icy_metadata_of_any_title_fits_its_block_and_is_read_back_by_a_player(
            artist in "\\PC{0,600}", title in "\\PC{0,1200}|[';= -~]{0,1200}", url in "[ -~]{0,1500}", is_latin1: bool,
        ) {
            let charset = if is_latin1 { Charset::Latin1 } else { Charset::Utf8 };
            let made = block(Some(&Title::new(&artist, &title, &url)), charset);
            prop_assert!(made.len() <= 4080, "{} bytes", made.len());
            // A player looks for the first `';` behind what it knows.
            let rest = made.strip_prefix(b"StreamTitle='").expect("it begins so");
            let end = rest.windows(2).position(|pair| pair == b"';").expect("it ends");
            let behind = &rest[end + 2..];
            prop_assert!(behind.is_empty() || behind.starts_with(b"StreamUrl='") && behind.ends_with(b"';"));
        }
    }
}
