//! Titles within Ogg: the comments at the beginning of each logical stream, which a program sends anew with each title
//! (Vorbis I, section 5; RFC 7845, section 5.2; the mapping of FLAC into Ogg).

use crate::titles::Title;
use radio_signal::ogg::page::{FIRST, MAGIC, NoPage, PAGE_BYTES_MAX, Page};

/// Bytes of comments that are looked at. What is longer holds pictures, which come last.
const COMMENTS_BYTES_MAX: usize = 64 * 1024;
/// Comments that are looked at.
const COMMENTS_MAX: usize = 1000;
/// What the second packet of a stream begins with, before its comments: Vorbis, Opus, and FLAC's block of type 4.
const BEGINNINGS: [(&[u8], usize); 4] = [(b"\x03vorbis", 7), (b"OpusTags", 8), (b"\x04", 4), (b"\x84", 4)];

/// Finds titles in the bytes of a stream, in any chunking. What is no Ogg has none; damage costs a title at most.
#[derive(Debug, Default)]
pub struct Comments {
    bytes: Vec<u8>,
    /// The stream whose second packet is still to come, or has come in part.
    awaited: Option<(u32, Vec<u8>)>,
    is_other: bool,
    begun: bool,
}

impl Comments {
    /// Takes bytes; gives the titles that have become known by them.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Title> {
        let mut titles = Vec::new();
        if self.is_other {
            return titles;
        }
        for piece in bytes.chunks(PAGE_BYTES_MAX) {
            self.bytes.extend_from_slice(piece);
            self.look(&mut titles);
        }
        titles
    }

    fn look(&mut self, titles: &mut Vec<Title>) {
        let mut at = 0;
        while self.bytes.len() - at >= MAGIC.len() {
            let rest = &self.bytes[at..];
            match Page::read(rest) {
                Ok(page) => {
                    let lengths: Vec<usize> = rest[page.segments.clone()].iter().map(|&length| length.into()).collect();
                    let content = rest[page.content.clone()].to_vec();
                    at += page.content.end;
                    self.begun = true;
                    titles.extend(self.take(page.header.flags, page.header.stream, &lengths, &content));
                }
                Err(NoPage::Unfinished) => break,
                // Another format, or damage: the next page is looked for.
                Err(NoPage::Garbage) if !self.begun => {
                    *self = Self { is_other: true, ..Self::default() };
                    return;
                }
                Err(NoPage::Garbage) => {
                    let next = rest[1..].windows(MAGIC.len()).position(|window| window == MAGIC);
                    at += next.map_or(rest.len() - (MAGIC.len() - 1), |next| next + 1);
                }
            }
        }
        self.bytes.drain(..at);
    }

    /// One page.
    fn take(&mut self, flags: u8, stream: u32, lengths: &[usize], content: &[u8]) -> Option<Title> {
        if flags & FIRST != 0 {
            // Of several streams beside each other, the one that begins last.
            self.awaited = Some((stream, Vec::new()));
            return None;
        }
        let (awaited, packet) = self.awaited.as_mut()?;
        if *awaited != stream {
            return None;
        }
        let (mut from, mut is_whole) = (0, false);
        for &length in lengths {
            let room = COMMENTS_BYTES_MAX - packet.len();
            let segment = content.get(from..from + length).unwrap_or_default();
            packet.extend_from_slice(&segment[..length.min(room).min(segment.len())]);
            from += length;
            is_whole = length < 255;
            if is_whole {
                break;
            }
        }
        if !is_whole && packet.len() < COMMENTS_BYTES_MAX {
            return None;
        }
        let (_, packet) = self.awaited.take()?;
        title_of(&packet)
    }
}

/// The title that a packet of comments tells, if it is one and tells one.
pub(crate) fn title_of(packet: &[u8]) -> Option<Title> {
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
    use radio_signal::ogg::page::{PageHeader, write};

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

    fn stream(number: u32, first: &[u8], second: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let header = |flags, page| PageHeader { flags, granule: 0, stream: number, number: page };
        write(header(FIRST, 0), &[first], &mut bytes);
        write(header(0, 1), &[second, &[5; 700]], &mut bytes);
        write(header(0, 2), &[&[9; 3000]], &mut bytes);
        bytes
    }

    fn labels(bytes: &[u8], chunk: usize) -> Vec<String> {
        let mut reader = Comments::default();
        bytes.chunks(chunk).flat_map(|chunk| reader.push(chunk)).map(|title| title.label()).collect()
    }

    #[test]
    fn each_stream_of_a_chain_tells_its_title_in_any_chunking() {
        let chain = [
            stream(1, b"\x01vorbis", &comments(b"\x03vorbis", &["ARTIST=Nina Simone", "TITLE=Sinnerman, süß"])),
            stream(2, b"OpusHead", &comments(b"OpusTags", &["encoder=x", "Title=Feeling Good"])),
            stream(3, b"\x7fFLAC", &comments(b"\x84\0\0\x30", &["artist=A", "title=B", "title=C"])),
            stream(4, b"\x7fFLAC", &comments(b"\x04\0\0\x30", &["nothing"])),
        ]
        .concat();
        let wanted = ["Nina Simone - Sinnerman, süß", "Feeling Good", "A - B"];
        for chunk in [1, 7, 100, 4096, chain.len()] {
            assert_eq!(labels(&chain, chunk), wanted, "chunks of {chunk}");
        }
    }

    #[test]
    fn damage_costs_a_title_and_pictures_cost_none() {
        let picture = "p=".to_owned() + &"x".repeat(60_000);
        let second = comments(b"OpusTags", &["title=Two", &picture, &picture]);
        let mut long = Vec::new();
        let header = |flags, page| PageHeader { flags, granule: 0, stream: 8, number: page };
        write(header(FIRST, 0), &[b"OpusHead"], &mut long);
        write(header(0, 1), &[&second[..60_000]], &mut long);
        let mut chain = stream(1, b"OpusHead", &comments(b"OpusTags", &["title=One"]));
        chain[40] ^= 1;
        chain.extend(stream(2, b"OpusHead", &comments(b"OpusTags", &["title=Two", &picture])));
        assert_eq!(labels(&chain, 1000), ["Two"]);
        assert_eq!(labels(&long, 1000), ["Two"], "cut off");
        assert!(labels(&[b"ID3".as_slice(), &chain].concat(), 100).is_empty(), "another format is left alone");
    }

    proptest! {
        #[test]
        fn nothing_that_comes_is_too_much(bytes in prop::collection::vec(any::<u8>(), 0..2000), chunk in 1usize..500) {
            let mut reader = Comments::default();
            for chunk in [&stream(1, b"OpusHead", &bytes)[..], b"OggS", &bytes, b"OggS", &bytes].concat().chunks(chunk) {
                reader.push(chunk);
                prop_assert!(reader.bytes.len() <= 2 * PAGE_BYTES_MAX);
            }
        }
    }
}
