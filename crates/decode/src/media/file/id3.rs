//! ID3v2, as often as it stands in front of a file, ID3v1 behind it, and the tags in RIFF and AIFF,
//! in whatever charset they really are.

use super::mastering::number_of;
use super::tags::{Cover, Tags, keep, year_of};
use radio_base::text::charset::{of_unknown, of_utf16};
use std::io::{self, Read, Seek, SeekFrom};

/// Tags in front of a file.
const TAGS_MAX: usize = 8;
/// Bytes that are read of one tag.
const TAG_BYTES_MAX: u64 = 4 << 20;
/// Frames of one tag.
const FRAMES_MAX: usize = 2000;
/// Chunks of RIFF and AIFF that are looked at.
const CHUNKS_MAX: usize = 100;
/// Bytes of the text of one field.
const TEXT_BYTES_MAX: usize = 4096;

const HEADER_BYTES: usize = 10;
const ID3V1_BYTES: i64 = 128;

/// The tags of one file, by their kind.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// ID3v2; of several, the first that says something.
    pub(super) id3v2: Tags,
    /// Vorbis comments.
    pub(super) comments: Tags,
    /// APE.
    pub(super) ape: Tags,
    /// RIFF's INFO, AIFF's texts.
    pub(super) info: Tags,
    /// ID3v1, which cuts off after 30 bytes.
    pub(super) id3v1: Tags,
}

/// Reads all of them; the position of `file` is anywhere afterwards.
pub(super) fn read(file: &mut (impl Read + Seek)) -> io::Result<Found> {
    let mut found = Found::default();
    file.rewind()?;
    let mut at = 0;
    for _ in 0..TAGS_MAX {
        match next_tag(file, &mut found)? {
            Some(bytes) => at += bytes,
            None => break,
        }
        file.seek(SeekFrom::Start(at))?;
    }
    file.seek(SeekFrom::Start(at))?;
    chunks(file, at, &mut found)?;
    if file.seek(SeekFrom::End(-ID3V1_BYTES)).is_ok() {
        let mut tag = [0; ID3V1_BYTES as usize];
        file.read_exact(&mut tag)?;
        found.id3v1 = id3v1(&tag);
    }
    Ok(found)
}

/// Reads the tag that begins here; how long it is with all that belongs to it.
fn next_tag(file: &mut impl Read, found: &mut Found) -> io::Result<Option<u64>> {
    let mut header = [0; HEADER_BYTES];
    if read_up_to(file, &mut header)? < HEADER_BYTES || !header.starts_with(b"ID3") || header[3] == 0xFF {
        return Ok(None);
    }
    let bytes = u64::from(synchsafe(&header[6..10]));
    let mut body = Vec::new();
    file.by_ref().take(bytes.min(TAG_BYTES_MAX)).read_to_end(&mut body)?;
    let read = frames(header[3], header[5], body);
    found.id3v2 = std::mem::take(&mut found.id3v2).or(read);
    let footer_bytes = if header[3] == 4 && header[5] & 0x10 != 0 { HEADER_BYTES as u64 } else { 0 };
    Ok(Some(HEADER_BYTES as u64 + bytes + footer_bytes))
}

/// The frames of one tag (id3.org: ID3v2.2.0, 2.3.0, 2.4.0).
fn frames(version: u8, flags: u8, mut body: Vec<u8>) -> Tags {
    const UNSYNCHRONISED: u8 = 0x80;
    const EXTENDED: u8 = 0x40;
    if flags & UNSYNCHRONISED != 0 && version < 4 {
        body = without_unsynchronisation(&body);
    }
    let mut rest = &body[..];
    if flags & EXTENDED != 0 && rest.len() >= 4 {
        let skipped = match version {
            3 => 4 + big_endian(&rest[..4]) as usize,
            4 => synchsafe(&rest[..4]) as usize,
            _ => 0,
        };
        rest = rest.get(skipped..).unwrap_or_default();
    }
    let mut fields = Fields::default();
    for _ in 0..FRAMES_MAX {
        let Some((id, content, behind)) = next_frame(version, flags & UNSYNCHRONISED != 0, rest) else { break };
        if let Some(content) = content {
            fields.take(id, &content);
        }
        rest = behind;
    }
    fields.tags.artist = fields.tags.artist.or_else(|| fields.tags.mastering.album_artist.clone());
    fields.tags.details.cover = fields.front.or(fields.tags.details.cover);
    fields.tags
}

/// A frame's name, its content if it can be read, and what follows it.
type Frame<'a> = (&'a [u8], Option<Vec<u8>>, &'a [u8]);

