//! Titles within Ogg: the comments at the beginning of each logical stream, which a program sends anew with each title
//! (Vorbis I, section 5; RFC 7845, section 5.2; the mapping of FLAC into Ogg).

use radio_base::text::charset::of_unknown;
use radio_base::title::Title;

/// Comments that are looked at.
const COMMENTS_MAX: usize = 1000;
/// What the second packet of a stream begins with, before its comments: Vorbis, Opus, and FLAC's block of type 4.
const BEGINNINGS: [(&[u8], usize); 4] = [(b"\x03vorbis", 7), (b"OpusTags", 8), (b"\x04", 4), (b"\x84", 4)];

/// The comments of a packet, each as its name in small letters and its value; `None`: it holds none.
pub(crate) fn comments(packet: &[u8]) -> Option<impl Iterator<Item = (String, &[u8])>> {
    let skip = BEGINNINGS.iter().find_map(|(beginning, skip)| packet.starts_with(beginning).then_some(*skip))?;
    let mut rest = packet.get(skip..)?;
    let _vendor = text(&mut rest)?;
    let count = number(&mut rest)?.min(COMMENTS_MAX);
    // What is cut off holds nothing more; what stood before it counts.
    let each = std::iter::from_fn(move || text(&mut rest)).take(count);
    Some(each.filter_map(|comment| {
        let at = comment.iter().position(|&byte| byte == b'=')?;
        Some((String::from_utf8_lossy(&comment[..at]).to_ascii_lowercase(), &comment[at + 1..]))
    }))
}

/// The title that a packet of comments tells, if it is one and tells one.
#[must_use]
pub fn title_of(packet: &[u8]) -> Option<Title> {
    let (mut artist, mut title) = (String::new(), String::new());
    for (name, value) in comments(packet)? {
        match name.as_str() {
            "artist" if artist.is_empty() => artist = of_unknown(value),
            "title" if title.is_empty() => title = of_unknown(value),
            _ => {}
        }
    }
    Some(Title::new(&artist, &title, "")).filter(|title| !title.is_empty())
}

fn number(rest: &mut &[u8]) -> Option<usize> {
    let (bytes, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(beginning: &[u8], comments: &[impl AsRef<[u8]>]) -> Vec<u8> {
        let put = |text: &[u8]| [&(text.len() as u32).to_le_bytes()[..], text].concat();
        let count = (comments.len() as u32).to_le_bytes();
        let each = comments.iter().flat_map(|text| put(text.as_ref()));
        [beginning, &put(b"name of the program"), &count].concat().into_iter().chain(each).collect()
    }

    fn label(packet: &[u8]) -> Option<String> {
        title_of(packet).map(|title| title.label())
    }

    #[test]
    fn comments_of_each_codec_tell_a_title_and_the_first_of_several_counts() {
        let vorbis = packet(b"\x03vorbis", &["ARTIST=Nina Simone", "TITLE=Sinnerman, süß"]);
        assert_eq!(label(&vorbis).as_deref(), Some("Nina Simone - Sinnerman, süß"));
        let opus = packet(b"OpusTags", &["encoder=x", "Title=Feeling Good"]);
        assert_eq!(label(&opus).as_deref(), Some("Feeling Good"));
        let flac = packet(b"\x84\0\0\x30", &["artist=A", "title=B", "title=C"]);
        assert_eq!(label(&flac).as_deref(), Some("A - B"));
        assert_eq!(label(&packet(b"\x04\0\0\x30", &["nothing"])), None);
        assert_eq!(label(b"anything"), None);
        let latin1 = packet(b"\x03vorbis", &[&b"ARTIST=Bj\xf6rk"[..], b"TITLE=J\xf3ga"]);
        assert_eq!(label(&latin1).as_deref(), Some("Björk - Jóga"));
    }

    #[test]
    fn what_is_cut_off_tells_what_stood_before_it() {
        let picture = "p=".to_owned() + &"x".repeat(60_000);
        let cut = packet(b"OpusTags", &["title=Two", &picture, &picture]);
        assert_eq!(label(&cut[..70_000]).as_deref(), Some("Two"));
    }

    proptest! {
        #[test]
        fn nothing_that_comes_is_too_much(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            for (beginning, _) in BEGINNINGS {
                let _whatever_it_is = title_of(&[beginning, &bytes].concat());
            }
        }
    }
}
