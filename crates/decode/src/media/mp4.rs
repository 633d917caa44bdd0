//! What of an MP4's audio is to be heard: edit lists and iTunes' note of what its encoder added.
//!
//! Symphonia plays all samples that are in the file; an encoder of AAC puts 1024 to 2112 of its own
//! in front.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// Boxes that are looked at.
const BOXES_MAX: usize = 10_000;
/// Samples that an encoder may have added at the end.
const PADDING_MAX: u64 = 4096;
/// Bytes that are read of one box.
const CONTENT_BYTES_MAX: u64 = 4096;

/// The part of a track that is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Units in a second; mostly the rate of the samples.
    pub timescale: u32,
    /// Units that are not heard at the beginning.
    pub skipped: u64,
    /// Units that are heard after them; none: all.
    pub heard: Option<u64>,
}

/// The edit of the first audio track of the MP4 in `part`; none: all of it is heard.
///
/// # Errors
/// The file cannot be read.
pub fn edit(file: &mut (impl Read + Seek), part: Range<u64>) -> io::Result<Option<Edit>> {
    let mut boxes = Boxes { file, left: BOXES_MAX };
    let Some(movie) = boxes.find(part, &[b"moov"])? else { return Ok(None) };
    let movie_timescale = match boxes.find(movie.clone(), &[b"mvhd"])? {
        Some(found) => timescale(&boxes.read(found)?),
        None => None,
    };
    let mut track = None;
    let mut rest = movie.clone();
    while let Some((kind, content, behind)) = boxes.next(rest.clone())? {
        rest.start = behind;
        if &kind == b"trak" && boxes.is_audio(&content)? {
            track = Some(content);
            break;
        }
    }
    let Some(track) = track else { return Ok(None) };
    let Some(header) = boxes.find(track.clone(), &[b"mdia", b"mdhd"])? else { return Ok(None) };
    let header = boxes.read(header)?;
    let Some(timescale) = timescale(&header).filter(|&units| units > 0) else { return Ok(None) };
    let times = boxes.find(track.clone(), &[b"mdia", b"minf", b"stbl", b"stts"])?;
    let all = match times {
        Some(found) => boxes.duration(found)?,
        None => 0,
    };
    // A note that does not fit is that of the file from which this one was made.
    let fits = |&(skipped, heard): &(u64, u64)| (skipped + heard..=skipped + heard + PADDING_MAX).contains(&all);
    if let Some((skipped, heard)) = boxes.gapless_note(movie)?.filter(fits) {
        return Ok(Some(Edit { timescale, skipped, heard: Some(heard) }));
    }
    let Some(list) = boxes.find(track, &[b"edts", b"elst"])? else { return Ok(None) };
    let list = boxes.read(list)?;
    Ok(of_list(&list, movie_timescale.unwrap_or(0), timescale, all))
}

/// The edit that a list of one piece is. Empty pieces only delay the beginning.
fn of_list(list: &[u8], movie_timescale: u32, timescale: u32, all: u64) -> Option<Edit> {
    let is_long = *list.first()? == 1;
    let bytes = if is_long { 20 } else { 12 };
    let entries = list.get(8..)?.chunks_exact(bytes).take(number(list, 4, 4)? as usize);
    let pieces = entries.filter_map(|entry| {
        let (heard, from) = if is_long {
            (number(entry, 0, 8)?, number(entry, 8, 8)? as i64)
        } else {
            (number(entry, 0, 4)?, i64::from(number(entry, 4, 4)? as u32 as i32))
        };
        u64::try_from(from).ok().map(|from| (from, heard))
    });
    let pieces: Vec<(u64, u64)> = pieces.collect();
    let &[(skipped, heard)] = &pieces[..] else { return None };
    // The length of a piece is in units of the movie, which are mostly too coarse for samples: then
    // the end of the track is what is meant.
    let tick = u64::from(timescale).div_ceil(u64::from(movie_timescale).max(1));
    let scaled = u128::from(heard) * u128::from(timescale) / u128::from(movie_timescale.max(1));
    let scaled = u64::try_from(scaled).unwrap_or(u64::MAX);
    let rest = all.saturating_sub(skipped);
    let heard = match scaled {
        0 => None,
        _ if movie_timescale == 0 || all == 0 || scaled > rest.saturating_add(tick) => None,
        _ if scaled.saturating_add(tick) >= rest => Some(rest),
        _ => Some(scaled),
    };
    Some(Edit { timescale, skipped, heard })
}

/// Of a box `mvhd` or `mdhd`.
fn timescale(content: &[u8]) -> Option<u32> {
    let at = if *content.first()? == 1 { 20 } else { 12 };
    number(content, at, 4).map(|units| units as u32)
}

fn number(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    Some(bytes.get(at..at + count)?.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
}

/// The kind of a box, its content, and where the next begins.
type Found = ([u8; 4], Range<u64>, u64);

struct Boxes<'a, F> {
    file: &'a mut F,
    /// How many may still be looked at.
    left: usize,
}