fn next_frame(version: u8, is_unsynchronised: bool, rest: &[u8]) -> Option<Frame<'_>> {
    let (id_bytes, head_bytes) = if version < 3 { (3, 6) } else { (4, 10) };
    let head = rest.get(..head_bytes)?;
    let (id, behind) = (&head[..id_bytes], &rest[head_bytes..]);
    if !is_id(id) {
        return None;
    }
    let bytes = match version {
        0..=2 => big_endian(&head[3..6]) as usize,
        3 => big_endian(&head[4..8]) as usize,
        _ => {
            // Some programs write the size as in 2.3: it is the one behind which a frame or the end
            // follows.
            let (right, wrong) = (synchsafe(&head[4..8]) as usize, big_endian(&head[4..8]) as usize);
            let follows = |bytes: usize| match behind.get(bytes..) {
                Some([]) => true,
                Some(next) => next[0] == 0 || next.get(..4).is_some_and(is_id),
                None => false,
            };
            if right != wrong && !follows(right) && follows(wrong) { wrong } else { right }
        }
    };
    // What the limit or a mistake has cut off is read as far as it is there.
    let (content, behind) = behind.split_at(bytes.min(behind.len()));
    let flags = if version < 3 { 0 } else { head[9] };
    let content = match version {
        3 if flags & 0xC0 != 0 => None,
        3 => content.get(usize::from(flags & 0x20 != 0)..).map(<[u8]>::to_vec),
        4 if flags & 0x0C != 0 => None,
        4 => {
            let skipped = usize::from(flags & 0x40 != 0) + if flags & 0x01 != 0 { 4 } else { 0 };
            let content = content.get(skipped..);
            let is_unsynchronised = is_unsynchronised || flags & 0x02 != 0;
            content.map(|content| if is_unsynchronised { without_unsynchronisation(content) } else { content.to_vec() })
        }
        _ => Some(content.to_vec()),
    };
    Some((id, content, behind))
}

