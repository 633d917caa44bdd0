//! Whole frames out of an elementary stream that changes: its format, rate and channels may be others
//! from any frame on, tags lie between its frames, and it may be damaged.
//!
//! [`Splitter::step`] looks at the bytes that are there and says what they begin with. It holds none,
//! and needs [`BYTES_MAX`] at most to say something else than [`Step::More`].

use super::elementary::{
    Begins, ElementaryFormat, ElementaryHeader, FRAME_BYTES_MAX, HEADER_BYTES_MAX, may_begin, row,
};
use super::tags::{self, Tag};

/// Bytes after which a step says more than that it needs more: frames that confirm another format,
/// and the header behind them.
pub const BYTES_MAX: usize = NEW_FRAMES * FRAME_BYTES_MAX + HEADER_BYTES_MAX;
/// Bytes of a tag that are believed. What is longer is looked through like anything unknown, so that a
/// wrong length cannot swallow a stream.
pub const TAG_BYTES_BELIEVED: u64 = 1 << 20;

/// Frames in a row before another format is believed: a wrong bit in a header changes one frame.
const NEW_FRAMES: usize = 2;

/// What the bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// More bytes will tell.
    More,
    /// A whole frame, and what must follow one.
    Frame(ElementaryHeader),
    /// A frame that has no sound: a table of contents.
    Contents(ElementaryHeader),
    /// A frame that is not whole; so many bytes behind its beginning another begins.
    Cut(ElementaryHeader, usize),
    /// A tag of this length, perhaps not all of it here.
    Tag(u64),
    /// Nothing that belongs there.
    Lost,
}

/// Cuts a stream into frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Splitter {
    format: Option<ElementaryFormat>,
}

impl Splitter {
    /// Looks at the beginning of `bytes`, behind which nothing comes if `is_over`. `is_other` says
    /// whether something else begins with some bytes, behind which no frame need follow.
    pub fn step(&mut self, bytes: &[u8], is_over: bool, is_other: impl Fn(&[u8]) -> bool) -> Step {
        let more = if is_over { Step::Lost } else { Step::More };
        if bytes.is_empty() {
            return more;
        }
        match tags::recognise(bytes) {
            Tag::Bytes(length) if length <= TAG_BYTES_BELIEVED => return Step::Tag(length),
            Tag::Perhaps if !is_over => return Step::More,
            _ => {}
        }
        let Some(header) = ElementaryHeader::read(bytes) else {
            return if may_begin(bytes) { more } else { Step::Lost };
        };
        if self.format != Some(header.format) {
            match row(bytes, NEW_FRAMES, is_over) {
                Begins::No => return Step::Lost,
                Begins::Perhaps => return more,
                Begins::Yes(_) => {}
            }
        }
        let Some(frame) = bytes.get(..header.frame_bytes) else { return more };
        let rest = bytes.get(header.frame_bytes..).unwrap_or_default();
        match follows(rest, is_over, is_other) {
            Begins::Perhaps => return more,
            // Either it is cut short, and another begins within it, or something foreign follows.
            Begins::No => match begins_within(bytes, header.frame_bytes, is_over) {
                Begins::Perhaps => return more,
                Begins::Yes(length) => return Step::Cut(header, length),
                Begins::No => {}
            },
            Begins::Yes(()) => {}
        }
        self.format = Some(header.format);
        if is_contents(frame) { Step::Contents(header) } else { Step::Frame(header) }
    }
}

/// Whether `rest` begins with what may follow a frame.
fn follows(rest: &[u8], is_over: bool, is_other: impl Fn(&[u8]) -> bool) -> Begins<()> {
    let is_tag = matches!(tags::recognise(rest), Tag::Bytes(_) | Tag::Perhaps);
    if rest.is_empty() && !is_over || !is_over && may_begin(rest) && ElementaryHeader::read(rest).is_none() {
        Begins::Perhaps
    } else if rest.is_empty() || is_tag || ElementaryHeader::read(rest).is_some() || is_other(rest) {
        Begins::Yes(())
    } else {
        Begins::No
    }
}

