//! The items of an APE tag.

use super::mastering::number_of;
use super::tags::{Cover, Tags, keep, year_of};
use radio_base::text::charset::of_unknown;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// Bytes that are read of one tag.
const TAG_BYTES_MAX: u64 = 4 << 20;
const ITEMS_MAX: usize = 200;

/// Reads the tag whose items are in `items`.
///
/// # Errors
/// The file cannot be read.
pub(super) fn read(file: &mut (impl Read + Seek), items: Range<u64>) -> io::Result<Tags> {
    file.seek(SeekFrom::Start(items.start))?;
    let mut bytes = Vec::new();
    file.take((items.end - items.start).min(TAG_BYTES_MAX)).read_to_end(&mut bytes)?;
    let (mut tags, mut rest) = (Tags::default(), &bytes[..]);
    for _ in 0..ITEMS_MAX {
        let Some((key, value, behind)) = next_item(rest) else { break };
        take(&mut tags, key, value);
        rest = behind;
    }
    Ok(tags)
}

/// The name of an item, its value, and what follows it.
fn next_item(rest: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (head, rest) = rest.split_first_chunk::<8>()?;
    let bytes = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let name_bytes = rest.iter().position(|&byte| byte == 0)?;
    let (value, behind) = rest[name_bytes + 1..].split_at_checked(bytes)?;
    Some((&rest[..name_bytes], value, behind))
}

fn take(tags: &mut Tags, key: &[u8], value: &[u8]) {
    let details = &mut tags.details;
    let key = String::from_utf8_lossy(key).to_ascii_lowercase();
    // Several values have zeros between them.
    let text = of_unknown(value.split(|&byte| byte == 0).next().unwrap_or_default());
    match key.as_str() {
        "title" => keep(&mut tags.title, &text),
        "artist" => keep(&mut tags.artist, &text),
        "album" => keep(&mut details.album, &text),
        "label" | "publisher" => keep(&mut details.record_label, &text),
        "isrc" => keep(&mut details.isrc, &text),
        "year" | "record date" => details.year = details.year.or(year_of(&text)),
        "cover art (front)" => {
            // A name of the picture's file stands before it.
            let picture = value.iter().position(|&byte| byte == 0).map(|end| &value[end + 1..]);
            details.cover = details.cover.take().or(picture.and_then(Cover::of));
        }
        "album artist" | "albumartist" => keep(&mut tags.mastering.album_artist, &text),
        "track" => tags.mastering.track = tags.mastering.track.or(number_of(&text)),
        "disc" => tags.mastering.disc = tags.mastering.disc.or(number_of(&text)),
        other => tags.mastering.take(other, &text),
    }
}
