//! What of a stream goes to FFmpeg: all that follows, or the frames of AAC until something else does.

use super::codec::Codec;
use super::probe::{self, Found, Kind};
use radio_signal::mpeg::elementary::ElementaryFormat;
use radio_signal::mpeg::splitter::{self, Splitter};

/// What is to be done with the bytes that were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// More bytes will tell.
    More,
    /// So many go to FFmpeg.
    Passes(usize),
    /// So many are nothing to it.
    Skips(u64),
    /// What follows is not for it.
    Over,
}

/// The part of a stream that one FFmpeg decodes.
pub struct Passage {
    /// Of AAC in ADTS; any other format goes on to the end of the stream.
    frames: Option<Splitter>,
    /// The first frame's: it stays with FFmpeg, which was asked for because of it.
    format: Option<ElementaryFormat>,
}

impl Passage {
    /// The part that FFmpeg's demuxer of this name reads.
    #[must_use]
    pub fn of(demuxer: &str) -> Self {
        Self { frames: (demuxer == "aac").then(Splitter::default), format: None }
    }

    /// Looks at `bytes`, behind which nothing comes if `is_over`.
    pub(super) fn step(&mut self, bytes: &[u8], is_over: bool) -> Part {
        let end = if is_over { Part::Over } else { Part::More };
        let Some(splitter) = &mut self.frames else {
            return if bytes.is_empty() { end } else { Part::Passes(bytes.len()) };
        };
        match splitter.step(bytes, is_over, probe::is_container) {
            splitter::Step::More => Part::More,
            splitter::Step::Tag(length) => Part::Skips(length),
            splitter::Step::Frame(header) | splitter::Step::Contents(header) => {
                let first = *self.format.get_or_insert(header.format);
                let is_foreign = header.header_bytes > 0 && Codec::elementary(header.format).is_none();
                if first == header.format || is_foreign { Part::Passes(header.frame_bytes) } else { Part::Over }
            }
            // FFmpeg hides what is damaged better than nothing would.
            splitter::Step::Cut(_, length) => Part::Passes(length),
            splitter::Step::Lost => match probe::find(bytes, is_over, |_| false) {
                Found::Kind(at, Kind::Elementary) => Part::Skips(at.max(1) as u64),
                Found::Kind(..) | Found::Same(_) => Part::Over,
                Found::Tag(length) => Part::Skips(length),
                Found::Nothing(0) => end,
                Found::Nothing(length) => Part::Skips(length as u64),
            },
        }
    }
}
