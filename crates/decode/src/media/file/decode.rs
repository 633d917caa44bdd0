//! One audio file as 16-bit stereo at 48 kHz.

use super::container;
use super::mastering::Mastering;
use super::reader::Reader;
use super::tags::{self, Details, Tags};
use crate::media::StereoBlock;
use crate::media::convert::Converter;
use crate::media::tails;
use radio_base::title::{self, Title};
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is wrong with a file. It costs that file, never the programme (SPEC FALL-4).
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The file cannot be opened.
    #[error("cannot open {path}: {source}; check the path and its permissions", path = .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is in no known format.
    #[error("{path} is not audio that can be played ({reason}); use MP3, WAV, FLAC, Ogg Vorbis or AAC/M4A", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
    },
    /// The file ends in the middle, or its data make no sense.
    #[error("{path} is damaged {reason}; replace the file or encode it anew", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// After how many seconds of audio, and what the decoder says.
        reason: String,
    },
    /// FFmpeg alone can read the file.
    #[error("{path} needs FFmpeg: {demuxer}; install the Debian package ffmpeg, or replace the file by an MP3 or FLAC", path = .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// FFmpeg's name of what it is.
        demuxer: &'static str,
    },
    /// The file makes decoders fail or hang.
    #[error("{path} is not played any more: the decoder {reason}; replace the file or encode it anew", path = .path.display())]
    Kills {
        /// The file.
        path: PathBuf,
        /// What the decoder did.
        reason: &'static str,
    },
    /// The file is well formed and has no sample in it.
    #[error("{path} holds no audio; remove or replace the file", path = .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl DecodeError {
    /// The file that the error is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Open { path, .. }
            | Self::Format { path, .. }
            | Self::Damaged { path, .. }
            | Self::Foreign { path, .. }
            | Self::Kills { path, .. }
            | Self::Empty { path } => path,
        }
    }
}

/// What a file says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackInfo {
    /// The file.
    pub path: PathBuf,
    /// Title, if tagged.
    pub title: Option<String>,
    /// Artist, if tagged.
    pub artist: Option<String>,
    /// What else is tagged.
    pub details: Details,
    /// Its place on an album, and its level.
    pub mastering: Mastering,
    /// Length, where the container states it.
    pub duration: Option<Duration>,
}

impl TrackInfo {
    /// An untagged file.
    #[must_use]
    pub fn of(path: &Path, duration: Option<Duration>) -> Self {
        Self { path: path.into(), duration, ..Self::default() }
    }

    /// The title as listeners get it; without a tag the file's name. `cover` is the address of its picture.
    #[must_use]
    pub fn to_title(&self, cover: String) -> Title {
        let artist = self.artist.as_deref().unwrap_or_default();
        let title = match &self.title {
            Some(title) => Title::new(artist, title, ""),
            None => Title::new(artist, &self.path.file_stem().unwrap_or_default().to_string_lossy(), ""),
        };
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        title.with(&title::Details {
            album: text(&self.details.album),
            record_label: text(&self.details.record_label),
            isrc: text(&self.details.isrc),
            year: self.details.year,
            duration_s: self.duration.map(|duration| duration.as_secs_f64()),
            cover,
        })
    }

    /// The title that a list gives to a file which has none.
    pub fn named_by_list(&mut self, title: Option<&str>) {
        if let (None, Some(listed)) = (&self.title, title) {
            let (artist, title) = listed.split_once(" - ").map_or((None, listed), |(a, b)| (Some(a.trim()), b.trim()));
            self.artist = self.artist.take().or(artist.map(str::to_owned));
            self.title = Some(title.to_owned());
        }
    }

    /// For people: "Artist - Title", the title, or the name of the file.
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.artist, &self.title) {
            (Some(artist), Some(title)) => format!("{artist} - {title}"),
            (None, Some(title)) => title.clone(),
            _ => {
                let name = self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy();
                // A name may hold what a terminal would obey.
                name.chars().filter(|c| !c.is_control()).collect()
            }
        }
    }
}

/// Streams one file, a packet at a time: no file is ever held in memory whole.
pub struct Decoder {
    reader: Reader,
    block: StereoBlock,
    converter: Converter,
    info: TrackInfo,
    ended: bool,
}

impl Decoder {
    /// Opens `path` and reads its head.
    ///
    /// # Errors
    /// The file cannot be opened or is not audio.
    pub fn open(path: &Path) -> Result<Self, DecodeError> {
        Self::open_after(path, &mut Converter::new())
    }