impl<F: Read + Seek> Boxes<'_, F> {
    /// The first box of `within`.
    fn next(&mut self, within: Range<u64>) -> io::Result<Option<Found>> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 || within.start.saturating_add(8) > within.end {
            return Ok(None);
        }
        let head = self.read(within.start..within.end.min(within.start + 16))?;
        let &[_, _, _, _, a, b, c, d, ..] = &head[..] else { return Ok(None) };
        let (size, head_bytes) = match number(&head, 0, 4) {
            Some(0) => (within.end - within.start, 8),
            Some(1) => (number(&head, 8, 8).unwrap_or(0), 16),
            size => (size.unwrap_or(0), 8),
        };
        let end = within.start.saturating_add(size);
        let content = within.start + head_bytes..end.min(within.end);
        Ok((size >= head_bytes).then_some(([a, b, c, d], content, end)))
    }

    /// The content of the box that is found along `path`.
    fn find(&mut self, within: Range<u64>, path: &[&[u8; 4]]) -> io::Result<Option<Range<u64>>> {
        let mut found = within;
        for wanted in path {
            let mut rest = found;
            found = loop {
                match self.next(rest.clone())? {
                    None => return Ok(None),
                    Some((kind, content, _)) if &kind == *wanted => break content,
                    Some((.., behind)) => rest.start = behind,
                }
            };
        }
        Ok(Some(found))
    }

    fn read(&mut self, content: Range<u64>) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(content.start))?;
        let mut bytes = Vec::new();
        let room = content.end.saturating_sub(content.start).min(CONTENT_BYTES_MAX);
        self.file.take(room).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn is_audio(&mut self, track: &Range<u64>) -> io::Result<bool> {
        let Some(handler) = self.find(track.clone(), &[b"mdia", b"hdlr"])? else { return Ok(false) };
        Ok(self.read(handler)?.get(8..12) == Some(b"soun"))
    }

    /// The sum of a box `stts`; of one that is longer than what is read, nothing.
    fn duration(&mut self, times: Range<u64>) -> io::Result<u64> {
        let content = self.read(times)?;
        let count = number(&content, 4, 4).unwrap_or(0) as usize;
        let entries = content.get(8..).unwrap_or_default().chunks_exact(8).take(count);
        if entries.len() < count {
            return Ok(0);
        }
        let units = |entry: &[u8]| Some(number(entry, 0, 4)?.saturating_mul(number(entry, 4, 4)?));
        Ok(entries.filter_map(units).fold(0, u64::saturating_add))
    }

    /// Samples that iTunes' encoder has put in front, and those of the music, by `iTunSMPB`.
    fn gapless_note(&mut self, movie: Range<u64>) -> io::Result<Option<(u64, u64)>> {
        let Some(meta) = self.find(movie, &[b"udta", b"meta"])? else { return Ok(None) };
        // Four bytes of version and flags, but in QuickTime.
        let Some(mut items) = self.find(meta.start + 4..meta.end, &[b"ilst"])? else { return Ok(None) };
        while let Some((kind, content, behind)) = self.next(items.clone())? {
            items.start = behind;
            if &kind != b"----" {
                continue;
            }
            let name = match self.find(content.clone(), &[b"name"])? {
                Some(name) => self.read(name)?,
                None => continue,
            };
            if name.get(4..) == Some(b"iTunSMPB")
                && let Some(data) = self.find(content, &[b"data"])?
            {
                return Ok(self.read(data)?.get(8..).and_then(of_note));
            }
        }
        Ok(None)
    }
}

/// Of ` 00000000 00000840 000001C4 00000000000A2FFC ...`: what is in front, behind, and between.
fn of_note(text: &[u8]) -> Option<(u64, u64)> {
    let mut numbers = std::str::from_utf8(text).ok()?.split_ascii_whitespace().skip(1);
    let mut next = || u64::from_str_radix(numbers.next()?, 16).ok();
    let (front, _behind, heard) = (next()?, next()?, next()?);
    (heard > 0 && front < u64::from(u32::MAX) && heard < u64::MAX / 2).then_some((front, heard))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u32, i32)]) -> Vec<u8> {
        let count = u32::try_from(entries.len()).expect("few");
        let bytes =
            entries.iter().map(|(heard, from)| [heard.to_be_bytes(), from.to_be_bytes(), [0, 1, 0, 0]].concat());
        [vec![0; 4], count.to_be_bytes().to_vec(), bytes.collect::<Vec<_>>().concat()].concat()
    }

    #[test]
    fn a_list_of_one_piece_is_an_edit() {
        let edit = |skipped, heard| Some(Edit { timescale: 44_100, skipped, heard });
        assert_eq!(of_list(&list(&[(1000, 1024)]), 1000, 44_100, 45_124), edit(1024, Some(44_100)), "to the end");
        assert_eq!(
            of_list(&list(&[(999, 1024)]), 1000, 44_100, 45_124),
            edit(1024, Some(44_100)),
            "a millisecond is coarse"
        );
        assert_eq!(of_list(&list(&[(44_000, 2112)]), 44_100, 44_100, 47_104), edit(2112, Some(44_000)));
        assert_eq!(of_list(&list(&[(500, -1), (44_000, 2112)]), 44_100, 44_100, 47_104), edit(2112, Some(44_000)));
        assert_eq!(of_list(&list(&[(2000, 1024)]), 1000, 44_100, 45_124), edit(1024, None), "longer than the track");
        assert_eq!(of_list(&list(&[(100, 0), (100, 5000)]), 1000, 44_100, 45_124), None, "pieces");
        assert_eq!(of_list(&list(&[(0, 1024)]), 1000, 44_100, 0), edit(1024, None), "fragments");
        assert_eq!(of_list(&[0, 0], 1000, 44_100, 0), None);
    }

    #[test]
    fn the_note_of_itunes_is_read() {
        let text = b" 00000000 00000840 000001C4 00000000000A2FFC 00000000 00000000";
        assert_eq!(of_note(text), Some((2112, 0xA_2FFC)));
        assert_eq!(of_note(b" 00000000 00000840"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            let end = bytes.len() as u64;
            let _ = edit(&mut io::Cursor::new(bytes), 0..end);
        }
    }
}