/// Where within the first `length` of `bytes`, behind their beginning, two frames in a row begin.
fn begins_within(bytes: &[u8], length: usize, is_over: bool) -> Begins<usize> {
    let mut found = Begins::No;
    for at in 1..length {
        match row(&bytes[at..], 2, is_over) {
            Begins::Yes(_) => return Begins::Yes(at),
            Begins::Perhaps => found = Begins::Perhaps,
            Begins::No => {}
        }
    }
    found
}

fn is_contents(frame: &[u8]) -> bool {
    let header = frame.first_chunk().and_then(|&bytes| super::FrameHeader::parse(bytes));
    header.is_some_and(|header| tags::is_table_of_contents(&header, frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEREO: [u8; 4] = [0xFF, 0xFB, 0x94, 0x64];
    const MONO: [u8; 4] = [0xFF, 0xFB, 0x94, 0xC4];

    fn frame(header: [u8; 4]) -> Vec<u8> {
        let mut frame = header.to_vec();
        frame.resize(384, 0x55);
        frame
    }

    /// The length of each frame, negative where it is cut; 0 for each byte that is lost.
    fn split(stream: &[u8], chunk: usize) -> Vec<isize> {
        let (mut splitter, mut told, mut from, mut there) = (Splitter::default(), Vec::new(), 0, 0);
        loop {
            let is_over = there == stream.len();
            match splitter.step(&stream[from..there], is_over, |rest| rest.starts_with(b"OggS")) {
                Step::More => {
                    assert!(there - from < BYTES_MAX);
                    there = (there + chunk).min(stream.len());
                }
                Step::Lost if from == stream.len() => return told,
                Step::Lost => (told, from) = ([&told[..], &[0]].concat(), from + 1),
                Step::Tag(length) => {
                    from += length as usize;
                    there = there.max(from);
                }
                Step::Contents(header) => from += header.frame_bytes,
                Step::Cut(_, length) => (told, from) = ([&told[..], &[-(length as isize)]].concat(), from + length),
                Step::Frame(header) => {
                    told.push(header.frame_bytes as isize);
                    from += header.frame_bytes;
                }
            }
        }
    }

    #[test]
    fn a_change_of_format_and_tags_cost_no_frame_in_any_chunking() {
        let adts = [&[0xFF, 0xF1, 0x4C, 0x80, 0x27, 0xFF, 0xFC][..], &[7; 312]].concat();
        let tag = [&b"ID3\x04\0\0\0\0\x02\0"[..], &[9; 256]].concat();
        let (stereo, mono) = (frame(STEREO), frame(MONO));
        let stream = [&tag[..], &stereo, &stereo, &mono, &mono, &tag, &stereo, &stereo, &adts, &adts].concat();
        for chunk in [1, 100, 5000] {
            assert_eq!(split(&stream, chunk), [384, 384, 384, 384, 384, 384, 319, 319], "in pieces of {chunk}");
        }
    }

    #[test]
    fn damage_costs_what_is_damaged() {
        let good = frame(STEREO);
        let cut = &good[..200];
        let stream = [&good[..], &good, cut, &good, &good].concat();
        assert_eq!(split(&stream, 50), [384, 384, -200, 384, 384]);
        let foreign = [&good[..], &good, b"junk", &good, &good].concat();
        assert_eq!(split(&foreign, 50), [384, 384, 0, 0, 0, 0, 384, 384]);
        // A wrong bit in a header is no other format.
        let mut wrong = good.clone();
        wrong[3] = MONO[3];
        let lost = [&good[..], &good, &wrong, &good, &good].concat();
        let told = split(&lost, 50);
        assert_eq!((told.len(), told.iter().filter(|&&length| length == 384).count()), (384 + 4, 4));
        // The last frame, and one before something else.
        assert_eq!(split(&[&good[..], &good, b"OggS"].concat(), 50)[..2], [384, 384]);
        assert_eq!(split(&[&good[..], &good, &good[..100]].concat(), 50)[..2], [384, 384]);
    }
}