    /// Opens `path` as what follows the file that `converter` comes from, without a seam. On success the converter is
    /// taken (an idle one stays in its place); on failure it is as before, ready for another file.
    ///
    /// # Errors
    /// The file cannot be opened or is not audio.
    pub fn open_after(path: &Path, converter: &mut Converter) -> Result<Self, DecodeError> {
        let file = Reader::open_file(path)?;
        Self::of_file(file, path, converter)
    }

    /// As [`open_after`](Self::open_after), for a file that is open; `path` names it.
    ///
    /// # Errors
    /// It is not audio.
    pub fn of_file(file: File, path: &Path, converter: &mut Converter) -> Result<Self, DecodeError> {
        let (reader, info) = guarded(path, || Reader::of_file(file, path))?;
        Ok(Self { reader, block: StereoBlock::default(), converter: std::mem::take(converter), info, ended: false })
    }

    /// What the file says about itself.
    #[must_use]
    pub fn info(&self) -> &TrackInfo {
        &self.info
    }

    /// Appends the next interleaved samples to `out`, possibly none yet; false at the end of the file. What the
    /// resampler still holds then comes with [`finish`](Self::finish) or with the next file.
    ///
    /// # Errors
    /// The file is damaged from here on, or empty; what came before is good.
    pub fn next_block(&mut self, out: &mut Vec<i16>) -> Result<bool, DecodeError> {
        self.next_with(|converter, block| converter.push(block.rate_hz, &block.samples, out))
    }

    /// As [`next_block`](Self::next_block), and nothing is rounded or clamped.
    ///
    /// # Errors
    /// As those of `next_block`.
    pub fn next_unrounded(&mut self, out: &mut Vec<f32>) -> Result<bool, DecodeError> {
        self.next_with(|converter, block| converter.push_unrounded(block.rate_hz, &block.samples, out))
    }

    fn next_with(&mut self, push: impl FnOnce(&mut Converter, &StereoBlock)) -> Result<bool, DecodeError> {
        if self.ended {
            return Ok(false);
        }
        // An error ends the file too: a decoder that failed or panicked is not asked again.
        self.ended = true;
        let (reader, block) = (&mut self.reader, &mut self.block);
        if guarded(&self.info.path, || reader.read(block))? {
            push(&mut self.converter, block);
            self.ended = false;
        }
        Ok(!self.ended)
    }

    /// Goes to about `at`, before any block was read. Returns where it is: not behind `at`, and the
    /// beginning where the file cannot be searched.
    pub fn seek(&mut self, at: Duration) -> Duration {
        let reader = &mut self.reader;
        guarded(&self.info.path, || Ok(reader.seek(at)))
            .unwrap_or_default()
            .filter(|&reached| reached <= at)
            .unwrap_or_default()
    }

    /// The codec's short name and the rate of what was decoded last; 0 before.
    #[must_use]
    pub fn format(&self) -> (&'static str, u32) {
        (self.reader.codec_name(), self.block.rate_hz)
    }

    /// The converter, for the file that follows this one.
    #[must_use]
    pub fn into_converter(self) -> Converter {
        self.converter
    }

    /// Appends what the resampler still holds: now the length is exactly that of the file, in 48 kHz.
    pub fn finish(mut self, out: &mut Vec<i16>) {
        self.converter.finish(out);
    }
}

/// What the tags of a file say that only FFmpeg decodes.
#[must_use]
pub fn tags_of(mut file: File, path: &Path) -> TrackInfo {
    let read = guarded(path, || {
        let layout = tails::layout(&mut file).map_err(|source| DecodeError::Open { path: path.into(), source })?;
        let found = tags::of_file(&mut file, &layout);
        let Tags { title, artist, details, mastering } = match container::format_of(file, path, &layout) {
            Some(mut format) => tags::of_container(&mut *format, found),
            None => tags::of_no_container(found),
        };
        Ok(TrackInfo { title, artist, details, mastering, ..TrackInfo::of(path, None) })
    });
    read.unwrap_or_else(|_| TrackInfo::of(path, None))
}

/// Decoders read bytes from anywhere. One that panics costs the file, not the thread that plays.
fn guarded<T>(path: &Path, decode: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(DecodeError::Format { path: path.into(), reason: "its data made the decoder fail".into() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_decoder_costs_only_the_file() {
        let outcome: Result<(), _> = guarded(Path::new("/music/evil.mp3"), || panic!("index out of range"));
        assert_eq!(outcome.expect_err("an error").path(), Path::new("/music/evil.mp3"));
    }

    #[test]
    fn a_label_is_the_best_that_is_known() {
        let mut info = TrackInfo::of(Path::new("/music/a.flac"), None);
        assert_eq!(info.label(), "a.flac");
        info.title = Some("Title".into());
        assert_eq!(info.label(), "Title");
        info.artist = Some("Artist".into());
        assert_eq!(info.label(), "Artist - Title");
    }
}
