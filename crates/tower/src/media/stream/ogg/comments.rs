//! Titles within Ogg: the comments at the beginning of each logical stream, which a program sends anew with each title
//! (Vorbis I, section 5; RFC 7845, section 5.2; the mapping of FLAC into Ogg).

use crate::titles::Title;

/// Comments that are looked at.
const COMMENTS_MAX: usize = 1000;
/// What the second packet of a stream begins with, before its comments: Vorbis, Opus, and FLAC's block of type 4.
const BEGINNINGS: [(&[u8], usize); 4] = [(b"\x03vorbis", 7), (b"OpusTags", 8), (b"\x04", 4), (b"\x84", 4)];

/// The title that a packet of comments tells, if it is one and tells one.
#[must_use]
pub fn title_of(packet: &[u8]) -> Option<Title> {
    let skip = BEGINNINGS.iter().find_map(|(beginning, skip)| packet.starts_with(beginning).then_some(*skip))?;
    let mut rest = packet.get(skip..)?;
    let _vendor = text(&mut rest)?;
    let count = number(&mut rest)?;
    let (mut artist, mut title) = (String::new(), String::new());
    for _ in 0..count.min(COMMENTS_MAX) {
        // What is cut off tells nothing more; what stood before it counts.
        let Some(comment) = text(&mut rest) else { break };
        let comment = String::from_utf8_lossy(comment);
        let Some((name, value)) = comment.split_once('=') else { continue };
        match name.to_ascii_lowercase().as_str() {
            "artist" if artist.is_empty() => artist = value.to_owned(),
            "title" if title.is_empty() => title = value.to_owned(),
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

    fn comments(beginning: &[u8], comments: &[&str]) -> Vec<u8> {
        let mut packet = beginning.to_vec();
        let mut put = |text: &str| {
            packet.extend((text.len() as u32).to_le_bytes());
            packet.extend(text.as_bytes());
        };
        put("who wrote it");
        let (count, rest) = (comments.len() as u32, comments);
        packet.extend(count.to_le_bytes());
        for text in rest {
            packet.extend((text.len() as u32).to_le_bytes());
            packet.extend(text.as_bytes());
        }
        packet
    }

    fn label(packet: &[u8]) -> Option<String> {
        title_of(packet).map(|title| title.label())
    }

    #[test]
    fn comments_of_each_codec_tell_a_title_and_the_first_of_several_counts() {
        let vorbis = comments(b"\x03vorbis", &["ARTIST=Nina Simone", "TITLE=Sinnerman, süß"]);
        assert_eq!(label(&vorbis).as_deref(), Some("Nina Simone - Sinnerman, süß"));
        let opus = comments(b"OpusTags", &["encoder=x", "Title=Feeling Good"]);
        assert_eq!(label(&opus).as_deref(), Some("Feeling Good"));
        let flac = comments(b"\x84\0\0\x30", &["artist=A", "title=B", "title=C"]);
        assert_eq!(label(&flac).as_deref(), Some("A - B"));
        assert_eq!(label(&comments(b"\x04\0\0\x30", &["nothing"])), None);
        assert_eq!(label(b"anything"), None);
    }

    #[test]
    fn what_is_cut_off_tells_what_stood_before_it() {
        let picture = "p=".to_owned() + &"x".repeat(60_000);
        let packet = comments(b"OpusTags", &["title=Two", &picture, &picture]);
        assert_eq!(label(&packet[..70_000]).as_deref(), Some("Two"));
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
