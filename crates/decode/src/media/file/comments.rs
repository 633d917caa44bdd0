//! The text of Vorbis comments in FLAC and Ogg files, in the charset that it really has.

use super::mastering::number_of;
use super::tags::{Tags, keep, year_of};
use crate::media::stream::ogg::{self, comments::comments};
use radio_base::text::charset::of_unknown;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// Bytes of comments. What is longer holds a picture, which may stand before all else.
const COMMENTS_BYTES_MAX: u64 = 4 << 20;
/// Bytes of an Ogg file that are read at first: without a picture its comments are within them.
const HEAD_BYTES: u64 = 128 * 1024;
/// Blocks of FLAC's metadata that are looked at (RFC 9639, section 8).
const BLOCKS_MAX: usize = 100;
const BLOCK_IS_LAST: u8 = 0x80;
const BLOCK_OF_COMMENTS: u8 = 4;

/// Reads the comments of the file whose audio is in `audio`; empty for any other format.
///
/// # Errors
/// The file cannot be read.
pub(super) fn read(file: &mut (impl Read + Seek), audio: &Range<u64>) -> io::Result<Tags> {
    let mut magic = [0; 4];
    file.seek(SeekFrom::Start(audio.start))?;
    file.read_exact(&mut magic)?;
    let packet = match &magic {
        b"fLaC" => flac_block(file)?,
        b"OggS" => {
            file.seek(SeekFrom::Start(audio.start))?;
            second_packet(file)?
        }
        _ => None,
    };
    Ok(packet.map(|packet| tags_of(&packet)).unwrap_or_default())
}

/// FLAC's block of comments, with its header in front, as it is in Ogg too.
fn flac_block(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    for _ in 0..BLOCKS_MAX {
        let mut header = [0; 4];
        file.read_exact(&mut header)?;
        let bytes = u32::from_be_bytes([0, header[1], header[2], header[3]]);
        if header[0] & !BLOCK_IS_LAST == BLOCK_OF_COMMENTS {
            let mut block = header.to_vec();
            file.take(u64::from(bytes).min(COMMENTS_BYTES_MAX)).read_to_end(&mut block)?;
            return Ok(Some(block));
        }
        if header[0] & BLOCK_IS_LAST != 0 {
            break;
        }
        file.seek_relative(i64::from(bytes))?;
    }
    Ok(None)
}

/// The packet behind the first of an Ogg file, as far as it is read.
fn second_packet(file: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let (mut bytes, mut packet) = (Vec::new(), None);
    for bytes_max in [HEAD_BYTES, COMMENTS_BYTES_MAX] {
        file.by_ref().take(bytes_max - bytes.len() as u64).read_to_end(&mut bytes)?;
        let Some((read, is_whole)) = ogg::second_packet(&bytes) else { break };
        packet = Some(read);
        if is_whole {
            break;
        }
    }
    Ok(packet)
}

fn tags_of(packet: &[u8]) -> Tags {
    let mut tags = Tags::default();
    for (name, value) in comments(packet).into_iter().flatten() {
        let (details, mastering) = (&mut tags.details, &mut tags.mastering);
        let text = of_unknown(value);
        match name.as_str() {
            "title" => keep(&mut tags.title, &text),
            "artist" => keep(&mut tags.artist, &text),
            "album" => keep(&mut details.album, &text),
            "label" | "organization" | "publisher" => keep(&mut details.record_label, &text),
            "isrc" => keep(&mut details.isrc, &text),
            "date" | "year" => details.year = details.year.or(year_of(&text)),
            "albumartist" | "album artist" => keep(&mut mastering.album_artist, &text),
            "tracknumber" => mastering.track = mastering.track.or(number_of(&text)),
            "discnumber" => mastering.disc = mastering.disc.or(number_of(&text)),
            other => mastering.take(other, &text),
        }
    }
    tags.artist = tags.artist.or_else(|| tags.mastering.album_artist.clone());
    tags
}
