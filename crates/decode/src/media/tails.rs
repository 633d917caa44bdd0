//! Tags in front of and behind the audio of a file: ID3v2, ID3v1, APE and Lyrics3.
//!
//! Programs put them around any format, and no demuxer but that of MP3 expects them: the last frame
//! of a FLAC file is lost when a tag follows it.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// Tags on one side of a file.
const TAGS_MAX: usize = 16;
/// Bytes of Lyrics3 of the first version, which states no size.
const LYRICS3_V1_BYTES_MAX: u64 = 5100;

const ID3V1_BYTES: u64 = 128;
/// The extended tag that stands before an ID3v1.
const ID3V1_EXTENDED_BYTES: u64 = 227;
/// Header of ID3v2, and its footer.
const ID3V2_HEADER_BYTES: u64 = 10;
/// Header of APE, and its footer.
const APE_HEADER_BYTES: u64 = 32;

/// Where the audio of a file is, and an APE tag behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The bytes between the tags.
    pub audio: Range<u64>,
    /// The items of an APE tag.
    pub ape: Option<Range<u64>>,
}

/// Finds the tags; the position of `file` is anywhere afterwards.
///
/// # Errors
/// The file cannot be read.
pub fn layout(file: &mut (impl Read + Seek)) -> io::Result<Layout> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut layout = Layout { audio: 0..end, ape: None };
    for _ in 0..TAGS_MAX {
        let Some(bytes) = tag_in_front(file, layout.audio.clone())? else { break };
        layout.audio.start += bytes;
    }
    for _ in 0..TAGS_MAX {
        let Some(bytes) = tag_behind(file, &mut layout)? else { break };
        layout.audio.end -= bytes;
    }
    Ok(layout)
}

/// The size of the ID3v2 with which `part` begins.
fn tag_in_front(file: &mut (impl Read + Seek), part: Range<u64>) -> io::Result<Option<u64>> {
    let header: Option<[u8; ID3V2_HEADER_BYTES as usize]> = bytes_at(file, &part, part.start)?;
    let Some(header) = header.filter(|header| header.starts_with(b"ID3")) else { return Ok(None) };
    Ok(id3v2_bytes(&header).filter(|&bytes| part.start + bytes < part.end))
}

/// The size of an ID3v2 with its header and footer, by either of them.
fn id3v2_bytes(header: &[u8; ID3V2_HEADER_BYTES as usize]) -> Option<u64> {
    let [.., version, _, flags, a, b, c, d] = *header;
    let size =
        [a, b, c, d].into_iter().try_fold(0, |sum, seven| (seven < 0x80).then(|| sum << 7 | u64::from(seven)))?;
    let footer = if version == 4 && flags & 0x10 != 0 { ID3V2_HEADER_BYTES } else { 0 };
    (version != 0xFF).then_some(ID3V2_HEADER_BYTES + size + footer)
}

/// The size of the tag with which the audio of `layout` ends.
fn tag_behind(file: &mut (impl Read + Seek), layout: &mut Layout) -> io::Result<Option<u64>> {
    let part = layout.audio.clone();
    let before_end = |bytes: u64| part.end.checked_sub(bytes).unwrap_or(u64::MAX);
    let fits = |bytes: &u64| *bytes <= part.end - part.start;

    if let Some(tag) = bytes_at::<{ ID3V1_BYTES as usize }>(file, &part, before_end(ID3V1_BYTES))?
        && is_id3v1(&tag)
    {
        let both = ID3V1_BYTES + ID3V1_EXTENDED_BYTES;
        let extended = bytes_at::<4>(file, &part, before_end(both))?.is_some_and(|id| id == *b"TAG+");
        return Ok(Some(if extended { both } else { ID3V1_BYTES }));
    }
    if let Some(footer) = bytes_at::<{ APE_HEADER_BYTES as usize }>(file, &part, before_end(APE_HEADER_BYTES))?
        && let Some((bytes, items)) = ape_bytes(&footer).filter(|(bytes, _)| fits(bytes))
    {
        let behind_items = part.end - APE_HEADER_BYTES;
        layout.ape = layout.ape.take().or(Some(behind_items - items..behind_items));
        return Ok(Some(bytes));
    }
    if let Some(footer) = bytes_at::<{ ID3V2_HEADER_BYTES as usize }>(file, &part, before_end(ID3V2_HEADER_BYTES))?
        && footer.starts_with(b"3DI")
        && let Some(bytes) = id3v2_bytes(&footer).filter(fits)
    {
        return Ok(Some(bytes));
    }
    let Some(id) = bytes_at::<15>(file, &part, before_end(15))? else { return Ok(None) };
    if id.ends_with(b"LYRICS200") {
        let digits = std::str::from_utf8(&id[..6]).ok().and_then(|digits| digits.parse::<u64>().ok());
        return Ok(digits.map(|size| size + 15).filter(fits));
    }
    if id.ends_with(b"LYRICSEND") { lyrics3_v1_bytes(file, &part) } else { Ok(None) }
}

/// Whether these bytes are an ID3v1: its texts have no control characters, which audio would have.
fn is_id3v1(tag: &[u8; ID3V1_BYTES as usize]) -> bool {
    let is_text = |byte: &u8| *byte == 0 || *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r');
    // The last two bytes of the comment may be the number of the track, and one is the genre.
    tag.starts_with(b"TAG") && tag[3..125].iter().all(is_text)
}

/// The size of an APE tag by its footer, and that of its items.
fn ape_bytes(footer: &[u8; APE_HEADER_BYTES as usize]) -> Option<(u64, u64)> {
    let number =
        |at: usize| u64::from(u32::from_le_bytes([footer[at], footer[at + 1], footer[at + 2], footer[at + 3]]));
    let (version, size, flags) = (number(8), number(12), number(20));
    let items = size.checked_sub(APE_HEADER_BYTES)?;
    let header = if flags & 1 << 31 != 0 { APE_HEADER_BYTES } else { 0 };
    (footer.starts_with(b"APETAGEX") && matches!(version, 1000 | 2000)).then_some((size + header, items))
}

fn lyrics3_v1_bytes(file: &mut (impl Read + Seek), part: &Range<u64>) -> io::Result<Option<u64>> {
    let start = part.end.saturating_sub(LYRICS3_V1_BYTES_MAX).max(part.start);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(part.end - start).read_to_end(&mut bytes)?;
    Ok(bytes.windows(11).rposition(|id| id == b"LYRICSBEGIN").map(|at| (bytes.len() - at) as u64))
}

/// The bytes at `at`, if they are all in `part`.
fn bytes_at<const N: usize>(file: &mut (impl Read + Seek), part: &Range<u64>, at: u64) -> io::Result<Option<[u8; N]>> {
    if at < part.start || at.checked_add(N as u64).is_none_or(|end| end > part.end) {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
#[path = "tails_tests.rs"]
mod tests;