fn is_id(id: &[u8]) -> bool {
    id.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[derive(Default)]
struct Fields {
    tags: Tags,
    front: Option<Cover>,
}

impl Fields {
    fn take(&mut self, id: &[u8], content: &[u8]) {
        let tags = &mut self.tags;
        match id {
            b"TIT2" | b"TT2" => keep_first(&mut tags.title, content),
            b"TPE1" | b"TP1" => keep_first(&mut tags.artist, content),
            b"TPE2" | b"TP2" => keep_first(&mut tags.mastering.album_artist, content),
            b"TRCK" | b"TRK" => {
                tags.mastering.track = tags.mastering.track.or_else(|| number_of(texts(content).first()?));
            }
            b"TPOS" | b"TPA" => {
                tags.mastering.disc = tags.mastering.disc.or_else(|| number_of(texts(content).first()?));
            }
            b"TXXX" | b"TXX" => {
                if let [name, value, ..] = &texts(content)[..] {
                    tags.mastering.take(name, value);
                }
            }
            b"TALB" | b"TAL" => keep_first(&mut tags.details.album, content),
            b"TPUB" | b"TPB" => keep_first(&mut tags.details.record_label, content),
            b"TSRC" | b"TRC" => keep_first(&mut tags.details.isrc, content),
            b"TDRC" | b"TYER" | b"TYE" | b"TDRL" | b"TDOR" | b"TORY" => {
                tags.details.year = tags.details.year.or_else(|| texts(content).iter().find_map(|text| year_of(text)));
            }
            b"APIC" | b"PIC" => {
                let (cover, is_front) = picture(id, content).unzip();
                if is_front == Some(true) {
                    self.front = self.front.take().or(cover.flatten());
                } else {
                    self.tags.details.cover = self.tags.details.cover.take().or(cover.flatten());
                }
            }
            _ => {}
        }
    }
}

fn keep_first(field: &mut Option<String>, content: &[u8]) {
    texts(content).iter().for_each(|text| keep(field, text));
}

/// The texts of a frame, of which there may be several with zeros between them.
fn texts(content: &[u8]) -> Vec<String> {
    let Some((&encoding, text)) = content.split_first() else { return Vec::new() };
    let text = &text[..text.len().min(TEXT_BYTES_MAX)];
    match encoding {
        1 | 2 => of_utf16(text, encoding == 2).split('\0').map(str::to_owned).collect(),
        0 | 3 => text.split(|&byte| byte == 0).map(of_unknown).collect(),
        // Text without a charset in front.
        _ => vec![of_unknown(&content[..content.len().min(TEXT_BYTES_MAX)])],
    }
}

/// A picture, if it is one, and whether it is that of the front.
fn picture(id: &[u8], content: &[u8]) -> Option<(Option<Cover>, bool)> {
    const FRONT: u8 = 3;
    let (&encoding, rest) = content.split_first()?;
    let rest = if id == b"PIC" { rest.get(3..)? } else { &rest[rest.iter().position(|&byte| byte == 0)? + 1..] };
    let (&kind, rest) = rest.split_first()?;
    let described = match encoding {
        1 | 2 => 2 + 2 * rest.chunks_exact(2).position(|pair| pair == [0, 0])?,
        _ => 1 + rest.iter().position(|&byte| byte == 0)?,
    };
    Some((Cover::of(&rest[described..]), kind == FRONT))
}

fn id3v1(tag: &[u8; ID3V1_BYTES as usize]) -> Tags {
    let mut tags = Tags::default();
    if !tag.starts_with(b"TAG") {
        return tags;
    }
    let text = |from: usize, bytes: usize| {
        let field = &tag[from..from + bytes];
        let field = field.split(|&byte| byte == 0).next().unwrap_or_default();
        // A character of UTF-8 that the end has cut.
        let whole = match std::str::from_utf8(field) {
            Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => &field[..error.valid_up_to()],
            _ => field,
        };
        of_unknown(whole)
    };
    keep(&mut tags.title, &text(3, 30));
    keep(&mut tags.artist, &text(33, 30));
    keep(&mut tags.details.album, &text(63, 30));
    tags.details.year = year_of(&text(93, 4));
    tags
}

/// The tags among the chunks of RIFF and AIFF.
fn chunks(file: &mut (impl Read + Seek), start: u64, found: &mut Found) -> io::Result<()> {
    let mut head = [0; 12];
    if read_up_to(file, &mut head)? < head.len() {
        return Ok(());
    }
    let is_little = match &head[..4] {
        b"RIFF" | b"RF64" | b"BW64" => true,
        b"FORM" => false,
        _ => return Ok(()),
    };
    let mut at = start + head.len() as u64;
    for _ in 0..CHUNKS_MAX {
        let mut head = [0; 8];
        file.seek(SeekFrom::Start(at))?;
        if read_up_to(file, &mut head)? < head.len() {
            break;
        }
        let size = if is_little { little_endian(&head[4..]) } else { big_endian(&head[4..]) };
        if head[..4].eq_ignore_ascii_case(b"id3 ") {
            next_tag(&mut file.by_ref().take(u64::from(size)), found)?;
        } else if &head[..4] == b"LIST" {
            let mut list = Vec::new();
            file.by_ref().take(u64::from(size).min(TAG_BYTES_MAX)).read_to_end(&mut list)?;
            if let Some(fields) = list.strip_prefix(b"INFO") {
                found.info = info(fields);
            }
        } else if !is_little && (&head[..4] == b"NAME" || &head[..4] == b"AUTH") {
            let mut text = Vec::new();
            file.by_ref().take(u64::from(size).min(TEXT_BYTES_MAX as u64)).read_to_end(&mut text)?;
            let field = if head.starts_with(b"N") { &mut found.info.title } else { &mut found.info.artist };
            keep(field, &of_unknown(text.split(|&byte| byte == 0).next().unwrap_or_default()));
        }
        at += 8 + u64::from(size) + u64::from(size % 2);
    }
    Ok(())
}

fn info(mut rest: &[u8]) -> Tags {
    let mut tags = Tags::default();
    for _ in 0..CHUNKS_MAX {
        let Some((head, behind)) = rest.split_at_checked(8) else { break };
        let size = little_endian(&head[4..]) as usize;
        let (content, behind) = behind.split_at(size.min(behind.len()));
        let text = of_unknown(content.split(|&byte| byte == 0).next().unwrap_or_default());
        match &head[..4] {
            b"INAM" => keep(&mut tags.title, &text),
            b"IART" => keep(&mut tags.artist, &text),
            b"IPRD" => keep(&mut tags.details.album, &text),
            b"ICRD" => tags.details.year = tags.details.year.or(year_of(&text)),
            _ => {}
        }
        rest = behind.get(size % 2..).unwrap_or_default();
    }
    tags
}

/// ID3v2 puts a zero behind 0xFF, so that no player takes a tag for audio.
fn without_unsynchronisation(bytes: &[u8]) -> Vec<u8> {
    let mut previous = 0;
    let is_kept = |byte: &&u8| {
        let is_kept = !(previous == 0xFF && **byte == 0);
        previous = **byte;
        is_kept
    };
    bytes.iter().filter(is_kept).copied().collect()
}

fn synchsafe(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| value << 7 | u32::from(byte & 0x7F))
}

fn big_endian(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

/// Bytes read; fewer than `buffer` holds only at the end of the file.
fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read(&mut buffer[read..])? {
            0 => break,
            bytes => read += bytes,
        }
    }
    Ok(read)
}
